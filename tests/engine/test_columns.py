"""Training steps of small dense networks, which plans cut in parts of the columns.

The numbers are compared with back propagation in NumPy and float64.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from pyframe import _core
from tests import oracles
from tests.engine.small_net import Array, variable
from tests.ops.graphs import isa, threads

SLIDE = (100, 64, 100, 101)
RATE = 0.5


@dataclass
class Mlp:
    graph: _core.Graph
    variables: list[_core.Variable]  # kernel, bias of each layer, then what the optimizer keeps
    loss: int
    widths: tuple[int, ...]

    def plan(self, batch: int) -> _core.Plan:
        shapes = [(batch, self.widths[0]), (batch, self.widths[-1])]
        return self.graph.compile([self.loss], shapes)

    def weights(self) -> list[Array]:
        return [v.numpy() for v in self.variables]


def make_mlp(
    widths: tuple[int, ...] = SLIDE,
    activation: str = "relu",
    dtype: str = "float32",
    optimizer: str = "sgd_update",
    dropout: float = 0.0,
) -> Mlp:
    rng = np.random.RandomState(0)
    graph = _core.Graph()
    x = graph.input("x", (None, widths[0]), dtype)
    target = graph.input("target", (None, widths[-1]), dtype)
    variables, y = [], x
    for layer, (k, n) in enumerate(itertools.pairwise(widths)):
        kernel = variable((rng.standard_normal((k, n)) / np.sqrt(k)).astype(dtype), f"w{layer}")
        bias = variable((0.1 * rng.standard_normal(n)).astype(dtype), f"b{layer}")
        variables += [kernel, bias]
        (y,) = graph.op("dense", [y, graph.variable(kernel), graph.variable(bias)])
        if layer == len(widths) - 2:
            break
        (y,) = graph.op(activation, [y])
        if dropout > 0:
            state = graph.variable(variable(np.array([3.0, 0.0]), "state"))
            (y,) = graph.op("dropout", [y, state], {"rate": dropout, "stream": layer})
    losses, _ = graph.op("softmax_crossentropy", [y, target])
    (loss,) = graph.op("reduce_mean", [losses])
    if not optimizer:
        return Mlp(graph, variables, loss, widths)
    parameters = [graph.variable(v) for v in variables]
    operands = [graph.constant(np.asarray(RATE, dtype))]
    attrs: dict[str, float | bool] = {"momentum": 0.0, "nesterov": False}
    slots = 0
    if optimizer == "adam_update":
        iterations = variable(np.zeros(()), "iterations")
        operands.append(graph.variable(iterations))
        graph.op("assign_add", [operands[-1]], {"value": 1.0})
        attrs, slots = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}, 2
    elif optimizer == "momentum":
        attrs, slots = {"momentum": 0.9, "nesterov": True}, 1
    kept = []
    gradients = graph.gradients(loss, parameters)
    for v, parameter, gradient in zip(variables, parameters, gradients, strict=True):
        assert gradient is not None
        operands += [parameter, gradient]
        for slot in range(slots):
            kept.append(variable(np.zeros_like(v.numpy()), f"slot{slot}"))
            operands.append(graph.variable(kept[-1]))
    graph.op("sgd_update" if optimizer == "momentum" else optimizer, operands, attrs)
    return Mlp(graph, variables + kept, loss, widths)


def make_data(rows: int, widths: Sequence[int] = SLIDE) -> tuple[Array, Array]:
    rng = np.random.RandomState(1)
    x = rng.uniform(-1, 1, (rows, widths[0])).astype(np.float32)
    return x, np.eye(widths[-1], dtype=np.float32)[rng.randint(0, widths[-1], rows)]


FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z, y: z > 0),
    "tanh": (np.tanh, lambda z, y: 1 - y * y),
    "silu": (
        lambda z: z * oracles.sigmoid(z),
        lambda z, y: oracles.sigmoid(z) * (1 + z * (1 - oracles.sigmoid(z))),
    ),
}


def sgd_step(
    weights: Sequence[Array], x: Array, target: Array, activation: str
) -> tuple[float, list[Array]]:
    """Loss, and the weights after one step."""
    value, slope = FUNCTIONS[activation]
    ys, zs = [x.astype(np.float64)], []
    for i in range(0, len(weights), 2):
        zs.append(oracles.dense(ys[-1], weights[i].astype(np.float64), weights[i + 1]))
        ys.append(value(zs[-1]))
    losses, probabilities = oracles.softmax_crossentropy(zs[-1], target)
    dz = (probabilities - target) / len(x)
    after: list[Array] = []
    for i in reversed(range(0, len(weights), 2)):
        after[:0] = [weights[i] - RATE * ys[i // 2].T @ dz, weights[i + 1] - RATE * dz.sum(axis=0)]
        if i > 0:
            dz = (dz @ weights[i].T) * slope(zs[i // 2 - 1], ys[i // 2])
    return float(losses.mean()), after


@pytest.mark.parametrize(
    ("batch", "widths", "activation", "dtype"),
    [
        (32, SLIDE, "relu", "float32"),
        (32, SLIDE, "relu", "float64"),
        (33, SLIDE, "tanh", "float32"),  # an odd number of rows, a gradient from the result
        (37, (128, 96, 77), "silu", "float32"),  # a function that cannot be part of the product
        (40, (33, 200, 40, 32, 10), "relu", "float32"),  # widths at the limit and below
        (32, (16, 200, 100, 40), "relu", "float64"),  # an input too narrow to be cut
    ],
)
def test_a_step_against_back_propagation(
    batch: int, widths: tuple[int, ...], activation: str, dtype: str
) -> None:
    x, target = make_data(batch, widths)
    for level in _core.isa_levels():
        net = make_mlp(widths, activation, dtype)
        before = [w.astype(np.float64) for w in net.weights()]
        want_loss, want = sgd_step(before, x, target, activation)
        with isa(level), threads(2):
            plan = net.plan(batch)
            (loss,) = plan.run([x, target])
        assert "columns in 2" in plan.describe()
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(loss, want_loss, rtol=tolerance)
        for got, expected, start in zip(net.weights(), want, before, strict=True):
            scale = np.abs(expected - start).max()
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("optimizer", ["sgd_update", "momentum", "adam_update"])
@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_the_same_bits_for_any_number_of_threads(optimizer: str, dropout: float) -> None:
    x, target = make_data(8 * 31)
    index = np.random.RandomState(2).permutation(len(x))
    results = []
    for count in (1, 2, 3, 7):
        net = make_mlp(optimizer=optimizer, dropout=dropout)
        with threads(count):
            plan = net.plan(31)
            _, sums, _ = plan.run_steps([x, target], [None], index, 0, 8)
        assert "columns in 2" in plan.describe()
        results.append([np.float64(sums[0]), *net.weights()])
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, want)
    assert results[0][0] > 0


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64"])
def test_inputs_are_cast(dtype: str) -> None:
    x, target = make_data(64)
    whole = (100 * np.abs(x)).astype(dtype)
    nets = [make_mlp(), make_mlp()]
    index = np.arange(64)[::-1].copy()
    for net, data in zip(nets, (whole, whole.astype(np.float32)), strict=True):
        net.plan(32).run_steps([data, target], [None], index, 0, 2)
    for got, want in zip(nets[0].weights(), nets[1].weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_loss_that_is_not_finite_changes_nothing() -> None:
    x, target = make_data(96)
    x[40, 60] = np.nan
    net, other = make_mlp(), make_mlp()
    with threads(2):
        steps, _, last = net.plan(32).run_steps(
            [x, target], [None], None, 0, 3, stop_if_not_finite=True
        )
        other.plan(32).run_steps([x, target], [None], None, 0, 1)
    assert steps == 2
    assert np.isnan(last[0])
    for got, want in zip(net.weights(), other.weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_what_is_computed_again_has_the_same_bits() -> None:
    x, target = make_data(32)
    nets = [make_mlp(dropout=0.25), make_mlp(dropout=0.25)]
    for net, limit in zip(nets, (None, 1), strict=True):
        shapes = [x.shape, target.shape]
        plan = net.graph.compile([net.loss], shapes, memory_limit=limit)
        assert "columns in" in plan.describe()
        plan.run([x, target])
    for got, want in zip(nets[0].weights(), nets[1].weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_what_is_cut_in_columns() -> None:
    """Neither the smallest networks nor large ones, and training alone."""
    assert "columns in" in make_mlp().plan(32).describe()
    assert "columns in" not in make_mlp((64, 32, 10)).plan(32).describe()
    assert "columns in" not in make_mlp().plan(65).describe()
    assert "columns in" not in make_mlp((784, 256, 10)).plan(32).describe()
    assert "columns in" not in make_mlp(optimizer="").plan(128).describe()
