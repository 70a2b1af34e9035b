"""Layers that combine several inputs into one."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers.base import Layer


class _Merge(Layer):
    supports_masking = True

    def combine(self, a: Any, b: Any) -> Any:
        """Returns two inputs combined."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        """Returns the inputs combined element by element; they broadcast behind the batch axis."""
        values = self.several(inputs)
        ndim = max(x.ndim for x in values)
        # A missing axis is one behind the batch: (batch, c) combines with (batch, h, w, c).
        aligned = [ops.expand_dims(x, range(1, 1 + ndim - x.ndim)) for x in values]
        return functools.reduce(self.combine, aligned)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns a mask of the steps that count in any of the inputs, if all have masks."""
        masks = previous_mask if isinstance(previous_mask, (list, tuple)) else [None]
        return None if any(m is None for m in masks) else functools.reduce(ops.maximum, masks)

    def several(self, inputs: Any) -> Sequence[Any]:
        """Returns the inputs if they are a list of at least two.

        Raises:
            ShapeError: if they are not.
        """
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ShapeError(f"{self.label} must be called on a list of at least 2 inputs.")
        return inputs

    def two(self, inputs: Any) -> Sequence[Any]:
        """Returns the inputs if they are a list of two.

        Raises:
            ShapeError: if they are not.
        """
        if len(_Merge.several(self, inputs)) != 2:
            raise ShapeError(f"{self.label} must be called on exactly 2 inputs.")
        return list(inputs)


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
        return self.two(inputs)


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


class Dot(_Merge):
    """Product of two inputs, summed over one axis of each, sample by sample.

    Args:
        axes: the axis of both inputs, or one for each; not 0, the batch.
        normalize: whether to scale to length 1 along the axis first, for the cosine.
        **kwargs: name, trainable, dtype.

    Shapes:
        (batch, ...) and (batch, ...) to (batch, axes left of the first, axes left of the second);
        two vectors give (batch, 1).

    Raises:
        ConfigurationError: for impossible axes.
        ShapeError: when called, if the sizes of the axes differ.
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = (axes, axes) if isinstance(axes, int) else axes
        if not (
            isinstance(pair, (tuple, list))
            and len(pair) == 2
            and all(isinstance(a, int) and a != 0 for a in pair)
        ):
            raise ConfigurationError(
                f"{self.label}: `axes` must be an integer or two of them, not 0 (the batch). "
                f"Received: {axes!r}"
            )
        self.axes = axes if isinstance(axes, int) else tuple(axes)
        self.normalize = bool(normalize)

    def call(self, inputs: Any) -> Any:
        """Returns the sums of products."""
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        rows, columns = (self._last(x, a) for x, a in zip(self.two(inputs), pair, strict=True))
        if None not in (rows.shape[-1], columns.shape[-1]) and rows.shape[-1] != columns.shape[-1]:
            raise ShapeError(
                f"{self.label}: axes={self.axes} have different sizes in inputs of shapes "
                f"{[tuple(x.shape) for x in inputs]}."
            )
        left, right = rows.shape[1:-1], columns.shape[1:-1]
        columns = ops.transpose(self._matrices(columns), (0, 2, 1))
        product = ops.matmul(self._matrices(rows), columns)
        return ops.reshape(product, (-1, *((*left, *right) or (1,))))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns None: the steps are gone."""
        return None

    def _last(self, x: Any, axis: int) -> Any:
        # x with the axis to be summed over at the end.
        axis %= x.ndim
        order = [a for a in range(x.ndim) if a != axis]
        x = x if axis == x.ndim - 1 else ops.transpose(x, [*order, axis])
        if self.normalize:
            square = ops.sum(ops.square(x), axis=-1, keepdims=True)
            x = x * ops.rsqrt(ops.maximum(square, epsilon() ** 2))
        return x

    @staticmethod
    def _matrices(x: Any) -> Any:
        # (batch, everything else, axis)
        if x.ndim <= 3:
            return ops.expand_dims(x, 1) if x.ndim == 2 else x
        return ops.reshape(x, (-1, math.prod(x.shape[1:-1]), x.shape[-1]))


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

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns the masks one after the other, or, along the last axis, what any lets count."""
        given = previous_mask if isinstance(previous_mask, (list, tuple)) else [None]
        if all(mask is None for mask in given):
            return None
        masks = [
            ops.max(ops.ones_like(x), -1) if mask is None else mask
            for x, mask in zip(inputs, given, strict=True)
        ]
        if self.axis in (-1, inputs[0].ndim - 1):
            return functools.reduce(ops.maximum, masks)
        return ops.concatenate(masks, self.axis if self.axis >= 0 else self.axis + 1)


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Returns the sum of a list of inputs; see `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Returns the first of two inputs minus the second; see `Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Returns the product of a list of inputs; see `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Returns the mean of a list of inputs; see `Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Returns the largest elements of a list of inputs; see `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Returns the smallest elements of a list of inputs; see `Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Returns a list of inputs one after the other along an axis; see `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Returns the product of two inputs summed over an axis of each; see `Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)
