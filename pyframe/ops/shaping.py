"""Operators that move elements or reduce axes."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.ops.dispatch import (
    DeferredTensor,
    apply,
    apply_all,
    float_dtype,
    move_dtype,
    rank,
    static_shape,
)
from pyframe.ops.dtypes import standardize_dtype
from pyframe.ops.elementwise import cast

Axes = int | Sequence[int] | None


def normal_axis(axis: int, ndim: int, argument: str = "axis") -> int:
    """Returns the axis counted from 0.

    Raises:
        ShapeError: if there is no such axis.
    """
    if not -ndim <= axis < ndim:
        raise ShapeError(f"`{argument}`={axis} is outside a tensor of {ndim} dimensions.")
    return int(axis) % ndim


def reshape(x: Any, newshape: Sequence[Any]) -> Any:
    """Returns the elements of x in another shape.

    Args:
        x: the operand.
        newshape: the dimensions; one may be -1 (or None), it is computed; the first may be the
            number of samples from `ops.shape`.

    Raises:
        ShapeError: if more than one dimension is left open or the sizes differ.
    """
    if newshape and isinstance(newshape[0], DeferredTensor):
        newshape = [None, *newshape[1:]]  # the number of samples, from ops.shape
    if not all(n is None or isinstance(n, (int, np.integer)) for n in newshape):
        raise ShapeError(f"A shape must hold whole numbers. Received: {newshape!r}")
    shape = [-1 if n is None else int(n) for n in newshape]
    if shape.count(-1) > 1:
        raise ShapeError(f"reshape can compute one dimension only. Received: {tuple(newshape)}")
    return apply("reshape", x, dtype=move_dtype(x), shape=shape)


def flatten(x: Any) -> Any:
    """Returns x with all axes but the first in one: (N, ...) becomes (N, product)."""
    return apply("flatten", x, dtype=move_dtype(x))


def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """Returns x with new axes of size 1 at the positions `axis` of the result."""
    axes = [axis] if isinstance(axis, int) else list(axis)
    for position in sorted(normal_axis(a, rank(x) + len(axes)) for a in axes):
        x = apply("expand_dims", x, dtype=move_dtype(x), axis=position)
    return x


def squeeze(x: Any, axis: Axes = None) -> Any:
    """Returns x without the axes `axis`, which must have size 1; without all such axes if None."""
    shape = static_shape(x)
    if axis is None:
        axis = [i for i, n in enumerate(shape) if n == 1]
    axes = [normal_axis(a, len(shape)) for a in ([axis] if isinstance(axis, int) else axis)]
    for position in sorted(axes, reverse=True):
        if shape[position] != 1:
            raise ShapeError(f"Axis {position} of shape {shape} is not 1 and cannot be dropped.")
        x = apply("squeeze", x, dtype=move_dtype(x), axis=position)
    return x


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Returns x with permuted axes.

    Args:
        x: the operand.
        axes: for each axis of the result the axis of x it comes from; reversed if None.
    """
    ndim = rank(x)
    order = (
        range(ndim - 1, -1, -1) if axes is None else [normal_axis(a, ndim, "axes") for a in axes]
    )
    if sorted(order) != list(range(ndim)):
        raise ShapeError(f"`axes`={axes} is no permutation of {ndim} axes.")
    return apply("transpose", x, dtype=move_dtype(x), axes=list(order))


def swap_to_last(x: Any, axis: int) -> Any:
    """Returns x with `axis` and the last axis exchanged (its own inverse)."""
    order = list(range(rank(x)))
    axis = normal_axis(axis, len(order))
    order[axis], order[-1] = order[-1], order[axis]
    return x if axis == order[axis] else transpose(x, order)


def merge_rows(x: Any) -> Any:
    """Returns x (A, B, ...) as (A * B, ...), also where A and B are unknown."""
    return apply("merge_rows", x, dtype=move_dtype(x))


def split_rows(x: Any, like: Any) -> Any:
    """Returns x (A * B, ...) as (A, B, ...), A and B being the first axes of `like`."""
    return apply_all("split_rows", [x, like], {}, [move_dtype(x), move_dtype(like)])[0]


def concatenate(xs: Sequence[Any], axis: int = -1) -> Any:
    """Returns the tensors one after the other along an axis."""
    if not isinstance(xs, (list, tuple)) or not xs:
        raise ConfigurationError(f"A list of tensors, at least one, is needed. Received: {xs!r}")
    dtype = "int32" if all(move_dtype(x) == "int32" for x in xs) else float_dtype(*xs)
    attrs = {"axis": normal_axis(axis, rank(xs[0]))}
    return apply_all("concat", list(xs), attrs, [dtype] * len(xs))[0]


def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """Returns x repeated along axes of size 1 until it has the given shape."""
    return apply("broadcast_to", x, dtype=move_dtype(x), shape=[int(n) for n in shape])


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0.0) -> Any:
    """Returns x with elements added around it.

    Args:
        x: the operand.
        pad_width: a pair (before, after) for each axis, one pair for all axes, or one number
            for all. Negative numbers cut elements off.
        mode: "constant" is the only one.
        constant_values: value of the new elements.

    Raises:
        ShapeError: if `pad_width` does not fit the axes.
        ConfigurationError: for another mode.
    """
    if mode != "constant":
        raise ConfigurationError(f"`mode` must be 'constant'. Received: {mode!r}")
    ndim = rank(x)
    widths = np.asarray(pad_width)
    if widths.dtype.kind not in "iu" or widths.shape not in ((), (1,), (2,), (1, 2), (ndim, 2)):
        raise ShapeError(
            f"`pad_width` must hold a pair of whole numbers for each of {ndim} axes. "
            f"Received: {pad_width!r}"
        )
    before, after = np.broadcast_to(widths, (ndim, 2)).T.tolist()
    return apply(
        "pad", x, dtype=move_dtype(x), before=before, after=after, value=float(constant_values or 0)
    )


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Returns the pieces of x along an axis.

    Args:
        x: the operand.
        indices_or_sections: number of equal pieces, or the positions where a new one begins.
        axis: an axis of known size.

    Raises:
        ShapeError: if the size of the axis is unknown or no multiple of the number of pieces.
    """
    ndim = rank(x)
    axis = normal_axis(axis, ndim)
    size = static_shape(x)[axis]
    if isinstance(indices_or_sections, int):
        pieces = indices_or_sections
        if size is None or pieces < 1 or size % pieces:
            raise ShapeError(f"An axis of size {size} cannot be split into {pieces} equal pieces.")
        bounds = [i * size // pieces for i in range(pieces + 1)]
    else:
        if size is None:
            raise ShapeError("An axis of unknown size cannot be split.")
        bounds = [0, *(builtins.min(int(i), size) for i in indices_or_sections), size]
    return [
        cut(x, axis, begin, size - builtins.max(begin, end))
        for begin, end in itertools.pairwise(bounds)
    ]


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Returns the elements of x at positions along an axis.

    Args:
        x: the operand.
        indices: whole numbers (...); negative ones count from the end, and one that has no
            element gives NaN.
        axis: the axis, which the axes of `indices` replace; None for the flattened x.
    """
    indices = cast(indices, "int32")
    if axis is None:
        return take(reshape(x, [-1]), indices, 0)
    ndim, more = rank(x), rank(indices)
    axis = normal_axis(axis, ndim)
    if axis > 0:
        x = transpose(x, [axis, *(a for a in range(ndim) if a != axis)])
    y = apply_all("gather", [x, indices], None, [move_dtype(x), "int32"])[0]
    if axis == 0:
        return y
    front = [*range(more, more + axis), *range(more)]
    return transpose(y, [*front, *range(more + axis, ndim + more - 1)])


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Returns tensors of one shape side by side along a new axis."""
    if not isinstance(x, (list, tuple)) or not x:
        raise ConfigurationError(f"A list of tensors, at least one, is needed. Received: {x!r}")
    return concatenate([expand_dims(t, normal_axis(axis, rank(t) + 1)) for t in x], axis)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """Returns the slices of x along an axis, which they lack.

    Args:
        x: the operand.
        num: number of slices, where the size of the axis is unknown.
        axis: the axis.
    """
    size = static_shape(x)[normal_axis(axis, rank(x))]
    count = size if num is None else num
    if count is None:
        raise ShapeError("unstack needs `num` for an axis of unknown size.")
    return [squeeze(piece, axis) for piece in split(x, count, axis)]


def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """Returns x repeated as a whole along each axis, as np.tile.

    Args:
        x: the operand.
        repeats: how often along the last axis, or along each of the last ones; >= 1.

    Raises:
        ConfigurationError: for other numbers.
    """
    counts: list[Any] = list(repeats) if isinstance(repeats, (list, tuple)) else [repeats]
    if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in counts):
        raise ConfigurationError(f"`repeats` must be whole numbers >= 1. Received: {repeats!r}")
    x = expand_dims(x, range(builtins.max(0, len(counts) - rank(x))))
    for axis, count in enumerate(counts, rank(x) - len(counts)):
        x = concatenate([x] * count, axis) if count != 1 else x
    return x


def cut(x: Any, axis: int, before: int, after: int) -> Any:
    """Returns x without its first and last elements along an axis."""
    widths = [(0, 0)] * rank(x)
    widths[axis] = (-before, -after)
    return pad(x, widths)


def _reduce(name: str, x: Any, axis: Axes, keepdims: bool) -> Any:
    ndim = rank(x)
    if axis is None:
        axes = []
    else:
        axes = [normal_axis(a, ndim) for a in ([axis] if isinstance(axis, int) else axis)]
        if not axes:
            return x
    return apply(name, x, axes=axes, keepdims=bool(keepdims))


def sum(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns the sum over the given axes, over all if None."""
    return _reduce("reduce_sum", x, axis, keepdims)


def mean(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns the mean over the given axes, over all if None."""
    return _reduce("reduce_mean", x, axis, keepdims)


def max(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns the largest element over the given axes, over all if None."""
    return _reduce("reduce_max", x, axis, keepdims)


def min(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Returns the smallest element over the given axes, over all if None."""
    return -max(-x, axis, keepdims)


def argmax(x: Any, axis: int | None = None) -> Any:
    """Returns the int32 position of the largest element along an axis (the first of equals).

    Args:
        x: the operand.
        axis: the axis, which the result lacks; None for the position in the flattened x.
    """
    if axis is None:
        return apply("argmax", reshape(x, [-1]))
    ndim = rank(x)
    last = [a for a in range(ndim) if a != normal_axis(axis, ndim)] + [normal_axis(axis, ndim)]
    return apply("argmax", x if last == list(range(ndim)) else transpose(x, last))


def one_hot(x: Any, num_classes: int, dtype: str = "float32") -> Any:
    """Returns rows with a 1 at the position that x names: (...) becomes (..., num_classes).

    Args:
        x: class numbers; one outside [0, num_classes) gives a row of zeros.
        num_classes: length of the rows, >= 1.
        dtype: of the result.
    """
    attrs = {"depth": int(num_classes), "dtype": standardize_dtype(dtype)}
    return apply_all("one_hot", [cast(x, "int32")], attrs, ["int32"])[0]


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Returns 1.0 where a target is among the k highest predictions, else 0.0.

    Args:
        targets: class numbers (...).
        predictions: scores (..., classes); a row with a NaN or infinity counts as a miss.
        k: how many of the highest scores count, >= 1.
    """
    inputs, dtypes = [predictions, cast(targets, "int32")], [float_dtype(predictions), "int32"]
    return apply_all("in_top_k", inputs, {"k": int(k)}, dtypes)[0]


def softmax(x: Any, axis: int = -1) -> Any:
    """Returns exp(x) / sum(exp(x)) along an axis."""
    if normal_axis(axis, rank(x)) == rank(x) - 1:
        return apply("softmax", x)
    return swap_to_last(apply("softmax", swap_to_last(x, axis)), axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Returns the logarithm of softmax, without overflow."""
    if normal_axis(axis, rank(x)) == rank(x) - 1:
        return apply("log_softmax", x)
    return swap_to_last(apply("log_softmax", swap_to_last(x, axis)), axis)
