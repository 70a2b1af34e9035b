"""Global defaults: working dtype, fuzz factor, image layout, algorithm of convolutions."""

from __future__ import annotations

from typing import Any

from pyframe import _core
from pyframe.errors import ConfigurationError

_FLOATS = ("float32", "float64")
_CONV_ALGORITHMS = ("auto", "direct", "winograd")
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
    four times fewer multiplications than the direct sum (Lavin and Gray 2015, arXiv:1509.09308).
    It is possible for kernels of 3x3 with strides, dilation and groups of 1. Its rounding error
    (root mean square) is some 2 to 4 times that of the direct sum in float32, a NaN or infinity in
    the input reaches all results of its tile of 4x4, and inputs beyond about 1e37 overflow.

    Args:
        value: `"auto"`: Winograd's algorithm for float32 where a model of the cost, a function of
            shapes and instruction set alone, says that it is faster; `"direct"`: nowhere;
            `"winograd"`: wherever it is possible, in float64 too.

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
