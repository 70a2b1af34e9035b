"""Sums and functions after products, fused into them."""

import re
from typing import Any

import numpy as np
import pytest

from pyframe import _core, config
from tests.engine.small_net import Array, variable
from tests.ops.graphs import isa, threads

RNG = np.random.RandomState(1)
# Image, kernel, attributes: tall products, padded ones, few filters, Winograd, groups, few images.
CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((3, 6, 5, 7), (1, 1, 7, 20), {}),
    ((2, 9, 8, 3), (3, 3, 3, 4), {"padding": "same", "strides": [2, 2]}),
    ((2, 12, 12, 8), (3, 3, 8, 8), {"padding": "same"}),
    ((1, 56, 56, 24), (3, 3, 24, 24), {"padding": "same"}),
    ((20, 8, 8, 6), (3, 3, 3, 6), {"groups": 2}),
    ((1, 14, 14, 64), (1, 1, 64, 500), {}),  # one image in blocks of rows and of filters
    ((1, 9, 11, 30), (5, 5, 15, 320), {"padding": "same", "groups": 2}),
    # Pixels 4 KiB apart, which are copied: all of them, some of them, with a border of zeros.
    ((1, 14, 14, 1024), (1, 1, 1024, 70), {}),
    ((2, 7, 9, 512), (1, 1, 512, 96), {"strides": [2, 2]}),
    ((1, 5, 6, 512), (3, 3, 512, 64), {"padding": "same", "strides": [2, 2]}),
]
SAME = {"padding": "same"}
POOL = {"pool_size": [3, 3], "strides": [1, 1]}
FUNCTIONS: dict[str | None, tuple[dict[str, float], Any]] = {
    None: ({}, lambda y: y),
    "relu": ({}, lambda y: np.maximum(y, 0)),
    "sigmoid": ({}, lambda y: 1 / (1 + np.exp(-y))),
    "clip": ({"low": 0.0, "high": 6.0}, lambda y: np.clip(y, 0, 6)),
    "clip from -1": ({"low": -1.0, "high": 4.0}, lambda y: np.clip(y, -1, 4)),
}


def plan_of(
    x: Array,
    kernel: Array,
    residual: Array,
    attrs: dict[str, Any],
    function: str | None,
    swap: bool,
) -> tuple[_core.Plan, list[Array]]:
    graph = _core.Graph()
    dtype = x.dtype.name
    image = graph.input("x", (None, *x.shape[1:]), dtype)
    other = graph.input("r", (None, *residual.shape[1:]), dtype)
    weights = graph.variable(variable(kernel, "w"))
    bias = graph.variable(variable(np.arange(kernel.shape[3]).astype(dtype), "b"))
    (y,) = graph.op("conv2d", [image, weights, bias], attrs)
    (z,) = graph.op("add", [other, y] if swap else [y, other])
    if function:
        (z,) = graph.op(function.split()[0], [z], FUNCTIONS[function][0])
    return graph.compile([z], [x.shape, residual.shape]), [x, residual]


def convolution(x: Array, kernel: Array, attrs: dict[str, Any]) -> Array:
    graph = _core.Graph()
    tensors = [graph.input("x", a.shape, "float64") for a in (x, kernel)]
    y: Array = graph.compile(graph.op("conv2d", tensors, attrs), [x.shape, kernel.shape]).run(
        [x, kernel]
    )[0]
    return y + np.arange(kernel.shape[3])


@pytest.mark.parametrize("level", _core.isa_levels())
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("shape", "kernel_shape", "attrs"), CONVOLUTIONS)
def test_sum_after_convolution(
    shape: tuple[int, ...], kernel_shape: tuple[int, ...], attrs: dict[str, Any],
    function: str | None, level: str,
) -> None:  # fmt: skip
    x, kernel = RNG.standard_normal(shape), RNG.standard_normal(kernel_shape)
    y = convolution(x, kernel, attrs)
    residual = 3 * RNG.standard_normal(y.shape)
    wanted = FUNCTIONS[function][1](y + residual)
    with isa(level):
        for dtype, tolerance in (("float64", 1e-10), ("float32", 2e-4)):
            arrays = [a.astype(dtype) for a in (x, kernel, residual)]
            for swap in (False, True):
                plan, feeds = plan_of(*arrays, attrs, function, swap)
                assert "add" not in plan.describe()
                assert "relu" not in plan.describe()
                results = []
                for count in (1, 2, 3, 7):
                    with threads(count):
                        results.append(plan.run(feeds)[0])
                np.testing.assert_allclose(results[0], wanted, tolerance, tolerance)
                assert all(r.tobytes() == results[0].tobytes() for r in results)


@pytest.mark.parametrize("level", _core.isa_levels())
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("shape", "kernel_shape", "attrs"), CONVOLUTIONS)
def test_function_after_convolution(
    shape: tuple[int, ...], kernel_shape: tuple[int, ...], attrs: dict[str, Any],
    function: str | None, level: str,
) -> None:  # fmt: skip
    x, kernel = RNG.standard_normal(shape), RNG.standard_normal(kernel_shape)
    wanted = FUNCTIONS[function][1](convolution(x, kernel, attrs) - np.arange(kernel_shape[3]))
    with isa(level):
        graph = _core.Graph()
        w = graph.variable(variable(kernel, "w"))
        (y,) = graph.op("conv2d", [graph.input("x", shape, "float64"), w], attrs)
        if function:
            (y,) = graph.op(function.split()[0], [y], FUNCTIONS[function][0])
        plan = graph.compile([y], [shape])
        assert "clip" not in plan.describe()
        np.testing.assert_allclose(plan.run([x])[0], wanted, 1e-10, 1e-10)


def test_the_later_of_two_convolutions_takes_the_sum() -> None:
    """Both branches are convolutions, the residual one traced last: the sum waits for both."""
    graph = _core.Graph()
    x = graph.input("x", (2, 6, 6, 4), "float64")
    kernels = [RNG.standard_normal((1, 1, 4, 4)) for _ in range(3)]
    branches = [graph.op("conv2d", [x, graph.variable(variable(k, "w"))])[0] for k in kernels[:2]]
    (total,) = graph.op("add", branches)
    (z,) = graph.op("relu", [total])
    (y,) = graph.op("conv2d", [z, graph.variable(variable(kernels[2], "w"))])
    (last,) = graph.op("add", [y, z])  # z is the residual and the input
    plan = graph.compile([last], [(2, 6, 6, 4)])
    assert "add" not in plan.describe()
    image = RNG.standard_normal((2, 6, 6, 4))
    hidden = np.maximum(image @ kernels[0][0, 0] + image @ kernels[1][0, 0], 0)
    wanted = hidden @ kernels[2][0, 0] + hidden
    np.testing.assert_allclose(plan.run([image])[0], wanted, 1e-11, 1e-11)


@pytest.mark.parametrize("size", [(1, 20, 20, 64), (9, 12, 12, 16)])
def test_the_sum_takes_over_the_memory_of_the_residual(size: tuple[int, ...]) -> None:
    """Unless the convolution reads that too, or somebody reads it later."""
    channels = size[3]
    kernels = [RNG.standard_normal((3, 3, channels, channels)) / channels for _ in range(2)]
    image = RNG.standard_normal(size)

    def plan_of_block(own_input: bool, read_later: bool) -> _core.Plan:
        graph = _core.Graph()
        x = graph.input("x", size, "float64")
        (z,) = graph.op("average_pool2d", [x], {**POOL, "padding": "same"})
        y = z
        for kernel in kernels[own_input:]:
            (y,) = graph.op("conv2d", [y, graph.variable(variable(kernel, "w"))], SAME)
        (y,) = graph.op("add", [y, z])
        return graph.compile([y, z] if read_later else [y], [size])

    def arena(plan: _core.Plan) -> int:
        found = re.search(r"arena (\d+) bytes", plan.describe())
        assert found is not None
        return int(found[1])

    blocks = {
        (own, later): plan_of_block(own, later) for own in (False, True) for later in (False, True)
    }
    results = {}
    for key, plan in blocks.items():
        assert "add" not in plan.describe()
        results[key] = []
        for count in (1, 2, 3, 7):
            with threads(count):
                results[key].append(plan.run([image])[0])
        assert all(r.tobytes() == results[key][0].tobytes() for r in results[key])
    z = blocks[False, True].run([image])[1]
    hidden = convolution(z, kernels[0], SAME) - np.arange(channels)
    wanted = {
        own: convolution(z if own else hidden, kernels[1], SAME) - np.arange(channels) + z
        for own in (False, True)
    }
    for (own, _), result in results.items():
        np.testing.assert_allclose(result[0], wanted[own], 1e-10, 1e-10)
    if size[0] == 1:
        assert arena(blocks[False, False]) == arena(blocks[False, True]) - image.nbytes


def test_kept_apart() -> None:
    """A sum with itself, one that broadcasts, and one of a result that others read."""
    graph = _core.Graph()
    x = graph.input("x", (2, 6, 6, 4), "float64")
    kernel = RNG.standard_normal((1, 1, 4, 4))
    w = graph.variable(variable(kernel, "w"))
    (a,) = graph.op("conv2d", [x, w])
    (b,) = graph.op("conv2d", [x, w])
    (c,) = graph.op("conv2d", [x, w])
    offset = graph.constant(np.arange(4.0))
    outputs = [
        graph.op("add", [a, a])[0], graph.op("add", [b, offset])[0],
        graph.op("add", [c, x])[0], graph.op("sigmoid", [c])[0],
    ]  # fmt: skip
    plan = graph.compile(outputs, [(2, 6, 6, 4)])
    image = RNG.standard_normal((2, 6, 6, 4))
    y = image @ kernel[0, 0]
    wanted = [2 * y, y + np.arange(4.0), y + image, 1 / (1 + np.exp(-y))]
    for result, expected in zip(plan.run([image]), wanted, strict=True):
        np.testing.assert_allclose(result, expected, 1e-11, 1e-11)


@pytest.mark.parametrize("op", ["add", "subtract", "multiply", "maximum"])
@pytest.mark.parametrize("b_shape", [(40, 70), (70,), (40, 1), ()])
def test_function_after_binary(op: str, b_shape: tuple[int, ...]) -> None:
    a, b = RNG.standard_normal((40, 70)), RNG.standard_normal(b_shape)
    graph = _core.Graph()
    (y,) = graph.op(
        op, [graph.input("a", a.shape, "float64"), graph.input("b", b_shape, "float64")]
    )
    (z,) = graph.op("relu", [y])
    plan = graph.compile([z], [a.shape, b_shape])
    assert "relu" not in plan.describe()
    wanted = np.maximum(getattr(np, op)(a, b), 0)
    np.testing.assert_array_equal(plan.run([a, b])[0], wanted)


def test_both_algorithms_give_the_sum() -> None:
    shape, kernel_shape, attrs = CONVOLUTIONS[3]
    x, kernel = RNG.standard_normal(shape), RNG.standard_normal(kernel_shape)
    y = convolution(x, kernel, attrs)
    residual = RNG.standard_normal(y.shape)
    arrays = [a.astype(np.float32) for a in (x, kernel, residual)]
    before = config.conv_algorithm()
    try:
        for algorithm in ("direct", "winograd"):
            config.set_conv_algorithm(algorithm)
            plan, feeds = plan_of(*arrays, attrs, "relu", False)
            assert ("winograd" in plan.describe()) == (algorithm == "winograd")
            np.testing.assert_allclose(plan.run(feeds)[0], np.maximum(y + residual, 0), 1e-3, 1e-3)
    finally:
        config.set_conv_algorithm(before)
