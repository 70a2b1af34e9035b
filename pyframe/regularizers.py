"""Penalties on weights that are added to the loss, as they are: not divided by the batch size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.lookup import object_config
from pyframe.utils.identifiers import Configurable, build, resolve


def _factor(name: str, value: float) -> float:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (number and 0.0 <= value < math.inf):
        raise ConfigurationError(f"`{name}` must be a finite number >= 0. Received: {value!r}")
    return float(value)


class Regularizer(Configurable):
    """Base class: a subclass overrides `__call__` with `pyframe.ops`, and `get_config`."""

    def __call__(self, x: Any) -> Any:
        """Returns the penalty of the weight `x` as a scalar, symbolic if `x` is."""
        raise NotImplementedError(f"{type(self).__name__} must override `__call__`")


class L1(Regularizer):
    """`l1 * sum(|x|)`.

    Args:
        l1: factor >= 0.
    """

    arguments = ("l1",)

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("l1", l1)

    def __call__(self, x: Any) -> Any:
        """Returns the penalty as a scalar."""
        return ops.l1_penalty(x, self.l1)


class L2(Regularizer):
    """`l2 * sum(x**2)`, without a factor 1/2.

    Args:
        l2: factor >= 0.
    """

    arguments = ("l2",)

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("l2", l2)

    def __call__(self, x: Any) -> Any:
        """Returns the penalty as a scalar."""
        return ops.l2_penalty(x, self.l2)


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x**2)`.

    Args:
        l1: factor >= 0; the default is no L1 part.
        l2: factor >= 0; the default is no L2 part.
    """

    arguments = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("l1", l1)
        self.l2 = _factor("l2", l2)

    def __call__(self, x: Any) -> Any:
        """Returns the penalty as a scalar; a part whose factor is 0 costs nothing."""
        if self.l2 == 0.0:
            return ops.l1_penalty(x, self.l1)
        if self.l1 == 0.0:
            return ops.l2_penalty(x, self.l2)
        return ops.add(ops.l1_penalty(x, self.l1), ops.l2_penalty(x, self.l2))


class OrthogonalRegularizer(Regularizer):
    """Penalty on what the rows, or the columns, of a matrix have in common.

    `factor` times the mean absolute cosine of all pairs of different rows. In a Dense kernel
    (inputs, units) the columns are the units.

    Args:
        factor: factor >= 0.
        mode: "rows" or "columns".

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Brock et al. 2017, "Neural photo editing with introspective adversarial networks",
        https://arxiv.org/abs/1609.07093
    """

    arguments = ("factor", "mode")

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("factor", factor)
        if mode not in ("rows", "columns"):
            raise ConfigurationError(f"`mode` must be 'rows' or 'columns'. Received: {mode!r}")
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        """Returns the penalty as a scalar.

        Raises:
            ShapeError: if x is no matrix.
        """
        if len(x.shape) != 2:
            raise ShapeError(f"OrthogonalRegularizer needs a matrix. Received shape: {x.shape}")
        rows = x if self.mode == "rows" else ops.transpose(x)
        size = rows.shape[0]
        norms = ops.sqrt(ops.sum(ops.square(rows), axis=1, keepdims=True))
        unit = ops.divide(rows, ops.maximum(norms, epsilon()))
        pairs = np.ones((size, size), np.float32) - np.eye(size, dtype=np.float32)
        cosines = ops.multiply(ops.matmul(unit, ops.transpose(unit)), pairs)
        scale = self.factor / max(1, size * (size - 1))
        return ops.multiply(ops.sum(ops.absolute(cosines)), scale)


def l1(l1: float = 0.01) -> L1:
    """Returns `L1(l1)`."""
    return L1(l1)


def l2(l2: float = 0.01) -> L2:
    """Returns `L2(l2)`."""
    return L2(l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Returns `L1L2(l1, l2)` with both parts on by default.

    This is what Keras 2 does. In Keras 3 the same name means the class, whose defaults are 0, so
    that `l1_l2()` silently has no effect.
    """
    return L1L2(l1, l2)


# The lower-case name that Keras has beside the class.
orthogonal_regularizer = OrthogonalRegularizer

_TABLE: dict[str, Callable[..., Regularizer]] = {
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "l1": L1,
    "l2": L2,
    "l1_l2": l1_l2,
    "l1l2": l1_l2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """Returns a regularizer.

    Args:
        identifier: a name ("l1", "l2", "l1_l2", "orthogonal_regularizer", with the factors 0.01),
            a configuration dictionary, a `Regularizer` class or object, a function from a weight
            to a scalar, or None.

    Raises:
        ConfigurationError: if it is none of these.
    """
    if any(identifier is function for function in (l1, l2, l1_l2)):
        identifier = identifier()  # `kernel_regularizer=l2`, without the parentheses
    return resolve("regularizer", identifier, _TABLE)  # type: ignore[no-any-return]


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """Returns the dictionary from which `deserialize` builds an equal regularizer."""
    return object_config(regularizer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, type[Regularizer]] | None = None
) -> Regularizer:
    """Builds a regularizer from what `serialize` returned.

    Args:
        config: dictionary with the keys `class_name` and `config`.
        custom_objects: further classes by name.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    return build("regularizer", config, _TABLE, custom_objects)  # type: ignore[no-any-return]
