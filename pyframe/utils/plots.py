"""Pictures of training runs and digits, made with matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyframe.errors import ConfigurationError, DataError
from pyframe.utils.optional import import_optional


def new_figure(width: float, height: float, to_file: bool) -> Any:
    """Returns an empty matplotlib figure of a size in inches; for a file it needs no screen."""
    if to_file:  # needs no screen
        figures = import_optional("matplotlib.figure", "Drawing", "plot")
        return figures.Figure(figsize=(width, height), layout="constrained")
    pyplot = import_optional("matplotlib.pyplot", "Drawing", "plot")
    return pyplot.figure(figsize=(width, height), layout="constrained")


def plot_history(
    history: Any,
    to_file: str | PathLike[str] | None = None,
    metrics: Sequence[str] | None = None,
    mark_epoch: int | None = None,
    title: str | None = None,
    dpi: int = 100,
) -> Any:
    """Draws the curves of a training run, each metric beside its validation values.

    If an EarlyStopping callback took part, its best epoch and the one at which it stopped are
    marked with vertical lines.

    Args:
        history: what `fit` returned, or a dictionary from metric to values.
        to_file: file to save the picture in; its ending gives the format, e.g. ".png".
        metrics: names without `val_`; by default all, the loss first.
        mark_epoch: number (from 1) of a further epoch to mark.
        title: text above the picture.
        dpi: dots per inch of the file.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ConfigurationError: if a metric is not in the history, or the history is empty.
        ImportError: if matplotlib is missing.
    """
    values: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    if metrics is None:
        names = [name for name in values if not name.startswith("val_")]
        metrics = sorted(names, key=lambda name: (name != "loss", name))
    missing = [name for name in metrics if name not in values]
    if missing or not metrics:
        raise ConfigurationError(
            f"The history has no metrics {missing or ''} to draw. It holds: {sorted(values)}"
        )
    figure = new_figure(4.5 * len(metrics), 3.2, to_file is not None)
    epochs = list(getattr(history, "epoch", None) or range(len(values[metrics[0]])))
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    marker = "." if len(epochs) <= 60 else None
    for axis, name in zip(axes, metrics, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in values:
                axis.plot(_numbers(epochs, values[key]), values[key], marker=marker, label=label)
        for epoch, label, style in _marks(history, mark_epoch):
            axis.axvline(epoch, color="grey", ls=style, label=label)
        axis.set(xlabel="epoch", title=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    if title is not None:
        figure.suptitle(title)
    if to_file is not None:
        figure.savefig(to_file, dpi=dpi)
    return figure


def _numbers(epochs: Sequence[int], values: Sequence[float]) -> list[int]:
    # Validation that is made every so many epochs has fewer values, the last at the end.
    every = max(1, len(epochs) // max(1, len(values)))
    return [epoch + 1 for epoch in epochs[every - 1 :: every][: len(values)]]


def _marks(history: Any, mark_epoch: int | None) -> list[tuple[int, str, str]]:
    marks = []
    for name, text, style in (("best_epoch", "best", "--"), ("stopped_epoch", "stopped", ":")):
        epoch = getattr(history, name, None)
        if epoch is not None:
            marks.append((epoch + 1, f"{text}: epoch {epoch + 1}", style))
    if mark_epoch is not None:
        marks.append((mark_epoch, f"epoch {mark_epoch}", "--"))
    return marks


def plot_images(
    images: ArrayLike,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    to_file: str | PathLike[str] | None = None,
    dpi: int = 100,
) -> Any:
    """Draws images on a sheet.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3), N >= 1, values 0..1 or 0..255.
        titles: one text for each image.
        columns: images in a row.
        to_file: file to save the picture in.
        dpi: dots per inch of the file.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        DataError: if the shape is none of the above or the numbers differ.
        ImportError: if matplotlib is missing.
    """
    array = np.asarray(images)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (3, 4) or not len(array) or (array.ndim == 4 and array.shape[-1] != 3):
        raise DataError(f"plot_images needs N images of 1 or 3 channels. Received: {array.shape}")
    if titles is not None and len(titles) != len(array):
        raise DataError(f"{len(titles)} titles were given for {len(array)} images")
    columns = min(columns, len(array))
    rows = math.ceil(len(array) / columns)
    figure = new_figure(1.2 * columns, 1.4 * rows, to_file is not None)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for i, axis in enumerate(axes[: len(array)]):
        axis.imshow(array[i], cmap="gray")
        if titles is not None:
            axis.set_title(titles[i], fontsize=8)
    if to_file is not None:
        figure.savefig(to_file, dpi=dpi)
    return figure
