"""Reading of pickled arrays and lists without running anything that a file names.

The data sets of Keras hold lists of word numbers as pickled object arrays, and CIFAR's batches are
pickled dictionaries. Here every class in a pickle is replaced by a plain record of its arguments:
no code of the file's choice runs, and NumPy never restores a state that a file made up.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import DataError

MAX_BYTES = 1 << 30
_DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "b1")
# What a damaged or hostile file can raise in zipfile, numpy.lib.format and pickle.
DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    MemoryError,
    RecursionError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
)


class _Dtype:
    """Stands for numpy.dtype."""

    def __init__(self, name: str | bytes, *_: object) -> None:
        self.name = name.decode("ascii") if isinstance(name, bytes) else name
        self.order = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else order


class _Array:
    """Stands for numpy.ndarray."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def values(self) -> NDArray[Any]:
        """Returns the array; items of an object array stay what the pickle made of them."""
        _, shape, dtype, column_major, data = self.state
        count = math.prod(shape)
        if dtype.name[:1] == "O":
            if not isinstance(data, list) or len(data) != count:
                raise ValueError(f"an object array of shape {shape} holds another number of items")
            array = np.empty(count, object)
            array[:] = data
        elif dtype.name in _DTYPES and dtype.order in "<>|=":
            content = data.encode("latin-1") if isinstance(data, str) else data
            array = np.frombuffer(content, dtype.order.replace("|", "=") + dtype.name, count).copy()
        else:
            raise ValueError(f"an array of dtype {dtype.name!r} is not expected here")
        result: NDArray[Any] = array.reshape(shape, order="F" if column_major else "C")
        return result


def _encode(text: str, encoding: str = "latin-1") -> bytes:
    return text.encode(encoding if encoding in ("latin1", "latin-1", "ascii") else "latin-1")


def _no_bytes() -> bytes:
    return b""


class _Unpickler(pickle.Unpickler):
    _STAND_INS = {  # noqa: RUF012 - a constant
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        ("_codecs", "encode"): _encode,
        ("__builtin__", "bytes"): _no_bytes,  # so protocol 2 writes empty bytes
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def unpickle(content: bytes) -> Any:
    """Returns what a pickle of containers, numbers, strings and NumPy arrays holds.

    Args:
        content: the pickle; strings of Python 2 become bytes. Arrays inside containers of a
            dictionary at the top become NumPy arrays; deeper ones are not expected.

    Raises:
        one of `DAMAGE`: if it is damaged or names anything else.
    """
    value = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    if isinstance(value, dict):
        return {k: v.values() if isinstance(v, _Array) else v for k, v in value.items()}
    return value.values() if isinstance(value, _Array) else value


def read_npz(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Returns arrays of an .npz file by name.

    Args:
        path: the file. Object arrays may hold numbers, strings and lists of them.
        names: the arrays to read.

    Raises:
        DataError: if the file is damaged, lacks an array, or has one of more than 1 GiB.
        FileNotFoundError: if there is no such file.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return {name: _read_npy(file, f"{name}.npy") for name in names}
    except DAMAGE as error:
        raise DataError(f"{path} is damaged or is not the expected data set: {error}") from error


def _read_npy(file: zipfile.ZipFile, name: str) -> NDArray[Any]:
    if file.getinfo(name).file_size > MAX_BYTES:
        raise ValueError(f"{name} is larger than {MAX_BYTES} bytes")
    content = file.read(name)
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = readers[version](stream)
    if not dtype.hasobject:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    array: NDArray[Any] = unpickle(content[stream.tell() :])
    if array.shape != shape:
        raise ValueError(f"{name} states shape {shape} and holds {array.shape}")
    return array
