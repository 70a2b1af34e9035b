"""The 70,000 handwritten digits of MNIST."""

from __future__ import annotations

from os import PathLike

from pyframe.datasets.arrays import KERAS_FILES, Split, load_images, locate

URL = f"{KERAS_FILES}mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: str | PathLike[str] | None = None) -> tuple[Split, Split]:
    """Returns `(x_train, y_train), (x_test, y_test)`.

    `x_train` has shape (60000, 28, 28), `x_test` (10000, 28, 28), both uint8 with grey values 0
    (background) to 255; `y_train` (60000,) and `y_test` (10000,) are the digits as uint8.

    Args:
        path: a local .npz file. By default `datasets/mnist.npz` in `$PYFRAME_HOME` (or in
            `~/.pyframe`), which is downloaded (11 MB) if it is not there. A bare name that is no
            file in the working folder means a file in `datasets` as well.

    Raises:
        DownloadError: if the download fails; the text says how to place the file by hand.
        DataError: if the file holds something else.
        FileNotFoundError: if `path` has a folder and no such file is there.

    References:
        LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of
        the IEEE 86(11), 1998. Y. LeCun and C. Cortes hold the copyright; the data set is under
        the Creative Commons Attribution-ShareAlike 3.0 licence.
    """
    return load_images(locate(path, URL, SHA256, max_bytes=1 << 26), (28, 28), 10)
