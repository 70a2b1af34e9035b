"""Texts as lists of word numbers, cut and marked as Keras does it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.datasets.arrays import Array
from pyframe.datasets.pickled import read_npz
from pyframe.errors import ConfigurationError, DataError


def read_texts(path: Path, *names: str) -> list[tuple[Array, Array]]:
    """Returns texts and labels of an .npz file, one pair for each pair of `names`.

    Raises:
        DataError: if the file holds something else.
        FileNotFoundError: if there is no such file.
    """
    parts = list(read_npz(path, names).values())
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    for texts, labels in pairs:
        if texts.ndim != 1 or labels.shape != texts.shape or labels.dtype.kind not in "iu":
            raise DataError(
                f"{path} should hold lists of word numbers and a label for each, but holds "
                f"{texts.dtype} of shape {texts.shape} and {labels.dtype} of shape {labels.shape}"
            )
    return pairs


def prepare(
    path: Path,
    texts: Array,
    labels: Array,
    *,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int | None,
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Returns the texts as an object array of lists, their labels, and which texts were kept.

    Args:
        path: where they come from, for errors.
        texts: object array of lists of word numbers.
        labels: one integer for each text.
        num_words: word numbers (after `index_from` was added) from here on are taken out. None:
            the largest number is, as in Keras.
        skip_top: word numbers below are taken out.
        maxlen: texts of this length and longer are left out.
        start_char: put in front of each text, unless None.
        oov_char: put in the place of what is taken out; None leaves no gap.
        index_from: added to each word number.

    Raises:
        ConfigurationError: if `maxlen` leaves no text.
        DataError: if the file holds something else.
    """
    try:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        words = np.fromiter(itertools.chain.from_iterable(texts), np.int64, lengths.sum())
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{path} should hold lists of word numbers: {error}") from error
    if start_char is not None:
        words = np.insert(words + (index_from or 0), np.cumsum(lengths) - lengths, start_char)
        lengths = lengths + 1
    elif index_from:
        words = words + index_from
    kept = np.ones(len(lengths), bool) if not maxlen else lengths < maxlen
    if not kept.any():
        raise ConfigurationError(
            f"`maxlen` keeps texts that are shorter, the shortest here has "
            f"{lengths.min(initial=0)} words. Received: maxlen={maxlen}"
        )
    words, lengths = words[np.repeat(kept, lengths)], lengths[kept]
    limit = num_words or words.max(initial=0)
    known = (words >= skip_top) & (words < limit)
    if oov_char is not None:
        words = np.where(known, words, oov_char)
    else:
        owner = np.repeat(np.arange(len(lengths)), lengths)[known]
        words, lengths = words[known], np.bincount(owner, minlength=len(lengths))
    result = np.empty(len(lengths), object)
    ends = np.cumsum(lengths)
    flat = words.tolist()
    result[:] = [flat[end - n : end] for n, end in zip(lengths, ends, strict=True)]
    return result, labels[kept], kept


def read_word_index(path: Path) -> dict[str, int]:
    """Returns the number of each word, from a JSON file.

    Raises:
        DataError: if the file holds something else.
    """
    try:
        index: Any = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if not isinstance(index, dict) or not all(type(n) is int for n in index.values()):
        raise DataError(f"{path} should hold words and their numbers")
    return index


def check_counts(**counts: int | None) -> None:
    """Raises ConfigurationError unless all are None or integers of at least 0."""
    for name, value in counts.items():
        if value is not None and (type(value) is not int or value < 0):
            raise ConfigurationError(
                f"`{name}` must be an integer of at least 0, or None. Received: {value!r}"
            )
