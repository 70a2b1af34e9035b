"""Functions that are made of other operators, with the names and arguments of keras.ops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.ops import elementwise as each
from pyframe.ops import shaping
from pyframe.ops.dispatch import rank, static_shape
from pyframe.ops.nn import matmul
from pyframe.ops.shaping import Axes, normal_axis


def hard_silu(x: Any) -> Any:
    """Returns x * hard_sigmoid(x), also called hard_swish."""
    return each.multiply(x, each.hard_sigmoid(x))


def hard_tanh(x: Any) -> Any:
    """Returns x limited to [-1, 1]."""
    return each.clip(x, -1.0, 1.0)


def log_sigmoid(x: Any) -> Any:
    """Returns the logarithm of sigmoid(x)."""
    return each.negative(each.softplus(each.negative(x)))


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Returns max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0) (Barron 2017)."""
    return each.multiply(each.elu(each.divide(x, alpha), 1.0), alpha)


def log2(x: Any) -> Any:
    """Returns the logarithm to base 2."""
    return each.multiply(each.log(x), 1 / math.log(2))


def log10(x: Any) -> Any:
    """Returns the logarithm to base 10."""
    return each.multiply(each.log(x), 1 / math.log(10))


def tan(x: Any) -> Any:
    """Returns the tangent; x in radians."""
    return each.divide(each.sin(x), each.cos(x))


def reciprocal(x: Any) -> Any:
    """Returns 1 / x."""
    return each.divide(1.0, x)


def floor_divide(x1: Any, x2: Any) -> Any:
    """Returns the largest whole number that is not above x1 / x2."""
    return each.floor(each.divide(x1, x2))


def mod(x1: Any, x2: Any) -> Any:
    """Returns the rest of x1 / x2, with the sign of x2."""
    return each.subtract(x1, each.multiply(floor_divide(x1, x2), x2))


def _holds(x: Any) -> Any:
    return each.not_equal(x, 0.0)


def logical_not(x: Any) -> Any:
    """Returns 1.0 where x is 0, else 0.0."""
    return each.equal(x, 0.0)


def logical_and(x1: Any, x2: Any) -> Any:
    """Returns 1.0 where neither operand is 0, else 0.0."""
    return each.multiply(_holds(x1), _holds(x2))


def logical_or(x1: Any, x2: Any) -> Any:
    """Returns 1.0 where one of the operands is not 0, else 0.0."""
    return each.maximum(_holds(x1), _holds(x2))


def isnan(x: Any) -> Any:
    """Returns 1.0 where x is not a number, else 0.0."""
    return each.not_equal(x, x)


def any(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns 1.0 where an element along the axes is not 0, else 0.0."""
    return shaping.max(_holds(x), axis, keepdims)


def all(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns 1.0 where no element along the axes is 0, else 0.0."""
    return shaping.min(_holds(x), axis, keepdims)


def var(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns the population variance over the given axes, over all if None."""
    distance = each.subtract(x, shaping.mean(x, axis, True))
    return shaping.mean(each.square(distance), axis, keepdims)


def std(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns the standard deviation of the population over the given axes, over all if None."""
    return each.sqrt(var(x, axis, keepdims))


def logsumexp(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns log(sum(exp(x))) over the given axes, over all if None, without overflow."""
    highest = each.stop_gradient(shaping.max(x, axis, True))
    total = shaping.sum(each.exp(each.subtract(x, highest)), axis, keepdims)
    if not keepdims:
        highest = shaping.max(highest, axis)  # its axes have size 1: this drops them
    return each.add(each.log(total), highest)


def norm(x: Any, ord: Any = None, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns the length of vectors.

    Args:
        x: the operand.
        ord: None, 2 or "euclidean" for the root of the sum of squares (of matrices the Frobenius
            norm), 1 for the sum of absolute values, inf for the largest.
        axis: the axes of a vector; all if None.
        keepdims: whether the axes stay, with size 1.

    Raises:
        ConfigurationError: for another `ord`, or one that vectors alone have and two axes.
    """
    axes = rank(x) if axis is None else (len(axis) if isinstance(axis, (list, tuple)) else 1)
    if ord in (None, "euclidean", "fro") or (ord == 2 and axes == 1):
        return each.sqrt(shaping.sum(each.square(x), axis, keepdims))
    if axes == 1 and ord == 1:
        return shaping.sum(each.absolute(x), axis, keepdims)
    if axes == 1 and ord == math.inf:
        return shaping.max(each.absolute(x), axis, keepdims)
    raise ConfigurationError(
        f"`ord` must be None or 'euclidean', or, for one axis, 1, 2 or inf. Received: {ord!r} "
        f"for {axes} axes"
    )


def normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: float | None = None) -> Any:
    """Returns vectors of length 1, x / max(norm(x), epsilon).

    Args:
        x: the operand.
        axis: the axis of a vector.
        order: which length: 1 or 2.
        epsilon: least length that is divided by, 1e-7 if None.
    """
    least = 1e-7 if epsilon is None else float(epsilon)
    if order == 2:
        square = shaping.sum(each.square(x), axis, True)
        return each.multiply(x, each.minimum(each.rsqrt(square), 1 / least))
    return each.divide(x, each.maximum(norm(x, order, axis, True), least))


def dot(x1: Any, x2: Any) -> Any:
    """Returns the sums of products over the last axis of x1 and the first of x2, or a multiple.

    Args:
        x1: a number, or a tensor (..., n).
        x2: a number, a vector (n,) or a matrix (n, m).

    Raises:
        ShapeError: if x2 has more than two dimensions.
    """
    if not rank(x1) or not rank(x2):
        return each.multiply(x1, x2)
    if rank(x2) == 1:
        return shaping.sum(each.multiply(x1, x2), -1)
    if rank(x2) > 2:
        raise ShapeError(f"`x2` must have at most two dimensions. Received: {static_shape(x2)}")
    if rank(x1) == 1:
        return shaping.squeeze(matmul(shaping.expand_dims(x1, 0), x2), 0)
    return matmul(x1, x2)


def ravel(x: Any) -> Any:
    """Returns the elements of x in one axis."""
    return shaping.reshape(x, [-1])


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Returns x with two axes exchanged."""
    order = list(range(rank(x)))
    one, two = normal_axis(axis1, len(order), "axis1"), normal_axis(axis2, len(order), "axis2")
    order[one], order[two] = two, one
    return shaping.transpose(x, order)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Returns x with axes at other places; the others keep their order.

    Args:
        x: the operand.
        source: an axis or several.
        destination: where each of them goes.

    Raises:
        ShapeError: if there are not as many places as axes, or one of them occurs twice.
    """
    ndim = rank(x)
    pairs = [
        [normal_axis(a, ndim, name) for a in ([value] if isinstance(value, int) else value)]
        for name, value in (("source", source), ("destination", destination))
    ]
    if len({len(set(axes)) for axes in pairs} | {len(axes) for axes in pairs}) != 1:
        raise ShapeError(
            "`source` and `destination` must hold as many axes, each once. "
            f"Received: {source}, {destination}"
        )
    order = [axis for axis in range(ndim) if axis not in pairs[0]]
    for place, axis in sorted(zip(pairs[1], pairs[0], strict=True)):
        order.insert(place, axis)
    return shaping.transpose(x, order)


def _known_size(x: Any, axis: int) -> int:
    size = static_shape(x)[axis]
    if size is None:
        raise ShapeError(f"The size of axis {axis} must be known. Received: {static_shape(x)}")
    return size


def flip(x: Any, axis: Axes = None) -> Any:
    """Returns x in reverse order along the given axes, along all if None."""
    ndim = rank(x)
    axes = range(ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    for a in axes:
        place = normal_axis(a, ndim)
        x = shaping.take(x, np.arange(_known_size(x, place))[::-1], place)
    return x


def roll(x: Any, shift: int, axis: int | None = None) -> Any:
    """Returns x moved along an axis; what leaves at the end comes in at the beginning.

    Args:
        x: the operand.
        shift: by how many places.
        axis: the axis; None for the flattened x, which then gets its shape back.
    """
    if axis is None:
        return shaping.reshape(roll(ravel(x), shift, 0), static_shape(x))
    place = normal_axis(axis, rank(x))
    return shaping.take(x, np.roll(np.arange(_known_size(x, place)), shift), place)
