"""Pictures from files, decoded by Pillow in threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe import _core
from pyframe.errors import ConfigurationError, DataError, warn
from pyframe.preprocessing._pixels import take_pixels
from pyframe.utils.image_utils import (
    check_color_mode,
    check_interpolation,
    check_size,
    draft_image,
    finish_image,
    open_image,
    pillow,
    told_as_damage,
    truncated_allowed,
)

Array: TypeAlias = NDArray[Any]

_BYTES = ("L", "RGB", "RGBA")  # modes of Pillow with a byte for each value
_CANVAS_PIXELS = 1 << 23  # of pictures that are decoded into memory that is kept, 32 MiB a thread
_lock = threading.Lock()
_pool: Any = None
_workers = 0


def _forget_pool() -> None:
    """The child of a fork has none of its threads, and maybe a lock that nobody opens."""
    global _lock, _pool
    _lock, _pool = threading.Lock(), None


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
        picture = open_image(path)
        with told_as_damage(path):
            if self.draft and not self.keep_aspect_ratio:
                draft_image(picture, self.color_mode, self.size)
            if self._takes_pixels(picture):
                return self._pixels(picture)
            picture = finish_image(
                picture, self.color_mode, self.size, self.interpolation, self.keep_aspect_ratio
            )
            if picture.mode in _BYTES:
                data = np.frombuffer(picture.tobytes(), np.uint8)
                return data.reshape(*self.size, self.channels)
            return np.asarray(picture).astype(np.float32)[:, :, np.newaxis]

    def _takes_pixels(self, picture: Any) -> bool:
        """Tells whether a file is a JPEG whose pixels are those of the result, and not too many."""
        width, height = picture.size
        return bool(
            picture.format == "JPEG"
            and picture.mode == check_color_mode(self.color_mode)[0]
            and self.interpolation == "nearest"
            and not self.keep_aspect_ratio
            and width * height <= _CANVAS_PIXELS
            and not truncated_allowed()
        )

    def _pixels(self, picture: Any) -> Array:
        """Decodes a JPEG into memory of this thread, and takes out the pixels nearest to it."""
        canvas = _canvases.of(picture)
        picture.im = canvas.image.im
        picture.load()
        if picture.im is not canvas.image.im:  # Pillow before 11 takes memory of its own
            canvas = _Canvas.copied(picture)
        (width, height), depth = picture.size, canvas.pixels.shape[2]
        out = np.empty((*self.size, depth), np.uint8)
        rows, columns = nearest(height, self.size[0]), nearest(width, self.size[1])
        take_pixels(canvas.pixels, rows, columns, out)
        return out[:, :, : self.channels]


@lru_cache(1024)
def nearest(size: int, wanted: int) -> NDArray[np.int32]:
    """Returns which of `size` pixels Pillow takes for each of `wanted`, summed as it sums."""
    scale = size / wanted
    places = np.full(wanted, scale)
    places[0] = scale * 0.5
    return np.cumsum(places).astype(np.int32)


@dataclass(frozen=True)
class _Canvas:
    """Memory (H, W, 1 or 4) and the picture of Pillow that lies in it."""

    pixels: NDArray[np.uint8]
    image: Any

    @classmethod
    def on(cls, memory: NDArray[np.uint8], mode: str, size: tuple[int, int]) -> _Canvas:
        """Returns one at the beginning of some memory."""
        width, height = size
        depth = 1 if mode == "L" else 4
        pixels = memory[: height * width * depth].reshape(height, width, depth)
        # Pillow keeps RGB in four bytes, but shares memory for RGBX only.
        mode = "L" if mode == "L" else "RGBX"
        return cls(pixels, pillow().frombuffer(mode, size, pixels, "raw", mode, 0, 1))

    @classmethod
    def copied(cls, picture: Any) -> _Canvas:
        """Returns a copy of a picture."""
        rawmode = "L" if picture.mode == "L" else "RGBX"
        memory = np.frombuffer(picture.tobytes("raw", rawmode), np.uint8)
        return cls.on(memory, picture.mode, picture.size)


class _Canvases(threading.local):
    """What each thread decodes into: fresh memory for each picture would not be in its caches."""

    def __init__(self) -> None:
        self.memory = np.empty(0, np.uint8)
        self.key: tuple[str, tuple[int, int]] | None = None
        self.canvas: _Canvas | None = None

    def of(self, picture: Any) -> _Canvas:
        """Returns one of the mode and size of a picture, on which there is the one before."""
        key = (picture.mode, picture.size)
        if self.canvas is None or key != self.key:
            size = 4 * picture.size[0] * picture.size[1]
            if size > len(self.memory):
                self.memory = np.empty(size, np.uint8)
            self.canvas, self.key = _Canvas.on(self.memory, *key), key
        return self.canvas


_canvases = _Canvases()


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
        self.rest = iter(range(count))
        self.lock = threading.Lock()
        self.stopped = False
        self.errors: dict[int, BaseException] = {}

    def work(self) -> None:
        while not self.stopped:
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
    """
    pool = executor()
    share = _Share(len(paths), task, failures.on_error)
    threads = min(_core.get_num_threads(), len(paths))
    futures = []
    try:
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
    for i, cause in sorted(share.errors.items()):
        if not _of_a_file(cause):
            raise cause
        failures.note(paths[i], cause)
    if paths and len(share.errors) == len(paths):
        raise DataError(
            f"None of the {len(paths)} pictures of a batch can be read; the first is {paths[0]}"
        )
    return np.array([i for i in range(len(paths)) if i not in share.errors], np.int64)
