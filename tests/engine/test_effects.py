"""Operators that update variables, against the formulas in oracles.py (Keras's)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from pyframe import _core
from tests import oracles
from tests.engine.small_net import Array, variable
from tests.ops.generators import SIZES
from tests.ops.graphs import isa, threads

# float32 parameters of size 1 after a few steps of a few roundings each.
TOLERANCE = {"float32": (4e-6, 1e-6), "float64": (1e-12, 1e-14)}
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
STEPS = 5


@pytest.fixture(params=_core.isa_levels(), autouse=True)
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    with isa(request.param):
        yield request.param


class Updater:
    """Runs one optimizer operator over several parameters; gradients are the plan's inputs."""

    def __init__(self, op: str, dtype: str, sizes: Sequence[int], slots: int, rate: float,
                 attrs: dict[str, Any], counter: bool = False) -> None:  # fmt: skip
        rng = np.random.RandomState(3)
        self.dtype = dtype
        self.graph = _core.Graph()
        self.start = [rng.standard_normal(n).astype(dtype) for n in sizes]
        self.parameters = [variable(w, f"w{i}") for i, w in enumerate(self.start)]
        self.slots = [[variable(np.zeros(n, dtype), "slot") for _ in range(slots)] for n in sizes]
        self.iterations = variable(np.array(0.0), "iterations")
        operands = [self.graph.constant(np.asarray(rate, dtype))]
        if counter:
            operands.append(self.graph.variable(self.iterations))
        for w, slot in zip(self.parameters, self.slots, strict=True):
            g = self.graph.input("g", w.shape, dtype)
            operands += [self.graph.variable(w), g, *map(self.graph.variable, slot)]
        self.graph.op(op, operands, attrs)
        if counter:
            self.graph.op("assign_add", operands[1:2], {"value": 1.0})
        self.plan = self.graph.compile([], [w.shape for w in self.parameters])
        self.gradients = [
            [rng.standard_normal(n).astype(dtype) for n in sizes] for _ in range(STEPS)
        ]

    def run(self) -> None:
        for gradients in self.gradients:
            assert self.plan.run(gradients) == []

    def expected(self, which: int, step: Any, slots: int) -> list[Array]:
        """Parameter and slots after all steps; step(w, g, k, *slots) -> (w, *slots)."""
        w = self.start[which].astype(np.float64)
        values = [w, *[np.zeros(w.shape)] * slots]
        for k, gradients in enumerate(self.gradients):
            g = gradients[which].astype(np.float64)
            values = list(step(values[0], g, k, *values[1:]))
        return values

    def check(self, step: Any, slots: int) -> None:
        self.run()
        for i, (w, slot) in enumerate(zip(self.parameters, self.slots, strict=True)):
            for actual, wanted in zip([w, *slot], self.expected(i, step, slots), strict=True):
                np.testing.assert_allclose(actual.numpy(), wanted, *TOLERANCE[self.dtype],
                                           err_msg=f"parameter {w.shape}")  # fmt: skip


@DTYPES
@pytest.mark.parametrize(
    ("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)],
    ids=["plain", "momentum", "nesterov"],
)  # fmt: skip
def test_sgd(momentum: float, nesterov: bool, dtype: str) -> None:
    slots = 1 if momentum else 0
    attrs = {"momentum": momentum, "nesterov": nesterov}

    def step(w: Array, g: Array, _: int, velocity: Array | None = None) -> tuple[Array, ...]:
        return oracles.sgd(w, g, 0.1, momentum, nesterov, velocity)

    Updater("sgd_update", dtype, (*SIZES, 70_001), slots, 0.1, attrs).check(step, slots)


@DTYPES
@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop(centered: bool, momentum: float, dtype: str) -> None:
    slots = 1 + centered + (momentum > 0)
    attrs = {"rho": 0.9, "momentum": momentum, "epsilon": 1e-7, "centered": centered}

    def step(w: Array, g: Array, _: int, v: Array, *rest: Array) -> tuple[Array, ...]:
        mean = rest[0] if centered else None
        moment = rest[-1] if momentum else None
        return oracles.rmsprop(w, g, 0.01, 0.9, 1e-7, v, momentum, mean, moment)

    Updater("rmsprop_update", dtype, (*SIZES, 70_001), slots, 0.01, attrs).check(step, slots)


@DTYPES
def test_adam(dtype: str) -> None:
    attrs = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

    def step(w: Array, g: Array, k: int, m: Array, v: Array) -> tuple[Array, ...]:
        return oracles.adam(w, g, 0.01, 0.9, 0.999, 1e-7, k, m, v)

    updater = Updater("adam_update", dtype, (*SIZES, 70_001), 2, 0.01, attrs, counter=True)
    updater.check(step, 2)
    assert updater.iterations.numpy() == STEPS


def test_adam_after_many_steps() -> None:
    """The bias correction is computed in double precision: 0.999 ** 100000 is not 0."""
    w, g = variable(np.ones(3), "w"), np.array([1.0, -1.0, 0.5])
    m, v = variable(np.zeros(3), "m"), variable(np.zeros(3), "v")
    iterations = variable(np.array(12345.0), "iterations")
    graph = _core.Graph()
    gradient = graph.input("g", (3,), "float64")
    operands = [graph.constant(np.array(0.1)), graph.variable(iterations), graph.variable(w),
                gradient, graph.variable(m), graph.variable(v)]  # fmt: skip
    graph.op("adam_update", operands, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7})
    graph.compile([], [(3,)]).run([g])
    expected, *_ = oracles.adam(np.ones(3), g, 0.1, 0.9, 0.999, 1e-7, 12345, np.zeros(3),
                                np.zeros(3))  # fmt: skip
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-13)


def test_zero_gradients_move_nothing() -> None:
    for op, slots, attrs in [
        ("sgd_update", 0, {"momentum": 0.0, "nesterov": False}),
        ("rmsprop_update", 1, {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False}),
        ("adam_update", 2, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
    ]:
        updater = Updater(op, "float32", [17], slots, 0.1, attrs, counter=op == "adam_update")
        updater.gradients = [[np.zeros(17, np.float32)]] * 3
        updater.run()
        np.testing.assert_array_equal(updater.parameters[0].numpy(), updater.start[0])


def test_same_bits_for_any_number_of_threads() -> None:
    attrs = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    results = set()
    for count in (1, 2, 3, 7):
        with threads(count):
            updater = Updater("adam_update", "float32", [300_001, 7], 2, 0.01, attrs, counter=True)
            updater.run()
            results.add(b"".join(w.numpy().tobytes() for w in updater.parameters))
    assert len(results) == 1


def test_the_learning_rate_may_be_computed() -> None:
    """A schedule is a few operators on the step counter."""
    steps, w = variable(np.array(0.0), "steps"), variable(np.zeros(2), "w")
    graph = _core.Graph()
    counter = graph.variable(steps)
    (decayed,) = graph.op("add", [counter, graph.constant(np.array(1.0))])
    (rate,) = graph.op("divide", [graph.constant(np.array(1.0)), decayed])
    g = graph.input("g", (2,), "float64")
    graph.op("sgd_update", [rate, graph.variable(w), g], {"momentum": 0.0, "nesterov": False})
    graph.op("assign_add", [counter], {"value": 1.0})
    plan = graph.compile([rate], [(2,)])
    rates = [float(plan.run([np.ones(2)])[0]) for _ in range(4)]
    np.testing.assert_allclose(rates, [1, 1 / 2, 1 / 3, 1 / 4], rtol=1e-15)
    np.testing.assert_allclose(w.numpy(), -sum(rates), rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_assign_and_add(dtype: str) -> None:
    counter, copy = variable(np.array([1, 5], dtype), "counter"), variable(np.zeros(2, dtype), "c")
    graph = _core.Graph()
    a, b = graph.variable(counter), graph.variable(copy)
    graph.op("assign", [b, a])
    graph.op("assign_add", [a], {"value": 3})
    plan = graph.compile([a], [])
    (seen,) = plan.run([])
    np.testing.assert_array_equal(seen, [1, 5])  # effects come after every reader
    np.testing.assert_array_equal(copy.numpy(), [1, 5])
    np.testing.assert_array_equal(counter.numpy(), [4, 8])


@DTYPES
def test_moving_average(dtype: str) -> None:
    """Two updates of one variable in a step follow each other."""
    rng = np.random.RandomState(5)
    w, v, x, y = (rng.standard_normal(9).astype(dtype) for _ in range(4))
    variables = [variable(w, "w"), variable(v, "v")]
    graph = _core.Graph()
    tensors = [graph.variable(item) for item in variables]
    first, second = graph.input("x", (9,), dtype), graph.input("y", (9,), dtype)
    attrs = {"momentum": 0.75}
    graph.op("moving_average", [tensors[0], first, tensors[1], second], attrs)
    graph.op("moving_average", [tensors[0], second], attrs)
    graph.compile([], [(9,), (9,)]).run([x, y])
    for item, wanted in (
        (variables[0], 0.75 * (0.75 * w + 0.25 * x) + 0.25 * y),
        (variables[1], 0.75 * v + 0.25 * y),
    ):
        rtol, atol = TOLERANCE[dtype]
        np.testing.assert_allclose(item.numpy(), wanted, rtol, atol)
    with pytest.raises(ValueError, match="momentum"):
        graph.op("moving_average", [tensors[0], first], {"momentum": 1.5})
    with pytest.raises(ValueError, match="pairs"):
        graph.op("moving_average", [tensors[0], first, tensors[1]], attrs)


@DTYPES
def test_accumulate(dtype: str) -> None:
    total = variable(np.zeros(1000, dtype), "total")
    graph = _core.Graph()
    x = graph.input("x", (1000,), dtype)
    (y,) = graph.op("square", [x])
    graph.op("accumulate", [graph.variable(total), y])
    plan = graph.compile([], [(1000,)])
    values = np.random.RandomState(0).standard_normal((4, 1000)).astype(dtype)
    for value in values:
        plan.run([value])
    expected = np.square(values.astype(np.float64)).sum(axis=0)
    np.testing.assert_allclose(total.numpy(), expected, rtol=1e-6)


def test_large_variables_are_shared_among_tasks() -> None:
    start = np.random.RandomState(1).standard_normal(1_500_000).astype(np.float32)
    total, copy = variable(start, "total"), variable(np.zeros_like(start), "copy")
    graph = _core.Graph()
    x = graph.input("x", start.shape, "float32")
    graph.op("accumulate", [graph.variable(total), x])
    graph.op("assign", [graph.variable(copy), x])
    plan = graph.compile([], [start.shape])
    assert "effects, tasks 184\n" in plan.describe()  # two times 92, enough for several threads
    for count in (1, 2, 3, 7):
        total.assign(start)
        with threads(count):
            plan.run([start])
        np.testing.assert_array_equal(total.numpy(), start + start)
        np.testing.assert_array_equal(copy.numpy(), start)


def test_effects_on_one_variable_run_in_the_order_they_were_added() -> None:
    """Decoupled weight decay before the optimizer's update relies on it."""
    w = variable(np.array([2.0]), "w")
    graph = _core.Graph()
    tensor, g = graph.variable(w), graph.input("g", (1,), "float64")
    (decay,) = graph.op("multiply", [tensor, graph.constant(np.array(-0.5))])
    graph.op("accumulate", [tensor, decay])
    one = graph.constant(np.array(1.0))
    graph.op("sgd_update", [one, tensor, g], {"momentum": 0.0, "nesterov": False})
    plan = graph.compile([tensor], [(1,)])
    (before,) = plan.run([np.array([0.25])])
    assert before == [2.0]
    assert w.numpy() == [2.0 - 1.0 - 0.25]


def test_effects_check_their_operands() -> None:
    graph = _core.Graph()
    w = graph.variable(variable(np.zeros((2, 3), np.float32), "w"))
    x = graph.input("x", (2, 3), "float32")
    other = graph.input("other", (3, 2), "float32")
    rate = graph.constant(np.array(0.1, np.float32))
    sgd = {"momentum": 0.0, "nesterov": False}
    bad: list[tuple[str, list[int], dict[str, Any]]] = [
        ("assign", [x, x], {}),
        ("assign", [w, other], {}),
        ("accumulate", [w, other], {}),
        ("accumulate", [x, x], {}),
        ("assign_add", [x], {"value": 1.0}),
        ("sgd_update", [rate, w, other], sgd),
        ("sgd_update", [rate, x, x], sgd),
        ("sgd_update", [x, w, x], sgd),
        ("sgd_update", [rate, w, x], {"momentum": 0.9, "nesterov": False}),
        ("adam_update", [rate, w, x], {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
    ]
    for op, operands, attrs in bad:
        with pytest.raises(ValueError, match=op):
            graph.op(op, operands, attrs)
