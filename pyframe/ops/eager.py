"""Operators on NumPy arrays: a graph of one operator, compiled once for each shape."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from pyframe import _core
from pyframe.ops.dtypes import Array

Attrs = Mapping[str, Any]
_FrozenAttrs = tuple[tuple[str, Any], ...]


def _freeze(attrs: Attrs) -> _FrozenAttrs:
    return tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in attrs.items())


@functools.lru_cache(maxsize=512)
def _compiled(
    name: str,
    attrs: _FrozenAttrs,
    shapes: tuple[tuple[int, ...], ...],
    dtypes: tuple[str, ...],
    conv_algorithm: str,
) -> _core.Plan:
    # The algorithm is what `Graph.compile` reads: a plan belongs to the one it was made with.
    graph = _core.Graph()
    inputs = [
        graph.input(f"x{i}", shape, dtype)
        for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    ]
    thawed = {k: list(v) if isinstance(v, tuple) else v for k, v in attrs}
    return graph.compile(graph.op(name, inputs, thawed), shapes)


def run_operator(
    name: str, arrays: Sequence[Array], dtypes: Sequence[str], attrs: Attrs
) -> list[Array]:
    """Runs one operator at once.

    Args:
        name: operator name of the engine.
        arrays: its inputs, C-contiguous.
        dtypes: dtype that each input has inside the engine.
        attrs: its attributes.

    Returns:
        One array for each output.
    """
    shapes = tuple(array.shape for array in arrays)
    algorithm = _core.get_conv_algorithm()
    return _compiled(name, _freeze(attrs), shapes, tuple(dtypes), algorithm).run(list(arrays))
