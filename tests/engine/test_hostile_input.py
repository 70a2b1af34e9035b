"""Input that a clumsy or hostile caller may hand to the engine: an error, never a crash."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pyframe import _core

Array = NDArray[Any]


def relu_plan(batch: int = 4) -> _core.Plan:
    graph = _core.Graph()
    (y,) = graph.op("relu", [graph.input("x", (None, 4), "float32")])
    return graph.compile([y], [(batch, 4)])


@pytest.mark.parametrize(("start", "steps"), [(0, 1 << 62), (1 << 62, 1 << 62), (-1, 1), (0, -1)])
def test_positions_beyond_all_bounds(start: int, steps: int) -> None:
    x = np.zeros((4, 4), np.float32)
    with pytest.raises(ValueError, match="start and steps"):
        relu_plan().run_steps([x], [x], None, start, steps)


def test_many_steps_of_an_empty_batch() -> None:
    x = np.zeros((0, 4), np.float32)
    with pytest.raises(ValueError, match="no rows"):
        relu_plan(0).run_steps([x], [x], None, 0, 1 << 60)
    assert relu_plan(0).run([x])[0].shape == (0, 4)


def two_inputs() -> _core.Plan:
    """x is cut in batches of 4, t of the same number of columns is seen whole by every step."""
    graph = _core.Graph()
    x, t = graph.input("x", (None, 4), "float32"), graph.input("t", (8, 4), "float32")
    (mean,) = graph.op("reduce_mean", [t], {"axes": [0]})
    (y,) = graph.op("add", [x, mean])
    return graph.compile([y], [(8, 4), (8, 4)])


def test_whole_inputs_are_checked_with_an_index() -> None:
    x, short = np.zeros((16, 4), np.float32), np.zeros((1, 4), np.float32)
    with pytest.raises(ValueError, match="'t'"):
        two_inputs().run_steps([x, short], [x.copy()], np.arange(16), 0, 2)


def test_a_whole_input_of_the_size_of_a_batch_stays_whole() -> None:
    rng = np.random.RandomState(0)
    x, t = rng.standard_normal((2, 16, 4)).astype(np.float32)
    out = np.zeros_like(x)
    two_inputs().run_steps([x, t[:8]], [out], None, 0, 2)
    np.testing.assert_allclose(out, x + t[:8].mean(axis=0), rtol=1e-5, atol=1e-6)


def test_the_index_is_read_once() -> None:
    """An output that overlaps the index changes it after it was checked."""
    memory = np.zeros(65, np.int64)
    graph = _core.Graph()
    (y,) = graph.op("relu", [graph.input("x", (None, 1), "float64")])
    plan = graph.compile([y], [(1, 1)])
    poison = np.array([1 << 40], np.int64).view(np.float64).reshape(1, 1)
    plan.run_steps([poison], [memory[1:].view(np.float64).reshape(64, 1)], memory[:64], 0, 64)


@pytest.mark.parametrize("ids", [[99999], [-1], [0, 7]])
def test_outputs_of_other_graphs(ids: list[int]) -> None:
    graph = _core.Graph()
    graph.input("x", (4,), "float32")
    with pytest.raises(ValueError, match="not in this graph"):
        graph.compile(ids, [(4,)])


def test_no_variable() -> None:
    nothing: Any = None
    with pytest.raises(TypeError):
        _core.Graph().variable(nothing)


def test_operators_of_gradients_are_hidden() -> None:
    graph = _core.Graph()
    x = graph.input("x", (4,), "float32")
    for name in ("relu_grad", "bias_grad", "sum_to_like", "concat_piece"):
        assert name not in _core.operators()
        with pytest.raises(ValueError, match=name):
            graph.op(name, [x, x])


@pytest.mark.parametrize(
    ("name", "shapes", "attrs"),
    [
        ("conv2d", [(1, 8, 8, 1), (3, 3, 1, 1)], {"dilation": 1 << 62, "padding": "same"}),
        ("conv2d", [(1, 8, 8, 1), (3, 3, 1, 1)], {"strides": (1 << 63) - 1}),
        ("conv2d", [(1, 8, 8, 0), (3, 3, 0, 4)], {}),
        ("max_pool2d", [(1, 8, 8, 1)], {"pool_size": 1 << 32}),
        ("broadcast_to", [(3,)], {"shape": [-5000000, 3]}),
        ("select", [(3,), (1, 1), (3,)], {}),
    ],
)
def test_absurd_attributes(name: str, shapes: list[Any], attrs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=name):
        _core.infer_shapes(name, shapes, ["float32"] * len(shapes), attrs)


def test_one_variable_twice_in_an_update() -> None:
    graph = _core.Graph()
    w = graph.variable(_core.Variable((3,), "float32"))
    g, rate = graph.input("g", (3,), "float32"), graph.constant(np.float32(0.1))
    with pytest.raises(ValueError, match="twice"):
        graph.op("sgd_update", [rate, w, g, w, g])


def test_no_gradient_is_an_error_unless_the_function_is_flat() -> None:
    graph = _core.Graph()
    x = graph.input("x", (2, 3), "float64")
    (y,) = graph.op("softmax", [x])
    (total,) = graph.op("reduce_sum", [graph.op("square", [y])[0]])
    (dx,) = graph.gradients(total, [x])
    assert dx is not None
    (second,) = graph.op("reduce_sum", [dx])
    with pytest.raises(ValueError, match="no gradient"):
        graph.gradients(second, [x])
    (flat,) = graph.op("reduce_sum", [graph.op("floor", [x])[0]])
    assert graph.gradients(flat, [x]) == [None]


def test_gradient_through_the_probabilities_of_a_loss() -> None:
    graph = _core.Graph()
    x, t = graph.input("x", (3, 5), "float64"), graph.input("t", (3, 5), "float64")
    fused = graph.op("softmax_crossentropy", [x, t])[1]
    (plain,) = graph.op("softmax", [x])
    rng = np.random.RandomState(0)
    weights = graph.constant(rng.standard_normal((3, 5)))
    found = []
    for y in (fused, plain):
        (loss,) = graph.op("reduce_sum", [graph.op("multiply", [y, weights])[0]])
        (dx,) = graph.gradients(loss, [x])
        assert dx is not None
        found.append(dx)
    a, b = graph.compile(found, [(3, 5)] * 2).run(list(rng.uniform(0, 1, (2, 3, 5))))
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rows", [0, 1, 300, 1024])
def test_a_result_does_not_overwrite_what_other_rows_need(rows: int) -> None:
    """x + x.T: row i of the sum needs column i of all of x."""
    graph = _core.Graph()
    x = graph.input("x", (rows, rows), "float32")
    (h,) = graph.op("relu", [x])
    (t,) = graph.op("transpose", [h], {"axes": [1, 0]})
    (y,) = graph.op("add", [h, t])
    value = np.random.RandomState(0).standard_normal((rows, rows)).astype(np.float32)
    positive = np.maximum(value, 0)
    (result,) = graph.compile([y], [(rows, rows)]).run([value])
    np.testing.assert_array_equal(result, positive + positive.T)


@pytest.mark.parametrize("layer", ["dense", "conv2d"])
def test_gradients_over_no_rows_are_zero(layer: str) -> None:
    graph = _core.Graph()
    shape, kernel = ((None, 20), (20, 30)) if layer == "dense" else ((None, 6, 6, 3), (3, 3, 3, 8))
    x = graph.input("x", shape, "float32")
    w = graph.variable(_core.Variable(kernel, "float32"))
    b = graph.variable(_core.Variable(kernel[-1:], "float32"))
    (loss,) = graph.op("reduce_sum", graph.op(layer, [x, w, b]))
    gradients = [g for g in graph.gradients(loss, [w, b]) if g is not None]
    empty = np.zeros((0, *shape[1:]), np.float32)
    for value in graph.compile(gradients, [empty.shape]).run([empty]):
        assert not value.any()


def test_two_train_plans_of_one_model_do_not_run_at_once() -> None:
    """The plan of the full batches and the one of the last, short batch change the same weights."""
    graph = _core.Graph()
    x = graph.input("x", (None, 512), "float32")
    w = graph.variable(_core.Variable((512, 512), "float32"))
    (loss,) = graph.op("reduce_sum", graph.op("dense", [x, w]))
    gradients = graph.gradients(loss, [w])
    graph.op("sgd_update", [graph.constant(np.float32(0.1)), w, gradients[0] or 0])
    data = np.zeros((128, 512), np.float32)
    plans = [graph.compile([loss], [(rows, 512)]) for rows in (128, 64)]
    barrier, refused = threading.Barrier(2), []

    def train(plan: _core.Plan) -> None:
        barrier.wait()
        for _ in range(200):
            try:
                plan.run([data[: 128 if plan is plans[0] else 64]])
            except RuntimeError:
                refused.append(1)

    workers = [threading.Thread(target=train, args=(plan,)) for plan in plans]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert refused


@pytest.mark.parametrize(("value", "expected"), [(2**32 + 1, 2**31 - 1), (-(2**40), -(2**31))])
def test_large_integers_do_not_wrap(value: int, expected: int) -> None:
    graph = _core.Graph()
    (y,) = graph.op("stop_gradient", [graph.input("x", (1,), "int32")])
    plan = graph.compile([y], [(1,)])
    assert plan.run([np.array([value])])[0].tolist() == [expected]
    assert plan.run([np.array([float(value)])])[0].tolist() == [expected]


def test_byte_order() -> None:
    x = np.ones((4, 4), np.float32)
    native = "<" if sys.byteorder == "little" else ">"
    assert relu_plan().run([x.astype(x.dtype.newbyteorder(native))])[0].all()
    with pytest.raises(ValueError, match="byte order"):
        relu_plan().run([x.astype(x.dtype.newbyteorder())])


FORK = """
import os, threading
import numpy as np
from pyframe import _core
graph = _core.Graph()
x = graph.input("x", (None, 1000), "float32")
(y,) = graph.op("dense", [x, graph.variable(_core.Variable((1000, 1000), "float32"))])
plan = graph.compile([y], [(64, 1000)])
_core.set_num_threads(2)
def run():
    return plan.run([np.ones((64, 1000), np.float32)])
run()
child = os.fork()
if child == 0:
    run()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_threads_in_a_forked_child() -> None:
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=60, cwd=Path.cwd())


def test_any_callable_of_the_engine_survives_nonsense() -> None:
    graph = _core.Graph()
    calls: list[Callable[[], Any]] = [
        lambda: graph.input("x", (-1, 2), "float32"),
        lambda: graph.input("x", (2,), "float16"),
        lambda: graph.shape(5),
        lambda: graph.dtype(-1),
        lambda: graph.gradients(3, [0]),
        lambda: graph.op("nonsense", []),
        lambda: graph.op("relu", []),
        lambda: graph.constant(np.array(["a"])),
        lambda: _core.Variable((1 << 40, 1 << 40), "float32"),
        lambda: _core.set_num_threads(0),
        lambda: _core.set_isa("nonsense"),
        lambda: _core.measure_fma_peak(0),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError)):
            call()
