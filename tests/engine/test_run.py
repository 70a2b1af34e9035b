"""Plan.run: what it takes, what it refuses, what it returns."""

from typing import Any

import numpy as np
import pytest

from pyframe import _core
from tests.engine.small_net import Array, make_data, make_net


def identity(shape: tuple[int, ...], dtype: str) -> _core.Plan:
    graph = _core.Graph()
    x = graph.input("x", shape, dtype)
    return graph.compile(graph.op("negative", [graph.op("negative", [x])[0]]), [shape])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", ["bool", "uint8", "int32", "int64", "float32", "float64"])
def test_arrays_are_cast(given: str, dtype: str) -> None:
    x = np.arange(35).reshape(5, 7).astype(given)
    (y,) = identity((5, 7), dtype).run([x])
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, x.astype(dtype))


@pytest.mark.parametrize("given", ["bool", "uint8", "int32", "int64", "float32", "float64"])
def test_ids_are_cast(given: str) -> None:
    net = make_net(train=False)
    x, ids = make_data(6)
    ids = (ids % 2).astype(np.int32)
    plan = net.plan(6)
    expected = plan.run([x, ids])
    for a, b in zip(plan.run([x, ids.astype(given)]), expected, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64"])
def test_arrays_need_not_be_contiguous(dtype: str) -> None:
    base = np.arange(4 * 6 * 10).reshape(4, 6, 10).astype(dtype)
    views: list[Array] = [
        base[:, ::2, 1:6], base[::-1, :3, ::-2], base.transpose(1, 0, 2)[:4, :3, :5],
        base.transpose(0, 2, 1)[:, 2:9:3, :5], np.asfortranarray(base[:, :3, :5]),
        np.broadcast_to(base[0, 0, :5], (4, 3, 5)),
    ]  # fmt: skip
    plan = identity((4, 3, 5), "float32")
    for view in views:
        assert view.shape == (4, 3, 5)
        np.testing.assert_array_equal(plan.run([view])[0], view.astype(np.float32))


def test_unaligned_read_only_and_byte_swapped_arrays() -> None:
    plan = identity((33,), "float32")
    raw = np.zeros(33 * 4 + 1, np.uint8)
    x = raw[1:].view(np.float32)
    x[:] = np.arange(33)
    np.testing.assert_array_equal(plan.run([x])[0], np.arange(33))
    x.flags.writeable = False
    np.testing.assert_array_equal(plan.run([x])[0], np.arange(33))
    swapped = np.arange(33, dtype=np.float32).astype(">f4")
    try:
        (y,) = plan.run([swapped])
    except (TypeError, ValueError):
        return  # refused is fine, misread is not
    np.testing.assert_array_equal(y, np.arange(33))


@pytest.mark.parametrize(
    "bad", [np.zeros((5, 7)), np.zeros((4, 8)), np.zeros(35), np.zeros((1, 5, 7)), np.zeros(())]
)
def test_wrong_shapes(bad: Array) -> None:
    plan = identity((5, 8), "float32")
    with pytest.raises(ValueError, match=r"\(5, 8\)"):
        plan.run([bad])


@pytest.mark.parametrize("inputs", [[], [np.zeros((5, 8))] * 2])
def test_wrong_number_of_inputs(inputs: list[Array]) -> None:
    with pytest.raises(ValueError):
        identity((5, 8), "float32").run(inputs)


@pytest.mark.parametrize("bad", [np.zeros((5, 8), np.complex64), np.full((5, 8), "a"),
                                 np.full((5, 8), None)])  # fmt: skip
def test_wrong_types(bad: Array) -> None:
    with pytest.raises((TypeError, ValueError)):
        identity((5, 8), "float32").run([bad])


@pytest.mark.parametrize("bad", [10, -1, 2**31 - 1, -(2**31)])
def test_class_ids_out_of_range(bad: int) -> None:
    """The loss of that row is NaN and its gradient zero; no other row notices."""
    net = make_net(train=False)
    x, ids = make_data(4)
    tensors = [net.graph.variable(v) for v in net.variables]
    gradients = [g for g in net.graph.gradients(net.loss, tensors) if g is not None]
    outputs = [net.loss, net.probabilities, *gradients]
    plan = net.graph.compile(outputs, [x.shape, ids.shape])
    wrong = ids.copy()
    wrong[2] = bad
    loss, probabilities, *found = plan.run([x, wrong])
    assert np.isnan(loss)
    assert probabilities.tobytes() == plan.run([x, ids])[1].tobytes()

    keep = [0, 1, 3]
    others = net.graph.compile(outputs, [(3, 8, 8, 1), (3,)]).run([x[keep], ids[keep]])[2:]
    for gradient, of_three in zip(found, others, strict=True):
        np.testing.assert_allclose(4 * gradient, 3 * of_three, rtol=1e-4, atol=1e-6)


def test_variables() -> None:
    v = _core.Variable((2, 3), "float32", "kernel")
    assert (v.shape, v.dtype, v.name) == ((2, 3), "float32", "kernel")
    value = np.arange(6, dtype=np.float64).reshape(2, 3)
    version = v.version
    v.assign(value)
    assert v.version != version
    copy = v.numpy()
    assert copy.dtype == np.float32
    copy[:] = 0
    np.testing.assert_array_equal(v.numpy(), value)
    v.assign(np.asfortranarray(value * 2))
    np.testing.assert_array_equal(v.numpy(), value * 2)
    bad: list[Any] = [np.zeros((3, 2)), np.zeros(6), np.zeros((2, 3, 1)), np.zeros(())]
    for wrong in bad:
        with pytest.raises(ValueError, match="kernel"):
            v.assign(wrong)
    np.testing.assert_array_equal(v.numpy(), value * 2)


def test_a_plan_sees_the_variables_as_they_are_now() -> None:
    net = make_net(train=False)
    x, ids = make_data(5)
    plan = net.plan(5)
    first = plan.run([x, ids])[1]
    for v in net.variables:
        v.assign(v.numpy() * 2)
    second = plan.run([x, ids])[1]
    assert (first != second).any()
    for v in net.variables:
        v.assign(v.numpy() / 2)
    assert plan.run([x, ids])[1].tobytes() == first.tobytes()


def test_two_plans_share_the_variables() -> None:
    net = make_net(train=True)
    plans = {n: net.plan(n) for n in (4, 3)}
    losses = []
    for _ in range(30):
        for n, plan in plans.items():
            x, ids = make_data(n)
            losses.append(float(plan.run([x, ids])[0]))
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants(dtype: str) -> None:
    graph = _core.Graph()
    x = graph.input("x", (3,), dtype)
    value = np.array([1, 2, 3], dtype)
    constant = graph.constant(value)
    plan = graph.compile(graph.op("add", [x, constant]), [(3,)])
    value[:] = 0  # the graph has its own copy
    np.testing.assert_array_equal(plan.run([np.zeros(3)])[0], [1, 2, 3])


def test_profile_times_every_step() -> None:
    net = make_net(train=False)
    plan = net.plan(4)
    feeds = make_data(4)
    expected = plan.run(feeds)
    steps = plan.profile(feeds, runs=3)
    described = [line.split()[0] for line in plan.describe().splitlines() if line[:2] == "  "]
    assert [name for name, _, _, _ in steps] == described[-len(steps) :]
    assert all(seconds > 0 and flops >= 0 for _, _, flops, seconds in steps)
    assert ("dense", (4, 10)) in [(name, shape) for name, shape, _, _ in steps]
    for a, b in zip(plan.run(feeds), expected, strict=True):
        assert a.tobytes() == b.tobytes()
    with pytest.raises(ValueError, match="runs must be positive"):
        plan.profile(feeds, runs=0)


def test_threads_and_isa_are_checked() -> None:
    with pytest.raises(ValueError):
        _core.set_num_threads(0)
    with pytest.raises(ValueError):
        _core.set_num_threads(-3)
    with pytest.raises(ValueError, match="no_such_isa"):
        _core.set_isa("no_such_isa")
    assert _core.get_isa() in _core.isa_levels()
    assert _core.get_num_threads() >= 1
    assert _core.measure_fma_peak(1) > 1e8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 15, 16, 100])
def test_has_nan_finds_one_anywhere(dtype: str, size: int) -> None:
    array = np.full(size, np.inf, dtype)
    assert not _core.has_nan(array)
    assert not _core.has_nan(array[:0])
    assert not _core.has_nan(np.ones(size, "int32"))
    for i in range(size):
        array[i] = np.nan
        assert _core.has_nan(array)
        assert _core.has_nan(array[::-1])
        array[i] = -np.inf
