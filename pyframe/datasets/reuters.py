"""Reuters: 11,228 news of 1987 as lists of word numbers, with one of 46 topics."""

from __future__ import annotations

from os import PathLike

import numpy as np

from pyframe.datasets.arrays import KERAS_FILES, Parts, check_split, locate, shuffled
from pyframe.datasets.sequences import check_counts, prepare, read_texts, read_word_index

URL = f"{KERAS_FILES}reuters.npz"
SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
WORDS_URL = f"{KERAS_FILES}reuters_word_index.json"
WORDS_MD5 = "4d44cc38712099c9e383dc6e5f11a921"


def load_data(
    path: str | PathLike[str] | None = None,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Parts:
    """Returns `(x_train, y_train), (x_test, y_test)`, in Keras's order.

    `x` are object arrays of lists of word numbers: the more frequent a word, the lower its number;
    `y` are topics 0 to 45. Numbers 0 to 2 mean padding, beginning, and a word that was taken out.

    Args:
        path: a local .npz file. By default `datasets/reuters.npz` in `$PYFRAME_HOME` (or in
            `~/.pyframe`), which is downloaded (2 MB) if it is not there.
        num_words: word numbers from here on are taken out; None keeps all but the rarest word.
        skip_top: word numbers below are taken out.
        maxlen: news of this length and longer are left out.
        test_split: share of the news for testing, at least 0 and below 1.
        seed: of the shuffling before the split.
        start_char: put in front of each text, unless None.
        oov_char: put in the place of a word that was taken out; None leaves no gap.
        index_from: added to the numbers of the file.

    Raises:
        ConfigurationError: for a negative count, an impossible `test_split`, or if `maxlen` leaves
            no text.
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.

    References:
        D. Lewis, "Reuters-21578 text categorization test collection", 1997.
    """
    check_counts(num_words=num_words, skip_top=skip_top, maxlen=maxlen)
    check_split(test_split)
    file = locate(path, URL, SHA256)
    texts, topics = shuffled(np.random.RandomState(seed), *read_texts(file, "x", "y")[0])
    x, y, _ = prepare(
        file,
        texts,
        topics,
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def get_word_index(path: str | PathLike[str] | None = None) -> dict[str, int]:
    """Returns the number of each word, without `index_from`.

    Args:
        path: a local JSON file. By default `datasets/reuters_word_index.json` in `$PYFRAME_HOME`
            (or in `~/.pyframe`), which is downloaded (540 kB) if it is not there.

    Raises:
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.
    """
    return read_word_index(locate(path, WORDS_URL, WORDS_MD5))


def get_label_names() -> tuple[str, ...]:
    """Returns the names of the 46 topics, in the order of their labels."""
    return tuple(_LABEL_NAMES.split())


_LABEL_NAMES = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship
cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin
strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr
gas silver wpi hog lead
"""
