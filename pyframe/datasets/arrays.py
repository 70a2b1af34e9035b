"""Reading of data sets of images, and where the files of data sets are."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe.datasets.pickled import read_npz
from pyframe.errors import ConfigurationError, DataError
from pyframe.utils.download import data_home, fetch

Array: TypeAlias = NDArray[Any]
Images: TypeAlias = NDArray[np.uint8]
Split: TypeAlias = tuple[Images, Images]
Parts: TypeAlias = tuple[tuple[Array, Array], tuple[Array, Array]]

KERAS_FILES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def locate(
    path: str | PathLike[str] | None, url: str, file_hash: str, max_bytes: int = 1 << 28
) -> Path:
    """Returns the local file of a data set, after downloading it if it is not there.

    Args:
        path: a local file. None, and a bare name that is no file in the working folder, mean that
            name (by default the last part of `url`) in `datasets` of `$PYFRAME_HOME` (or of
            `~/.pyframe`), where the file is downloaded to.
        url: where it is downloaded from.
        file_hash: its MD5 or SHA-256 hash; files that were not downloaded are not checked.
        max_bytes: limit of the download.

    Raises:
        DownloadError: if the download fails; the text says how to place the file by hand.
    """
    file = Path(url.rpartition("/")[2] if path is None else path)
    bare = file.parent == Path()
    if path is None or (bare and not file.exists()):
        return fetch(url, data_home() / "datasets" / file.name, file_hash, max_bytes=max_bytes)
    return file


def load_images(path: Path, size: tuple[int, ...], classes: int) -> tuple[Split, Split]:
    """Returns `(x_train, y_train), (x_test, y_test)` of an .npz file.

    Args:
        path: the file; it is read without executing anything in it.
        size: shape of one image.
        classes: number of classes; labels must be below.

    Raises:
        DataError: if the file holds something else.
        FileNotFoundError: if there is no such file.
    """
    parts = read_npz(path, ("x_train", "y_train", "x_test", "y_test"))
    for split in ("train", "test"):
        check_images(path, parts[f"x_{split}"], parts[f"y_{split}"], size, classes)
    return (parts["x_train"], parts["y_train"]), (parts["x_test"], parts["y_test"])


def check_images(path: Path, x: Array, y: Array, size: tuple[int, ...], classes: int) -> None:
    """Raises DataError unless `x` are uint8 images of `size` and `y` their labels."""
    fits = x.shape == (len(y), *size) if y.ndim == 1 else False
    numbers = x.dtype == np.uint8 and y.dtype == np.uint8
    if not fits or not numbers or (len(y) and int(y.max()) >= classes):
        raise DataError(
            f"{path} should hold uint8 images of shape {size} and labels below {classes}, but "
            f"holds {x.dtype} of shape {x.shape} and {y.dtype} of shape {y.shape}"
        )


def check_split(test_split: float) -> float:
    """Returns the share of the test samples.

    Raises:
        ConfigurationError: if it is not in [0, 1).
    """
    if type(test_split) not in (int, float) or not 0 <= test_split < 1:
        raise ConfigurationError(
            f"`test_split` is the share of samples for testing, at least 0 and below 1. "
            f"Received: {test_split!r}"
        )
    return test_split


def shuffled(random: np.random.RandomState, *arrays: Array) -> tuple[Array, ...]:
    """Returns arrays in the order that Keras gives its data sets with this state of `random`."""
    order = np.arange(len(arrays[0]))
    random.shuffle(order)
    return tuple(array[order] for array in arrays)


def load_table(path: Path, columns: int, test_split: float, seed: int, limit: int | None) -> Parts:
    """Returns the parts of an .npz file with a table `x` and its targets `y`.

    Args:
        path: the file.
        columns: number of columns of `x`.
        test_split: share of the samples that come last after shuffling, for testing.
        seed: of the shuffling.
        limit: use the first so many samples only.

    Raises:
        ConfigurationError: if `test_split` is impossible.
        DataError: if the file holds something else.
    """
    check_split(test_split)
    parts = read_npz(path, ("x", "y"))
    x, y = parts["x"], parts["y"]
    if x.ndim != 2 or x.shape[1] != columns or y.shape != x.shape[:1] or x.dtype.kind != "f":
        raise DataError(
            f"{path} should hold a table `x` of {columns} columns and one `y` for each row, but "
            f"holds {x.dtype} of shape {x.shape} and {y.dtype} of shape {y.shape}"
        )
    x, y = shuffled(np.random.RandomState(seed), x[:limit], y[:limit])
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
