"""A checksum at the end of HDF5 files, where other readers do not look.

HDF5 keeps no checksums in the format that Keras writes. The library ignores what follows the end
of a file, and cuts it off when it changes the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from pyframe.errors import IntegrityError
from pyframe.saving.archive import checksum
from pyframe.saving.source import Source

_MARK = b"\npyframe crc32 "
_SIZE = len(_MARK) + 9


def seal(file: BinaryIO) -> None:
    """Adds the checksum of all bytes to a file that is open for reading and writing."""
    size = file.seek(0, 2)
    value = checksum(file, 0, size)
    file.seek(size)
    file.write(_MARK + f"{value:08x}\n".encode("ascii"))


def check_seal(path: Path, file: BinaryIO) -> None:
    """Compares the checksum of a file, if it has one.

    Raises:
        IntegrityError: if it differs.
    """
    size = file.seek(0, 2)
    if size < _SIZE:
        return
    file.seek(size - _SIZE)
    tail = file.read(_SIZE)
    if not tail.startswith(_MARK):
        return
    if tail[len(_MARK) :] != f"{checksum(file, 0, size - _SIZE):08x}\n".encode("ascii"):
        raise Source(path, file).refuse("is damaged: wrong checksum", IntegrityError)
