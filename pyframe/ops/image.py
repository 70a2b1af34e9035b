"""Operators on images (batch, height, width, channels)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.ops.dispatch import apply, apply_all, is_integer, rank, static_shape
from pyframe.ops.elementwise import add, cast, greater
from pyframe.ops.shaping import expand_dims, normal_axis, reshape, squeeze
from pyframe.ops.shaping import max as reduce_max

__all__ = ["affine_transform", "resize", "upsample"]

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def _images(x: Any) -> tuple[Any, bool]:
    # One image becomes a batch of one; the flag says so.
    if rank(x) not in (3, 4):
        raise ShapeError(
            "Images must be (batch, height, width, channels) or (height, width, channels). "
            f"Received shape: {tuple(x.shape)}"
        )
    return (expand_dims(x, 0), True) if rank(x) == 3 else (x, False)


def _resize(x: Any, interpolation: str, antialias: bool, **target: Any) -> Any:
    if interpolation not in INTERPOLATIONS:
        raise ConfigurationError(
            f"`interpolation` must be one of {INTERPOLATIONS}. Received: {interpolation!r}"
        )
    images, single = _images(x)
    y = apply("resize", images, method=interpolation, antialias=bool(antialias), **target)
    return squeeze(y, 0) if single else y


def repeat(x: Any, repeats: int, axis: int | None = None) -> Any:
    """Returns x with each element along an axis repeated.

    Args:
        x: the operand.
        repeats: how often, >= 1.
        axis: the axis; None for the flattened x.

    Raises:
        ConfigurationError: if `repeats` is no positive integer.
        ShapeError: if too many dimensions are unknown.
    """
    if not isinstance(repeats, int) or repeats < 1:
        raise ConfigurationError(f"`repeats` must be a positive integer. Received: {repeats!r}")
    if axis is None:
        x, axis = reshape(x, [-1]), 0
    if is_integer(x):
        return cast(repeat(cast(x, "float64"), repeats, axis), "int32")
    shape = list(static_shape(x))
    axis = normal_axis(axis, len(shape))
    if len(shape) == 3 and axis == 1:
        return squeeze(upsample(expand_dims(x, 2), (repeats, 1)), 2)
    # As images of width 1: (axes before, axis, 1, axes behind).
    images = reshape(x, [_size(shape[:axis]), shape[axis], 1, _size(shape[axis + 1 :])])
    length = shape[axis]
    shape[axis] = None if length is None else length * repeats
    return reshape(upsample(images, (repeats, 1)), shape)


def _size(shape: Sequence[int | None]) -> int:
    # The product of the dimensions, -1 if one of them is unknown.
    known = [n for n in shape if n is not None]
    return math.prod(known) if len(known) == len(shape) else -1


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
) -> Any:
    """Returns images of another size, with Keras's numbers (half-pixel centres).

    Args:
        images: (batch, height, width, channels) or one image without the batch axis.
        size: new height and width.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: whether shrinking averages over all pixels that fall together.

    Raises:
        ConfigurationError: for an unknown interpolation.
        ShapeError: if the operand is no image.
    """
    height, width = size
    return _resize(images, interpolation, antialias, size=[int(height), int(width)])


def upsample(images: Any, factors: Sequence[int], interpolation: str = "nearest") -> Any:
    """Returns images that are larger by whole factors; their size may be unknown yet.

    Args:
        images: (batch, height, width, channels) or one image without the batch axis.
        factors: of height and width.
        interpolation: as for `resize`.
    """
    return _resize(images, interpolation, False, scale=[int(n) for n in factors])


def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Any:
    """Returns images whose pixels come from other places.

    Pixel (x, y) of the result is the one of the image at
    ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with k = c0 x + c1 y + 1.

    Args:
        images: (batch, height, width, channels) or one image without the batch axis.
        transform: a0, a1, a2, b0, b1, b2, c0, c1: (batch, 8), or (8,) for all images. No gradient
            flows to them.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside the image: "constant", "nearest" (a a | a b c d | d d),
            "reflect" (b a | a b c d | d c) or "wrap" (c d | a b c d | a b).
        fill_value: value outside for "constant".

    Raises:
        ConfigurationError: for an unknown interpolation or fill mode.
        ShapeError: if the operand is no image.
    """
    for value, argument, known in (
        (interpolation, "interpolation", ("bilinear", "nearest")),
        (fill_mode, "fill_mode", ("constant", "nearest", "reflect", "wrap")),
    ):
        if value not in known:
            raise ConfigurationError(f"`{argument}` must be one of {known}. Received: {value!r}")
    x, single = _images(images)
    if rank(transform) == 1:
        # One for each image, however many there are: x > x is 0 even where x is NaN.
        none = reduce_max(greater(x, x), (1, 2, 3))
        transform = add(reshape(transform, (1, 8)), expand_dims(none, 1))
    attrs = {
        "interpolation": interpolation,
        "fill_mode": fill_mode,
        "fill_value": float(fill_value),
    }
    y = apply_all("affine_transform", [x, transform], attrs)[0]
    return squeeze(y, 0) if single else y
