"""Pooling layers."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec


class _Pooling2D(Layer):
    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = arguments.size_pair(pool_size, "pool_size", self.label)
        strides = self.pool_size if strides is None else strides
        self.strides = arguments.size_pair(strides, "strides", self.label)
        self.padding = arguments.padding(padding, self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.input_spec = InputSpec(ndim=4)


class MaxPooling2D(_Pooling2D):
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

    def call(self, inputs: Any) -> Any:
        """Returns the largest value of each window."""
        return ops.max_pool2d(inputs, self.pool_size, self.strides, self.padding)


class AveragePooling2D(_Pooling2D):
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

    def call(self, inputs: Any) -> Any:
        """Returns the mean of each window."""
        return ops.average_pool2d(inputs, self.pool_size, self.strides, self.padding)


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
