"""Files that are fetched once, checked, and kept in a folder of the user."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pyframe.errors import PyframeError
from pyframe.utils.file_lock import locked_file

_CHUNK = 1 << 20
_ALGORITHMS = {32: "md5", 64: "sha256"}


class DownloadError(PyframeError, OSError):
    """A file could not be fetched, or is not the one that was expected."""


class _WrongContent(DownloadError):
    """What was received is not the expected file; there is no use in keeping it."""


def data_home() -> Path:
    """Returns the folder for downloads: `$PYFRAME_HOME`, by default `~/.pyframe`."""
    return Path(os.environ.get("PYFRAME_HOME") or "~/.pyframe").expanduser()


def hash_of(path: Path, algorithm: str = "sha256") -> str:
    """Returns the hash of a file in hexadecimal.

    Args:
        path: the file.
        algorithm: "md5" or "sha256".
    """
    digest = _new_digest(algorithm)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return str(digest.hexdigest())


def _new_digest(algorithm: str) -> Any:
    # The hashes find damage, they are no defence: allowed where MD5 is not for security.
    return hashlib.new(algorithm, usedforsecurity=False)


def fetch(
    url: str,
    target: Path,
    file_hash: str | None,
    max_bytes: int = 1 << 30,
    timeout: float = 30.0,
) -> Path:
    """Returns `target`, after downloading it if it is not there.

    A download is written under a temporary name in the same folder, checked, and renamed, so that
    `target` never holds a part of a file. A download that breaks off is taken up again by the
    next call; of several processes one downloads and the others wait.

    A file that was checked is not checked again as long as its size and date stay the same.

    Args:
        url: http or https address.
        target: where the file is kept.
        file_hash: expected MD5 or SHA-256 hash in hexadecimal. None if nobody has stated one: the
            file must then have the hash, or at least the length, that the server states.
        max_bytes: a longer answer is refused.
        timeout: seconds without an answer after which the download fails.

    Raises:
        DownloadError: if there is no network, or the file (fetched or already there) is not the
            expected one. The text says how to place the file by hand.
    """
    by_hand = f"To place the file by hand, download {url} on any machine and save it as {target}"
    if file_hash is not None:
        algorithm = _ALGORITHMS[len(file_hash)]
        by_hand += f" ({'SHA-256' if algorithm == 'sha256' else 'MD5'} {file_hash})"
    if target.exists():
        return _checked(target, file_hash, by_hand)
    if not url.startswith(("https://", "http://")):
        raise DownloadError(f"Only http and https addresses can be fetched. Received: {url}")
    partial = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked_file(partial) as file:
            if not target.exists():  # else another process has just finished it
                _download(url, file, file_hash, max_bytes, timeout)
                partial.replace(target)
                _remember(target, file_hash)
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        with contextlib.suppress(OSError):
            if isinstance(error, _WrongContent) or partial.stat().st_size == 0:
                partial.unlink()
        raise DownloadError(f"{url} could not be fetched: {error}. {by_hand}.") from error
    return _checked(target, file_hash, by_hand)


def _checked(target: Path, file_hash: str | None, by_hand: str) -> Path:
    """Returns the file if it is the expected one."""
    if file_hash is None or _is_remembered(target, file_hash):
        return target
    algorithm = _ALGORITHMS[len(file_hash)]
    found = hash_of(target, algorithm)
    if found != file_hash:
        raise DownloadError(
            f"{target} is not the expected file: its hash ({algorithm}) is {found}. Delete it to "
            f"have it downloaded again. {by_hand}."
        )
    _remember(target, file_hash)
    return target


def _note_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.checked")


def _state(target: Path, file_hash: str) -> str:
    status = target.stat()
    return f"{file_hash} {status.st_size} {status.st_mtime_ns}"


def _is_remembered(target: Path, file_hash: str) -> bool:
    # Hashing a file takes longer than reading the weights out of it.
    try:
        return _note_of(target).read_text("ascii") == _state(target, file_hash)
    except (OSError, ValueError):
        return False


def _remember(target: Path, file_hash: str | None) -> None:
    if file_hash is not None:
        with contextlib.suppress(OSError):  # a folder that is only readable: it is checked again
            _note_of(target).write_text(_state(target, file_hash), "ascii")


def _download(
    url: str, file: BinaryIO, file_hash: str | None, max_bytes: int, timeout: float
) -> None:
    """Completes what `file` already holds; starts again if the server cannot or it was damaged."""
    have = file.seek(0, os.SEEK_END)
    if have:
        with contextlib.suppress(_WrongContent):
            _receive(url, file, have, file_hash, max_bytes, timeout)
            return
    _receive(url, file, 0, file_hash, max_bytes, timeout)


def _receive(
    url: str, file: BinaryIO, have: int, file_hash: str | None, max_bytes: int, timeout: float
) -> None:
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if have and error.code == 416:  # nothing is left to be sent
            error.close()
            raise _WrongContent(f"the server has no bytes after {have}") from error
        raise
    with answer:
        start, total = _span(answer, have)
        stated = file_hash or _stated_md5(answer)
        digest = _new_digest(_ALGORITHMS[len(stated)] if stated else "md5")
        file.seek(0)
        for chunk in _chunks(file, start):
            digest.update(chunk)
        file.truncate(start)
        size = start
        while chunk := answer.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise _WrongContent(f"the answer is longer than {max_bytes} bytes")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and size != total:
        raise DownloadError(
            f"the connection ended after {size} of {total} bytes; the next call goes on from there"
        )
    if stated and digest.hexdigest() != stated:
        raise _WrongContent(f"the answer has another content, of hash {digest.hexdigest()}")


def _span(answer: Any, have: int) -> tuple[int, int | None]:
    """Returns where the answer begins and the length of the whole file, None if not stated."""
    length = answer.headers.get("Content-Length")
    if answer.status != 206:
        return 0, None if length is None else int(length)
    content = answer.headers.get("Content-Range", "")
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content.strip())
    if span is None or int(span[1]) != have:
        raise _WrongContent(f"the server sent another part than the one from byte {have}")
    return have, None if span[2] == "*" else int(span[2])


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := file.read(min(_CHUNK, size))):
        size -= len(chunk)
        yield chunk


def _stated_md5(answer: Any) -> str | None:
    """Returns the MD5 hash that Google's storage states for a file, None if there is none."""
    for value in answer.headers.get_all("x-goog-hash") or []:
        for part in value.split(","):
            name, _, text = part.strip().partition("=")
            if name == "md5":
                with contextlib.suppress(ValueError):
                    return base64.b64decode(text, validate=True).hex()
    return None
