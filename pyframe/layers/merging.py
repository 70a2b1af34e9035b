"""Layers that combine several inputs of the same shape into one."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.errors import ShapeError
from pyframe.layers.base import Layer


class _Merge(Layer):
    def combine(self, a: Any, b: Any) -> Any:
        """Returns two inputs combined."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        """Returns the inputs combined element by element."""
        return functools.reduce(self.combine, self.several(inputs))

    def several(self, inputs: Any) -> Sequence[Any]:
        """Returns the inputs if they are a list of at least two.

        Raises:
            ShapeError: if they are not.
        """
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ShapeError(f"{self.label} must be called on a list of at least 2 inputs.")
        return inputs


class Add(_Merge):
    """Sum of a list of inputs."""

    def combine(self, a: Any, b: Any) -> Any:
        """Returns the sum of two inputs."""
        return ops.add(a, b)


class Subtract(_Merge):
    """First of two inputs minus the second."""

    def combine(self, a: Any, b: Any) -> Any:
        """Returns the difference of two inputs."""
        return ops.subtract(a, b)

    def several(self, inputs: Any) -> Sequence[Any]:
        """Returns the inputs if there are exactly two."""
        if len(super().several(inputs)) != 2:
            raise ShapeError(f"{self.label} must be called on exactly 2 inputs.")
        return list(inputs)


class Multiply(_Merge):
    """Product of a list of inputs."""

    def combine(self, a: Any, b: Any) -> Any:
        """Returns the product of two inputs."""
        return ops.multiply(a, b)


class Maximum(_Merge):
    """Largest of a list of inputs, element by element."""

    def combine(self, a: Any, b: Any) -> Any:
        """Returns the larger elements of two inputs."""
        return ops.maximum(a, b)


class Minimum(_Merge):
    """Smallest of a list of inputs, element by element."""

    def combine(self, a: Any, b: Any) -> Any:
        """Returns the smaller elements of two inputs."""
        return ops.minimum(a, b)


class Average(_Merge):
    """Mean of a list of inputs, element by element."""

    def combine(self, a: Any, b: Any) -> Any:
        """Returns the sum of two inputs."""
        return ops.add(a, b)

    def call(self, inputs: Any) -> Any:
        """Returns the mean of the inputs."""
        return super().call(inputs) / float(len(inputs))


class Concatenate(_Merge):
    """A list of inputs one after the other along an axis.

    Args:
        axis: the axis along which the inputs may differ in size.
        **kwargs: name, trainable, dtype.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        """Returns the concatenated inputs."""
        return ops.concatenate(self.several(inputs), self.axis)
