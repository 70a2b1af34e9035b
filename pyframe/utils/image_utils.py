"""Pictures as files, Pillow images and arrays, with Keras's conventions."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyframe import config
from pyframe.errors import ConfigurationError, DataError, warn
from pyframe.utils.optional import import_optional

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
COLOR_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
MAX_PIXELS = 64_000_000
"""Pixels of the largest picture that is decoded (8000 x 8000): a file of some kilobytes can ask
for gigabytes. A program that means to read larger ones sets another number."""


def pillow() -> Any:
    """Returns the module PIL.Image.

    Raises:
        ImportError: if Pillow is missing; the text says how to install it.
    """
    return import_optional("PIL.Image", "Reading and writing pictures", "image", "pillow")


@cache
def _formats() -> tuple[str, ...]:
    """Returns the formats that are read: what cameras, painters and web pages write.

    Not among them are those that start other programs or are no pictures (EPS, PDF, FITS ...).
    """
    image = pillow()
    image.init()
    wanted = ("JPEG", "MPO", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
    return tuple(name for name in wanted if name in image.OPEN)


def check_data_format(data_format: str | None) -> str:
    """Returns `"channels_last"` or `"channels_first"`; None stands for the global setting.

    Raises:
        ConfigurationError: for anything else.
    """
    value = config.image_data_format() if data_format is None else data_format
    if value not in ("channels_last", "channels_first"):
        raise ConfigurationError(
            "`data_format` must be 'channels_last' (height, width, channels) or "
            f"'channels_first' (channels, height, width). Received: {data_format!r}"
        )
    return value


def check_color_mode(color_mode: str) -> tuple[str, int]:
    """Returns Pillow's mode and the number of channels.

    Raises:
        ConfigurationError: if it is none of grayscale, rgb and rgba.
    """
    if color_mode not in COLOR_MODES:
        raise ConfigurationError(
            f"`color_mode` must be one of {', '.join(COLOR_MODES)}. Received: {color_mode!r}"
        )
    return COLOR_MODES[color_mode]


def check_interpolation(interpolation: str) -> str:
    """Returns the name of a filter of Pillow.

    Raises:
        ConfigurationError: if it is none of `INTERPOLATIONS`.
    """
    if interpolation not in INTERPOLATIONS:
        raise ConfigurationError(
            f"`interpolation` must be one of {', '.join(INTERPOLATIONS)}. "
            f"Received: {interpolation!r}"
        )
    return interpolation


def check_size(size: Any, argument: str = "target_size") -> tuple[int, int]:
    """Returns (height, width).

    Raises:
        ConfigurationError: unless size holds two positive integers.
    """
    try:
        height, width = (int(n) for n in size)
        if (height, width) != tuple(size) or min(height, width) < 1:
            raise ValueError
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"`{argument}` must be two positive integers (height, width). Received: {size!r}"
        ) from None
    return height, width


def open_image(path: Any, data: bytes | None = None) -> Any:
    """Opens a picture without decoding it.

    Args:
        path: file, or an `io.BytesIO`.
        data: what is in the file, if it has been read.

    Raises:
        DataError: if the file is no picture, or one of more than `MAX_PIXELS` pixels.
        OSError: if the file cannot be read.
        TypeError: if `path` is neither a path nor a buffer.
    """
    if isinstance(path, io.BytesIO):
        source = path
    elif isinstance(path, (str, bytes, PathLike)):
        source = io.BytesIO(read_file(path) if data is None else data)
    else:
        raise TypeError(f"`path` must be a path or io.BytesIO. Received: {type(path)}")
    try:
        picture = _identify(source)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise whatever their format's parser raises
        raise DataError(f"{_name(path)} is not a picture that can be read: {error}") from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{_name(path)} has {width} x {height} pixels, more than the limit of {MAX_PIXELS} "
            "(pyframe.utils.image_utils.MAX_PIXELS)."
        )
    return picture


def read_file(path: Any) -> bytes:
    """Returns what is in a file, with as few system calls as there can be: other threads wait."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(file).st_size
        data = os.read(file, size + 1)
        while len(data) != size and (more := os.read(file, 1 << 20)):  # no ordinary file
            data += more
        return data
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        os.close(file)


def _identify(source: io.BytesIO) -> Any:
    """Returns the picture that the first fitting format makes of a file.

    `PIL.Image.open` does the same, with a limit of its own for the size, which warns; warnings
    can only be kept back for all threads at once.
    """
    known = pillow().OPEN
    source.seek(0)
    prefix = source.read(16)
    reason = "no format fits"
    for name in _formats():
        factory, accept = known[name]
        fits = accept is None or accept(prefix)
        if not fits or isinstance(fits, str):  # a text says why the format cannot be read here
            continue
        source.seek(0)
        try:
            return factory(source, "")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            reason = f"as {name}: {error}"
    raise DataError(reason)


def _name(path: Any) -> str:
    return "The picture" if isinstance(path, io.BytesIO) else str(path)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    draft: bool = False,
) -> Any:
    """Reads a picture.

    Args:
        path: file, or an `io.BytesIO`. Of an animation the first frame is read.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`; 16- and 32-bit grey pictures keep their
            values in the last.
        target_size: (height, width) in pixels to resize to; None keeps the size.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"hamming"`, `"box"` or
            `"lanczos"`; all but the first average when they shrink.
        keep_aspect_ratio: cut the largest part with the proportions of `target_size` out of the
            middle before resizing.
        draft: let the JPEG decoder shrink by 2, 4 or 8 where more than the target is left: up to
            several times faster, values differ slightly from a full decode.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ConfigurationError: for an unknown mode, filter or size.
        DataError: if the file is damaged, cut short, no picture or larger than `MAX_PIXELS`.
        OSError: if the file cannot be read.
        ImportError: if Pillow is missing.
    """
    check_color_mode(color_mode)
    check_interpolation(interpolation)
    size = None if target_size is None else check_size(target_size)
    picture = open_image(path)
    with told_as_damage(path):
        if draft and size is not None and not keep_aspect_ratio:
            draft_image(picture, color_mode, size)
        return finish_image(picture, color_mode, size, interpolation, keep_aspect_ratio)


@contextmanager
def told_as_damage(path: Any) -> Iterator[None]:
    """Turns whatever a decoder raises for a file into a DataError that names it."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise DataError(f"{_name(path)} is damaged or cut short: {error}") from error


def draft_image(picture: Any, color_mode: str, size: tuple[int, int]) -> None:
    """Makes the decoder of an opened JPEG shrink by 2, 4 or 8, but not below (height, width)."""
    mode, _ = check_color_mode(color_mode)
    picture.draft(mode if mode in ("L", "RGB") else None, (size[1], size[0]))


def finish_image(
    picture: Any, color_mode: str, size: tuple[int, int] | None, interpolation: str, keep: bool
) -> Any:
    """Decodes, converts and resizes an opened picture; the arguments are those of `load_img`."""
    if color_mode == "grayscale" and picture.mode in ("L", "I;16", "I"):
        picture.load()
    else:
        picture = _convert(picture, check_color_mode(color_mode)[0])
    return picture if size is None else _resize(picture, size, interpolation, keep)


def _convert(picture: Any, mode: str) -> Any:
    picture.load()
    if picture.mode == mode:
        return picture
    if mode != "RGBA" and isinstance(picture.info.get("transparency"), bytes):
        del picture.info["transparency"]  # of a palette: has no effect but a warning
    return picture.convert(mode)


def _resize(picture: Any, size: tuple[int, int], interpolation: str, keep: bool) -> Any:
    height, width = size
    if picture.size == (width, height):
        return picture
    box = None
    if keep:
        old_width, old_height = picture.size
        crop_width = max(1, min(old_width, old_height * width // height))
        crop_height = max(1, min(old_height, old_width * height // width))
        left, top = (old_width - crop_width) // 2, (old_height - crop_height) // 2
        box = (left, top, left + crop_width, top + crop_height)
    return picture.resize((width, height), pillow().Resampling[interpolation.upper()], box=box)


def img_to_array(
    img: Any, data_format: str | None = None, dtype: str | None = None
) -> NDArray[Any]:
    """Returns the values of a picture.

    Args:
        img: a Pillow image, or an array (H, W) or (H, W, C).
        data_format: order of the result, `"channels_last"` unless given.
        dtype: of the result; None for `pyframe.config.floatx()`.

    Returns:
        An array (H, W, C) or (C, H, W).

    Raises:
        DataError: if there are neither two nor three dimensions.
    """
    data_format = check_data_format(data_format)
    array = np.asarray(img, dtype=config.floatx() if dtype is None else dtype)
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.ndim != 3:
        raise DataError(f"A picture has 2 or 3 dimensions. Received the shape {array.shape}")
    return array.transpose(2, 0, 1) if data_format == "channels_first" else array


def array_to_img(
    x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: str | None = None
) -> Any:
    """Returns a Pillow image of an array.

    Args:
        x: (H, W, C) or, with `data_format="channels_first"`, (C, H, W) with 1, 3 or 4 channels.
        data_format: order of the axes of `x`.
        scale: stretch the values of this picture to 0..255; without it they are taken as they
            are and cut to whole numbers.
        dtype: in which to compute; None for `pyframe.config.floatx()`.

    Raises:
        DataError: for another number of dimensions or channels.
        ImportError: if Pillow is missing.
    """
    data_format = check_data_format(data_format)
    array = np.asarray(x, dtype=config.floatx() if dtype is None else dtype)
    if array.ndim != 3:
        raise DataError(f"A picture needs 3 dimensions. Received the shape {array.shape}")
    if data_format == "channels_first":
        array = array.transpose(1, 2, 0)
    if array.shape[2] not in (1, 3, 4) or not array.size:
        raise DataError(f"A picture needs 1, 3 or 4 channels. Received the shape {array.shape}")
    if scale:
        array = array - np.min(array)
        highest = np.max(array)
        array = (array / highest if highest != 0 else array) * 255
    image = pillow()
    if array.shape[2] == 1:
        grey = array[:, :, 0]
        return image.fromarray(grey.astype("int32" if np.max(grey) > 255 else "uint8"))
    return image.fromarray(np.ascontiguousarray(array.astype("uint8")))


def save_img(
    path: Any,
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Writes an array as a picture.

    Args:
        path: file or file object.
        x: (H, W, C) or (C, H, W) with 1, 3 or 4 channels.
        data_format: order of the axes of `x`.
        file_format: format, e.g. `"png"`; by default the ending of `path` says it.
        scale: stretch the values to 0..255.
        **kwargs: options of `PIL.Image.Image.save`.
    """
    if file_format is None and isinstance(path, (str, PathLike)):
        file_format = Path(path).suffix[1:].lower()
    if file_format is not None and file_format.lower() == "jpg":
        file_format = "jpeg"
    picture = array_to_img(x, data_format=data_format, scale=scale)
    if picture.mode == "RGBA" and file_format == "jpeg":
        warn("JPEG has no transparency: the picture is written as RGB.")
        picture = picture.convert("RGB")
    picture.save(path, format=file_format, **kwargs)
