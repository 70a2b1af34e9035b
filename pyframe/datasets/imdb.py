"""IMDB: 50,000 film reviews as lists of word numbers, with a good or a bad verdict."""

from __future__ import annotations

from os import PathLike

import numpy as np

from pyframe.datasets.arrays import KERAS_FILES, Parts, locate, shuffled
from pyframe.datasets.sequences import check_counts, prepare, read_texts, read_word_index

URL = f"{KERAS_FILES}imdb.npz"
SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
WORDS_URL = f"{KERAS_FILES}imdb_word_index.json"
WORDS_MD5 = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str | PathLike[str] | None = None,
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Parts:
    """Returns `(x_train, y_train), (x_test, y_test)`, in Keras's order.

    `x` are object arrays of 25,000 lists of word numbers each: the more frequent a word, the lower
    its number. `y` are 1 for a good verdict and 0 for a bad one. Numbers 0 to 2 mean padding,
    beginning, and a word that was taken out.

    Args:
        path: a local .npz file. By default `datasets/imdb.npz` in `$PYFRAME_HOME` (or in
            `~/.pyframe`), which is downloaded (17 MB) if it is not there.
        num_words: word numbers from here on are taken out; None keeps all but the rarest word.
        skip_top: word numbers below are taken out.
        maxlen: reviews of this length and longer are left out.
        seed: of the shuffling.
        start_char: put in front of each review, unless None.
        oov_char: put in the place of a word that was taken out; None leaves no gap.
        index_from: added to the numbers of the file.

    Raises:
        ConfigurationError: for a negative count, or if `maxlen` leaves no review.
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.

    References:
        A. Maas et al., "Learning word vectors for sentiment analysis", ACL 2011.
    """
    check_counts(num_words=num_words, skip_top=skip_top, maxlen=maxlen)
    file = locate(path, URL, SHA256)
    pairs = read_texts(file, "x_train", "y_train", "x_test", "y_test")
    random = np.random.RandomState(seed)
    train, test = (shuffled(random, *pair) for pair in pairs)
    x, y, kept = prepare(
        file,
        np.concatenate([train[0], test[0]]),
        np.concatenate([train[1], test[1]]),
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    cut = int(kept[: len(train[0])].sum())
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def get_word_index(path: str | PathLike[str] | None = None) -> dict[str, int]:
    """Returns the number of each word, without `index_from`.

    Args:
        path: a local JSON file. By default `datasets/imdb_word_index.json` in `$PYFRAME_HOME` (or
            in `~/.pyframe`), which is downloaded (1.6 MB) if it is not there.

    Raises:
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.
    """
    return read_word_index(locate(path, WORDS_URL, WORDS_MD5))
