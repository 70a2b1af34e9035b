"""Zip files whose members are checked before anything is read from them.

The only module of pyframe that opens archives. Members are stored without compression, so that a
file cannot ask for more memory than it has bytes.
"""

from __future__ import annotations

import errno
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pyframe.errors import CheckpointError, IntegrityError, ModelFormatError
from pyframe.ops.dtypes import Array

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_MAX_MEMBERS = 1_000_000
_MAX_JSON = 64 << 20
_MAX_DEPTH = 100
_DTYPES = {
    f"{order}{code}"
    for order in "<|"
    for code in ("f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
}
_BROKEN = (
    zipfile.BadZipFile, EOFError, struct.error, NotImplementedError, UnicodeDecodeError,
    zlib.error, ValueError, RuntimeError, OverflowError, IndexError, KeyError, MemoryError,
)  # fmt: skip


class ArchiveWriter:
    """Writes members one after the other; the same contents give the same bytes.

    Args:
        file: where to write, seekable.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def add_json(self, name: str, value: Any) -> None:
        """Adds plain data as JSON."""
        text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
        with self._zip.open(_info(name), "w") as member:
            member.write(text.encode("ascii"))

    def add_array(self, name: str, array: Array) -> None:
        """Adds an array as a .npy file, which `numpy.load` can read as well."""
        large = array.nbytes > 1 << 30
        with self._zip.open(_info(name), "w", force_zip64=large) as member:
            np.lib.format.write_array(member, array, (1, 0), allow_pickle=False)

    def close(self) -> None:
        """Writes the table of members."""
        self._zip.close()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    return info


class ArchiveReader:
    """Reads members of a file whose table was found to be sound.

    Args:
        path: for error texts.
        file: the file.

    Raises:
        ModelFormatError: if it is no such archive.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        with self.guard("is no file of pyframe"):
            self._zip = zipfile.ZipFile(file)
        self._members = {info.filename: info for info in self._zip.infolist()}
        with self.guard("has a damaged table of members"):
            self._check_table()

    @contextmanager
    def guard(self, what: str) -> Iterator[None]:
        """Turns whatever a damaged file leads to into a ModelFormatError that names the file."""
        try:
            yield
        except ModelFormatError:
            raise
        except OSError as error:
            if error.errno not in (None, errno.EINVAL):  # the latter: an impossible position
                raise
            raise self.refuse(f"{what}: {error}") from error
        except _BROKEN as error:
            kind = IntegrityError if "CRC" in str(error) else ModelFormatError
            raise kind(
                f"The file '{self.path}' {what}: {error or type(error).__name__}."
            ) from error

    def refuse(self, what: str) -> ModelFormatError:
        """Returns the error that says what is wrong with the file."""
        return ModelFormatError(f"The file '{self.path}' {what}.")

    def _check_table(self) -> None:
        infos = self._zip.infolist()
        if len(infos) > _MAX_MEMBERS or len(infos) != len(self._members):
            raise self.refuse("has too many members, or two of the same name")
        size = self._file.seek(0, 2)
        spans = []
        for info in infos:
            name = info.filename
            if not _NAME.fullmatch(name) or info.orig_filename != name:
                raise self.refuse(f"has a member with the impossible name {name!r}")
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & ~0x800:
                raise self.refuse(f"has the compressed or encrypted member {name!r}")
            if info.file_size != info.compress_size or info.compress_size > size:
                raise self.refuse(f"has a wrong size for the member {name!r}")
            self._file.seek(info.header_offset)
            header = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
            begin = info.header_offset + _LOCAL_HEADER.size + header[9] + header[10]
            spans.append((info.header_offset, begin + info.file_size, name))
        spans.sort()
        ends = [*(begin for begin, _, _ in spans[1:]), self._zip.start_dir]
        for (_, end, name), limit in zip(spans, ends, strict=True):
            if end > limit:
                raise self.refuse(f"has members that overlap: {name!r}")

    @property
    def names(self) -> set[str]:
        """Names of the members."""
        return set(self._members)

    def read_json(self, name: str) -> Any:
        """Returns the plain data of a member.

        Raises:
            ModelFormatError: if it is missing, too large, too deep or no proper JSON.
        """
        info = self._members.get(name)
        if info is None:
            raise self.refuse(f"lacks the member {name!r}")
        if info.file_size > _MAX_JSON:
            raise self.refuse(f"has too large a member {name!r}")
        with self.guard(f"has an unreadable member {name!r}"):
            text = self._zip.read(info).decode("ascii")
            if _depth(text) > _MAX_DEPTH:
                raise self.refuse(f"has too deep a nesting in {name!r}")
            return json.loads(text, object_pairs_hook=_without_duplicates)

    def array_spec(self, name: str) -> tuple[tuple[int, ...], str]:
        """Returns shape and dtype of an array, from the few bytes in front of it.

        Raises:
            ModelFormatError: if it is missing, or its size does not fit its shape.
        """
        info = self._members.get(name)
        if info is None:
            raise self.refuse(f"lacks the array {name!r}")
        with self.guard(f"has an unreadable array {name!r}"), self._zip.open(info) as member:
            shape, dtype = self._read_header(member)
            size = dtype.itemsize
            for n in shape:
                size *= n
            if size != info.file_size - member.tell():
                raise self.refuse(f"has a wrong size for the array {name!r}")
            return shape, dtype.str

    def _read_header(self, member: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
        if np.lib.format.read_magic(member) != (1, 0):
            raise self.refuse("has an array of an unknown version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member, max_header_size=4096)
        if fortran or dtype.str not in _DTYPES or any(n < 0 for n in shape) or len(shape) > 32:
            raise self.refuse(f"has an array of the forbidden kind {dtype}")
        return tuple(int(n) for n in shape), dtype

    def read_array(self, name: str) -> Array:
        """Returns an array.

        Raises:
            ModelFormatError: if it cannot be read.
            IntegrityError: if it differs from its checksum.
        """
        with (
            self.guard(f"has an unreadable array {name!r}"),
            self._zip.open(self._members[name]) as opened,
        ):
            member: Any = opened
            shape, dtype = self._read_header(member)
            array = np.empty(shape, dtype)
            bytes_of: Any = memoryview(array.reshape(-1).view(np.uint8).data)
            done = 0
            while done < len(bytes_of):
                count = member.readinto(bytes_of[done : done + (1 << 22)])
                if not count:
                    raise self.refuse(f"ends within the array {name!r}")
                done += count
            if member.read(1):  # also makes zipfile compare the checksum
                raise self.refuse(f"has a wrong size for the array {name!r}")
            return array

    def check_all(self) -> None:
        """Reads everything once.

        Raises:
            IntegrityError: if a member differs from its checksum.
        """
        with self.guard("cannot be read back"):
            bad = self._zip.testzip()
        if bad is not None:
            raise IntegrityError(f"The file '{self.path}' is damaged: wrong checksum of {bad!r}.")


@contextmanager
def open_archive(path: Path) -> Iterator[ArchiveReader]:
    """Opens an archive for reading.

    Raises:
        CheckpointError: if there is no such file, or it cannot be read.
        ModelFormatError: if it is no archive.
    """
    try:
        with path.open("rb") as file:
            yield ArchiveReader(path, file)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(
            error.errno, f"The file could not be read ({error.strerror})", str(path)
        ) from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _depth(text: str) -> int:
    # Brackets inside strings count as well, but they come in any order and do no harm: strings
    # are cut out first.
    depth = deepest = 0
    for bracket in re.findall(r"[\[{\]}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
