"""Convolution and pooling of sequences and images under Keras's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.ops import nn
from pyframe.ops.dispatch import apply_all, rank
from pyframe.ops.nn import Pair
from pyframe.ops.shaping import expand_dims, pad, squeeze


def conv2d_transpose(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    output_padding: Sequence[int] | None = None,
    dilation_rate: Pair = 1,
) -> Any:
    """Returns the transposed convolution of images: the gradient of conv2d's input.

    Args:
        x: images (N, H, W, C).
        kernel: (kh, kw, filters, C).
        bias: (filters,) or None.
        strides: how many pixels of the result one pixel of x stands for.
        padding: "valid" for H' = (H - 1) * stride + max(kh, stride), "same" for H * stride.
        output_padding: rows and columns to add at the end instead, less than the strides.
        dilation_rate: distance of kernel elements; not together with strides > 1.

    Returns:
        (N, H', W', filters).
    """
    attrs = {
        "strides": nn.pair(strides, "strides"),
        "dilation": nn.pair(dilation_rate, "dilation_rate"),
        "padding": nn.padding_name(padding),
        "output_padding": [-1, -1] if output_padding is None else [int(n) for n in output_padding],
    }
    inputs = [x, kernel] if bias is None else [x, kernel, bias]
    return apply_all("conv2d_transpose", inputs, attrs)[0]


def _one(value: Any, argument: str) -> tuple[int, int]:
    # The setting along an axis that was added in front: 1 there.
    number = value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value
    if not isinstance(number, int):
        raise ConfigurationError(f"`{argument}` must be one number. Received: {value!r}")
    return (1, number)


def conv1d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: int = 1,
) -> Any:
    """Returns the cross-correlation of sequences with a kernel.

    Args:
        x: sequences (N, T, C).
        kernel: (k, C / groups, filters).
        bias: (filters,) or None.
        strides: step along T.
        padding: "valid", "same", or "causal": zeros in front, so that no output sees a later step.
        dilation_rate: distance of kernel elements.
        groups: number of channel groups that do not see each other.

    Returns:
        (N, T', filters).
    """
    dilation = _one(dilation_rate, "dilation_rate")
    if str(padding).lower() == "causal":
        x = pad(x, ((0, 0), (dilation[1] * (kernel.shape[0] - 1), 0), (0, 0)))
        padding = "valid"
    y = nn.conv2d(
        expand_dims(x, 1),
        expand_dims(kernel, 0),
        bias,
        strides=_one(strides, "strides"),
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
    )
    return squeeze(y, 1)


def conv1d_transpose(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Returns the transposed convolution of sequences (N, T, C); kernel (k, filters, C)."""
    y = conv2d_transpose(
        expand_dims(x, 1),
        expand_dims(kernel, 0),
        bias,
        strides=_one(strides, "strides"),
        padding=padding,
        output_padding=None
        if output_padding is None
        else (-1, _one(output_padding, "output_padding")[1]),
        dilation_rate=_one(dilation_rate, "dilation_rate"),
    )
    return squeeze(y, 1)


def _pool1d(pool: Callable[..., Any], x: Any, pool_size: Any, strides: Any, padding: str) -> Any:
    size = _one(pool_size, "pool_size")
    steps = size if strides is None else _one(strides, "strides")
    return squeeze(pool(expand_dims(x, 1), size, steps, padding), 1)


def max_pool1d(x: Any, pool_size: Any, strides: Any = None, padding: str = "valid") -> Any:
    """Returns the largest element of each window of (N, T, C); strides default to the size."""
    return _pool1d(nn.max_pool2d, x, pool_size, strides, padding)


def average_pool1d(x: Any, pool_size: Any, strides: Any = None, padding: str = "valid") -> Any:
    """Returns the mean of each window of (N, T, C); padding does not count in the mean."""
    return _pool1d(nn.average_pool2d, x, pool_size, strides, padding)


def _by_rank(x: Any, one: Callable[..., Any], two: Callable[..., Any]) -> Callable[..., Any]:
    if rank(x) not in (3, 4):
        raise ShapeError(
            "Needs sequences (N, T, C) or images (N, H, W, C). "
            f"Received a tensor of {rank(x)} dimensions."
        )
    return one if rank(x) == 3 else two


def _channels_last(data_format: str | None) -> None:
    if data_format not in (None, "channels_last"):
        raise ConfigurationError(
            f"`data_format` must be None or 'channels_last'. Received: {data_format!r}"
        )


def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Returns the convolution of sequences (N, T, C) or images (N, H, W, C), as Keras's ops.conv.

    Args:
        inputs: sequences or images.
        kernel: (k, C / groups, filters) or (kh, kw, C / groups, filters).
        strides: step, one number or one for each axis.
        padding: "valid" or "same".
        data_format: None or "channels_last".
        dilation_rate: distance of kernel elements.
    """
    _channels_last(data_format)
    function = _by_rank(inputs, conv1d, nn.conv2d)
    groups = inputs.shape[-1] // kernel.shape[-2]
    return function(inputs, kernel, strides=strides, padding=padding, dilation_rate=dilation_rate,
                    groups=groups)  # fmt: skip


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Returns the transposed convolution of sequences or images; see `conv2d_transpose`."""
    _channels_last(data_format)
    function = _by_rank(inputs, conv1d_transpose, conv2d_transpose)
    if isinstance(output_padding, int) and rank(inputs) == 4:
        output_padding = (output_padding, output_padding)
    return function(inputs, kernel, strides=strides, padding=padding,
                    output_padding=output_padding, dilation_rate=dilation_rate)  # fmt: skip


def max_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Returns the largest element of each window of sequences or images."""
    _channels_last(data_format)
    function = _by_rank(inputs, max_pool1d, nn.max_pool2d)
    return function(inputs, pool_size, strides, padding)


def average_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Returns the mean of each window of sequences or images; padding does not count."""
    _channels_last(data_format)
    function = _by_rank(inputs, average_pool1d, nn.average_pool2d)
    return function(inputs, pool_size, strides, padding)
