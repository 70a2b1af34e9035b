"""What depends on variables alone is computed once for their present values, not in every run."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pyframe import _core

Array = NDArray[Any]


def layer(update: bool = False) -> tuple[_core.Plan, _core.Variable, Array]:
    """y = x w for 64 rows and a kernel large enough to be packed; with an update, w += 1 after."""
    rng = np.random.RandomState(0)
    w = _core.Variable((200, 150), "float32", "w")
    w.assign(rng.standard_normal((200, 150)))
    graph = _core.Graph()
    x = graph.input("x", (None, 200), "float32")
    tensor = graph.variable(w)
    (y,) = graph.op("dense", [x, tensor])
    if update:
        graph.op("assign_add", [tensor], {"value": 1.0})
    return graph.compile([y], [(64, 200)]), w, rng.standard_normal((64, 200)).astype(np.float32)


def product(x: Array, w: Array) -> Array:
    return x.astype(np.float64) @ w.astype(np.float64)


def test_packing_leaves_the_step() -> None:
    assert "prologue" in layer()[0].describe()
    assert "prologue" not in layer(update=True)[0].describe()


def test_variables_that_count_as_changing_stay_out() -> None:
    graph = _core.Graph()
    x, w = (graph.variable(_core.Variable((200, 200), "float32", name)) for name in "xw")
    (y,) = graph.op("matmul", [x, w])
    plans = [graph.compile([y], [], changing) for changing in ([], [x], [x, w])]
    # The packing of w and the product; the packing alone; nothing.
    assert [plan.describe().count("prologue") for plan in plans] == [2, 1, 0]
    with pytest.raises(ValueError, match="tensor"):
        graph.compile([y], [], [99])


def test_new_values_are_seen() -> None:
    plan, w, x = layer()
    for factor in (1.0, -2.0, 0.5):
        w.assign(factor * w.numpy())
        for _ in range(2):
            np.testing.assert_allclose(
                plan.run([x])[0], product(x, w.numpy()), rtol=1e-4, atol=1e-4
            )


def test_updates_of_the_plan_itself_are_seen() -> None:
    plan, w, x = layer(update=True)
    for _ in range(3):
        expected = product(x, w.numpy())
        np.testing.assert_allclose(plan.run([x])[0], expected, rtol=1e-4, atol=1e-3)


def test_constants_alone_make_an_output() -> None:
    graph = _core.Graph()
    a = graph.constant(np.arange(6.0).reshape(2, 3))
    (y,) = graph.op("exp", [a])
    (total,) = graph.op("reduce_sum", [y])
    values, sum_of_values = graph.compile([y, total], []).run([])
    np.testing.assert_allclose(values, np.exp(np.arange(6.0).reshape(2, 3)), rtol=1e-12)
    np.testing.assert_allclose(sum_of_values, values.sum(), rtol=1e-12)


def test_values_change_while_others_predict() -> None:
    plan, w, x = layer()
    values = [w.numpy() * factor for factor in (1, 2, 3)]

    def predict(_: int) -> None:
        for _ in range(50):
            assert np.isfinite(plan.run([x])[0]).all()

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(predict, i) for i in range(4)]
        for i in range(60):
            w.assign(values[i % 3])
        for run in runs:
            run.result()
    np.testing.assert_allclose(plan.run([x])[0], product(x, w.numpy()), rtol=1e-4, atol=1e-4)
