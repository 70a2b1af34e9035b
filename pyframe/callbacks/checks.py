"""Checks of the arguments of callbacks."""

from __future__ import annotations

import math
import operator
import os
from typing import Any

from pyframe.errors import ConfigurationError


def check_number(
    value: Any, argument: str, low: float = -math.inf, high: float = math.inf
) -> float:
    """Returns a finite number in [low, high].

    Raises:
        ConfigurationError: for anything else.
    """
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high or math.isinf(number):
        limits = "finite" if low == -math.inf else f">= {low:g}"
        if high < math.inf:
            limits = f"between {low:g} and {high:g}"
        raise ConfigurationError(f"`{argument}` must be a number, {limits}. Received: {value!r}")
    return number


def check_whole(value: Any, argument: str, low: int = 0) -> int:
    """Returns a whole number >= low.

    Raises:
        ConfigurationError: for anything else.
    """
    try:
        number = low - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = low - 1
        if isinstance(value, float) and value.is_integer():
            number = int(value)
    if number < low:
        raise ConfigurationError(f"`{argument}` must be an integer >= {low}. Received: {value!r}")
    return number


def check_path(value: Any, argument: str) -> str:
    """Returns a path as text.

    Raises:
        ConfigurationError: if it is empty or no path.
    """
    try:
        path = os.fsdecode(value) if value else ""
    except TypeError:
        path = ""
    if not path:
        raise ConfigurationError(f"`{argument}` must be a path. Received: {value!r}")
    return path


def check_save_freq(value: Any) -> int | None:
    """Returns the number of batches between two saves, None for once an epoch.

    Raises:
        ConfigurationError: unless it is "epoch" or a positive integer.
    """
    if value == "epoch":
        return None
    if isinstance(value, str):
        raise ConfigurationError(
            f"`save_freq` must be 'epoch' or a number of batches >= 1. Received: {value!r}"
        )
    return check_whole(value, "save_freq", 1)


def set_learning_rate(model: Any, value: float, source: str) -> None:
    """Gives the optimizer a new learning rate.

    Args:
        model: a compiled model.
        value: the rate.
        source: who asks, for the error text.

    Raises:
        ConfigurationError: if the rate is no number >= 0, or follows a schedule.
    """
    rate = check_number(value, f"learning rate of {source}", 0.0)
    learning_rate(model, source)
    try:
        model.optimizer.learning_rate = rate
    except TypeError as error:
        raise ConfigurationError(f"{source} cannot change the learning rate: {error}") from error


def learning_rate(model: Any, source: str) -> float:
    """Returns the present learning rate of the optimizer.

    Raises:
        ConfigurationError: if it follows a schedule.
    """
    rate: Any = getattr(model.optimizer, "learning_rate", None)
    if not hasattr(rate, "__float__"):
        raise ConfigurationError(
            f"{source} changes the learning rate, but the optimizer has {rate!r}. Make the "
            "optimizer with a number, e.g. Adam(learning_rate=0.001), or leave the callback out."
        )
    return float(rate)
