"""Pictures from files, decoded by Pillow in threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe import _core
from pyframe.errors import ConfigurationError, DataError, warn
from pyframe.preprocessing.jpeg import nearest_pixels
from pyframe.utils.image_utils import (
    check_color_mode,
    check_interpolation,
    check_size,
    draft_image,
    finish_image,
    open_image,
    read_file,
    told_as_damage,
)
from pyframe.utils.prefetch import AbandonedError, asked_whether_wanted

Array: TypeAlias = NDArray[Any]

_BYTES = ("L", "RGB", "RGBA")  # modes of Pillow with a byte for each value
_lock = threading.Lock()
# Tasks of a batch stand side by side: all threads work at one batch, so that it is ready sooner.
_submitting = threading.Lock()
_pool: Any = None
_workers = 0


def _forget_pool() -> None:
    """The child of a fork has none of its threads, and maybe a lock that nobody opens."""
    global _lock, _pool, _submitting
    _lock, _pool, _submitting = threading.Lock(), None, threading.Lock()


os.register_at_fork(after_in_child=_forget_pool)


def executor() -> Any:
    """Returns the pool of threads that decode, as many as the engine may use."""
    global _pool, _workers
    from concurrent.futures import ThreadPoolExecutor

    with _lock:
        threads = _core.get_num_threads()
        if _pool is None or _workers != threads:
            # Batches in work keep the old pool; its threads end with the last of them.
            _pool, _workers = ThreadPoolExecutor(threads, "pyframe-decode"), threads
        return _pool


@dataclass(frozen=True)
class Decoder:
    """How files become arrays (H, W, C); see `load_img`."""

    size: tuple[int, int]
    color_mode: str
    interpolation: str
    keep_aspect_ratio: bool
    draft: bool

    @classmethod
    def checked(
        cls, size: Any, color_mode: str, interpolation: str, keep_aspect_ratio: bool, draft: bool
    ) -> Decoder:
        """Returns one with checked arguments.

        Raises:
            ConfigurationError: for an impossible argument.
        """
        check_color_mode(color_mode)
        check_interpolation(interpolation)
        return cls(
            check_size(size), color_mode, interpolation, bool(keep_aspect_ratio), bool(draft)
        )

    @property
    def channels(self) -> int:
        """Channels of the arrays."""
        return check_color_mode(self.color_mode)[1]

    @property
    def shape(self) -> tuple[tuple[int, int], int]:
        """Size and channels of the arrays."""
        return self.size, self.channels

    def __call__(self, path: str) -> Array:
        """Returns uint8, or float32 for grey pictures of 16 and 32 bits."""
        mode, data = check_color_mode(self.color_mode)[0], read_file(path)
        if self.interpolation == "nearest" and not self.keep_aspect_ratio:
            pixels = nearest_pixels(data, mode, self.size, self.draft)
            if pixels is not None:
                return pixels[:, :, : self.channels]
        picture = open_image(path, data)
        with told_as_damage(path):
            if self.draft and not self.keep_aspect_ratio:
                draft_image(picture, self.color_mode, self.size)
            picture = finish_image(
                picture, self.color_mode, self.size, self.interpolation, self.keep_aspect_ratio
            )
            if picture.mode in _BYTES:
                values = np.frombuffer(picture.tobytes(), np.uint8)
                return values.reshape(*self.size, self.channels)
            return np.asarray(picture).astype(np.float32)[:, :, np.newaxis]


class Failures:
    """What happens when a file cannot be read: an error, or the picture is left out.

    Attributes:
        on_error: `"raise"` or `"skip"`.
        skipped: texts of the errors by file.
    """

    def __init__(self, on_error: str) -> None:
        if on_error not in ("raise", "skip"):
            raise ConfigurationError(
                f"`on_error` must be 'raise' or 'skip'. Received: {on_error!r}"
            )
        self.on_error = on_error
        self.skipped: dict[str, str] = {}
        self._lock = threading.Lock()

    def note(self, path: str, error: BaseException) -> None:
        """Raises the error, or counts it and warns at the first one of each file."""
        text = str(error) if path in str(error) else f"{path} cannot be read: {error}"
        if self.on_error == "raise":
            raise DataError(text) from error
        with self._lock:
            new = path not in self.skipped
            self.skipped[path] = text
            count = len(self.skipped)
        if new:
            warn(f"{text} It is left out ({count} so far).")


class _Share:
    """Files of one batch, of which each thread takes the next until all are done or one fails."""

    def __init__(self, count: int, task: Callable[[int], None], on_error: str) -> None:
        self.task, self.on_error = task, on_error
        self.wanted = asked_whether_wanted()
        self.rest = iter(range(count))
        self.lock = threading.Lock()
        self.stopped = False
        self.errors: dict[int, BaseException] = {}

    def work(self) -> None:
        while not self.stopped and self.wanted():
            with self.lock:
                i = next(self.rest, None)
            if i is None:
                return
            try:
                self.task(i)
            except BaseException as error:
                self.errors[i] = error
                # The files before it are in work at least, so the first error is found.
                self.stopped = self.on_error == "raise" or not _of_a_file(error)


def _of_a_file(error: BaseException) -> bool:
    return isinstance(error, (DataError, OSError))


def for_each_file(
    paths: Sequence[str], task: Callable[[int], None], failures: Failures
) -> NDArray[np.int64]:
    """Does something with each of N files in the threads of the pool.

    Args:
        paths: the files.
        task: called with 0 ... N - 1.
        failures: what to do about files that cannot be read.

    Returns:
        The numbers of the files with which it worked.

    Raises:
        DataError: with the name of the first file that cannot be read, or if none can be.
        AbandonedError: if nobody waits for the batch any more.
    """
    pool = executor()
    share = _Share(len(paths), task, failures.on_error)
    threads = min(_core.get_num_threads(), len(paths))
    futures = []
    try:
        with _submitting:
            for _ in range(threads):
                futures.append(pool.submit(share.work))
        for future in futures:
            future.result()
    except RuntimeError as error:  # the interpreter is about to end
        raise DataError(f"No more pictures can be read: {error}") from error
    finally:
        share.stopped = True  # matters after an interrupt only
        for future in futures:
            future.cancel()
    if not share.wanted():
        raise AbandonedError
    for i, cause in sorted(share.errors.items()):
        if not _of_a_file(cause):
            raise cause
        failures.note(paths[i], cause)
    if paths and len(share.errors) == len(paths):
        raise DataError(
            f"None of the {len(paths)} pictures of a batch can be read; the first is {paths[0]}"
        )
    return np.array([i for i in range(len(paths)) if i not in share.errors], np.int64)
