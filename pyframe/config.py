"""Global defaults: working dtype, fuzz factor, image layout, algorithm of convolutions, memory."""

from __future__ import annotations

import operator
import os
from typing import Any

from pyframe import _core
from pyframe.errors import ConfigurationError

_FLOATS = ("float32", "float64")
_CONV_ALGORITHMS = ("auto", "direct", "winograd", "winograd_2x2")
_MEMORY_LIMIT = 4 << 30
_settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7}


def floatx() -> str:
    """Returns the dtype of new weights, `"float32"` unless `set_floatx` changed it."""
    return str(_settings["floatx"])


def set_floatx(value: str) -> None:
    """Sets the dtype of new weights.

    Args:
        value: `"float32"` or `"float64"`.

    Raises:
        ConfigurationError: for any other name.
    """
    if value not in _FLOATS:
        raise ConfigurationError(f"`floatx` must be one of {_FLOATS}. Received: {value!r}")
    _settings["floatx"] = value


def epsilon() -> float:
    """Returns the fuzz factor that keeps logarithms and divisions finite (1e-7)."""
    return float(_settings["epsilon"])


def set_epsilon(value: float) -> None:
    """Sets the fuzz factor.

    Args:
        value: a number > 0; it takes effect in models traced from now on.

    Raises:
        ConfigurationError: if the number is not positive.
    """
    if not value > 0:
        raise ConfigurationError(f"`epsilon` must be positive. Received: {value!r}")
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """Returns `"channels_last"`, the only layout of the kernels (N, H, W, C)."""
    return "channels_last"


def conv_algorithm() -> str:
    """Returns how convolutions are computed, `"auto"` unless `set_conv_algorithm` changed it."""
    return _core.get_conv_algorithm()


def set_conv_algorithm(value: str) -> None:
    """Sets how convolutions and their gradients are computed, in all models from now on.

    Winograd's algorithm F(4x4, 3x3), and F(3x3, 4x4) for the gradient of the kernel, needs up to
    four times fewer multiplications than the direct sum, F(2x2, 3x3) up to 2.25 times fewer with a
    smaller transformed kernel (Lavin and Gray 2015, arXiv:1509.09308). It is possible for kernels
    of 3x3 with strides, dilation and groups of 1. Its rounding error (root mean square) is some 2
    to 4 times that of the direct sum in float32, with tiles of 2x2 0.6 to 1.2 times; a NaN or
    infinity in the input reaches all results of its tile, and inputs beyond about 1e37 overflow.

    Args:
        value: `"auto"`: Winograd's algorithm for float32 where a model of the cost, a function of
            shapes and instruction set alone, says that it is faster, with tiles of 4x4 or 2x2
            results; `"direct"`: nowhere; `"winograd"`: wherever it is possible, in float64 too,
            with tiles of 4x4; `"winograd_2x2"`: the same with tiles of 2x2 (4x4 for the gradient of
            the kernel).

    Raises:
        ConfigurationError: for any other name.

    Example:
        >>> pyframe.config.set_conv_algorithm("direct")
    """
    if value not in _CONV_ALGORITHMS:
        raise ConfigurationError(
            f"`conv_algorithm` must be one of {_CONV_ALGORITHMS}. Received: {value!r}"
        )
    _core.set_conv_algorithm(value)


def memory_limit() -> int | None:
    """Returns the bytes that the activations of a training step may take, None for no limit.

    Unless `set_memory_limit` changed it: 4 GiB, but not more than half of the machine's memory.
    """
    if "memory_limit" not in _settings:
        try:
            half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (ValueError, OSError):
            half = _MEMORY_LIMIT
        _settings["memory_limit"] = min(_MEMORY_LIMIT, half) if half > 0 else _MEMORY_LIMIT
    limit: int | None = _settings["memory_limit"]
    return limit


def set_memory_limit(value: int | None) -> None:
    """Sets how much memory the activations of a training step may take, in all models from now on.

    A training step keeps what its forward pass computed for its backward pass. Where that would be
    more than the limit, cheap results (normalisations, activations) are not kept but computed
    again, and if that is not enough, those of convolutions too, the cheapest first (Chen et al.
    2016, arXiv:1604.06174). The numbers do not depend on it, bit by bit; a step takes longer, by a
    few per cent at first and by up to a third at last. It is a wish: a step that needs more than
    the limit with all of that runs with what it needs. Weights and what the optimizer keeps for
    them do not count.

    Args:
        value: bytes, a whole number > 0; None for no limit.

    Raises:
        ConfigurationError: for any other value.

    Example:
        >>> pyframe.config.set_memory_limit(2 << 30)
    """
    if value is not None:
        try:
            number = operator.index(value)
        except TypeError:
            number = 0
        if number <= 0 or isinstance(value, bool):
            raise ConfigurationError(
                "`memory_limit` must be a whole number of bytes > 0, or None for no limit. "
                f"Received: {value!r}"
            )
        value = min(number, 1 << 62)
    _settings["memory_limit"] = value
