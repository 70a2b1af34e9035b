"""Prices of houses in the districts of California, 1990: a regression."""

from __future__ import annotations

from os import PathLike

from pyframe.datasets.arrays import KERAS_FILES, Parts, check_split, load_table, locate
from pyframe.errors import ConfigurationError

URL = f"{KERAS_FILES}california_housing.npz"
SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"


def load_data(
    version: str = "large",
    path: str | PathLike[str] | None = None,
    test_split: float = 0.2,
    seed: int = 113,
) -> Parts:
    """Returns `(x_train, y_train), (x_test, y_test)`, in Keras's order.

    Each row of `x` has 8 attributes of a district; `y` is the median price in dollars.

    Args:
        version: "large" for 20,640 districts, "small" for the first 600.
        path: a local .npz file. By default `datasets/california_housing.npz` in `$PYFRAME_HOME`
            (or in `~/.pyframe`), which is downloaded (750 kB) if it is not there.
        test_split: share of the samples for testing, at least 0 and below 1.
        seed: of the shuffling before the split.

    Raises:
        ConfigurationError: if `version` or `test_split` is impossible.
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.

    References:
        R. K. Pace, R. Barry, "Sparse spatial autoregressions", Statistics and Probability
        Letters 33, 1997.
    """
    if version not in ("large", "small"):
        raise ConfigurationError(f"`version` must be 'large' or 'small'. Received: {version!r}")
    check_split(test_split)
    limit = 600 if version == "small" else None
    return load_table(locate(path, URL, SHA256), 8, test_split, seed, limit)
