"""Checks of the arguments of ImageDataGenerator."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import ConfigurationError, warn

Array: TypeAlias = NDArray[Any]


def cast_like(result: Array, dtype: np.dtype[Any]) -> Array:
    """Returns float values in another dtype; whole numbers are rounded and cut to its range."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        rounded = np.where(result > 0, np.floor(result + 0.5), np.ceil(result - 0.5))
        return np.clip(rounded, limits.min, limits.max).astype(dtype)
    return result.astype(dtype, copy=False)


def warn_of_channels(shape: tuple[int, ...], axis: int, data_format: str) -> None:
    """Warns if pictures have an unusual number of channels."""
    if shape[axis] not in (1, 3, 4):
        warn(
            f"Pictures should have 1, 3 or 4 channels on axis {axis} ({data_format}). "
            f"Received the shape {shape}"
        )


def check_number(value: Any, argument: str) -> Any:
    """Returns a finite number.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(value, (int, float, np.number)) and math.isfinite(value):
        return value
    raise ConfigurationError(f"`{argument}` must be a finite number. Received: {value!r}")


def check_shift(value: Any, argument: str) -> Any:
    """Returns a shift range: a number or a list of numbers.

    Raises:
        ConfigurationError: for anything else.
    """
    array = np.asarray(value)
    if array.ndim > 1 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ConfigurationError(
            f"`{argument}` must be a float, an int or a list of numbers. Received: {value!r}"
        )
    return value


def check_pair(value: Any, argument: str) -> tuple[float, float] | None:
    """Returns two finite numbers, or None.

    Raises:
        ConfigurationError: for anything else.
    """
    if value is None:
        return None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ConfigurationError(f"`{argument}` must be two numbers. Received: {value!r}")
    return check_number(value[0], argument), check_number(value[1], argument)


def check_zoom(value: Any) -> list[float]:
    """Returns the two limits of a zoom.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(value, (int, float)):
        low, high = 1 - check_number(value, "zoom_range"), 1 + value
    else:
        try:
            low, high = (check_number(part, "zoom_range") for part in value)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"`zoom_range` must be a number or two numbers. Received: {value!r}"
            ) from None
    return [low, high]
