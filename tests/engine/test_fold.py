"""Normalisations folded into the kernels before them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyframe import _core
from tests.engine.small_net import Array, variable
from tests.ops.graphs import isa

RNG = np.random.RandomState(0)
C = 5
PRODUCTS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "conv2d": ("conv2d", (2, 7, 6, 3), (3, 3, 3, C), {"padding": "same"}),
    "grouped": ("conv2d", (2, 7, 6, 10), (3, 3, 2, C), {"groups": 5}),
    "dense": ("dense", (4, 7), (7, C), {}),
    "depthwise": ("depthwise_conv2d", (2, 7, 6, C), (3, 3, C), {"strides": [2, 2]}),
}


def parameters(kernel: tuple[int, ...], bias: bool) -> list[Array]:
    """Kernel, bias (or not), gamma, beta, mean, variance."""
    values = [RNG.standard_normal(kernel)]
    if bias:
        values.append(RNG.standard_normal(C))
    return [*values, *(RNG.standard_normal(C) for _ in range(3)), RNG.uniform(0.1, 2, C)]


Extra = Callable[[_core.Graph, int, int], list[int]]


def build(
    name: str, values: list[Array], extra: Extra | None = None
) -> tuple[_core.Plan, list[_core.Variable], Array]:
    op, shape, _, attrs = PRODUCTS[name]
    graph = _core.Graph()
    variables = [variable(v, f"v{i}") for i, v in enumerate(values)]
    tensors = [graph.variable(v) for v in variables]
    x = graph.input("x", (None, *shape[1:]), "float64")
    (y,) = graph.op(op, [x, *tensors[:-4]], attrs)
    (z,) = graph.op("batch_norm_inference", [y, *tensors[-4:]], {"epsilon": 1e-3})
    (out,) = graph.op("relu", [z])
    outputs = [out, *(extra(graph, y, tensors[0]) if extra else [])]
    return graph.compile(outputs, [shape]), variables, RNG.standard_normal(shape)


def expected(name: str, values: list[Array], x: Array) -> Array:
    op, _, _, attrs = PRODUCTS[name]
    graph = _core.Graph()
    arrays = [x, *values[:-4]]
    inputs = [graph.input("x", a.shape, "float64") for a in arrays]
    (y,) = graph.compile(graph.op(op, inputs, attrs), [a.shape for a in arrays]).run(arrays)
    gamma, beta, mean, variance = values[-4:]
    return np.maximum((y - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)


@pytest.mark.parametrize("level", _core.isa_levels())
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", PRODUCTS)
def test_folded(name: str, bias: bool, level: str) -> None:
    with isa(level):
        values = parameters(PRODUCTS[name][2], bias)
        plan, variables, x = build(name, values)
        text = plan.describe()
        assert "batch_norm_inference" not in text
        assert "relu" not in text
        np.testing.assert_allclose(plan.run([x])[0], expected(name, values, x), 1e-11, 1e-12)
        # A new kernel and new statistics are seen by the next run.
        values = parameters(PRODUCTS[name][2], bias)
        for v, value in zip(variables, values, strict=True):
            v.assign(value)
        np.testing.assert_allclose(plan.run([x])[0], expected(name, values, x), 1e-11, 1e-12)


def test_not_when_somebody_else_reads_the_product() -> None:
    values = parameters(PRODUCTS["conv2d"][2], True)
    plan, _, x = build("conv2d", values, lambda graph, y, kernel: [y])
    assert "batch_norm_inference" in plan.describe()
    np.testing.assert_allclose(plan.run([x])[0], expected("conv2d", values, x), 1e-11, 1e-12)


def test_not_when_the_kernel_changes() -> None:
    def train(graph: _core.Graph, y: int, kernel: int) -> list[int]:
        graph.op("assign_add", [kernel], {"value": 1.0})
        return []

    values = parameters(PRODUCTS["conv2d"][2], True)
    plan, _, x = build("conv2d", values, train)
    assert "batch_norm_inference" in plan.describe()
    np.testing.assert_allclose(plan.run([x])[0], expected("conv2d", values, x), 1e-11, 1e-12)
    values[0] = values[0] + 1
    np.testing.assert_allclose(plan.run([x])[0], expected("conv2d", values, x), 1e-11, 1e-12)


def test_two_normalisations_in_a_row() -> None:
    """The first is folded, the second is not: the product takes one."""
    values = parameters(PRODUCTS["dense"][2], False)
    graph = _core.Graph()
    tensors = [graph.variable(variable(v, "v")) for v in values]
    x = graph.input("x", (4, 7), "float64")
    (y,) = graph.op("dense", [x, tensors[0]])
    for _ in range(2):
        (y,) = graph.op("batch_norm_inference", [y, *tensors[1:]], {"epsilon": 1e-3})
    data = RNG.standard_normal((4, 7))
    (result,) = graph.compile([y], [(4, 7)]).run([data])
    gamma, beta, mean, variance = values[1:]
    wanted = data @ values[0]
    for _ in range(2):
        wanted = (wanted - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(result, wanted, 1e-11, 1e-12)
