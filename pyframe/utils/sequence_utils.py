"""Sequences of different lengths in one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import ConfigurationError, DataError


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> NDArray[Any]:
    """Makes sequences equally long.

    Args:
        sequences: N sequences of numbers, or of arrays of one shape.
        maxlen: length of the result T; None for that of the longest sequence.
        dtype: of the result; `object` for texts.
        padding: `"pre"` or `"post"`: where short ones are filled up.
        truncating: `"pre"` or `"post"`: where long ones are cut.
        value: fills up.

    Returns:
        An array (N, T, ...).

    Raises:
        ConfigurationError: for an unknown place, or a text as `value` of numbers.
        DataError: if something is not a sequence, or the shapes of the elements differ.
    """
    for name, place in (("padding", padding), ("truncating", truncating)):
        if place not in ("pre", "post"):
            raise ConfigurationError(f"`{name}` must be 'pre' or 'post'. Received: {place!r}")
    if not hasattr(sequences, "__len__"):
        raise DataError("`sequences` must be a list of sequences.")
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise DataError(f"`sequences[{i}]` is not a sequence: {sequence!r}")
    of_text = np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.bytes_)
    if isinstance(value, str) and np.dtype(dtype) != np.dtype(object) and not of_text:
        raise ConfigurationError(
            f"`value` {value!r} does not fit `dtype` {dtype!r}; texts need dtype=object."
        )
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    elif isinstance(maxlen, bool) or maxlen < 1:
        raise ConfigurationError(f"`maxlen` must be a positive integer. Received: {maxlen!r}")
    shape = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    result = np.full((len(sequences), maxlen, *shape), value, dtype=dtype)
    for i, sequence in enumerate(sequences):
        if not len(sequence):
            continue
        part = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype)
        if part.shape[1:] != shape:
            raise DataError(
                f"`sequences[{i}]` has elements of shape {part.shape[1:]}, others of {shape}."
            )
        if padding == "pre":
            result[i, -len(part) :] = part
        else:
            result[i, : len(part)] = part
    return result
