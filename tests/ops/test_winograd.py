"""Winograd's algorithm for 3x3 convolutions: accuracy, bits, choice, in all directions."""

from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import _core
from tests import oracles
from tests.ops.graphs import (
    Array,
    check_projections,
    isa,
    numeric_projections,
    run_gradients,
    run_op,
    threads,
)

# (images, height, width, channels, filters, padding): whole and cut tiles, one and many blocks of
# tiles, blocks over several images, channels around vector widths; with many weights the
# frequencies of all tiles come first and filters are cut.
SHAPES = [
    (2, 8, 8, 16, 16, "same"),
    (2, 9, 7, 5, 19, "valid"),
    (3, 14, 13, 33, 40, "same"),
    (2, 30, 27, 17, 64, "valid"),
    (9, 7, 7, 64, 8, "same"),
    (1, 14, 14, 130, 200, "same"),
    (1, 30, 27, 128, 130, "same"),
]
TINY = [(1, 3, 3, 5, 19, "valid"), (1, 1, 1, 3, 2, "same")]
DIRECTIONS = ["forward", "input", "kernel"]
# Tiles of 2 x 2 results serve the first two; the gradient of the kernel is that of "winograd".
ALGORITHMS = [(a, d) for a in ("winograd", "winograd_2x2") for d in DIRECTIONS][:5]


def operands(shape: tuple[Any, ...], dtype: str) -> tuple[list[Array], Array]:
    n, h, w, c, k, padding = shape
    rng = np.random.RandomState([n, h, w, c, k])
    out = (n, h, w, k) if padding == "same" else (n, h - 2, w - 2, k)
    x = np.maximum(rng.standard_normal((n, h, w, c)), 0)
    kernel = rng.standard_normal((3, 3, c, k)) * np.sqrt(2 / (9 * c))
    arrays = [x, kernel, rng.standard_normal(k), rng.standard_normal(out)]
    rounded = [a.astype("float32").astype(dtype) for a in arrays]
    return rounded[:3], rounded[3]


def compute(shape: tuple[Any, ...], direction: str, algorithm: str, dtype: str) -> Array:
    _core.set_conv_algorithm(algorithm)
    arrays, dy = operands(shape, dtype)
    attrs = {"strides": [1, 1], "padding": shape[5]}
    if direction == "forward":
        return run_op("conv2d", arrays, attrs)[0]
    return run_gradients("conv2d", arrays, attrs, [DIRECTIONS.index(direction) - 1], dy)[0]


def rms(x: Array) -> float:
    return float(np.sqrt(np.square(x, dtype="float64").mean()))


@pytest.mark.parametrize(("algorithm", "direction"), ALGORITHMS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_error_is_at_most_six_times_that_of_the_direct_sum(
    shape: tuple[Any, ...], algorithm: str, direction: str
) -> None:
    exact = compute(shape, direction, "direct", "float64")
    for level in _core.isa_levels():
        with isa(level):
            direct = rms(compute(shape, direction, "direct", "float32") - exact)
            error = rms(compute(shape, direction, algorithm, "float32") - exact)
        assert 0 < error <= (6 if algorithm == "winograd" else 2) * direct, level


@pytest.mark.parametrize(("algorithm", "direction"), ALGORITHMS)
@pytest.mark.parametrize("shape", [*SHAPES, *TINY, (40, 9, 10, 24, 24, "same")], ids=str)
def test_bits_do_not_depend_on_threads(
    shape: tuple[Any, ...], algorithm: str, direction: str
) -> None:
    results = []
    for count in (1, 2, 3, 7):
        with threads(count):
            results.append(compute(shape, direction, algorithm, "float32"))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("algorithm", ["winograd", "winograd_2x2"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES[:4], *TINY], ids=str)
def test_float64_against_oracle_and_finite_differences(
    shape: tuple[Any, ...], bias: bool, algorithm: str
) -> None:
    _core.set_conv_algorithm(algorithm)
    arrays, dy = operands(shape, "float64")
    if not bias:
        del arrays[2]
    attrs = {"strides": [1, 1], "padding": shape[5]}

    def forward(*moved: Array) -> Array:
        return np.asarray(oracles.conv2d(*moved, **attrs))

    (result,) = run_op("conv2d", arrays, attrs)
    np.testing.assert_allclose(result, forward(*arrays), rtol=1e-11, atol=1e-11)
    wrt = range(len(arrays))
    gradients = run_gradients("conv2d", arrays, attrs, wrt, dy)
    check_projections(gradients, numeric_projections(forward, arrays, wrt, dy))


@pytest.mark.parametrize("algorithm", ["winograd", "winograd_2x2"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "elu"])
@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[5]], ids=str)
def test_bias_and_activation_in_the_same_step(
    shape: tuple[Any, ...], activation: str, algorithm: str
) -> None:
    _core.set_conv_algorithm(algorithm)
    arrays, _ = operands(shape, "float64")
    graph = _core.Graph()
    inputs = [graph.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
    (y,) = graph.op("conv2d", inputs, {"strides": [1, 1], "padding": shape[5]})
    plan = graph.compile(graph.op(activation, [y]), [a.shape for a in arrays])
    steps = [line.split()[0] for line in plan.describe().splitlines()]
    assert f"conv2d.{algorithm}" in steps
    assert activation not in steps
    expected = oracles.UNARY[activation](oracles.conv2d(*arrays, strides=[1, 1], padding=shape[5]))
    np.testing.assert_allclose(plan.run(arrays)[0], expected, rtol=1e-11, atol=1e-11)


def steps_of(x: tuple[int, ...], kernel: tuple[int, ...], dtype: str = "float32") -> list[str]:
    """Steps of a plan with all three directions, each reading variables that do not change."""
    graph = _core.Graph()
    inputs = [graph.input("x", x, dtype), graph.variable(_core.Variable(kernel, dtype, "w"))]
    (y,) = graph.op("conv2d", inputs, {"strides": [1, 1], "padding": "same"})
    (loss,) = graph.op("reduce_sum", [y])
    gradients = [g for g in graph.gradients(loss, inputs) if g is not None]
    lines = graph.compile([y, *gradients], [x]).describe().splitlines()
    return [line.split()[0] for line in lines if line.strip()]


def uses_winograd(x: tuple[int, ...], kernel: tuple[int, ...], dtype: str = "float32") -> bool:
    return any("winograd" in step for step in steps_of(x, kernel, dtype))


LARGE = ((8, 32, 32, 64), (3, 3, 64, 64))
SMALL = ((1, 7, 7, 512), (3, 3, 512, 512))  # few tiles, a kernel that comes from memory


def test_the_choice_depends_on_shapes_and_type_and_can_be_pinned() -> None:
    names = ["conv2d.winograd", "conv2d_grad_input.winograd", "conv2d_grad_kernel.winograd"]
    assert pyframe.config.conv_algorithm() == "auto"
    with threads(3):
        other = steps_of(*LARGE)
    assert steps_of(*LARGE) == other
    assert all(name in other for name in names)
    assert not uses_winograd((8, 32, 32, 3), (3, 3, 3, 8))
    assert not uses_winograd(LARGE[0], (1, 1, 64, 64))
    assert not uses_winograd(*LARGE, dtype="float64")
    pyframe.config.set_conv_algorithm("direct")
    assert not uses_winograd(*LARGE)
    pyframe.config.set_conv_algorithm("winograd")
    assert all(name in steps_of(*LARGE, dtype="float64") for name in names)
    assert all(name in steps_of((8, 32, 32, 3), (3, 3, 3, 8)) for name in names)
    assert not uses_winograd(LARGE[0], (5, 5, 64, 64))


def test_tiles_of_2x2_where_few_tiles_read_a_large_kernel() -> None:
    assert "conv2d.winograd_2x2" in steps_of(*SMALL)
    assert "conv2d.winograd" in steps_of(*LARGE)
    pyframe.config.set_conv_algorithm("winograd_2x2")
    steps = steps_of(*LARGE, dtype="float64")
    names = ["conv2d.winograd_2x2", "conv2d_grad_input.winograd_2x2", "conv2d_grad_kernel.winograd"]
    assert all(name in steps for name in names)


def test_a_changed_algorithm_reaches_plans_that_are_kept() -> None:
    x, kernel = (np.random.RandomState(1).standard_normal(s).astype("float32") for s in LARGE)
    model = pyframe.Sequential([pyframe.layers.Conv2D(64, 3, use_bias=False)])
    model.build((None, 32, 32, 64))
    model.set_weights([kernel])
    for run in (lambda: pyframe.ops.conv2d(x, kernel), lambda: model.predict(x, verbose=0)):
        results = []
        for algorithm in ("direct", "winograd", "direct"):
            pyframe.config.set_conv_algorithm(algorithm)
            results.append(run())
        np.testing.assert_array_equal(results[0], results[2])
        assert (results[0] != results[1]).any()


def test_transformed_kernels_follow_the_weights() -> None:
    x = np.ones((1, 12, 12, 32), "float32")
    model = pyframe.Sequential([pyframe.layers.Conv2D(32, 3, use_bias=False)])
    model.build((None, 12, 12, 32))
    for value in (1.0, 0.5):
        model.set_weights([np.full((3, 3, 32, 32), value, "float32")])
        np.testing.assert_allclose(model.predict(x, verbose=0), 288 * value, rtol=1e-5)


def test_unknown_algorithm() -> None:
    with pytest.raises(pyframe.errors.ConfigurationError, match=r"conv_algorithm.*'fft'"):
        pyframe.config.set_conv_algorithm("fft")
    with pytest.raises(ValueError, match="'fft'"):
        _core.set_conv_algorithm("fft")
    assert pyframe.config.conv_algorithm() == "auto"
