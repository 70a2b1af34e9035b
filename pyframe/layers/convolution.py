"""Convolution layers."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.kernel_layer import KernelLayer


class Conv2D(KernelLayer):
    """Two-dimensional convolution of images.

    Args:
        filters: number of output channels, >= 1.
        kernel_size: height and width of the window, one number or two.
        strides: step of the window, one number or two.
        padding: "valid" (no padding) or "same" (zeros, output size = ceil(input / stride)).
        data_format: None or "channels_last".
        dilation_rate: distance of window elements; not together with strides > 1.
        groups: number of channel groups; divides the input channels and `filters`.
        activation: function or name, None for linear.
        use_bias: whether to add a bias.
        **kwargs: kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            kernel_constraint, bias_constraint, name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, height', width', filters);
        kernel (kh, kw, channels / groups, filters), bias (filters,).

    Raises:
        ConfigurationError: for an impossible argument.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(activation, use_bias, **kwargs)
        self.filters = arguments.positive_integer(filters, "filters", self.label)
        self.kernel_size = arguments.size_pair(kernel_size, "kernel_size", self.label)
        self.strides = arguments.size_pair(strides, "strides", self.label)
        self.padding = arguments.padding(padding, self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.dilation_rate = arguments.size_pair(dilation_rate, "dilation_rate", self.label)
        self.groups = arguments.positive_integer(groups, "groups", self.label)
        self.input_spec = InputSpec(ndim=4)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ConfigurationError(
                f"{self.label}: `strides` > 1 and `dilation_rate` > 1 exclude each other. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )
        if self.filters % self.groups:
            raise ConfigurationError(
                f"{self.label}: `filters` must be divisible by `groups`. "
                f"Received: filters={filters}, groups={groups}"
            )

    def build(self, input_shape: Any) -> None:
        """Makes kernel (kh, kw, channels / groups, filters) and bias (filters,)."""
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ShapeError(
                f"{self.label} needs a known number of channels that is divisible by "
                f"groups={self.groups}. Received input shape: {tuple(input_shape)}"
            )
        kernel_shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.add_kernel_and_bias(kernel_shape, self.filters)
        self.input_spec = InputSpec(ndim=4, axes={-1: channels})

    def call(self, inputs: Any) -> Any:
        """Returns activation(convolution + bias)."""
        outputs = ops.conv2d(
            inputs,
            self.kernel,
            self.bias,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            groups=self.groups,
        )
        return self.activation(outputs)
