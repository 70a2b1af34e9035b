"""What holds for a weight after each update: functions from a weight to its new value.

Constraints run inside the training plan, after the optimizer's step. A constraint of one's own is
any function of a tensor written with `pyframe.ops`, or a subclass of `Constraint`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pyframe import config, ops
from pyframe.errors import ConfigurationError
from pyframe.lookup import object_config
from pyframe.utils.identifiers import Configurable, build, resolve

Axis = int | Sequence[int]


def _bound(name: str, value: Any, high: float = math.inf) -> float:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (number and 0.0 <= value <= high and value < math.inf):
        limits = "a finite number >= 0" if high == math.inf else f"a number between 0 and {high:g}"
        raise ConfigurationError(f"`{name}` must be {limits}. Received: {value!r}")
    return float(value)


def _axis(value: Any) -> Any:
    numbers = value if isinstance(value, (list, tuple)) else [value]
    if not numbers or not all(isinstance(n, (int, np.integer)) for n in numbers):
        raise ConfigurationError(
            f"`axis` must be an integer or a list of integers. Received: {value!r}"
        )
    return value


class Constraint(Configurable):
    """Base class: a subclass overrides `__call__` with `pyframe.ops`, and `get_config`."""

    def __call__(self, w: Any) -> Any:
        """Returns the value that the weight takes in the place of `w`; `w` itself by default."""
        return w


class _NormConstraint(Constraint):
    """Scales a weight to a norm that follows from its own, over the axes `axis`."""

    axis: Any

    def __call__(self, w: Any) -> Any:
        """Returns `w` scaled to the norm wanted."""
        norms = ops.sqrt(ops.sum(ops.square(w), axis=self.axis, keepdims=True))
        return ops.multiply(w, ops.divide(self._wanted(norms), ops.add(norms, config.epsilon())))

    def _wanted(self, norms: Any) -> Any:
        raise NotImplementedError


class MaxNorm(_NormConstraint):
    """Scales down the weights of a unit whose norm is above a limit.

    Args:
        max_value: largest norm, >= 0.
        axis: axis or axes over which the norm is taken: 0 for a Dense kernel (inputs, units),
            [0, 1, 2] for a convolution kernel (height, width, channels, filters).

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Srivastava et al., "Dropout", JMLR 2014, section 5.1.
    """

    arguments: ClassVar[tuple[str, ...]] = ("max_value", "axis")

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        _bound("max_value", max_value)
        self.max_value, self.axis = max_value, _axis(axis)

    def _wanted(self, norms: Any) -> Any:
        return ops.clip(norms, 0.0, self.max_value)


class UnitNorm(_NormConstraint):
    """Scales the weights of each unit to norm 1.

    Args:
        axis: see `MaxNorm`.

    Raises:
        ConfigurationError: if it is no axis.
    """

    arguments: ClassVar[tuple[str, ...]] = ("axis",)

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = _axis(axis)

    def _wanted(self, norms: Any) -> Any:
        return 1.0


class MinMaxNorm(_NormConstraint):
    """Draws the norm of each unit's weights into an interval.

    Args:
        min_value: smallest norm, >= 0.
        max_value: largest norm, >= min_value.
        rate: how much of the way is made at each update, in [0, 1]; 1 enforces the interval.
        axis: see `MaxNorm`.

    Raises:
        ConfigurationError: for an impossible value.
    """

    arguments: ClassVar[tuple[str, ...]] = ("min_value", "max_value", "rate", "axis")

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Axis = 0,
    ) -> None:
        if _bound("min_value", min_value) > _bound("max_value", max_value):
            raise ConfigurationError(
                "`min_value` must not be above `max_value`. "
                f"Received: min_value={min_value!r}, max_value={max_value!r}"
            )
        _bound("rate", rate, 1.0)
        self.min_value, self.max_value, self.rate = min_value, max_value, rate
        self.axis = _axis(axis)

    def _wanted(self, norms: Any) -> Any:
        inside = ops.multiply(ops.clip(norms, self.min_value, self.max_value), self.rate)
        return ops.add(inside, ops.multiply(norms, 1.0 - self.rate))


class NonNeg(Constraint):
    """Replaces negative weights by 0."""

    def __call__(self, w: Any) -> Any:
        """Returns max(w, 0)."""
        return ops.maximum(w, 0.0)


# The lower-case names that Keras has beside the classes.
max_norm, unit_norm, min_max_norm, non_neg = MaxNorm, UnitNorm, MinMaxNorm, NonNeg

_TABLE: dict[str, type[Constraint]] = {
    "MaxNorm": MaxNorm,
    "UnitNorm": UnitNorm,
    "MinMaxNorm": MinMaxNorm,
    "NonNeg": NonNeg,
    "max_norm": MaxNorm,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    # Keras 1 and 2.
    "maxnorm": MaxNorm,
    "unitnorm": UnitNorm,
    "nonneg": NonNeg,
}


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """Returns a constraint.

    Args:
        identifier: a name ("max_norm", "NonNeg"), a configuration dictionary, a `Constraint` class
            or object, a function from a weight to its new value, or None.

    Raises:
        ConfigurationError: if it is none of these.
    """
    return resolve("constraint", identifier, _TABLE)  # type: ignore[no-any-return]


def serialize(constraint: Constraint) -> dict[str, Any]:
    """Returns the dictionary from which `deserialize` builds an equal constraint."""
    return object_config(constraint)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, type[Constraint]] | None = None
) -> Constraint:
    """Builds a constraint from what `serialize` returned.

    Args:
        config: dictionary with the keys `class_name` and `config`.
        custom_objects: further classes by name.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    return build("constraint", config, _TABLE, custom_objects)  # type: ignore[no-any-return]
