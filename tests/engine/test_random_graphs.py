"""Random graphs against NumPy: what fusion, in-place operators and the arena must not change."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from pyframe import _core
from tests import oracles
from tests.engine.small_net import Array
from tests.ops.graphs import isa, threads

UNARY = ("relu", "tanh", "sigmoid", "elu", "gelu", "softplus", "square", "negative", "silu")
BINARY = ("add", "multiply", "subtract", "maximum")
WIDTHS = (1, 5, 16, 33)


@dataclass
class Value:
    """A tensor of the graph under construction, (rows, width) or (width,) for `row` values."""

    tensor: int
    compute: Callable[[list[Array]], Array]
    width: int


class RandomGraph:
    """A random DAG of operators; most values are read several times, some not at all."""

    def __init__(self, seed: int, operators: int = 25, dtype: str = "float64") -> None:
        self.rng = np.random.RandomState(seed)
        self.graph = _core.Graph()
        self.dtype = dtype
        self.inputs: list[tuple[int, tuple[int | None, ...]]] = []
        self.values = [self.add_input((None, w)) for w in self.rng.choice(WIDTHS, 2)]
        while len(self.values) < operators:
            self.values.append(self.grow())
        parts = [v for v in self.values[-5:] if v.width]
        totals = []
        for part in parts:
            (squashed,) = self.graph.op("tanh", [part.tensor])
            totals += self.graph.op("reduce_mean", [squashed])
        loss = totals[0]
        for total in totals[1:]:
            (loss,) = self.graph.op("add", [loss, total])
        self.loss = loss
        self.parts = parts

    def compute_loss(self, feeds: list[Array]) -> float:
        return float(sum(np.tanh(part.compute(feeds)).mean() for part in self.parts))

    def add_input(self, shape: tuple[int | None, ...]) -> Value:
        position, width = len(self.inputs), shape[-1]
        assert width is not None
        tensor = self.graph.input(f"x{position}", shape, self.dtype)
        self.inputs.append((tensor, shape))
        return Value(tensor, lambda feeds: feeds[position], width)

    def pick(self) -> Value:
        recent = self.values[-6:] if self.rng.rand() < 0.7 else self.values
        return recent[self.rng.randint(len(recent))]

    def op(self, name: str, *operands: Value, **attrs: float) -> int:
        return self.graph.op(name, [v.tensor for v in operands], attrs)[0]

    def grow(self) -> Value:
        kind, x = self.rng.randint(6), self.pick()
        if kind == 0:
            return self.unary(x)
        if kind == 1:
            return self.dense(x)
        if kind == 2:
            same = [v for v in self.values if v.width == x.width]
            y = same[self.rng.randint(len(same))]
            name = str(self.rng.choice(BINARY))
            function = oracles.BINARY[name]
            return Value(self.op(name, x, y), lambda f: function(x.compute(f), y.compute(f)),
                         x.width)  # fmt: skip
        if kind == 3:
            return Value(self.op("softmax", x), lambda f: oracles.softmax(x.compute(f)), x.width)
        if kind == 4:
            y = self.pick()
            tensor = self.graph.op("concat", [x.tensor, y.tensor], {"axis": 1})[0]
            if x.width + y.width > 100:
                return self.unary(x)
            return Value(tensor, lambda f: np.concatenate([x.compute(f), y.compute(f)], axis=1),
                         x.width + y.width)  # fmt: skip
        # A mean over the rows or columns, subtracted again: broadcasting in both passes.
        axis = self.rng.randint(2)
        (mean,) = self.graph.op("reduce_mean", [x.tensor], {"axes": [axis], "keepdims": True})
        (centred,) = self.graph.op("subtract", [x.tensor, mean])
        return Value(centred, lambda f: x.compute(f) - x.compute(f).mean(axis, keepdims=True),
                     x.width)  # fmt: skip

    def unary(self, x: Value) -> Value:
        name = str(self.rng.choice(UNARY))
        attrs = {"alpha": 0.7} if name == "elu" else {}
        function = oracles.UNARY[name]
        if name == "square":  # keeps values small
            name, function = "softsign", oracles.UNARY["softsign"]
        return Value(self.op(name, x, **attrs), lambda f: function(x.compute(f), **attrs), x.width)

    def dense(self, x: Value) -> Value:
        width = int(self.rng.choice(WIDTHS))
        w = (self.rng.standard_normal((x.width, width)) / np.sqrt(x.width)).astype(self.dtype)
        b = self.rng.standard_normal(width).astype(self.dtype)
        bias = [self.graph.constant(b)] if self.rng.rand() < 0.7 else []
        (tensor,) = self.graph.op("dense", [x.tensor, self.graph.constant(w), *bias])
        if not bias:
            b = np.zeros(width, self.dtype)
        return Value(tensor, lambda f: x.compute(f) @ w + b, width)

    def feeds(self, rows: int) -> list[Array]:
        return [
            self.rng.standard_normal((rows, shape[-1])).astype(self.dtype)  # type: ignore[arg-type]
            for _, shape in self.inputs
        ]


@pytest.mark.parametrize("rows", [1, 6, 64])
@pytest.mark.parametrize("seed", range(60))
def test_values_and_gradients(seed: int, rows: int) -> None:
    random = RandomGraph(seed)
    feeds = random.feeds(rows)
    shapes = [x.shape for x in feeds]
    gradients = random.graph.gradients(random.loss, [tensor for tensor, _ in random.inputs])
    wanted = [g for g in gradients if g is not None]

    loss, *found = random.graph.compile([random.loss, *wanted], shapes).run(feeds)
    np.testing.assert_allclose(loss, random.compute_loss(feeds), rtol=1e-9, atol=1e-12)

    # Asking for every value keeps all of them: nothing may be fused away or overwritten.
    tensors = [v.tensor for v in random.values]
    everything = random.graph.compile([random.loss, *wanted, *tensors], shapes).run(feeds)
    for value, kept in zip(random.values, everything[1 + len(wanted) :], strict=True):
        np.testing.assert_allclose(kept, value.compute(feeds), rtol=1e-9, atol=1e-11)
    for one, other in zip([loss, *found], everything, strict=False):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)

    # The loss is about 1, so rounding costs 1e-16 / h; a small step rarely meets a kink of relu.
    rng, h = np.random.RandomState(seed), 1e-7
    with_gradient = [i for i, g in enumerate(gradients) if g is not None]
    for position, gradient in zip(with_gradient, found, strict=True):
        direction = rng.standard_normal(feeds[position].shape)
        moved = [list(feeds), list(feeds)]
        moved[0][position] = feeds[position] + h * direction
        moved[1][position] = feeds[position] - h * direction
        slope = (random.compute_loss(moved[0]) - random.compute_loss(moved[1])) / (2 * h)
        analytic = float((gradient * direction).sum())
        scale = max(1.0, float(np.abs(gradient * direction).sum()))
        assert abs(slope - analytic) <= 1e-6 * scale


@pytest.mark.parametrize("level", _core.isa_levels())
@pytest.mark.parametrize("seed", range(100, 112))
def test_bits_do_not_depend_on_threads_or_earlier_runs(seed: int, level: str) -> None:
    with isa(level):
        random = RandomGraph(seed, dtype="float32")
        feeds, others = random.feeds(300), random.feeds(300)
        gradients = random.graph.gradients(random.loss, [t for t, _ in random.inputs])
        outputs = [random.loss, *[g for g in gradients if g is not None]]
        plan = random.graph.compile(outputs, [x.shape for x in feeds])
        results = set()
        for count in (1, 2, 3, 7):
            with threads(count):
                results.add(b"".join(y.tobytes() for y in plan.run(feeds)))
                plan.run(others)  # leaves other numbers in the arena
        assert len(results) == 1


@pytest.mark.parametrize("seed", range(200, 210))
def test_steps_equal_single_runs(seed: int) -> None:
    random = RandomGraph(seed, dtype="float32")
    feeds = random.feeds(40)
    last = random.values[-1]
    plan = random.graph.compile([random.loss, last.tensor], [(8, *x.shape[1:]) for x in feeds])
    rows = np.zeros((40, last.width), np.float32)
    _, sums, _ = plan.run_steps(feeds, [None, rows], None, 0, 5)
    losses = []
    for step in range(5):
        part = slice(8 * step, 8 * step + 8)
        loss, y = plan.run([x[part] for x in feeds])
        losses.append(float(loss))
        assert y.tobytes() == rows[part].tobytes()
    assert sums[0] == pytest.approx(sum(losses), rel=1e-12)
