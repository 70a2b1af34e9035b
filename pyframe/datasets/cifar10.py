"""CIFAR-10: 60,000 colour photographs of ten kinds of things."""

from __future__ import annotations

from os import PathLike

from pyframe.datasets.arrays import Split, locate
from pyframe.datasets.cifar import load_batches

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def load_data(path: str | PathLike[str] | None = None) -> tuple[Split, Split]:
    """Returns `(x_train, y_train), (x_test, y_test)`.

    `x_train` has shape (50000, 32, 32, 3), `x_test` (10000, 32, 32, 3), `y_train` (50000, 1) and
    `y_test` (10000, 1), all uint8. Labels: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog,
    6 frog, 7 horse, 8 ship, 9 truck.

    Args:
        path: a local `cifar-10-python.tar.gz`. By default that file in `datasets` of
            `$PYFRAME_HOME` (or of `~/.pyframe`), which is downloaded (170 MB) if it is not there.

    Raises:
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.
        FileNotFoundError: if `path` has a folder and no such file is there.

    References:
        A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report,
        University of Toronto, 2009.
    """
    file = locate(path, URL, SHA256)
    train = [f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)]
    test = ["cifar-10-batches-py/test_batch"]
    return load_batches(file, train, b"labels", 10), load_batches(file, test, b"labels", 10)
