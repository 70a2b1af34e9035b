"""Plan.run_steps: many batches in one call."""

import numpy as np
import pytest

from pyframe import _core
from tests.engine.small_net import Array, make_data, make_net


def totals_and_rows(batch: int) -> _core.Plan:
    """Outputs: the sum of a batch (a scalar), its rows doubled, its row sums."""
    graph = _core.Graph()
    x = graph.input("x", (None, 3), "float32")
    (total,) = graph.op("reduce_sum", [x])
    (doubled,) = graph.op("add", [x, x])
    (row_sums,) = graph.op("reduce_sum", [x], {"axes": [1]})
    return graph.compile([total, doubled, row_sums], [(batch, 3)])


def rows(n: int) -> Array:
    return np.arange(3 * n, dtype=np.float32).reshape(n, 3) + 1


def test_batches_in_order() -> None:
    x = rows(20)
    doubled, row_sums = np.zeros((20, 3), np.float32), np.zeros(20, np.float32)
    done, sums, last = totals_and_rows(5).run_steps([x], [None, doubled, row_sums], None, 0, 4)
    assert done == 4
    assert sums[0] == pytest.approx(x.sum())
    assert last[0] == pytest.approx(x[15:].sum())
    assert sums[1:] == [0.0, 0.0]
    assert last[1:] == [0.0, 0.0]
    np.testing.assert_array_equal(doubled, 2 * x)
    np.testing.assert_allclose(row_sums, x.sum(axis=1))


def test_start_and_rows_outside_stay_as_they_are() -> None:
    x = rows(20)
    doubled = np.full((20, 3), -1, np.float32)
    done, sums, _ = totals_and_rows(4).run_steps(
        [x], [None, doubled, np.zeros(20, np.float32)], None, 6, 2
    )
    assert done == 2
    assert sums[0] == pytest.approx(x[6:14].sum())
    np.testing.assert_array_equal(doubled[6:14], 2 * x[6:14])
    assert (doubled[:6] == -1).all()
    assert (doubled[14:] == -1).all()


def test_index_picks_inputs_but_not_output_rows() -> None:
    x = rows(20)
    index = np.random.RandomState(0).permutation(20).astype(np.int64)
    doubled = np.zeros((20, 3), np.float32)
    _, sums, _ = totals_and_rows(5).run_steps(
        [x], [None, doubled, np.zeros(20, np.float32)], index, 5, 3
    )
    np.testing.assert_array_equal(doubled[5:], 2 * x[index[5:]])
    assert sums[0] == pytest.approx(x[index[5:]].sum())


def test_index_may_repeat_rows_and_be_longer_than_the_data() -> None:
    x = rows(4)
    index = np.array([3, 3, 0, 1, 2, 2, 2, 1], np.int64)
    doubled = np.zeros((8, 3), np.float32)
    totals_and_rows(4).run_steps([x], [None, doubled, np.zeros(8, np.float32)], index, 0, 2)
    np.testing.assert_array_equal(doubled, 2 * x[index])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float64"])
@pytest.mark.parametrize("view", ["contiguous", "strided", "fortran"])
def test_every_kind_of_input(dtype: str, view: str) -> None:
    x = (rows(24) % 2 if dtype == "bool" else rows(24)).astype(dtype)
    if view == "strided":
        wide = np.zeros((48, 7), dtype)
        wide[::2, 1::2] = x
        x = wide[::2, 1::2]
    elif view == "fortran":
        x = np.asfortranarray(x)
    index = np.arange(24, dtype=np.int64)[::-1].copy()
    doubled = np.zeros((24, 3), np.float32)
    totals_and_rows(8).run_steps([x], [None, doubled, np.zeros(24, np.float32)], index, 0, 3)
    np.testing.assert_array_equal(doubled, 2 * x[::-1].astype(np.float32))


def test_equals_single_runs_bit_for_bit() -> None:
    x, ids = make_data(60)
    index = np.random.RandomState(5).permutation(60).astype(np.int64)
    one, many = make_net(train=True), make_net(train=True)
    one_plan, many_plan = one.plan(10), many.plan(10)
    losses, kept = [], []
    for step in range(6):
        take = index[10 * step : 10 * step + 10]
        loss, probabilities = one_plan.run([x[take], ids[take]])
        losses.append(float(loss))
        kept.append(probabilities)
    probabilities = np.zeros((60, 10), np.float32)
    done, sums, last = many_plan.run_steps([x, ids], [None, probabilities], index, 0, 6)
    assert done == 6
    assert last[0] == losses[-1]
    assert sums[0] == pytest.approx(sum(losses), rel=1e-12)
    np.testing.assert_array_equal(probabilities, np.concatenate(kept))
    for a, b in zip(one.variables, many.variables, strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()
    np.testing.assert_array_equal(one.state.numpy(), many.state.numpy())


def test_stop_if_not_finite() -> None:
    x = rows(12)
    x[5, 1] = np.nan
    doubled = np.zeros((12, 3), np.float32)
    outputs: list[Array | None] = [None, doubled, np.zeros(12, np.float32)]
    done, sums, last = totals_and_rows(3).run_steps([x], outputs, None, 0, 4, True)
    assert done == 2
    assert np.isnan(sums[0])
    assert np.isnan(last[0])
    np.testing.assert_array_equal(doubled[:6], 2 * x[:6])
    assert not doubled[6:].any()
    x[5, 1] = np.inf
    assert totals_and_rows(3).run_steps([x], outputs, None, 0, 4, True)[0] == 2
    assert totals_and_rows(3).run_steps([x], outputs, None, 0, 4, False)[0] == 4


def test_effects_of_a_step_that_is_not_finite_are_left_out() -> None:
    """The weights stay those that gave the NaN, so that one can look for its cause."""
    x, ids = make_data(40)
    x[25, 3, 3] = np.nan  # in the third batch of ten
    stopped, two_steps = make_net(train=True), make_net(train=True)
    out = np.zeros((40, 10), np.float32)
    done, _, last = stopped.plan(10).run_steps([x, ids], [None, out], None, 0, 4, True)
    assert done == 3
    assert np.isnan(last[0])
    two_steps.plan(10).run_steps([x, ids], [None, out], None, 0, 2)
    for a, b in zip(stopped.variables, two_steps.variables, strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()
    np.testing.assert_array_equal(stopped.state.numpy(), two_steps.state.numpy())


def test_no_steps() -> None:
    x, out = rows(6), np.full((6, 3), 7, np.float32)
    done, sums, last = totals_and_rows(3).run_steps(
        [x], [None, out, np.zeros(6, np.float32)], None, 0, 0
    )
    assert (done, sums[0], last[0]) == (0, 0.0, 0.0)
    assert (out == 7).all()


@pytest.mark.parametrize(
    ("start", "steps"), [(0, 5), (19, 1), (-1, 1), (0, -1), (2**62, 1), (0, 2**62)]
)
def test_rows_past_the_end_are_refused(start: int, steps: int) -> None:
    outputs: list[Array | None] = [None, np.zeros((20, 3), np.float32), np.zeros(20, np.float32)]
    with pytest.raises(ValueError):
        totals_and_rows(5).run_steps([rows(20)], outputs, None, start, steps)


@pytest.mark.parametrize("bad", [20, -1, 2**40])
def test_index_out_of_range_is_refused(bad: int) -> None:
    index = np.arange(20, dtype=np.int64)
    index[7] = bad
    outputs: list[Array | None] = [None, np.zeros((20, 3), np.float32), np.zeros(20, np.float32)]
    with pytest.raises((ValueError, IndexError)):
        totals_and_rows(5).run_steps([rows(20)], outputs, index, 0, 4)


def test_bad_outputs_are_refused() -> None:
    plan, x = totals_and_rows(5), rows(20)
    good, sums = np.zeros((20, 3), np.float32), np.zeros(20, np.float32)
    read_only = np.zeros((20, 3), np.float32)
    read_only.flags.writeable = False
    bad: list[list[Array | None]] = [
        [], [None, good], [None, good[:19], sums], [None, np.zeros((20, 4), np.float32), sums],
        [None, np.zeros((20, 3), np.float64), sums], [None, read_only, sums],
    ]  # fmt: skip
    for outputs in bad:
        with pytest.raises((TypeError, ValueError)):
            plan.run_steps([x], outputs, None, 0, 4)
    assert not good.any()


def test_inputs_of_different_lengths_are_refused() -> None:
    plan = make_net(train=True).plan(10)
    x, ids = make_data(20)
    with pytest.raises(ValueError):
        plan.run_steps([x, ids[:19]], [None, np.zeros((20, 10), np.float32)], None, 0, 2)
