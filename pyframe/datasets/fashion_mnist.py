"""Fashion-MNIST: 70,000 grey pictures of clothes, in the format of MNIST."""

from __future__ import annotations

import gzip
from os import PathLike
from pathlib import Path

import numpy as np

from pyframe.datasets.arrays import KERAS_FILES, Array, Split, check_images
from pyframe.errors import DataError
from pyframe.utils.download import data_home, fetch

URL = KERAS_FILES
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
_MAX_BYTES = 1 << 28


def load_data(path: str | PathLike[str] | None = None) -> tuple[Split, Split]:
    """Returns `(x_train, y_train), (x_test, y_test)`.

    `x_train` has shape (60000, 28, 28), `x_test` (10000, 28, 28), `y_train` (60000,) and `y_test`
    (10000,), all uint8. Labels: 0 T-shirt or top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal,
    6 shirt, 7 sneaker, 8 bag, 9 ankle boot.

    Args:
        path: a local folder with the four files of the data set (`train-images-idx3-ubyte.gz`
            ...). By default `datasets/fashion-mnist` in `$PYFRAME_HOME` (or in `~/.pyframe`), to
            which they are downloaded (30 MB) if they are not there.

    Raises:
        DownloadError: if the download fails; the text says how to place the files by hand.
        DataError: if a file holds something else.
        FileNotFoundError: if a file is missing in `path`.

    References:
        H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
        machine learning algorithms", arXiv:1708.07747, 2017. Zalando SE holds the copyright; the
        data set is under the MIT licence.
    """
    folder = data_home() / "datasets" / "fashion-mnist" if path is None else Path(path)
    if path is None:
        for name, md5 in MD5.items():
            fetch(URL + name, folder / name, md5, max_bytes=1 << 26)
    images, labels, test_images, test_labels = (folder / name for name in MD5)
    return _read_split(images, labels), _read_split(test_images, test_labels)


def _read_split(images: Path, labels: Path) -> Split:
    x, y = _read_idx(images, 3), _read_idx(labels, 1)
    check_images(images, x, y, (28, 28), 10)
    return x, y


def _read_idx(path: Path, rank: int) -> Array:
    # The IDX format: two zeros, 8 for uint8, the rank; the sizes; the values. Big-endian.
    try:
        with gzip.open(path) as file:
            content = file.read(_MAX_BYTES)
    except (EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # no such file, no permission
        raise DataError(f"{path} is damaged: {error}") from error
    start = 4 + 4 * rank
    if len(content) < start or content[:4] != bytes([0, 0, 8, rank]):
        raise DataError(f"{path} is no IDX file of {rank} dimensions")
    shape = [int(n) for n in np.frombuffer(content[4:start], ">u4")]
    values = np.frombuffer(content, np.uint8, offset=start)
    if len(values) != np.prod(shape, dtype=object):
        raise DataError(f"{path} states shape {tuple(shape)} and holds {len(values)} values")
    return values.reshape(shape)
