"""Resizing with the conventions of tf.image.resize: no averaging when pictures shrink."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import ConfigurationError
from pyframe.preprocessing.transforms import Finish, run_kernel

Array = NDArray[Any]


def _sinc(x: Array, radius: float) -> Array:
    return np.asarray(np.sinc(x) * np.sinc(x / radius))


def _gaussian(x: Array, radius: float) -> Array:
    return np.asarray(np.exp(-(x**2) / (2 * (radius / 3) ** 2)))


def _cubic(x: Array, b: float, c: float) -> Array:
    """Mitchell and Netravali, "Reconstruction filters in computer graphics", 1988, eq. 8."""
    x = np.abs(x)
    near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + (6 - 2 * b)
    far = (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c
    return np.asarray(np.where(x < 1, near, far) / 6)


_FILTERS: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "bicubic": (2, lambda x: _cubic(x, 0.0, 0.5)),
    "mitchellcubic": (2, lambda x: _cubic(x, 1 / 3, 1 / 3)),
    "lanczos3": (3, lambda x: _sinc(x, 3)),
    "lanczos5": (5, lambda x: _sinc(x, 5)),
    "gaussian": (1.5, lambda x: _gaussian(x, 1.5)),
}
METHODS = ("bilinear", "nearest", "area", *_FILTERS)


@lru_cache(maxsize=64)
def _weights(method: str, old: int, new: int) -> NDArray[np.float32]:
    """Returns the (new, old) matrix that resizes one axis."""
    scale = old / new
    if method == "area":
        edges = np.arange(new + 1) * scale
        pixel = np.arange(old)
        overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
        weights = np.maximum(overlap, 0)
    else:
        radius, kernel = _FILTERS[method]
        # In single precision, so that pixels at the very end of a filter are in or out as there.
        centres = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * np.float32(scale)
        distance = np.arange(old, dtype=np.float32) + np.float32(0.5) - centres[:, None]
        weights = np.where(np.abs(distance) < radius, kernel(distance), 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _nearest(old: int, new: int) -> NDArray[np.int64]:
    """Returns which pixels of one axis are taken; halves are decided in single precision."""
    places = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * np.float32(old / new)
    return np.asarray(np.minimum(places.astype(np.int64), old - 1))


def resize(image: Array, size: tuple[int, int], method: str) -> NDArray[np.float32]:
    """Returns a picture of another size.

    Args:
        image: (H, W, C), uint8 or float32.
        size: (height, width).
        method: one of `METHODS`.

    Raises:
        ConfigurationError: for an unknown method.
    """
    if method not in METHODS:
        raise ConfigurationError(f"`interpolation` must be one of {METHODS}. Received: {method!r}")
    height, width, channels = image.shape
    if method == "nearest":
        taken = image[_nearest(height, size[0])][:, _nearest(width, size[1])]
        return taken.astype(np.float32)
    if method == "bilinear":
        geometry = np.zeros((1, 9))
        geometry[0, [0, 3]] = height / size[0], width / size[1]
        geometry[0, 4:6] = geometry[0, [0, 3]] / 2 - 0.5
        geometry[0, 8] = 1
        out: NDArray[np.float32] = run_kernel(
            image[np.newaxis], np.zeros(1, np.int64), geometry, np.full((1, 2), np.nan, np.float32),
            size, 1, "nearest", 0.0, Finish(), threads=1,
        )[0]  # fmt: skip
        return out
    rows = _weights(method, height, size[0]) @ image.reshape(height, -1).astype(np.float32)
    columns = rows.reshape(size[0], width, channels).transpose(0, 2, 1)
    columns = columns @ _weights(method, width, size[1]).T
    return np.ascontiguousarray(columns.transpose(0, 2, 1))


def crop_to_aspect(image: Array, size: tuple[int, int]) -> Array:
    """Returns the largest part from the middle that has the proportions of `size`."""
    height, width = image.shape[:2]
    new_height = max(min(height, int(float(width * size[0]) / size[1])), 1)
    new_width = max(min(width, int(float(height * size[1]) / size[0])), 1)
    top, left = int((height - new_height) / 2), int((width - new_width) / 2)
    return image[top : top + new_height, left : left + new_width]


def resize_with_pad(image: Array, size: tuple[int, int], method: str) -> NDArray[np.float32]:
    """Returns a picture that is resized without distortion, with zeros beside it."""
    height, width = image.shape[:2]
    # In single precision, as there: it decides whether 50 stays 50 or becomes 49.
    wanted, old = np.array(size, np.float32), np.array([height, width], np.float32)
    exact = old / np.max(old / wanted)
    inner = max(1, int(exact[0])), max(1, int(exact[1]))
    top, left = (max(0, int(space)) for space in (wanted - exact) / 2)
    out = np.zeros((*size, image.shape[2]), np.float32)
    out[top : top + inner[0], left : left + inner[1]] = resize(image, inner, method)
    return out
