"""Typed face of the Cython module around Pillow's JPEG decoder."""

from typing import Any

def read_head(data: bytes) -> tuple[int, int, int] | None:
    """Reads the head of a JPEG file up to its first scan.

    Args:
        data: the file.

    Returns:
        (width, height, components). None if the head is damaged or anything but ordinary: no
        JPEG, arithmetic coding, other than 8 bits, several pictures, bytes between segments.
    """

def set_image(decoder: Any, image: Any, extents: tuple[int, int, int, int], row: int) -> None:
    """Calls `decoder.setimage` so that the decoder's row does not begin at a multiple of 32 bytes.

    libjpeg-turbo writes rows that do past the caches, and Pillow's decoder, which reads a row at
    once, waits for memory: that was a third of the time of a file. Where the row lies is up to
    malloc; what is freed right before is what it hands out, and if not, only time is lost.

    Args:
        decoder: a new decoder of Pillow.
        image: core image into which it decodes.
        extents: (left, top, right, bottom) of the part that it fills.
        row: bytes of a row of the part.
    """
