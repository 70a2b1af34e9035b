"""Zip files whose members are checked before anything is read from them.

The only module of pyframe that opens archives of models.
"""

from __future__ import annotations

import errno
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pyframe.errors import IntegrityError, ModelFormatError, ResourceLimitError, UnsafeModelError
from pyframe.saving.json_text import MAX_BYTES, parse_json
from pyframe.saving.source import Source

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*/?")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_MAX_MEMBERS = 10_000
_MAX_RATIO = 100
_BLOCK = 1 << 20
_BROKEN = (
    zipfile.BadZipFile, EOFError, struct.error, NotImplementedError, UnicodeDecodeError,
    zlib.error, ValueError, RuntimeError, OverflowError, IndexError, KeyError, MemoryError,
)  # fmt: skip


class Part:
    """A window on a file that is being written, for a member whose size is not known yet.

    Args:
        file: the file, readable and writable.
        begin: where the member begins.
    """

    def __init__(self, file: BinaryIO, begin: int) -> None:
        self._file = file
        self._begin = begin

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves the position; returns it."""
        base = self._begin if whence == 0 else 0
        return self._file.seek(base + offset, whence) - self._begin

    def tell(self) -> int:
        """Returns the position."""
        return self._file.tell() - self._begin

    def write(self, data: Any) -> int:
        """Writes bytes."""
        return self._file.write(data)

    def read(self, size: int = -1) -> bytes:
        """Reads bytes."""
        return self._file.read(size)

    def readinto(self, buffer: Any) -> int:
        """Reads bytes into a buffer; returns their number."""
        return int(self._file.readinto(buffer))  # type: ignore[attr-defined]

    def truncate(self, size: int) -> int:
        """Cuts or extends the member."""
        return self._file.truncate(self._begin + size) - self._begin

    def flush(self) -> None:
        """Writes what is buffered."""
        self._file.flush()


class ArchiveWriter:
    """Writes members one after the other, stored as Keras does.

    To be used in a `with` block, at whose end the table of members is written.

    Args:
        file: where to write, readable and seekable.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def add_json(self, name: str, value: Any) -> None:
        """Adds plain data as JSON."""
        self._zip.writestr(_info(name), json.dumps(value).encode("ascii"))

    def add_file(self, name: str, size: int, write: Callable[[Part], None]) -> None:
        """Adds a member that is written in any order of its bytes.

        Args:
            name: its name.
            size: about how many bytes it will have.
            write: writes the contents to a file object.
        """
        info, file = _info(name), self._file
        info.CRC = info.file_size = info.compress_size = 0
        large = size > 1 << 30
        info.header_offset = file.seek(0, 2)
        file.write(info.FileHeader(zip64=large))
        begin = file.tell()
        write(Part(file, begin))
        end = file.seek(0, 2)
        info.file_size = info.compress_size = end - begin
        info.CRC = checksum(file, begin, end - begin)
        file.seek(info.header_offset)
        file.write(info.FileHeader(zip64=large))
        file.seek(end)
        self._zip.filelist.append(info)
        self._zip.NameToInfo[name] = info
        self._zip.start_dir = end

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if error is not None:
            self._zip.fp = None  # nothing more to write: the file is thrown away
        self._zip.close()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    return info


def checksum(file: BinaryIO, begin: int, size: int) -> int:
    """Returns the CRC-32 of a part of a file."""
    file.seek(begin)
    value, buffer = 0, bytearray(min(_BLOCK, max(size, 1)))
    view = memoryview(buffer)
    while size > 0:
        count = file.readinto(view[: min(size, len(buffer))])  # type: ignore[attr-defined]
        if not count:
            break
        value = zlib.crc32(view[:count], value)
        size -= count
    return value


class ArchiveReader:
    """Reads members of a file whose table was found to be sound.

    Args:
        path: for error texts.
        file: the file.

    Raises:
        ModelFormatError: if it is no such archive.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.source = Source(path, file)
        self._file = file
        self._begins: dict[str, int] = {}
        with self.guard("is no zip file"):
            self._check_size()
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
            raise self.source.refuse(f"{what}: {error}") from error
        except _BROKEN as error:
            kind = IntegrityError if "CRC" in str(error) else ModelFormatError
            raise self.source.refuse(f"{what}: {error or type(error).__name__}", kind) from error

    def _check_size(self) -> None:
        # The number of members must be known before `zipfile` makes an object of each.
        tail_size = min(self.source.size, 65557)
        tail = self.source.read(self.source.size - tail_size, tail_size)
        place = tail.rfind(b"PK\x05\x06")
        if place < 0:
            raise self.source.refuse("is no zip file, or was cut")
        if struct.unpack_from("<H", tail, place + 10)[0] > _MAX_MEMBERS:
            raise self.source.refuse("has too many members", ResourceLimitError)
        table = struct.unpack_from("<L", tail, place + 12)[0]
        if table != 0xFFFFFFFF and table > 8 << 20:
            raise self.source.refuse("has too large a table of members", ResourceLimitError)
        if place + 22 + struct.unpack_from("<H", tail, place + 20)[0] != len(tail):
            raise self.source.refuse("has something behind its end")

    def _check_table(self) -> None:
        infos, source = self._zip.infolist(), self.source
        if len(infos) > _MAX_MEMBERS or len(infos) != len(self._members):
            raise source.refuse("has too many members, or two of the same name")
        spans = []
        for info in infos:
            name = info.filename
            if not _NAME.fullmatch(name) or info.orig_filename != name or len(name) > 1000:
                raise source.refuse(
                    f"has a member with the impossible name {name[:80]!r}", UnsafeModelError
                )
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or (
                info.flag_bits & ~0x80E
            ):
                raise source.refuse(
                    f"has a member {name!r} in an unknown compression, or encrypted"
                )
            if info.external_attr >> 28 == 0xA:
                raise source.refuse(f"has the link {name!r}", UnsafeModelError)
            self._check_ratio(info)
            header = _LOCAL_HEADER.unpack(source.read(info.header_offset, _LOCAL_HEADER.size))
            begin = info.header_offset + _LOCAL_HEADER.size + header[9] + header[10]
            self._begins[name] = begin
            spans.append((info.header_offset, begin + info.compress_size, name))
        spans.sort()
        ends = [*(begin for begin, _, _ in spans[1:]), self._zip.start_dir]
        if spans and spans[0][0] != 0:
            raise source.refuse("has something before its first member")
        for (_, end, name), limit in zip(spans, ends, strict=True):
            if end > limit:
                raise source.refuse(f"has members that overlap: {name!r}")

    def _check_ratio(self, info: zipfile.ZipInfo) -> None:
        stored = info.compress_type == zipfile.ZIP_STORED
        if stored and info.file_size != info.compress_size:
            raise self.source.refuse(f"has a wrong size for the member {info.filename!r}")
        if info.file_size > max(1 << 20, _MAX_RATIO * info.compress_size):
            raise self.source.refuse(
                f"has a member {info.filename!r} of {info.compress_size} bytes that claims to "
                f"hold {info.file_size}",
                ResourceLimitError,
            )

    @property
    def names(self) -> set[str]:
        """Names of the members."""
        return set(self._members)

    def read_json(self, name: str) -> Any:
        """Returns the plain data of a member.

        Raises:
            ModelFormatError: if it is missing, too large, too deep or no proper JSON.
        """
        info = self._member(name)
        if info.file_size > MAX_BYTES:
            raise self.source.refuse(f"has too large a member {name!r}", ResourceLimitError)
        with self.guard(f"has an unreadable member {name!r}"):
            text = self._zip.read(info).decode("utf-8")
        return parse_json(self.source, text, name)

    def open(self, name: str) -> Source:
        """Returns the bytes of a member, whose checksum was compared.

        A compressed member is held in memory.

        Raises:
            ModelFormatError: if it is missing.
            IntegrityError: if it differs from its checksum.
        """
        info = self._member(name)
        with self.guard(f"has an unreadable member {name!r}"):
            if info.compress_type != zipfile.ZIP_STORED:
                return Source(self.source.path, BytesIO(self._zip.read(info)))
            begin = self._begins[name]
            if checksum(self._file, begin, info.file_size) != info.CRC:
                raise self.source.refuse(f"is damaged: wrong checksum of {name!r}", IntegrityError)
            return Source(self.source.path, self._file, begin, info.file_size)

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise self.source.refuse(f"lacks the member {name!r}")
        return self._members[name]

    def check_all(self) -> None:
        """Reads everything once.

        Raises:
            IntegrityError: if a member differs from its checksum.
        """
        for name in self._members:
            self.open(name)
