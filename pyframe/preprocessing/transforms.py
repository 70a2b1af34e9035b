"""Random parameters of augmentation, their affine matrices, and the call of the kernel."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe import _core
from pyframe.errors import ConfigurationError, DataError
from pyframe.preprocessing._affine import augment
from pyframe.utils.optional import import_optional

Floats: TypeAlias = NDArray[np.float64]
FILL_MODES = ("constant", "nearest", "reflect", "wrap")
_SMALL = 1 << 15  # elements of a batch below which threads cost more than they save

_forked = False


def _note_fork() -> None:
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_note_fork)


@dataclass
class Parameters:
    """What happens to each of n images; every field is None or an array of n numbers.

    Attributes:
        theta: rotation in degrees.
        tx: shift of the result to the left in pixels.
        ty: shift of the result upwards in pixels.
        shear: shear angle in degrees.
        zx: zoom along the columns; below 1 magnifies.
        zy: zoom along the rows.
        flip_horizontal: whether columns are reversed.
        flip_vertical: whether rows are reversed.
        channel_shift_intensity: added to all channels.
        brightness: factor of the brightness.
    """

    theta: Floats | None = None
    tx: Floats | None = None
    ty: Floats | None = None
    shear: Floats | None = None
    zx: Floats | None = None
    zy: Floats | None = None
    flip_horizontal: NDArray[Any] | None = None
    flip_vertical: NDArray[Any] | None = None
    channel_shift_intensity: Floats | None = None
    brightness: Floats | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Parameters:
        """Returns those of one image from a dictionary as `get_random_transform` gives it.

        Raises:
            ConfigurationError: for an unknown name or a value that is not a finite number.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigurationError(
                f"Unknown parameters {unknown} of a transform; there are: {sorted(known)}"
            )
        arrays = {}
        for name, value in values.items():
            if value is None:
                continue
            try:
                array = np.asarray([value], np.float64)
            except (TypeError, ValueError):
                array = np.array([np.nan])
            if array.shape != (1,) or not np.isfinite(array).all():
                raise ConfigurationError(f"`{name}` must be a finite number. Received: {value!r}")
            arrays[name] = array
        return cls(**arrays)

    def at(self, i: int) -> dict[str, Any]:
        """Returns those of image i as a dictionary, with Keras's values for what is not there."""
        neutral = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}
        neutral |= {"flip_horizontal": False, "flip_vertical": False}
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: neutral.get(name) if array is None else array[i].item()
            for name, array in values.items()
        }

    def take(self, index: NDArray[np.int64]) -> Parameters:
        """Returns those of some of the images."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Parameters(**{k: None if v is None else v[index] for k, v in values.items()})

    def geometry(self, n: int, height: int, width: int) -> Floats:
        """Returns the (n, 9) table of the kernel: matrix, offset, flips, whether warped.

        The matrix takes (row, column) of the result to the source: rotation @ shift @ shear @
        zoom, around the middle of the image, and then with the axes exchanged, as in Keras since
        2020. Keras exchanges the middle's coordinates as well, so images that are not square turn
        around another point; results here shall be the same.
        """
        zero, one = np.zeros(n), np.ones(n)
        theta = zero if self.theta is None else np.deg2rad(self.theta)
        shear = zero if self.shear is None else np.deg2rad(self.shear)
        tx, ty = (zero if t is None else t for t in (self.tx, self.ty))
        zx, zy = (one if z is None else z for z in (self.zx, self.zy))
        matrix = np.zeros((n, 3, 3))
        matrix[:] = np.eye(3)
        for part, entries in (
            (theta != 0, _table(np.cos(theta), -np.sin(theta), np.sin(theta), np.cos(theta))),
            ((tx != 0) | (ty != 0), _table(one, zero, zero, one, tx, ty)),
            (shear != 0, _table(one, -np.sin(shear), zero, np.cos(shear))),
            ((zx != 1) | (zy != 1), _table(zx, zero, zero, zy)),
        ):
            matrix[part] = matrix[part] @ entries[part]
        warped = (matrix != np.eye(3)).any(axis=(1, 2))
        middle = np.array([height / 2 - 0.5, width / 2 - 0.5])
        matrix[:, :2, 2] = middle + matrix[:, :2, 2] - matrix[:, :2, :2] @ middle
        table = np.zeros((n, 9))
        table[:, :6] = matrix[:, [1, 1, 0, 0, 1, 0], [1, 0, 1, 0, 2, 2]]
        table[:, 6] = 0 if self.flip_horizontal is None else self.flip_horizontal
        table[:, 7] = 0 if self.flip_vertical is None else self.flip_vertical
        table[:, 8] = warped
        return table

    def colours(self, n: int) -> NDArray[np.float32]:
        """Returns the (n, 2) table of the kernel: channel shift and brightness, NaN for none."""
        table = np.full((n, 2), np.nan, np.float32)
        if self.channel_shift_intensity is not None:
            table[:, 0] = self.channel_shift_intensity
        if self.brightness is not None:
            table[:, 1] = self.brightness
        return table


def _table(a: Floats, b: Floats, c: Floats, d: Floats, *offset: Floats) -> Floats:
    matrix = np.zeros((len(a), 3, 3))
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1] = a, b, c, d
    matrix[:, 2, 2] = 1
    if offset:
        matrix[:, 0, 2], matrix[:, 1, 2] = offset
    return matrix


@dataclass(frozen=True)
class Finish:
    """What follows the geometry and is the same for all images; see `_affine.augment`."""

    rescale: float | None = None
    centre: bool = False
    std: bool = False
    mean: NDArray[np.float32] | None = None
    deviation: NDArray[np.float32] | None = None


def run_kernel(
    images: NDArray[Any],
    index: NDArray[np.int64],
    geometry: Floats,
    colours: NDArray[np.float32],
    size: tuple[int, int],
    order: int,
    fill_mode: str,
    cval: float,
    finish: Finish,
    threads: int | None = None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Returns augmented images (N, *size, C) float32.

    Args:
        images: (M, H, W, C) uint8 or float32.
        index: image that each result is made of.
        geometry: table of `Parameters.geometry`.
        colours: table of `Parameters.colours`.
        size: height and width of the results.
        order: of the interpolation, 0 to 5; above 1 SciPy warps.
        fill_mode: one of `FILL_MODES`.
        cval: value outside for `"constant"`.
        finish: what is done at last.
        threads: None for those of the engine.
        out: where to put the result; a new array unless given.

    Raises:
        DataError: if brightness is to change and there are neither 1, 3 nor 4 channels, or
            a matrix is not finite.
        ImportError: if order > 1 and SciPy is missing.
    """
    _check_tables(geometry, colours, images.shape[3])
    if order > 1 and geometry[:, 8].any():
        images, index = _warp_by_scipy(images, index, geometry, order, fill_mode, cval)
        geometry = geometry.copy()
        geometry[:, 8] = 0
        order = 1
    if out is None:
        out = np.empty((len(index), *size, images.shape[3]), np.float32)
    if threads is None:
        threads = 1 if out.size < _SMALL else _core.get_num_threads()
    options = {**_options(order, fill_mode, cval, finish), "threads": threads}
    arguments = (images, index, geometry, colours, out)
    if threads > 1 and _forked:
        # OpenMP's threads of the parent are not in its child; a new thread gets new ones.
        _in_new_thread(arguments, options)
    else:
        augment(*arguments, **options)
    return out


def _check_tables(geometry: Floats, colours: NDArray[np.float32], channels: int) -> None:
    if not (np.abs(geometry) < 1e9).all():
        raise DataError("The parameters of an affine transform are too large or not finite.")
    if channels not in (1, 3, 4) and not np.isnan(colours[:, 1]).all():
        raise DataError(f"Brightness needs 1, 3 or 4 channels. Received {channels}")


def _options(order: int, fill_mode: str, cval: float, finish: Finish) -> dict[str, Any]:
    return {
        "order": order,
        "mode": FILL_MODES.index(fill_mode),
        "cval": cval,
        "avx2": _core.get_isa() in ("avx2", "avx512"),
        "rescale": finish.rescale,
        "centre": finish.centre,
        "std": finish.std,
        "mean": finish.mean,
        "deviation": finish.deviation,
    }


@dataclass(frozen=True)
class Recipe:
    """What happens to each picture of a batch."""

    geometry: Floats
    colours: NDArray[np.float32]
    order: int
    fill_mode: str
    cval: float
    finish: Finish

    def run(
        self,
        images: NDArray[Any],
        index: NDArray[np.int64],
        rows: slice = slice(None),
        threads: int | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Returns some pictures of the batch, (N, H, W, C); see `run_kernel`.

        Args:
            images: (M, H, W, C); uint8 and float32 are not copied.
            index: which image each of the pictures is made of.
            rows: which pictures of the batch they are.
            threads: see `run_kernel`.
            out: see `run_kernel`.
        """
        if images.dtype not in (np.uint8, np.float32):
            images, index = images[index].astype(np.float32), np.arange(len(index))
        return run_kernel(
            images, np.ascontiguousarray(index, np.int64), self.geometry[rows], self.colours[rows],
            images.shape[1:3], self.order, self.fill_mode, self.cval, self.finish, threads, out,
        )  # fmt: skip

    def run_each(self, out: NDArray[np.float32]) -> Callable[[NDArray[Any], int], None]:
        """Returns what makes the pictures of a batch one by one, in the thread that calls it.

        Args:
            out: the batch, (N, H, W, C).

        Returns:
            A function of an image (H, W, C) and the place in the batch of what is made of it.
        """
        first = np.zeros(1, np.int64)

        def run(image: NDArray[Any], i: int) -> None:
            self.run(image[np.newaxis], first, slice(i, i + 1), 1, out[i : i + 1])

        if self.order > 1:
            return run
        _check_tables(self.geometry, self.colours, out.shape[3])
        options = _options(self.order, self.fill_mode, self.cval, self.finish)

        def run_checked(image: NDArray[Any], i: int) -> None:
            rows = slice(i, i + 1)
            augment(
                image[np.newaxis], first, self.geometry[rows], self.colours[rows], out[rows],
                **options,
            )  # fmt: skip

        return run_checked


def _in_new_thread(arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            augment(*arguments, **options)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="pyframe-augment")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def _warp_by_scipy(
    images: NDArray[Any],
    index: NDArray[np.int64],
    geometry: Floats,
    order: int,
    fill_mode: str,
    cval: float,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    ndimage = import_optional("scipy.ndimage", "interpolation_order > 1", "image")
    warped = np.empty((len(index), *images.shape[1:]), np.float32)
    for i, row in enumerate(geometry):
        image = images[index[i]].astype(np.float32)
        if row[8]:
            for c in range(image.shape[2]):
                warped[i, ..., c] = ndimage.affine_transform(
                    image[..., c], row[:4].reshape(2, 2), row[4:6],
                    order=order, mode=fill_mode, cval=cval,
                )  # fmt: skip
        else:
            warped[i] = image
    return warped, np.arange(len(index))


def check_fill(fill_mode: str, cval: float, order: int) -> None:
    """Checks three arguments that belong together.

    Raises:
        ConfigurationError: for an unknown mode, a value that is not finite, a bad order.
    """
    if fill_mode not in FILL_MODES:
        raise ConfigurationError(
            f"`fill_mode` must be one of {', '.join(FILL_MODES)}. Received: {fill_mode!r}"
        )
    if isinstance(order, bool) or order not in range(6):
        raise ConfigurationError(
            f"`interpolation_order` must be an integer from 0 to 5. Received: {order!r}"
        )
    if not isinstance(cval, (int, float, np.number)) or not math.isfinite(cval):
        raise ConfigurationError(f"`cval` must be a finite number. Received: {cval!r}")
