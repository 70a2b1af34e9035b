"""Convolution layers."""

from __future__ import annotations

from typing import Any, ClassVar

from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.kernel_layer import KernelLayer


class _Windows(KernelLayer):
    # What convolutions and transposed convolutions of one or two axes share.
    axes: ClassVar[int]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def set_windows(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
    ) -> None:
        """Checks and keeps the arguments that say where the windows are."""
        self.filters = arguments.positive_integer(filters, "filters", self.label)
        self.kernel_size = arguments.sizes(kernel_size, self.axes, "kernel_size", self.label)
        self.strides = arguments.sizes(strides, self.axes, "strides", self.label)
        self.padding = arguments.choice(padding, self.paddings, "padding", self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.dilation_rate = arguments.sizes(dilation_rate, self.axes, "dilation_rate", self.label)
        self.input_spec = InputSpec(ndim=self.axes + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ConfigurationError(
                f"{self.label}: `strides` > 1 and `dilation_rate` > 1 exclude each other. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )

    def channels_of(self, input_shape: Any, groups: int = 1) -> int:
        """Returns the number of input channels and keeps it as what inputs must have.

        Raises:
            ShapeError: if it is unknown or not divisible by the groups.
        """
        channels = input_shape[-1]
        if channels is None or channels % groups:
            raise ShapeError(
                f"{self.label} needs a known number of channels that is divisible by "
                f"groups={groups}. Received input shape: {tuple(input_shape)}"
            )
        self.input_spec = InputSpec(ndim=self.axes + 2, axes={-1: channels})
        return int(channels)


class _Convolution(_Windows):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(activation, use_bias, **kwargs)
        self.set_windows(filters, kernel_size, strides, padding, data_format, dilation_rate)
        self.groups = arguments.positive_integer(groups, "groups", self.label)
        if self.filters % self.groups:
            raise ConfigurationError(
                f"{self.label}: `filters` must be divisible by `groups`. "
                f"Received: filters={filters}, groups={groups}"
            )

    def build(self, input_shape: Any) -> None:
        """Makes kernel (*kernel_size, channels / groups, filters) and bias (filters,)."""
        channels = self.channels_of(input_shape, self.groups)
        kernel_shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.add_kernel_and_bias(kernel_shape, self.filters)

    def call(self, inputs: Any) -> Any:
        """Returns activation(convolution + bias)."""
        convolve = ops.conv1d if self.axes == 1 else ops.conv2d
        outputs = convolve(
            inputs,
            self.kernel,
            self.bias,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            groups=self.groups,
        )
        return self.activation(outputs)


class Conv1D(_Convolution):
    """Convolution of sequences.

    Args:
        filters: number of output channels, >= 1.
        kernel_size: length of the window.
        strides: step of the window.
        padding: "valid" (no padding), "same" (zeros, output size = ceil(input / stride)) or
            "causal" (zeros in front, so that no output sees a later step).
        data_format: None or "channels_last".
        dilation_rate: distance of window elements; not together with strides > 1.
        groups: number of channel groups; divides the input channels and `filters`.
        activation: function or name, None for linear.
        use_bias: whether to add a bias.
        **kwargs: kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            kernel_constraint, bias_constraint, name, trainable, dtype, input_shape.

    Shapes:
        (batch, steps, channels) to (batch, steps', filters);
        kernel (k, channels / groups, filters), bias (filters,).

    Raises:
        ConfigurationError: for an impossible argument.
    """

    axes = 1
    paddings = ("valid", "same", "causal")


class Conv2D(_Convolution):
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

    axes = 2


class _ConvolutionTranspose(_Windows):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(activation, use_bias, **kwargs)
        self.set_windows(filters, kernel_size, strides, padding, data_format, dilation_rate)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = arguments.sizes(
                output_padding, self.axes, "output_padding", self.label, least=0
            )
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise ConfigurationError(
                    f"{self.label}: `output_padding` must be smaller than `strides`. "
                    f"Received: output_padding={output_padding}, strides={strides}"
                )

    def build(self, input_shape: Any) -> None:
        """Makes kernel (*kernel_size, filters, channels) and bias (filters,)."""
        channels = self.channels_of(input_shape)
        self.add_kernel_and_bias((*self.kernel_size, self.filters, channels), self.filters)

    def call(self, inputs: Any) -> Any:
        """Returns activation(transposed convolution + bias)."""
        convolve = ops.conv1d_transpose if self.axes == 1 else ops.conv2d_transpose
        outputs = convolve(
            inputs,
            self.kernel,
            self.bias,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
        )
        return self.activation(outputs)


class Conv1DTranspose(_ConvolutionTranspose):
    """Transposed convolution of sequences, which makes them longer.

    Args:
        filters: number of output channels, >= 1.
        kernel_size: length of the window.
        strides: how many steps of the output one step of the input stands for.
        padding: "valid" for (steps - 1) * stride + max(k, stride) steps, "same" for
            steps * stride.
        output_padding: steps to add at the end instead, less than the stride; None for Keras's
            choice.
        data_format: None or "channels_last".
        dilation_rate: distance of window elements; not together with strides > 1.
        activation: function or name, None for linear.
        use_bias: whether to add a bias.
        **kwargs: as for Conv1D.

    Shapes:
        (batch, steps, channels) to (batch, steps', filters);
        kernel (k, filters, channels), bias (filters,).

    Raises:
        ConfigurationError: for an impossible argument.
    """

    axes = 1


class Conv2DTranspose(_ConvolutionTranspose):
    """Transposed convolution of images, which makes them larger.

    Args:
        filters: number of output channels, >= 1.
        kernel_size: height and width of the window, one number or two.
        strides: how many pixels of the output one pixel of the input stands for.
        padding: "valid" for (height - 1) * stride + max(kh, stride) rows, "same" for
            height * stride.
        output_padding: rows and columns to add at the end instead, less than the strides; None
            for Keras's choice.
        data_format: None or "channels_last".
        dilation_rate: distance of window elements; not together with strides > 1.
        activation: function or name, None for linear.
        use_bias: whether to add a bias.
        **kwargs: as for Conv2D.

    Shapes:
        (batch, height, width, channels) to (batch, height', width', filters);
        kernel (kh, kw, filters, channels), bias (filters,).

    Raises:
        ConfigurationError: for an impossible argument.
    """

    axes = 2
