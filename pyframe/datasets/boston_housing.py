"""Prices of houses in the suburbs of Boston, 1978: a small regression."""

from __future__ import annotations

from os import PathLike

from pyframe.datasets.arrays import KERAS_FILES, Parts, check_split, load_table, locate

URL = f"{KERAS_FILES}boston_housing.npz"
SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(
    path: str | PathLike[str] | None = None, test_split: float = 0.2, seed: int = 113
) -> Parts:
    """Returns `(x_train, y_train), (x_test, y_test)`: 506 suburbs in all, in Keras's order.

    Each row of `x` has 13 float64 attributes; `y` is the median price in 1,000 dollars. One of the
    attributes ("B") was built on an assumption about race: the table suits for showing that,
    and for little else; `california_housing` is the better first regression.

    Args:
        path: a local .npz file. By default `datasets/boston_housing.npz` in `$PYFRAME_HOME` (or in
            `~/.pyframe`), which is downloaded (60 kB) if it is not there.
        test_split: share of the samples for testing, at least 0 and below 1.
        seed: of the shuffling before the split.

    Raises:
        ConfigurationError: if `test_split` is impossible.
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.

    References:
        D. Harrison, D. L. Rubinfeld, "Hedonic housing prices and the demand for clean air",
        Journal of Environmental Economics and Management 5, 1978.
    """
    check_split(test_split)
    return load_table(locate(path, URL, SHA256), 13, test_split, seed, None)
