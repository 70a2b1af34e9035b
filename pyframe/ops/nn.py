"""Operators of neural networks: products, convolution, pooling, dropout, fused losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.ops.dispatch import apply, apply_all, float_dtype, rank, static_shape
from pyframe.ops.elementwise import cast, greater_equal, multiply
from pyframe.ops.random import random_arguments, random_uniform
from pyframe.ops.shaping import expand_dims, reshape

Pair = int | Sequence[int]


def pair(value: Pair, argument: str) -> list[int]:
    """Returns [height, width] from a number or two numbers, all positive.

    Raises:
        ConfigurationError: for anything else.
    """
    numbers = [value, value] if isinstance(value, (int, np.integer)) else list(value)
    if len(numbers) != 2 or any(not isinstance(n, (int, np.integer)) or n < 1 for n in numbers):
        raise ConfigurationError(
            f"`{argument}` must be a positive integer or two of them. Received: {value!r}"
        )
    return [int(n) for n in numbers]


def padding_name(value: str, argument: str = "padding") -> str:
    """Returns "same" or "valid" in lower case.

    Raises:
        ConfigurationError: for anything else.
    """
    name = str(value).lower()
    if name not in ("same", "valid"):
        raise ConfigurationError(f"`{argument}` must be 'same' or 'valid'. Received: {value!r}")
    return name


def matmul(a: Any, b: Any) -> Any:
    """Returns the matrix product over the last two axes.

    Args:
        a: (..., M, K).
        b: (K, N), or (..., K, N) with the leading axes of a.

    Returns:
        (..., M, N).
    """
    return apply("matmul", a, b)


def dense(x: Any, kernel: Any, bias: Any = None) -> Any:
    """Returns x @ kernel + bias.

    Args:
        x: (..., K).
        kernel: (K, N).
        bias: (N,) or None.

    Returns:
        (..., N).
    """
    return apply("dense", x, kernel) if bias is None else apply("dense", x, kernel, bias)


def conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation_rate: Pair = 1,
    groups: int = 1,
) -> Any:
    """Returns the cross-correlation of images with a kernel.

    Args:
        x: images (N, H, W, C).
        kernel: (kh, kw, C / groups, filters).
        bias: (filters,) or None.
        strides: steps along H and W.
        padding: "valid" for none; "same" for zeros so that the output has ceil(H / stride)
            rows, the odd zero at the bottom and right.
        dilation_rate: distance of kernel elements.
        groups: number of channel groups that do not see each other.

    Returns:
        (N, H', W', filters).
    """
    attrs = {
        "strides": pair(strides, "strides"),
        "dilation": pair(dilation_rate, "dilation_rate"),
        "padding": padding_name(padding),
        "groups": int(groups),
    }
    return apply_all("conv2d", [x, kernel] if bias is None else [x, kernel, bias], attrs)[0]


def depthwise_conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation_rate: Pair = 1,
) -> Any:
    """Returns the cross-correlation of each channel of images with kernels of its own.

    Args:
        x: images (N, H, W, C).
        kernel: (kh, kw, C, M), M kernels for each channel.
        bias: (C * M,) or None.
        strides: steps along H and W.
        padding: "valid" or "same", see `conv2d`.
        dilation_rate: distance of kernel elements.

    Returns:
        (N, H', W', C * M), channel c * M + m from channel c of x.
    """
    if rank(kernel) != 4 or rank(x) != 4:
        raise ShapeError(
            "depthwise_conv2d needs x (N, H, W, C) and a kernel (kh, kw, C, M). Received shapes: "
            f"{static_shape(x)} and {static_shape(kernel)}"
        )
    kh, kw, channels, multiplier = static_shape(kernel)
    if multiplier != 1:
        height, width, own = static_shape(x)[1:]
        if own != channels:
            raise ShapeError(
                f"depthwise_conv2d: the kernel is for {channels} channels, x has shape "
                f"{static_shape(x)}."
            )
        if own is None or multiplier is None:
            raise ShapeError("depthwise_conv2d needs a known number of channels and kernels.")
        # Every channel M times: then one kernel for each.
        repeated = multiply(expand_dims(x, 4), np.ones(multiplier, float_dtype(x)))
        x = reshape(repeated, (-1, height, width, own * multiplier))
    kernel = reshape(kernel, (kh, kw, -1))
    attrs = {
        "strides": pair(strides, "strides"),
        "dilation": pair(dilation_rate, "dilation_rate"),
        "padding": padding_name(padding),
    }
    inputs = [x, kernel] if bias is None else [x, kernel, bias]
    return apply_all("depthwise_conv2d", inputs, attrs)[0]


def batch_norm(x: Any, gamma: Any, beta: Any, epsilon: float = 1e-3) -> tuple[Any, Any, Any]:
    """Normalises over all axes but the last with the statistics of x itself.

    Args:
        x: (N, ..., C).
        gamma: (C,) factors.
        beta: (C,) offsets.
        epsilon: added to the variance.

    Returns:
        (x - mean) / sqrt(variance + epsilon) * gamma + beta, and mean and (population) variance,
        each (C,), through which no gradient flows.
    """
    y, mean, variance = apply_all("batch_norm", [x, gamma, beta], {"epsilon": float(epsilon)})
    return y, mean, variance


def batch_norm_inference(
    x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, epsilon: float = 1e-3
) -> Any:
    """Normalises the last axis with given statistics.

    Args:
        x: (N, ..., C).
        gamma: (C,) factors.
        beta: (C,) offsets.
        mean: (C,).
        variance: (C,), >= 0.
        epsilon: added to the variance.

    Returns:
        (x - mean) / sqrt(variance + epsilon) * gamma + beta.
    """
    inputs = [x, gamma, beta, mean, variance]
    return apply_all("batch_norm_inference", inputs, {"epsilon": float(epsilon)})[0]


def _pool2d(name: str, x: Any, pool_size: Pair, strides: Pair | None, padding: str) -> Any:
    attrs = {
        "pool_size": pair(pool_size, "pool_size"),
        "strides": pair(pool_size if strides is None else strides, "strides"),
        "padding": padding_name(padding),
    }
    return apply_all(name, [x], attrs)[0]


def max_pool2d(x: Any, pool_size: Pair, strides: Pair | None = None, padding: str = "valid") -> Any:
    """Returns the largest element of each window of (N, H, W, C); strides default to the size."""
    return _pool2d("max_pool2d", x, pool_size, strides, padding)


def average_pool2d(
    x: Any, pool_size: Pair, strides: Pair | None = None, padding: str = "valid"
) -> Any:
    """Returns the mean of each window of (N, H, W, C); padding does not count in the mean."""
    return _pool2d("average_pool2d", x, pool_size, strides, padding)


def dropout(
    x: Any,
    rate: float,
    *,
    state: Any = None,
    stream: int | None = None,
    noise_shape: Sequence[int | None] | None = None,
) -> Any:
    """Sets a random part of x to zero and scales the rest by 1 / (1 - rate).

    Args:
        x: the operand.
        rate: part to drop, in [0, 1].
        state: float64 variable or array (seed, counter); inside a trace the model's own if None.
        stream: number that separates this call from others of the same state.
        noise_shape: shape of the mask, 1 where it is shared, None as in x.

    Raises:
        ConfigurationError: if arrays are given without a state.
    """
    state, stream = random_arguments(x, state, stream)
    if noise_shape is not None:
        noise = random_uniform(x, shared_axes(x, noise_shape), state=state, stream=stream)
        scale = 0.0 if rate >= 1 else 1.0 / (1.0 - rate)
        return x * (greater_equal(noise, float(rate)) * scale)
    attrs = {"rate": float(rate), "stream": stream}
    return apply_all("dropout", [x, state], attrs, [float_dtype(x), "float64"])[0]


def shared_axes(x: Any, noise_shape: Sequence[int | None]) -> list[int]:
    """Returns the axes of x along which noise of a shape is the same.

    Args:
        x: the operand.
        noise_shape: 1 where the noise is shared, None or the size of x elsewhere.

    Raises:
        ShapeError: if the noise does not broadcast to x.
    """
    shape = static_shape(x)
    if len(noise_shape) != len(shape) or any(
        n not in (None, 1) and size not in (None, n)
        for n, size in zip(noise_shape, shape, strict=True)
    ):
        raise ShapeError(f"`noise_shape` {tuple(noise_shape)} does not fit an input {shape}.")
    return [i for i, n in enumerate(noise_shape) if n == 1 and shape[i] != 1]


def softmax_crossentropy(logits: Any, target: Any) -> tuple[Any, Any]:
    """Returns -sum(target * log_softmax(logits)) and softmax(logits).

    Args:
        logits: (..., C) unnormalised scores.
        target: (..., C) probabilities; no gradient flows to them.

    Returns:
        loss (...), probabilities (..., C).
    """
    loss, probabilities = apply_all("softmax_crossentropy", [logits, target])
    return loss, probabilities


def sparse_softmax_crossentropy(logits: Any, ids: Any) -> tuple[Any, Any]:
    """Returns -log_softmax(logits)[ids] and softmax(logits).

    Args:
        logits: (..., C) unnormalised scores.
        ids: (...) class numbers in [0, C).

    Returns:
        loss (...), probabilities (..., C).
    """
    loss, probabilities = apply_all(
        "sparse_softmax_crossentropy",
        [logits, cast(ids, "int32")],
        dtypes=[float_dtype(logits), "int32"],
    )
    return loss, probabilities


def sigmoid_crossentropy(logits: Any, target: Any) -> Any:
    """Returns the binary crossentropy of sigmoid(logits), mean over the last axis."""
    return apply("sigmoid_crossentropy", logits, target)


def mean_squared_error(prediction: Any, target: Any) -> Any:
    """Returns the mean of (prediction - target)^2 over the last axis."""
    return apply("mean_squared_error", prediction, target)


def mean_absolute_error(prediction: Any, target: Any) -> Any:
    """Returns the mean of |prediction - target| over the last axis."""
    return apply("mean_absolute_error", prediction, target)


def l1_penalty(x: Any, factor: float) -> Any:
    """Returns factor * sum(|x|)."""
    return apply("l1_penalty", x, factor=float(factor))


def l2_penalty(x: Any, factor: float) -> Any:
    """Returns factor * sum(x^2)."""
    return apply("l2_penalty", x, factor=float(factor))
