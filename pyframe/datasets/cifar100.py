"""CIFAR-100: 60,000 colour photographs of a hundred kinds of things in twenty groups."""

from __future__ import annotations

from os import PathLike

from pyframe.datasets.arrays import Split, locate
from pyframe.datasets.cifar import load_batches
from pyframe.errors import ConfigurationError

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(
    label_mode: str = "fine", path: str | PathLike[str] | None = None
) -> tuple[Split, Split]:
    """Returns `(x_train, y_train), (x_test, y_test)`.

    `x_train` has shape (50000, 32, 32, 3), `x_test` (10000, 32, 32, 3), `y_train` (50000, 1) and
    `y_test` (10000, 1), all uint8.

    Args:
        label_mode: "fine" for labels 0 to 99, "coarse" for the twenty groups.
        path: a local `cifar-100-python.tar.gz`. By default that file in `datasets` of
            `$PYFRAME_HOME` (or of `~/.pyframe`), which is downloaded (169 MB) if it is not there.

    Raises:
        ConfigurationError: for another `label_mode`.
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.
        FileNotFoundError: if `path` has a folder and no such file is there.

    References:
        A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report,
        University of Toronto, 2009.
    """
    if label_mode not in ("fine", "coarse"):
        raise ConfigurationError(
            f"`label_mode` must be 'fine' or 'coarse'. Received: {label_mode!r}"
        )
    file = locate(path, URL, SHA256)
    key = f"{label_mode}_labels".encode()
    classes = 100 if label_mode == "fine" else 20
    train = load_batches(file, ["cifar-100-python/train"], key, classes)
    return train, load_batches(file, ["cifar-100-python/test"], key, classes)
