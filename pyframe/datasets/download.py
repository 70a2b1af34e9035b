"""Files that are fetched once, checked, and kept in a folder of the user."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from pyframe.errors import PyframeError

_CHUNK = 1 << 20


class DownloadError(PyframeError, OSError):
    """A file could not be fetched, or is not the one that was expected."""


def data_home() -> Path:
    """Returns the folder for downloads: `$PYFRAME_HOME`, by default `~/.pyframe`."""
    return Path(os.environ.get("PYFRAME_HOME") or "~/.pyframe").expanduser()


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 hash of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(
    url: str, target: Path, sha256: str, max_bytes: int = 1 << 30, timeout: float = 30.0
) -> Path:
    """Returns `target`, after downloading it if it is not there.

    A download is written under a temporary name in the same folder, checked, and renamed, so that
    `target` never holds a part of a file.

    Args:
        url: http or https address.
        target: where the file is kept.
        sha256: expected hash in hexadecimal.
        max_bytes: a longer answer is refused.
        timeout: seconds without an answer after which the download fails.

    Raises:
        DownloadError: if there is no network, or the file (fetched or already there) is not the
            expected one. The text says how to place the file by hand.
    """
    by_hand = (
        f"To place the file by hand, download {url} on any machine and save it as {target} "
        f"(SHA-256 {sha256})."
    )
    if target.exists():
        found = sha256_of(target)
        if found != sha256:
            raise DownloadError(
                f"{target} is not the expected file: its SHA-256 is {found}. Delete it to have it "
                f"downloaded again. {by_hand}"
            )
        return target
    if not url.startswith(("https://", "http://")):
        raise DownloadError(f"Only http and https addresses can be fetched. Received: {url}")
    temporary = target.with_name(f".{target.name}.tmp-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            found = _save(answer, temporary, max_bytes)
        if found != sha256:
            raise DownloadError(f"the answer has another content (SHA-256 {found})")
        temporary.replace(target)
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise DownloadError(f"{url} could not be fetched: {error}. {by_hand}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _save(answer: Any, path: Path, max_bytes: int) -> str:
    """Writes what `answer` holds to `path` and returns its hash."""
    digest = hashlib.sha256()
    expected = answer.headers.get("Content-Length")
    size = 0
    with path.open("wb") as file:
        while chunk := answer.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise DownloadError(f"the answer is longer than {max_bytes} bytes")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if expected is not None and size != int(expected):
        raise DownloadError(f"the connection ended after {size} of {expected} bytes")
    return digest.hexdigest()
