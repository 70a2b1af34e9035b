"""The single changes of pictures as functions (Keras 2 names)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.preprocessing.arguments import cast_like, check_zoom
from pyframe.preprocessing.transforms import Finish, Parameters, check_fill, run_kernel
from pyframe.utils.image_utils import array_to_img, img_to_array

Array = NDArray[Any]


def apply_affine_transform(
    x: ArrayLike,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> Array:
    """Turns, shifts, shears and zooms a picture with one interpolation.

    Args:
        x: picture of three dimensions.
        theta: rotation in degrees.
        tx: shift of the result to the left in pixels.
        ty: shift of the result upwards in pixels.
        shear: shear angle in degrees.
        zx: zoom along the columns; below 1 magnifies.
        zy: zoom along the rows.
        row_axis: axis of the rows of x.
        col_axis: axis of the columns.
        channel_axis: axis of the channels, 0 or 2.
        fill_mode: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: value for `"constant"`.
        order: of the interpolation, 0 to 5.

    Returns:
        A picture of the same shape and dtype.

    Raises:
        ConfigurationError: for an impossible argument.
        ShapeError: if x has not three dimensions.
    """
    image = np.asarray(x)
    axes = (row_axis, col_axis, channel_axis)
    if image.ndim != 3:
        raise ShapeError(f"A picture needs 3 dimensions. Received the shape {image.shape}")
    if sorted(axes) != [0, 1, 2] or channel_axis == 1:
        raise ConfigurationError(
            f"Rows, columns and channels must be the axes 0, 1 and 2, channels the first or the "
            f"last. Received: {axes}"
        )
    check_fill(fill_mode, cval, order)
    values = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}
    planes = image.transpose(axes)
    if planes.dtype not in (np.uint8, np.float32):
        planes = planes.astype(np.float32)
    height, width = planes.shape[:2]
    parameters = Parameters.of(values)
    out = run_kernel(
        planes[np.newaxis], np.arange(1), parameters.geometry(1, height, width),
        parameters.colours(1), (height, width), order, fill_mode, cval, Finish(),
    )  # fmt: skip
    return cast_like(out[0].transpose(np.argsort(axes)), image.dtype)


def random_rotation(x: Array, rg: float, *args: Any, **kwargs: Any) -> Array:
    """Turns a picture by up to `rg` degrees; more arguments: see `random_shift`."""
    theta = np.random.uniform(-rg, rg)  # noqa: NPY002 - Keras's generator
    return apply_affine_transform(x, theta=theta, **_axes(args, kwargs))


def random_shift(x: Array, wrg: float, hrg: float, *args: Any, **kwargs: Any) -> Array:
    """Shifts a picture by up to fractions of its size.

    Args:
        x: picture of three dimensions.
        wrg: largest shift as a fraction of the width.
        hrg: the same for the height.
        *args: row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order.
        **kwargs: the same by name.
    """
    options = _axes(args, kwargs)
    height, width = x.shape[options["row_axis"]], x.shape[options["col_axis"]]
    tx = np.random.uniform(-hrg, hrg) * height  # noqa: NPY002
    ty = np.random.uniform(-wrg, wrg) * width  # noqa: NPY002
    return apply_affine_transform(x, tx=tx, ty=ty, **options)


def random_shear(x: Array, intensity: float, *args: Any, **kwargs: Any) -> Array:
    """Shears a picture by up to `intensity` degrees; more arguments: see `random_shift`."""
    shear = np.random.uniform(-intensity, intensity)  # noqa: NPY002
    return apply_affine_transform(x, shear=shear, **_axes(args, kwargs))


def random_zoom(x: Array, zoom_range: tuple[float, float], *args: Any, **kwargs: Any) -> Array:
    """Zooms a picture by factors from a range; more arguments: see `random_shift`."""
    if np.ndim(zoom_range) == 0:
        raise ConfigurationError(f"`zoom_range` must be two numbers. Received: {zoom_range!r}")
    low, high = check_zoom(zoom_range)
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)  # noqa: NPY002
    return apply_affine_transform(x, zx=zx, zy=zy, **_axes(args, kwargs))


def _axes(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    names = "row_axis", "col_axis", "channel_axis", "fill_mode", "cval", "interpolation_order"
    defaults = dict(zip(names, (1, 2, 0, "nearest", 0.0, 1), strict=True))
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if len(args) > len(names) or set(given) - set(names):
        raise ConfigurationError(f"The arguments may be {names}. Received: {args}, {kwargs}")
    options = {**defaults, **given}
    options["order"] = options.pop("interpolation_order")
    return options


def apply_channel_shift(x: Array, intensity: float, channel_axis: int = 0) -> Array:
    """Adds a number to all values and cuts them to the picture's smallest and largest.

    Args:
        x: picture of three dimensions.
        intensity: the number.
        channel_axis: has no effect: all channels are treated alike.
    """
    del channel_axis
    return np.clip(x + intensity, np.min(x), np.max(x))


def random_channel_shift(x: Array, intensity_range: float, channel_axis: int = 0) -> Array:
    """Adds a number up to `intensity_range`; see `apply_channel_shift`."""
    intensity = np.random.uniform(-intensity_range, intensity_range)  # noqa: NPY002
    return apply_channel_shift(x, intensity, channel_axis)


def apply_brightness_shift(x: Array, brightness: float, scale: bool = True) -> Array:
    """Changes the brightness with Pillow.

    Args:
        x: picture (H, W, C).
        brightness: factor; 1 changes nothing.
        scale: stretch the values to 0..255 before.

    Returns:
        Whole numbers 0..255; if values were outside and `scale` is false, mapped back.
    """
    from PIL import ImageEnhance

    low, high = np.min(x), np.max(x)
    outside = bool(low < 0 or high > 255)
    picture = array_to_img(x, scale=outside or scale)
    result = img_to_array(ImageEnhance.Brightness(picture).enhance(brightness))
    return result / 255 * (high - low) + low if outside and not scale else result


def random_brightness(x: Array, brightness_range: tuple[float, float], scale: bool = True) -> Array:
    """Changes the brightness by a factor from a range; see `apply_brightness_shift`."""
    if np.shape(brightness_range) != (2,):
        raise ConfigurationError(
            f"`brightness_range` must be two numbers. Received: {brightness_range!r}"
        )
    factor = np.random.uniform(brightness_range[0], brightness_range[1])  # noqa: NPY002
    return apply_brightness_shift(x, factor, scale)
