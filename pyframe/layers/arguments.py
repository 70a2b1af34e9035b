"""Checks of layer arguments, all with the same kind of error text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError


def positive_integer(value: Any, argument: str, layer: str) -> int:
    """Returns a positive whole number.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ConfigurationError(
            f"{layer}: `{argument}` must be a positive integer. Received: {value!r}"
        )
    return int(value)


def fraction(value: Any, argument: str, layer: str) -> float:
    """Returns a number in [0, 1].

    Raises:
        ConfigurationError: for anything else.
    """
    if not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise ConfigurationError(
            f"{layer}: `{argument}` must be a number between 0 and 1. Received: {value!r}"
        )
    return float(value)


def finite(value: Any, argument: str, layer: str) -> float:
    """Returns a finite number.

    Raises:
        ConfigurationError: for anything else.
    """
    if not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise ConfigurationError(f"{layer}: `{argument}` must be a number. Received: {value!r}")
    return float(value)


def sizes(value: Any, axes: int, argument: str, layer: str, least: int = 1) -> tuple[int, ...]:
    """Returns one whole number for each axis, from one number for all or a tuple.

    Args:
        value: what the user gave.
        axes: number of axes, 1 or 2.
        argument: name of the argument, for the error text.
        layer: the layer's label, for the error text.
        least: the smallest number allowed.

    Raises:
        ConfigurationError: for anything else.
    """
    numbers = (value,) * axes if isinstance(value, (int, np.integer)) else value
    if (
        not isinstance(numbers, (tuple, list))
        or len(numbers) != axes
        or not all(_is_count(n) and n >= least for n in numbers)
    ):
        kind = "a whole number" if axes == 1 else "an integer or a pair (height, width)"
        raise ConfigurationError(
            f"{layer}: `{argument}` must be {kind}, >= {least}. Received: {value!r}"
        )
    return tuple(int(n) for n in numbers)


def size_pair(value: Any, argument: str, layer: str) -> tuple[int, int]:
    """Returns (height, width) from a positive integer or two of them.

    Raises:
        ConfigurationError: for anything else.
    """
    height, width = sizes(value, 2, argument, layer)
    return height, width


def count_pairs(value: Any, axes: int, argument: str, layer: str) -> tuple[tuple[int, int], ...]:
    """Returns (before, after) for each axis, whole numbers >= 0.

    Args:
        value: one number for everything, or for each axis a number or a pair. With one axis
            the pair alone.
        axes: number of axes, 1 or 2.
        argument: name of the argument, for the error text.
        layer: the layer's label, for the error text.

    Raises:
        ConfigurationError: for anything else.
    """
    entries = [value] * axes if axes == 1 or isinstance(value, (int, np.integer)) else value
    pairs = []
    if isinstance(entries, (tuple, list)) and len(entries) == axes:
        for entry in entries:
            pair = (entry, entry) if isinstance(entry, (int, np.integer)) else entry
            if isinstance(pair, (tuple, list)) and len(pair) == 2 and all(map(_is_count, pair)):
                pairs.append((int(pair[0]), int(pair[1])))
    if len(pairs) != axes:
        kinds = "a pair" if axes == 1 else "a pair of numbers or of pairs"
        raise ConfigurationError(
            f"{layer}: `{argument}` must be a whole number >= 0 or {kinds}. Received: {value!r}"
        )
    return tuple(pairs)


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 0)


def choice(value: Any, options: Sequence[str], argument: str, layer: str) -> str:
    """Returns one of the options, in lower case.

    Raises:
        ConfigurationError: for anything else.
    """
    name = str(value).lower()
    if name not in options:
        raise ConfigurationError(
            f"{layer}: `{argument}` must be one of {', '.join(map(repr, options))}. "
            f"Received: {value!r}"
        )
    return name


def padding(value: Any, layer: str) -> str:
    """Returns "valid" or "same" in lower case.

    Raises:
        ConfigurationError: for anything else.
    """
    return choice(value, ("valid", "same"), "padding", layer)


def channels_last(value: str | None, layer: str) -> str:
    """Returns "channels_last", the only layout there is.

    Raises:
        ConfigurationError: for "channels_first" and anything else.
    """
    if value not in (None, "channels_last"):
        raise ConfigurationError(
            f"{layer}: `data_format`={value!r} is not available; pyframe computes in "
            "channels_last (batch, height, width, channels). Convert the data once with "
            "np.moveaxis(x, 1, -1)."
        )
    return "channels_last"


def shape_argument(
    input_shape: Sequence[int | None] | None,
    input_dim: int | None = None,
    batch_input_shape: Sequence[int | None] | None = None,
) -> tuple[int | None, ...] | None:
    """Returns the shape of one sample from the three ways to give it, None if none is given.

    Raises:
        ConfigurationError: if it is no sequence of positive integers and None.
    """
    if input_shape is None and input_dim is not None:
        input_shape = (input_dim,)
    if input_shape is None and batch_input_shape is not None:
        input_shape = tuple(batch_input_shape)[1:]
    if input_shape is None:
        return None
    if isinstance(input_shape, (int, np.integer)):
        raise ConfigurationError(
            f"`input_shape` must be a tuple. Received: {input_shape!r}. One number in a tuple "
            f"needs a comma: input_shape=({input_shape},)"
        )
    dims = tuple(input_shape)
    for n in dims:
        if n is not None and (not isinstance(n, (int, np.integer)) or n < 1):
            raise ConfigurationError(
                "`input_shape` must hold positive integers or None, without the batch size. "
                f"Received: {input_shape!r}"
            )
    return tuple(None if n is None else int(n) for n in dims)
