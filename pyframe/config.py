"""Global defaults: working dtype, fuzz factor, image layout."""

from __future__ import annotations

from typing import Any

from pyframe.errors import ConfigurationError

_FLOATS = ("float32", "float64")
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
