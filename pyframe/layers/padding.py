"""Layers that add or remove borders of sequences and images."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.errors import ShapeError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec


class ZeroPadding1D(Layer):
    """Adds zeros at the start and end of sequences.

    Args:
        padding: number of zeros, one number or (start, end).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, steps, channels) to (batch, start + steps + end, channels).
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = arguments.count_pairs(padding, 1, "padding", self.label)[0]
        self.data_format = arguments.channels_last(data_format, self.label)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        """Returns the padded sequences."""
        return ops.pad(inputs, ((0, 0), self.padding, (0, 0)))


class ZeroPadding2D(Layer):
    """Adds rows and columns of zeros around images.

    Args:
        padding: number of zeros: one number, (vertical, horizontal) or
            ((top, bottom), (left, right)).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, height', width', channels).
    """

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.padding = arguments.count_pairs(padding, 2, "padding", self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Returns the padded images."""
        return ops.pad(inputs, ((0, 0), *self.padding, (0, 0)))


class _Cropping(Layer):
    cropping: Any

    def crop(self, inputs: Any, pairs: tuple[tuple[int, int], ...]) -> Any:
        """Returns the inputs without the first and last elements of the axes behind the batch.

        Raises:
            ShapeError: if nothing would be left.
        """
        for size, pair in zip(inputs.shape[1:], pairs, strict=False):
            if size is not None and sum(pair) >= size:
                raise ShapeError(
                    f"{self.label} leaves nothing of an input of shape {tuple(inputs.shape)}: "
                    f"cropping={self.cropping}"
                )
        widths = [(-before, -after) for before, after in pairs]
        return ops.pad(inputs, ((0, 0), *widths, (0, 0)))


class Cropping1D(_Cropping):
    """Removes the start and end of sequences.

    Args:
        cropping: number of steps to remove, one number or (start, end).
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, steps, channels) to (batch, steps - start - end, channels).
    """

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = arguments.count_pairs(cropping, 1, "cropping", self.label)[0]
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        """Returns the middle of the sequences."""
        return self.crop(inputs, (self.cropping,))


class Cropping2D(_Cropping):
    """Removes rows and columns at the borders of images.

    Args:
        cropping: number of rows and columns to remove: one number, (vertical, horizontal) or
            ((top, bottom), (left, right)).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, height', width', channels).
    """

    def __init__(
        self,
        cropping: Any = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cropping = arguments.count_pairs(cropping, 2, "cropping", self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Returns the middle of the images."""
        return self.crop(inputs, self.cropping)
