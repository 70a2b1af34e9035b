"""Runs operators through `_core.Graph` alone, without the Python layers above it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe import _core

Array = NDArray[Any]
Attrs = Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """An operand that has to be a variable (the state of dropout)."""

    value: Array


Operand = Array | State

# Operators with outputs that are for their own gradient only: how many of them count.
PUBLIC_OUTPUTS = {"max_pool2d": 1, "lstm": 4, "gru": 3, "simple_rnn": 3}


@contextmanager
def isa(level: str) -> Iterator[None]:
    before = _core.get_isa()
    _core.set_isa(level)
    try:
        yield
    finally:
        _core.set_isa(before)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = _core.get_num_threads()
    _core.set_num_threads(count)
    try:
        yield
    finally:
        _core.set_num_threads(before)


def add_operands(graph: _core.Graph, operands: Sequence[Operand]) -> list[int]:
    tensors = []
    for position, operand in enumerate(operands):
        if isinstance(operand, State):
            value = operand.value
            variable = _core.Variable(value.shape, value.dtype.name, f"state{position}")
            variable.assign(value)
            tensors.append(graph.variable(variable))
        else:
            tensors.append(graph.input(f"x{position}", operand.shape, operand.dtype.name))
    return tensors


def feeds(operands: Sequence[Operand]) -> list[Array]:
    return [operand for operand in operands if not isinstance(operand, State)]


def compile_op(name: str, operands: Sequence[Operand], attrs: Attrs) -> _core.Plan:
    graph = _core.Graph()
    outputs = graph.op(name, add_operands(graph, operands), dict(attrs))
    outputs = outputs[: PUBLIC_OUTPUTS.get(name)]
    return graph.compile(outputs, [x.shape for x in feeds(operands)])


def run_op(name: str, operands: Sequence[Operand], attrs: Attrs) -> list[Array]:
    return compile_op(name, operands, attrs).run(feeds(operands))


def gradient_graph(
    name: str, operands: Sequence[Operand], attrs: Attrs, wrt: Sequence[int], weights: Array
) -> tuple[_core.Graph, list[int]]:
    """Graph and tensors of d sum(y * weights) / d operand for `wrt`, y being the first output."""
    graph = _core.Graph()
    tensors = add_operands(graph, operands)
    y = graph.op(name, tensors, dict(attrs))[0]
    (product,) = graph.op("multiply", [y, graph.constant(weights)])
    (loss,) = graph.op("reduce_sum", [product])
    gradients = graph.gradients(loss, [tensors[i] for i in wrt])
    found = [g for g in gradients if g is not None]
    assert len(found) == len(gradients), f"{name} gives no gradient for some of operands {wrt}"
    return graph, found


def compile_gradients(
    name: str, operands: Sequence[Operand], attrs: Attrs, wrt: Sequence[int], weights: Array
) -> _core.Plan:
    graph, gradients = gradient_graph(name, operands, attrs, wrt, weights)
    return graph.compile(gradients, [x.shape for x in feeds(operands)])


def run_gradients(
    name: str, operands: Sequence[Operand], attrs: Attrs, wrt: Sequence[int], weights: Array
) -> list[Array]:
    return compile_gradients(name, operands, attrs, wrt, weights).run(feeds(operands))


@dataclass(frozen=True)
class Projection:
    """The slope of sum(y * weights) along one random direction of one operand."""

    operand: int
    direction: Array
    slope: float


def numeric_projections(
    forward: Callable[..., Array], operands: Sequence[Operand], wrt: Sequence[int], weights: Array
) -> list[Projection]:
    """Central differences, one random direction for each operand in `wrt`."""
    rng = np.random.RandomState(7)
    h = 1e-5
    projections = []
    for position in wrt:
        x = operands[position]
        assert not isinstance(x, State)
        direction = rng.standard_normal(x.shape)
        values = []
        for sign in (1, -1):
            moved = [o.value if isinstance(o, State) else o for o in operands]
            moved[position] = x + sign * h * direction
            values.append(float((forward(*moved) * weights).sum()))
        projections.append(Projection(position, direction, (values[0] - values[1]) / (2 * h)))
    return projections


def check_projections(
    gradients: Sequence[Array], projections: Sequence[Projection], label: str = ""
) -> None:
    """Compares float64 gradients with the slopes measured above.

    With h = 1e-5 the truncation error is about h^2 = 1e-10 and the rounding error 1e-16 / h
    = 1e-11, both relative to the size of the terms: 1e-6 leaves room for third derivatives.
    """
    for gradient, projection in zip(gradients, projections, strict=True):
        assert gradient.shape == projection.direction.shape, f"{label}: shape {gradient.shape}"
        assert gradient.dtype == np.float64, label
        terms = gradient * projection.direction
        scale = max(1.0, float(np.abs(terms).sum()))
        assert abs(projection.slope - float(terms.sum())) <= 1e-6 * scale, (
            f"{label}: operand {projection.operand}: gradient {float(terms.sum())!r}, "
            f"finite differences {projection.slope!r}"
        )
