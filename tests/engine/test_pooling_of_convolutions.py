"""Winograd's convolutions whose results only a 2x2 maximum pooling reads are pooled at once."""

from typing import Any

import numpy as np
import pytest

from pyframe import _core
from tests.ops.graphs import Array, isa, threads

# (images, height, width, channels, filters): cut tiles, images as rows and as tasks, frequencies of
# all tiles first.
SHAPES = [(1, 8, 8, 64, 64), (1, 14, 10, 64, 75), (40, 6, 12, 32, 33), (1, 14, 14, 128, 130)]
POOLING = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}


def arrays(shape: tuple[int, ...]) -> list[Array]:
    n, h, w, c, k = shape
    rng = np.random.RandomState(shape)
    x = rng.standard_normal((n, h, w, c)).astype("float32")
    kernel = (rng.standard_normal((3, 3, c, k)) / np.sqrt(9 * c)).astype("float32")
    return [x, kernel, rng.standard_normal(k).astype("float32")]


def network(
    values: list[Array], function: str | None, pooling: dict[str, Any] | None, behind: str = ""
) -> _core.Plan:
    graph = _core.Graph()
    inputs = [graph.input("x", values[0].shape, "float32")]
    for i, value in enumerate(values[1:]):
        variable = _core.Variable(value.shape, "float32", f"v{i}")
        variable.assign(value)
        inputs.append(graph.variable(variable))
    (y,) = graph.op("conv2d", inputs, {"strides": [1, 1], "padding": "same"})
    if function is not None:
        (y,) = graph.op(function, [y])
    if pooling is not None:
        y = graph.op("max_pool2d", [y], pooling)[0]
    if behind:
        (y,) = graph.op(behind, [y])
    return graph.compile([y], [values[0].shape])


def steps(plan: _core.Plan) -> list[str]:
    return [line.split()[0] for line in plan.describe().splitlines()]


def largest(y: Array) -> Array:
    n, h, w, c = y.shape
    return np.asarray(y.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4)))


@pytest.fixture(autouse=True, params=["winograd", "winograd_2x2"])
def _winograd(request: pytest.FixtureRequest) -> Any:
    before = _core.get_conv_algorithm()
    _core.set_conv_algorithm(request.param)
    yield
    _core.set_conv_algorithm(before)


@pytest.mark.parametrize("function", [None, "relu"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_bits_as_of_two_steps(shape: tuple[int, ...], function: str | None) -> None:
    values = arrays(shape)
    values[0][0, 1, 1, 0] = np.nan
    values[0][-1, 5, 5, 1] = np.inf
    for level in _core.isa_levels():
        with isa(level):
            want = largest(network(values, function, None).run([values[0]])[0])
            plan = network(values, function, POOLING)
            assert "max_pool2d" not in steps(plan)
            for count in (1, 2, 3):
                with threads(count):
                    np.testing.assert_array_equal(plan.run([values[0]])[0], want, err_msg=level)
    assert np.isnan(want).any()
    assert np.isfinite(want).any()


def test_a_function_behind_the_pooling_stays_behind() -> None:
    values = arrays(SHAPES[0])
    y = network(values, None, None).run([values[0]])[0]
    got = network(values, None, POOLING, "negative").run([values[0]])[0]
    np.testing.assert_array_equal(got, -largest(y))


@pytest.mark.parametrize(
    ("shape", "function", "pooling"),
    [
        (SHAPES[0], "tanh", POOLING),
        ((1, 9, 8, 64, 64), "relu", POOLING),
        (SHAPES[0], "relu", {**POOLING, "pool_size": [3, 3]}),
        (SHAPES[0], "relu", {**POOLING, "strides": [1, 1]}),
    ],
)
def test_kept_apart(shape: tuple[int, ...], function: str, pooling: dict[str, Any]) -> None:
    assert "max_pool2d" in steps(network(arrays(shape), function, pooling))


def test_kept_apart_without_winograd() -> None:
    _core.set_conv_algorithm("direct")
    assert "max_pool2d" in steps(network(arrays(SHAPES[0]), "relu", POOLING))


def test_kept_apart_where_others_read_the_result_or_the_positions() -> None:
    values = arrays(SHAPES[0])
    graph = _core.Graph()
    inputs = [graph.input(f"x{i}", a.shape, "float32") for i, a in enumerate(values)]
    (y,) = graph.op("conv2d", inputs, {"strides": [1, 1], "padding": "same"})
    pooled = graph.op("max_pool2d", [y], POOLING)[0]
    shapes = [a.shape for a in values]
    assert "max_pool2d" in steps(graph.compile([pooled, y], shapes))
    (loss,) = graph.op("reduce_sum", [pooled])
    (gradient,) = graph.gradients(loss, inputs[:1])
    assert gradient is not None
    assert "max_pool2d" in steps(graph.compile([loss, gradient], shapes))
