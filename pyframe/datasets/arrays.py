"""Reading of data sets of images from .npz files."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import DataError

Images: TypeAlias = NDArray[np.uint8]
Split: TypeAlias = tuple[Images, Images]


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
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            parts = {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    except (
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(f"{path} is damaged or is not a data set of images: {error}") from error
    for split in ("train", "test"):
        _check(path, parts[f"x_{split}"], parts[f"y_{split}"], size, classes)
    return (parts["x_train"], parts["y_train"]), (parts["x_test"], parts["y_test"])


def _check(path: Path, x: NDArray[Any], y: NDArray[Any], size: tuple[int, ...], n: int) -> None:
    fits = x.shape == (len(y), *size) if y.ndim == 1 else False
    if not fits or x.dtype != np.uint8 or y.dtype != np.uint8 or (len(y) and int(y.max()) >= n):
        raise DataError(
            f"{path} should hold uint8 images of shape {size} and labels below {n}, but holds "
            f"{x.dtype} of shape {x.shape} and {y.dtype} of shape {y.shape}"
        )
