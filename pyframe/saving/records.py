"""Records: nested plain data with arrays in it, as one file.

A file is a zip archive: `metadata.json` (format, version, kind of record), `record.json` (the
data, with a number in the place of each array), `arrays.json` (shape, dtype and SHA-256 of each
array) and `arrays/<number>.npy`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pyframe._version import __version__
from pyframe.errors import ConfigurationError, IntegrityError
from pyframe.ops.dtypes import Array
from pyframe.saving.archive import ArchiveReader, ArchiveWriter, open_archive
from pyframe.saving.publish import publish

_FORMAT = "pyframe"
_VERSION = 1
_ARRAY = "$array"


class StoredArray:
    """An array that is still in its file.

    Attributes:
        shape: its shape.
        dtype: name of its dtype.
    """

    def __init__(self, record: Record, number: int, shape: tuple[int, ...], dtype: str) -> None:
        self._record = record
        self._number = number
        self.shape = shape
        self.dtype = np.dtype(dtype).name

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
        size = int(np.dtype(self.dtype).itemsize)
        for n in self.shape:
            size *= n
        return size


class Record:
    """Contents of a file whose structure was found to be sound; arrays are read when asked for.

    Attributes:
        path: the file.
        data: nested dictionaries and lists, with a StoredArray in the place of each array.
        version: version of pyframe that wrote the file.
    """

    def __init__(self, path: Path, archive: ArchiveReader, kinds: tuple[str, ...]) -> None:
        self.path = path
        metadata = archive.read_json("metadata.json")
        if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
            raise archive.refuse("is a zip file, but no file of pyframe")
        if metadata.get("version") != _VERSION:
            raise archive.refuse(
                f"has version {metadata.get('version')!r} of the format; this pyframe "
                f"({__version__}) reads version {_VERSION}. Use a newer pyframe"
            )
        self.kind = metadata.get("kind")
        if self.kind not in kinds:
            raise archive.refuse(f"holds a {self.kind!r}; a {' or '.join(kinds)} is needed")
        self.version = str(metadata.get("pyframe_version"))
        table = archive.read_json("arrays.json")
        if not isinstance(table, list) or not all(isinstance(entry, dict) for entry in table):
            raise archive.refuse("has a damaged table of arrays")
        expected = {"metadata.json", "record.json", "arrays.json"}
        expected |= {_member(i) for i in range(len(table))}
        if archive.names != expected:
            raise archive.refuse("has missing or unexpected members")
        self._hashes = [entry.get("sha256") for entry in table]
        self._specs = [archive.array_spec(_member(i)) for i in range(len(table))]
        for entry, (shape, dtype) in zip(table, self._specs, strict=True):
            if entry.get("shape") != list(shape) or entry.get("dtype") != dtype:
                raise archive.refuse("has an array that differs from the table")
        self._used: set[int] = set()
        self.data = self._unpack(archive.read_json("record.json"), archive)
        if len(self._used) != len(table):
            raise archive.refuse("has arrays that belong to nothing")

    def _unpack(self, value: Any, archive: ArchiveReader) -> Any:
        if isinstance(value, list):
            return [self._unpack(v, archive) for v in value]
        if not isinstance(value, dict):
            return value
        if _ARRAY not in value:
            return {k: self._unpack(v, archive) for k, v in value.items()}
        number = value[_ARRAY]
        known = type(number) is int and 0 <= number < len(self._specs) and len(value) == 1
        if not known or number in self._used:
            raise archive.refuse(f"refers to the unknown array {number!r}")
        self._used.add(number)
        return StoredArray(self, number, *self._specs[number])

    def load(self, data: Any = None) -> Any:
        """Returns data with all arrays read from the file.

        Args:
            data: a part of `self.data`, all of it if None.

        Raises:
            IntegrityError: if the file is damaged.
        """
        with open_archive(self.path) as archive:
            return self._load(self.data if data is None else data, archive)

    def _load(self, value: Any, archive: ArchiveReader) -> Any:
        if isinstance(value, list):
            return [self._load(v, archive) for v in value]
        if isinstance(value, dict):
            return {k: self._load(v, archive) for k, v in value.items()}
        if not isinstance(value, StoredArray):
            return value
        name = _member(value._number)
        if archive.array_spec(name) != self._specs[value._number]:
            raise archive.refuse("was changed while it was read")
        array = archive.read_array(name)
        if _hash(array) != self._hashes[value._number]:
            raise IntegrityError(f"The file '{self.path}' is damaged: wrong hash of {name!r}.")
        return array


def read_record(path: Path, *kinds: str) -> Record:
    """Reads everything but the arrays.

    Args:
        path: the file.
        *kinds: kinds of records that will do.

    Raises:
        CheckpointError: if there is no such file.
        ModelFormatError: if it is damaged, or something else.
    """
    with open_archive(path) as archive:
        return Record(path, archive, kinds)


def write_record(path: Path, kind: str, data: Any) -> None:
    """Writes a file in one step: a crash leaves the old file or the new one.

    Args:
        path: the file.
        kind: word that says what it is.
        data: nested dictionaries (with strings as keys), lists, numbers, strings and arrays.

    Raises:
        CheckpointError: if it cannot be written.
        ConfigurationError: if there is something else in the data.
    """
    arrays: list[Array] = []
    plain = _pack(data, arrays)
    table = [{"shape": list(a.shape), "dtype": a.dtype.str, "sha256": _hash(a)} for a in arrays]
    metadata = {
        "format": _FORMAT, "version": _VERSION, "kind": kind, "pyframe_version": __version__
    }  # fmt: skip

    def write(file: BinaryIO) -> None:
        archive = ArchiveWriter(file)
        archive.add_json("metadata.json", metadata)
        archive.add_json("record.json", plain)
        archive.add_json("arrays.json", table)
        for i, array in enumerate(arrays):
            archive.add_array(_member(i), array)
        archive.close()

    def check(written: Path) -> None:
        with open_archive(written) as archive:
            archive.check_all()

    publish(path, write, check)


def _member(number: int) -> str:
    return f"arrays/{number}.npy"


def _hash(array: Array) -> str:
    return hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest()


def _pack(value: Any, arrays: list[Array]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)
        arrays.append(array)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(value, (list, tuple)):
        return [_pack(v, arrays) for v in value]
    if isinstance(value, Mapping):
        if _ARRAY in value or not all(isinstance(k, str) for k in value):
            raise ConfigurationError(f"A dictionary with such keys cannot be saved: {list(value)}")
        return {k: _pack(v, arrays) for k, v in value.items()}
    raise ConfigurationError(f"A value of type {type(value).__name__} cannot be saved: {value!r}")
