"""Pooling layers."""

from __future__ import annotations

from typing import Any, ClassVar

from pyframe import ops
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec


class _Pooling(Layer):
    axes: ClassVar[int]

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = arguments.sizes(pool_size, self.axes, "pool_size", self.label)
        strides = self.pool_size if strides is None else strides
        self.strides = arguments.sizes(strides, self.axes, "strides", self.label)
        self.padding = arguments.padding(padding, self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.input_spec = InputSpec(ndim=self.axes + 2)


class MaxPooling1D(_Pooling):
    """Largest value of each window of sequences, for each channel.

    Args:
        pool_size: length of the window.
        strides: step of the window; None for the window's size.
        padding: "valid" or "same" (output size = ceil(input / stride)).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, steps, channels) to (batch, steps', channels).
    """

    axes = 1

    def call(self, inputs: Any) -> Any:
        """Returns the largest value of each window."""
        return ops.max_pool1d(inputs, self.pool_size, self.strides, self.padding)


class AveragePooling1D(_Pooling):
    """Mean of each window of sequences, for each channel; padding does not count in the mean.

    Args:
        pool_size: length of the window.
        strides: step of the window; None for the window's size.
        padding: "valid" or "same" (output size = ceil(input / stride)).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, steps, channels) to (batch, steps', channels).
    """

    axes = 1

    def call(self, inputs: Any) -> Any:
        """Returns the mean of each window."""
        return ops.average_pool1d(inputs, self.pool_size, self.strides, self.padding)


class MaxPooling2D(_Pooling):
    """Largest value of each window of an image, for each channel.

    Args:
        pool_size: height and width of the window, one number or two.
        strides: step of the window; None for the window's size.
        padding: "valid" or "same" (output size = ceil(input / stride)).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, height', width', channels).
    """

    axes = 2

    def call(self, inputs: Any) -> Any:
        """Returns the largest value of each window."""
        return ops.max_pool2d(inputs, self.pool_size, self.strides, self.padding)


class AveragePooling2D(_Pooling):
    """Mean of each window of an image, for each channel; padding does not count in the mean.

    Args:
        pool_size: height and width of the window, one number or two.
        strides: step of the window; None for the window's size.
        padding: "valid" or "same" (output size = ceil(input / stride)).
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, height', width', channels).
    """

    axes = 2

    def call(self, inputs: Any) -> Any:
        """Returns the mean of each window."""
        return ops.average_pool2d(inputs, self.pool_size, self.strides, self.padding)


MaxPool1D = MaxPooling1D
AvgPool1D = AveragePooling1D
MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
