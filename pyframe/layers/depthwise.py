"""Depthwise and separable convolution layers."""

from __future__ import annotations

from typing import Any

from pyframe import activations, constraints, initializers, ops, regularizers
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec
from pyframe.ops.tensor import Variable


class _DepthwiseBase(Layer):
    """What the layers share: windows along `rank` axes, bias and activation."""

    rank = 2

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = self._sizes(kernel_size, "kernel_size")
        self.strides = self._sizes(strides, "strides")
        self.padding = arguments.padding(padding, self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.dilation_rate = self._sizes(dilation_rate, "dilation_rate")
        self.depth_multiplier = arguments.positive_integer(
            depth_multiplier, "depth_multiplier", self.label
        )
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias: Variable | None = None
        self.input_spec = InputSpec(ndim=self.rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ConfigurationError(
                f"{self.label}: `strides` > 1 and `dilation_rate` > 1 exclude each other. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )

    def _sizes(self, value: Any, argument: str) -> tuple[int, ...]:
        if self.rank == 2:
            return arguments.size_pair(value, argument, self.label)
        if isinstance(value, (list, tuple)) and len(value) == 1:
            (value,) = value
        return (arguments.positive_integer(value, argument, self.label),)

    def _add_depthwise(self, input_shape: Any, name: str) -> Variable:
        channels = input_shape[-1]
        if channels is None:
            raise ShapeError(
                f"{self.label} needs a known number of channels. Received input shape: "
                f"{tuple(input_shape)}"
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={-1: channels})
        return self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            name=name,
            constraint=self.depthwise_constraint,
        )

    def _add_bias(self, outputs: int) -> None:
        if self.use_bias:
            self.bias = self.add_weight(
                (outputs,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                name="bias",
                constraint=self.bias_constraint,
            )

    def _depthwise(self, inputs: Any, kernel: Any, bias: Any) -> Any:
        # A sequence is an image of one row.
        strides, rate = self.strides, self.dilation_rate
        if self.rank == 1:
            inputs, kernel = ops.expand_dims(inputs, 1), ops.expand_dims(kernel, 0)
            strides, rate = (1, *strides), (1, *rate)
        outputs = ops.depthwise_conv2d(
            inputs, kernel, bias, strides=strides, padding=self.padding, dilation_rate=rate
        )
        return ops.squeeze(outputs, 1) if self.rank == 1 else outputs


class DepthwiseConv2D(_DepthwiseBase):
    """Convolution of each channel of an image with kernels of its own.

    Args:
        kernel_size: height and width of the window, one number or two.
        strides: step of the window, one number or two.
        padding: "valid" (no padding) or "same" (zeros, output size = ceil(input / stride)).
        depth_multiplier: kernels for each channel.
        data_format: None or "channels_last".
        dilation_rate: distance of window elements; not together with strides > 1.
        activation: function or name, None for linear.
        use_bias: whether to add a bias.
        depthwise_initializer: how the kernel starts.
        bias_initializer: how the bias starts.
        depthwise_regularizer: penalty on the kernel, None for none.
        bias_regularizer: penalty on the bias, None for none.
        depthwise_constraint: what holds for the kernel after each update, None for nothing.
        bias_constraint: what holds for the bias after each update, None for nothing.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, height', width', channels * depth_multiplier),
        channel c * depth_multiplier + m from channel c; kernel (kh, kw, channels,
        depth_multiplier), bias (channels * depth_multiplier,).

    Raises:
        ConfigurationError: for an impossible argument.
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            depth_multiplier,
            activation,
            use_bias,
            **kwargs,
        )

    def build(self, input_shape: Any) -> None:
        """Makes kernel (kh, kw, channels, depth_multiplier) and bias."""
        self.kernel = self._add_depthwise(input_shape, "kernel")
        self._add_bias(input_shape[-1] * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        """Returns activation(convolution + bias)."""
        return self.activation(self._depthwise(inputs, self.kernel, self.bias))


class DepthwiseConv1D(DepthwiseConv2D):
    """Convolution of each channel of a sequence with kernels of its own.

    The arguments are those of `DepthwiseConv2D`, the sizes one number.

    Shapes:
        (batch, steps, channels) to (batch, steps', channels * depth_multiplier);
        kernel (k, channels, depth_multiplier).
    """

    rank = 1


class SeparableConv2D(_DepthwiseBase):
    """Depthwise convolution followed by a 1 x 1 convolution that mixes the channels.

    Args:
        filters: number of output channels, >= 1.
        kernel_size: height and width of the window, one number or two.
        strides: step of the window, one number or two.
        padding: "valid" (no padding) or "same" (zeros, output size = ceil(input / stride)).
        data_format: None or "channels_last".
        dilation_rate: distance of window elements; not together with strides > 1.
        depth_multiplier: kernels for each channel in the depthwise part.
        activation: function or name, None for linear.
        use_bias: whether to add a bias (at the end).
        depthwise_initializer: how the depthwise kernel starts.
        pointwise_initializer: how the pointwise kernel starts.
        pointwise_regularizer: penalty on the pointwise kernel, None for none.
        pointwise_constraint: what holds for the pointwise kernel after each update.
        **kwargs: bias_initializer, depthwise_regularizer, bias_regularizer,
            depthwise_constraint, bias_constraint, name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, height', width', filters); depthwise kernel
        (kh, kw, channels, depth_multiplier), pointwise kernel (1, 1, channels *
        depth_multiplier, filters), bias (filters,).

    Raises:
        ConfigurationError: for an impossible argument.

    References:
        Chollet 2017, https://arxiv.org/abs/1610.02357
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        pointwise_regularizer: Any = None,
        pointwise_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            depth_multiplier,
            activation,
            use_bias,
            depthwise_initializer,
            **kwargs,
        )
        self.filters = arguments.positive_integer(filters, "filters", self.label)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Makes the depthwise kernel, the pointwise kernel and the bias."""
        self.depthwise_kernel = self._add_depthwise(input_shape, "depthwise_kernel")
        self.pointwise_kernel = self.add_weight(
            (*[1] * self.rank, input_shape[-1] * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            name="pointwise_kernel",
            constraint=self.pointwise_constraint,
        )
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """Returns activation(pointwise(depthwise(inputs)) + bias)."""
        outputs = self._depthwise(inputs, self.depthwise_kernel, None)
        kernel: Any = self.pointwise_kernel
        if self.rank == 1:
            outputs, kernel = ops.expand_dims(outputs, 1), ops.expand_dims(kernel, 0)
        outputs = ops.conv2d(outputs, kernel, self.bias)
        return self.activation(ops.squeeze(outputs, 1) if self.rank == 1 else outputs)


class SeparableConv1D(SeparableConv2D):
    """Depthwise convolution of sequences followed by a mixture of the channels.

    The arguments are those of `SeparableConv2D`, the sizes one number.

    Shapes:
        (batch, steps, channels) to (batch, steps', filters); depthwise kernel (k, channels,
        depth_multiplier), pointwise kernel (1, channels * depth_multiplier, filters).
    """

    rank = 1
