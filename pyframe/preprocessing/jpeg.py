"""JPEG files decoded by Pillow into memory that each thread keeps."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.preprocessing._jpeg import read_head, set_image
from pyframe.preprocessing._pixels import take_pixels
from pyframe.utils import image_utils

_CANVAS_PIXELS = 1 << 23  # of pictures that are decoded into memory that is kept, 32 MiB a thread
_COMPONENTS = {"L": 1, "RGB": 3}  # of files of these modes


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
        image = image_utils.pillow().frombuffer(mode, size, pixels, "raw", mode, 0, 1)
        return cls(pixels, image)

    def fill(self, data: bytes, mode: str, scale: int) -> bool:
        """Decodes a JPEG of this size as Pillow does it, but from the whole file at once.

        Returns:
            Whether the file was good.
        """
        height, width, depth = self.pixels.shape
        try:
            decoder = image_utils.pillow().core.jpeg_decoder(self.image.mode, mode, "", scale, 0)
            set_image(decoder, self.image.im, (0, 0, width, height), width * depth)
            used, error = decoder.decode(data)
        except (AttributeError, TypeError, ValueError):  # of a Pillow that is made in another way
            return False
        return bool(used < 0 and error == 0)  # -1: has come to the end


class _Canvases(threading.local):
    """What each thread decodes into: fresh memory for each picture would not be in its caches."""

    def __init__(self) -> None:
        self.memory = np.empty(0, np.uint8)
        self.key: tuple[str, tuple[int, int]] | None = None
        self.canvas: _Canvas | None = None

    def of(self, mode: str, size: tuple[int, int]) -> _Canvas:
        """Returns one of a mode and size, on which there is the picture before."""
        if self.canvas is None or (mode, size) != self.key:
            wanted = 4 * size[0] * size[1]
            if wanted > len(self.memory):
                self.memory = np.empty(wanted, np.uint8)
            self.canvas, self.key = _Canvas.on(self.memory, mode, size), (mode, size)
        return self.canvas


_canvases = _Canvases()


def _scale(width: int, height: int, size: tuple[int, int]) -> int:
    """Returns by how much a draft shrinks: as far as 8, but not below the size."""
    room = min(width // size[1], height // size[0])
    return next((scale for scale in (8, 4, 2) if room >= scale), 1)


def decoded(
    data: bytes, mode: str, draft_size: tuple[int, int] | None = None
) -> NDArray[np.uint8] | None:
    """Returns the pixels of a JPEG with the values that Pillow gives.

    Args:
        data: the file.
        mode: mode of Pillow that is wanted.
        draft_size: (height, width): let the decoder shrink by 2, 4 or 8 where at least that much
            is there.

    Returns:
        (H, W, 1) or, with a fourth value that means nothing, (H, W, 4): memory of this thread,
        which the next picture overwrites. None if the file is no ordinary JPEG of that mode, too
        large or damaged: what is to be done, Pillow's plugin knows.
    """
    head = read_head(data)
    if head is None:
        return None
    width, height, components = head
    # A draft of colours may become grey in the decoder.
    grey = draft_size is not None and mode == "L" and components == 3
    if components != _COMPONENTS.get(mode) and not grey:
        return None
    if width * height > min(_CANVAS_PIXELS, image_utils.MAX_PIXELS):
        return None
    scale = 1 if draft_size is None else _scale(width, height, draft_size)
    canvas = _canvases.of(mode, (-(-width // scale), -(-height // scale)))
    return canvas.pixels if canvas.fill(data, mode, scale) else None


def nearest_pixels(
    data: bytes, mode: str, size: tuple[int, int], draft: bool
) -> NDArray[np.uint8] | None:
    """Returns a JPEG resized to the nearest pixel.

    Args:
        data: the file.
        mode: mode of Pillow that is wanted.
        size: (height, width) of the result.
        draft: see `decoded`.

    Returns:
        What `decoded` returns, of that size and not overwritten.
    """
    pixels = decoded(data, mode, size if draft else None)
    if pixels is None:
        return None
    height, width, depth = pixels.shape
    out = np.empty((*size, depth), np.uint8)
    take_pixels(pixels, nearest(height, size[0]), nearest(width, size[1]), out)
    return out
