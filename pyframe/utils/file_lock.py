"""A file that one process at a time may write."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for reading and writing, its contents kept, when nobody else has it open so.

    The file may be renamed or deleted by the one who has it; those who waited for it then open
    the file that has the name by then. Systems and disks without locks give the file at once.

    Args:
        path: the file; it is made if it is not there.
    """
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        with file:
            if fcntl is not None:
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, path):
                yield file
                return


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
