"""Dropout: what the counter-based mask promises."""

import numpy as np
import pytest

from pyframe import _core
from tests.ops.graphs import Array, State, isa, run_gradients, run_op, threads


def mask(
    shape: tuple[int, ...] = (100_003,),
    rate: float = 0.3,
    seed: float = 1.0,
    counter: float = 0.0,
    stream: int = 0,
    dtype: str = "float32",
) -> Array:
    state = State(np.array([seed, counter]))
    attrs = {"rate": rate, "stream": stream}
    return run_op("dropout", [np.ones(shape, dtype), state], attrs)[0]


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_statistics(rate: float) -> None:
    y = mask(rate=rate)
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-6)
    # Five standard deviations of a binomial distribution.
    assert abs(kept.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / y.size)


def test_no_correlation_between_neighbours_rows_or_counters() -> None:
    bound = 5 / np.sqrt(100_000)
    kept = (mask(rate=0.5) != 0) * 2.0 - 1
    for lag in (1, 2, 4, 8, 16, 32, 64, 256, 1024):
        assert abs((kept[:-lag] * kept[lag:]).mean()) < bound, lag
    for other in (mask(rate=0.5, counter=1), mask(rate=0.5, seed=2), mask(rate=0.5, stream=1)):
        assert abs((kept * ((other != 0) * 2.0 - 1)).mean()) < bound


def test_rate_zero_is_the_identity() -> None:
    x = np.random.RandomState(0).standard_normal(1000).astype(np.float32)
    (y,) = run_op("dropout", [x, State(np.zeros(2))], {"rate": 0.0, "stream": 0})
    np.testing.assert_array_equal(y, x)


def test_rate_one_gives_zeros() -> None:
    y = mask(rate=1.0)
    assert not y.any()
    dx = run_gradients(
        "dropout", [np.ones(50), State(np.zeros(2))], {"rate": 1.0, "stream": 0}, [0], np.ones(50)
    )[0]
    assert not dx.any()


def test_nan_is_dropped_or_kept_but_not_spread() -> None:
    x = np.ones(1000, np.float32)
    x[::10] = np.nan
    (y,) = run_op("dropout", [x, State(np.zeros(2))], {"rate": 0.5, "stream": 0})
    assert np.isfinite(np.delete(y, np.arange(0, 1000, 10))).all()


def test_same_mask_on_every_isa_in_every_dtype_for_any_threads() -> None:
    reference = mask() != 0
    for level in _core.isa_levels():
        for dtype in ("float32", "float64"):
            for count in (1, 2, 3, 7):
                with isa(level), threads(count):
                    np.testing.assert_array_equal(mask(dtype=dtype) != 0, reference)


def test_mask_depends_on_the_element_not_on_the_shape() -> None:
    np.testing.assert_array_equal(mask((8, 125)).ravel(), mask((1000,)))
    np.testing.assert_array_equal(mask((1000,)), mask((2000,))[:1000])


def test_gradient_uses_the_mask_of_the_forward_pass() -> None:
    state = State(np.array([9.0, 4.0]))
    attrs = {"rate": 0.4, "stream": 2}
    (y,) = run_op("dropout", [np.ones(5000), state], attrs)
    (dx,) = run_gradients("dropout", [np.ones(5000), state], attrs, [0], np.ones(5000))
    np.testing.assert_array_equal(dx, y)


def test_counter_changes_the_mask_of_the_next_run() -> None:
    """The way a train plan uses it: accumulate on the state after every step."""
    state = _core.Variable((2,), "float64", "state")
    state.assign(np.array([5.0, 0.0]))
    graph = _core.Graph()
    x = graph.input("x", (1000,), "float32")
    tensor = graph.variable(state)
    (y,) = graph.op("dropout", [x, tensor], {"rate": 0.5, "stream": 0})
    graph.op("accumulate", [tensor, graph.constant(np.array([0.0, 1.0]))])
    plan = graph.compile([y], [(1000,)])
    ones = np.ones(1000, np.float32)
    first, second = plan.run([ones])[0], plan.run([ones])[0]
    assert (first != second).any()
    np.testing.assert_array_equal(first, mask((1000,), 0.5, seed=5.0, counter=0.0))
    np.testing.assert_array_equal(second, mask((1000,), 0.5, seed=5.0, counter=1.0))
    np.testing.assert_array_equal(state.numpy(), [5.0, 2.0])
