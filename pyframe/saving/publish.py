"""Writing a file so that a crash at any moment leaves the old one or the new one, never a part.

The contents go to a temporary file in the same folder; that file is flushed to the disk, read
again and checked, and then takes the place of the old one in a single step.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pyframe.errors import CheckpointError, PyframeError

_numbers = itertools.count()


def publish(path: Path, write: Callable[[BinaryIO], None], check: Callable[[Path], None]) -> None:
    """Writes a file in one step.

    Args:
        path: where the file shall be; its folder must exist. A link is followed.
        write: writes the contents to a file open for reading and writing.
        check: reads the finished file and raises an error if it is not as it should be.

    Raises:
        CheckpointError: if it cannot be written; what was at `path` before is unchanged.
    """
    temporary: Path | None = None
    try:
        target = Path(os.path.realpath(path))
        mode = _mode_of(target)
        _remove_stale(target)
        temporary = target.with_name(f"{_prefix(target)}{os.getpid()}-{next(_numbers)}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        with os.fdopen(descriptor, "w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        check(temporary)
        temporary.replace(target)
        temporary = None
        _sync_folder(target.parent)
    except OSError as error:
        if isinstance(error, PyframeError):
            raise
        raise CheckpointError(
            error.errno, f"The file could not be written ({error.strerror})", str(path)
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _mode_of(target: Path) -> int | None:
    # None for a new file, which then gets what the user's umask allows.
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise CheckpointError(21, "A folder of that name is in the way", str(target))
    if not stat.S_ISREG(found.st_mode):
        raise CheckpointError(22, "This is no ordinary file and cannot be replaced", str(target))
    return stat.S_IMODE(found.st_mode)


def _prefix(target: Path) -> str:
    host = re.sub(r"\W", "_", platform.node())[:40]
    return f".{target.name[:100]}.tmp-{host}-"


def _remove_stale(target: Path) -> None:
    # Left over by a process of this machine that was killed while it wrote the same file.
    prefix = _prefix(target)
    with contextlib.suppress(OSError):
        for entry in os.scandir(target.parent):
            owner = entry.name.removeprefix(prefix).partition("-")[0]
            if entry.name.startswith(prefix) and owner.isdigit() and not _is_alive(int(owner)):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # not every system opens folders; the file itself is on the disk
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
