"""Checks of optimizer and schedule arguments, all with the same kind of error text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError


def number(value: Any, argument: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Returns a number in [low, high].

    Raises:
        ConfigurationError: for anything else.
    """
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not real or not low <= value <= high or math.isinf(value):
        limits = ""
        if low > -math.inf:
            limits = f" >= {low:g}" if high == math.inf else f" between {low:g} and {high:g}"
        elif high < math.inf:
            limits = f" <= {high:g}"
        raise ConfigurationError(
            f"`{argument}` must be a finite number{limits}. Received: {value!r}"
        )
    return float(value)


def optional(value: Any, argument: str) -> float | None:
    """Returns a number >= 0, or None.

    Raises:
        ConfigurationError: for anything else.
    """
    return None if value is None else number(value, argument, 0.0)


def whole(value: Any, argument: str, low: int) -> int | None:
    """Returns a whole number >= low, or None.

    Raises:
        ConfigurationError: for anything else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise ConfigurationError(
            f"`{argument}` must be an integer >= {low} or None. Received: {value!r}"
        )
    return int(value)


def positive(value: Any, argument: str) -> float:
    """Returns a number > 0.

    Raises:
        ConfigurationError: for anything else.
    """
    if number(value, argument, 0.0) == 0.0:
        raise ConfigurationError(f"`{argument}` must be greater than 0. Received: {value!r}")
    return float(value)
