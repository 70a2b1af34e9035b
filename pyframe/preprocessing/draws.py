"""Random parameters, drawn like Keras: the same numbers of the same generator in the same order."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from pyframe.preprocessing.transforms import Parameters


class Source(Protocol):
    """What is used of `np.random.RandomState`; the module `np.random` has it as well."""

    def random_sample(self, size: Any = ...) -> Any:
        """Returns numbers in [0, 1)."""

    def choice(self, a: Any) -> Any:
        """Returns one of the elements of a, or of 0 ... a - 1."""

    def permutation(self, x: Any) -> Any:
        """Returns a permutation."""

    def randint(self, low: int) -> Any:
        """Returns an integer in [0, low)."""


class Ranges(Protocol):
    """The arguments of `ImageDataGenerator` that numbers are drawn for."""

    rotation_range: float
    width_shift_range: Any
    height_shift_range: Any
    shear_range: float
    zoom_range: Any
    horizontal_flip: bool
    vertical_flip: bool
    channel_shift_range: float
    brightness_range: Any


def draw(ranges: Ranges, source: Source, n: int, height: int, width: int) -> Parameters:
    """Draws the parameters of n images, all of the first image before those of the second.

    Args:
        ranges: the generator's arguments.
        source: source of the random numbers.
        n: number of images.
        height: of the images in pixels; shifts below 1 are fractions of it.
        width: the same for the other shift.
    """
    intervals = _intervals(ranges)
    choices = {
        name: shift
        for name, shift in (("tx", ranges.height_shift_range), ("ty", ranges.width_shift_range))
        if _is_choice(shift)
    }
    columns: dict[str, Any] = {name: np.empty(n) for name in intervals}
    if choices:  # of which nobody knows how many numbers they take
        for i in range(n):
            for name, (low, high) in intervals.items():
                if name in choices:
                    columns[name][i] = source.choice(choices[name]) * source.choice([-1, 1])
                else:
                    columns[name][i] = low + (high - low) * source.random_sample()
    else:  # one call gives the numbers of as many single calls
        table = source.random_sample((n, len(intervals)))
        for k, (name, (low, high)) in enumerate(intervals.items()):
            columns[name] = low + (high - low) * table[:, k]
    if "tx" in columns and np.max(ranges.height_shift_range) < 1:
        columns["tx"] *= height
    if "ty" in columns and np.max(ranges.width_shift_range) < 1:
        columns["ty"] *= width
    columns["flip_horizontal"] = (columns["flip_horizontal"] < 0.5) & bool(ranges.horizontal_flip)
    columns["flip_vertical"] = (columns["flip_vertical"] < 0.5) & bool(ranges.vertical_flip)
    return Parameters(**columns)


def _intervals(ranges: Ranges) -> dict[str, tuple[float, float]]:
    """Returns what is drawn and between which limits, in the order of the draws."""
    found: dict[str, tuple[float, float]] = {}

    def add(name: str, reach: Any) -> None:
        if _is_choice(reach):
            found[name] = (0.0, 0.0)  # the limits are not used
        elif np.ndim(reach) == 0 and reach:
            found[name] = (-reach, reach)

    add("theta", float(ranges.rotation_range))
    add("tx", ranges.height_shift_range)
    add("ty", ranges.width_shift_range)
    add("shear", float(ranges.shear_range))
    low, high = ranges.zoom_range
    if low != 1 or high != 1:
        found["zx"] = found["zy"] = (low, high)
    found["flip_horizontal"] = found["flip_vertical"] = (0.0, 1.0)  # drawn in any case
    add("channel_shift_intensity", float(ranges.channel_shift_range))
    if ranges.brightness_range is not None:
        found["brightness"] = tuple(ranges.brightness_range)
    return found


def _is_choice(shift: Any) -> bool:
    """Tells whether Keras draws from a list, or from 0 ... shift - 1, instead of an interval."""
    if isinstance(shift, (int, np.integer)) and not isinstance(shift, bool):
        return bool(shift > 0)
    return np.ndim(shift) == 1 and np.size(shift) > 0
