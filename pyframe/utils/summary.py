"""The table that `model.summary()` prints."""

from __future__ import annotations

import math
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError
from pyframe.utils._terminal import shows_unicode

# Columns: heading, alignment, right edge as a part of the table's width.
_COLUMNS = (("Layer (type)", "<", 0.45), ("Output Shape", "<", 0.80), ("Param #", ">", 1.0))
_WIDTH = 88
# Those of a graph that is no plain stack of layers.
_GRAPH_COLUMNS = (
    ("Layer (type)", "<", 0.30),
    ("Output Shape", "<", 0.56),
    ("Param #", ">", 0.74),
    ("Connected to", "<", 1.0),
)
_GRAPH_WIDTH = 108
_TRAINABLE_WIDTH = 12

_HEAVY = {"top": "┏━┳┓", "head": "┃", "below_head": "┡━╇┩"}
_LIGHT = {"cell": "│", "between": "├─┼┤", "bottom": "└─┴┘"}
_BOX = {**_HEAVY, **_LIGHT}
_ASCII = {
    "top": "+-++",
    "head": "|",
    "below_head": "+=++",
    "cell": "|",
    "between": "+-++",
    "bottom": "+-++",
}


def format_bytes(size: float) -> str:
    """Returns a size in the largest unit that leaves a number >= 1: `4.82 KB`."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def count_and_bytes(variables: Iterable[Any]) -> tuple[int, int]:
    """Returns the number of parameters in `variables` and their size; each counts once."""
    unique = {id(variable): variable for variable in variables}.values()
    counts = [math.prod(variable.shape) for variable in unique]
    sizes = [
        n * np.dtype(str(variable.dtype)).itemsize
        for n, variable in zip(counts, unique, strict=True)
    ]
    return sum(counts), sum(sizes)


def format_summary(
    model: Any,
    line_length: int | None = None,
    show_trainable: bool = False,
    expand_nested: bool = False,
    positions: Sequence[float] | None = None,
    layer_range: Sequence[str] | None = None,
) -> str:
    """Returns the table of layers, output shapes, parameter counts and, in graphs, connections.

    Args:
        model: a model with `layers`, `trainable_weights`, `non_trainable_weights` and `optimizer`;
            its `operations` and `connections`, if it has them, are shown.
        line_length: width in characters; by default 88 (graphs: 108), or less on a narrow
            terminal.
        show_trainable: whether to add a column that says which layers are trained.
        expand_nested: whether to list the layers of nested models too.
        positions: right edges of the columns as parts of the width, None for the usual ones.
        layer_range: names (regular expressions) of the first and last layer to show.

    Returns:
        Several lines, the last without a line break.

    Raises:
        ConfigurationError: for an impossible `positions` or `layer_range`.
    """
    connections = getattr(model, "connections", None)
    columns = [*(_COLUMNS if connections is None else _GRAPH_COLUMNS)]
    width = _WIDTH if connections is None else _GRAPH_WIDTH
    if positions is not None:
        columns = _moved(columns, positions)
    if show_trainable:
        columns = [(title, align, edge * 0.9) for title, align, edge in columns]
        columns.append(("Trainable", "^", 1.0))
        width += _TRAINABLE_WIDTH
    if line_length is None:
        line_length = min(width, shutil.get_terminal_size().columns - 4)
    rows = []
    for layer in _in_range(list(getattr(model, "operations", model.layers)), layer_range):
        rows += _rows(layer, show_trainable, expand_nested, connections, 0)
    lines = [f'Model: "{model.name}"', *_table(columns, rows, line_length), *_totals(model)]
    return "\n".join(lines)


def _moved(
    columns: Sequence[tuple[str, str, float]], positions: Sequence[float]
) -> list[tuple[str, str, float]]:
    if len(positions) != len(columns) or sorted(positions) != list(positions):
        raise ConfigurationError(
            f"`positions` must be {len(columns)} increasing numbers up to 1. Received: "
            f"{positions!r}"
        )
    moved = zip(columns, positions, strict=True)
    return [(title, align, float(edge)) for (title, align, _), edge in moved]


def _in_range(layers: list[Any], names: Sequence[str] | None) -> list[Any]:
    if names is None:
        return layers
    if len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"`layer_range` must be two names. Received: {names!r}")
    found = [[i for i, layer in enumerate(layers) if re.match(n, layer.name)] for n in names]
    if not all(found):
        raise ConfigurationError(f"`layer_range`={names!r} matches no layers.")
    first, last = min(found[0]), max(found[1])
    if first > last:
        first, last = min(found[1]), max(found[0])
    return layers[first : last + 1]


def _rows(
    layer: Any,
    show_trainable: bool,
    expand_nested: bool,
    connections: Mapping[str, str] | None,
    level: int,
) -> list[list[str]]:
    built = getattr(layer, "built", True)
    counted = hasattr(layer, "count_params")
    prefix = "   " * level + ("└ " if shows_unicode() else "- ") if level else ""
    row = [
        f"{prefix}{layer.name} ({getattr(layer, 'class_name', type(layer).__name__)})",
        _format_shape(getattr(layer, "output_shape", None)),
        f"{layer.count_params() if counted else 0:,}" if built else "0 (unbuilt)",
    ]
    if connections is not None:
        row.append(connections.get(layer.name, "-") if not level else "-")
    if show_trainable:
        weights = built and counted and layer.count_params()
        row.append(("Y" if layer.trainable else "N") if weights else "-")
    rows = [row]
    if expand_nested:
        for inner in getattr(layer, "layers", None) or []:
            rows += _rows(inner, show_trainable, expand_nested, connections, level + 1)
    return rows


def _format_shape(shape: Any) -> str:
    if shape is None:
        return "?"
    if isinstance(shape, dict):
        return _format_shape([shape[key] for key in sorted(shape)])
    if isinstance(shape, list):  # several outputs
        return f"[{', '.join(map(_format_shape, shape))}]"
    return f"({', '.join(map(str, shape))})"


def _table(
    columns: Sequence[tuple[str, str, float]], rows: Sequence[Sequence[str]], line_length: int
) -> list[str]:
    box = _BOX if shows_unicode() else _ASCII
    edges = [int(edge * line_length) for _, _, edge in columns]
    widths = [right - left for left, right in zip([0, *edges], edges, strict=False)]
    # Spaces and rules come on top; what is too much is taken from all columns, as in Keras.
    excess = 3 * len(widths) + 1
    for i in range(len(widths)):
        taken = round(excess / (len(widths) - i))
        excess -= taken
        widths[i] = max(widths[i] - taken, 4)

    def rule(kind: str) -> str:
        left, dash, cross, right = tuple(box[kind])
        return left + cross.join(dash * (width + 2) for width in widths) + right

    def cells(texts: Sequence[str], bar: str) -> list[str]:
        wrapped = [_wrap(text, width) for text, width in zip(texts, widths, strict=True)]
        height = max(map(len, wrapped))
        lines = []
        for i in range(height):
            parts = [
                f" {column[i] if i < len(column) else '':{align}{width}} "
                for column, (_, align, _), width in zip(wrapped, columns, widths, strict=True)
            ]
            lines.append(bar + bar.join(parts) + bar)
        return lines

    head = cells([title for title, _, _ in columns], box["head"])
    lines = [rule("top"), *head, rule("below_head")]
    for i, row in enumerate(rows):
        lines += [rule("between")] if i else []
        lines += cells(row, box["cell"])
    return [*lines, rule("bottom")]


def _wrap(text: str, width: int) -> list[str]:
    indent = text[: len(text) - len(text.lstrip())]
    lines = textwrap.wrap(text.lstrip(), width - len(indent), break_long_words=False)
    cut = "…" if shows_unicode() else "~"
    return [
        line if len(line) <= width else line[: width - 1] + cut
        for line in (indent + line for line in lines or [""])
    ]


def _totals(model: Any) -> list[str]:
    optimizer = getattr(model, "optimizer", None)
    slots = list(optimizer.variables) if optimizer is not None else []
    parts = {
        "Trainable": count_and_bytes(model.trainable_weights),
        "Non-trainable": count_and_bytes(model.non_trainable_weights),
    }
    if any(variable.shape for variable in slots):  # more than a step counter and a rate
        parts["Optimizer"] = count_and_bytes(slots)
    total = {"Total": (sum(n for n, _ in parts.values()), sum(size for _, size in parts.values()))}
    return [
        f" {title} params: {count:,} ({format_bytes(size)})"
        for title, (count, size) in {**total, **parts}.items()
    ]
