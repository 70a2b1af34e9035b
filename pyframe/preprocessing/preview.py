"""Sheets of augmented pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import ConfigurationError
from pyframe.preprocessing.transforms import Parameters
from pyframe.utils.plots import new_figure

_SHORT = {
    "theta": "turn {:.0f}°",
    "tx": "tx {:.1f}",
    "ty": "ty {:.1f}",
    "shear": "shear {:.1f}°",
    "zx": "zx {:.2f}",
    "zy": "zy {:.2f}",
    "flip_horizontal": "flip",
    "flip_vertical": "upside down",
    "channel_shift_intensity": "channels {:+.0f}",
    "brightness": "bright {:.2f}",
}


def check_count(n: Any) -> int:
    """Returns a positive number of pictures.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ConfigurationError(f"`n` must be a positive integer. Received: {n!r}")
    return n


def describe(parameters: Parameters, i: int) -> str:
    """Returns what happened to picture i, three parameters a line."""
    parts = []
    for name, value in parameters.at(i).items():
        drawn = getattr(parameters, name) is not None
        if drawn and value is not False and value != 0:
            parts.append(_SHORT[name].format(value))
    return "\n".join(", ".join(parts[k : k + 3]) for k in range(0, len(parts), 3))


def draw_sheet(
    pictures: NDArray[Any], texts: list[str], columns: int, to_file: Any, dpi: int
) -> Any:
    """Draws pictures (N, H, W, C) with texts under them.

    Values outside 0..255 (after standardisation) are stretched picture by picture.

    Returns:
        The `matplotlib.figure.Figure`.
    """
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    figure = new_figure(1.9 * columns, 2.3 * rows, to_file is not None)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(pictures) :]:
        axis.set_axis_off()
    for axis, picture, text in zip(axes, pictures, texts, strict=False):
        low, high = float(picture.min()), float(picture.max())
        if low < 0 or high > 255:
            picture = (picture - low) / ((high - low) or 1)
        elif high > 1:
            picture = picture / 255
        if picture.shape[2] not in (1, 3, 4):
            picture = picture[:, :, :1]
        axis.imshow(picture if picture.shape[2] > 1 else picture[:, :, 0], cmap="gray",
                    vmin=0, vmax=1)  # fmt: skip
        axis.set(xticks=[], yticks=[])
        axis.set_xlabel(text, fontsize=6)
    if to_file is not None:
        figure.savefig(to_file, dpi=dpi)
    return figure


def first_pictures(jobs: Any, n: int) -> tuple[NDArray[Any], list[str]]:
    """Returns the first n pictures that jobs make, and what happened to them.

    Args:
        jobs: yields pairs of a batch (N, H, W, C) and its parameters.
        n: number of pictures.
    """
    pictures: list[NDArray[Any]] = []
    texts: list[str] = []
    for batch, parameters in jobs:
        for i in range(min(len(batch), n - len(pictures))):
            pictures.append(batch[i])
            texts.append(describe(parameters, i))
        if len(pictures) == n:
            break
    return np.stack(pictures), texts
