"""A depthwise convolution and the 1x1 convolution behind it as one step."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from pyframe import _core
from tests.engine.small_net import Array, variable
from tests.ops.graphs import isa, threads

RNG = np.random.RandomState(0)


class Case(NamedTuple):
    image: tuple[int, ...]
    kernel: tuple[int, int]
    filters: int
    attrs: dict[str, Any]
    inner: str | None = None
    outer: str | None = None
    biases: tuple[bool, bool] = (True, True)
    residual: bool = False


SAME = {"padding": "same"}
CASES = [
    # One image: blocks of rows and of filters.
    Case((1, 56, 56, 24), (3, 3), 48, SAME, "relu6", "relu6"),
    Case((1, 15, 13, 100), (3, 3), 250, SAME, "relu", None),
    Case((1, 14, 14, 512), (3, 3), 96, SAME, "relu6", "relu", residual=True),
    Case((1, 7, 7, 1024), (3, 3), 70, SAME, "relu6", "relu6"),
    Case((1, 9, 9, 256), (5, 5), 512, SAME, None, "sigmoid", (False, True), residual=True),
    Case((1, 40, 40, 20), (3, 3), 7, {"dilation": [2, 2]}, "silu", "tanh", (True, False)),
    Case((3, 20, 20, 30), (7, 7), 40, SAME, "clip", None, (False, False)),
    # Many images, little work.
    Case((9, 6, 5, 8), (3, 3), 40, SAME, "relu6", None, residual=True),
    Case((2, 5, 4, 3), (2, 2), 4, {}, None, "relu"),
]
CLIP = {"low": -0.5, "high": 0.75}


def function(graph: _core.Graph, name: str | None, x: int) -> int:
    return graph.op(name, [x], CLIP if name == "clip" else {})[0] if name else x


def plans(case: Case, dtype: str = "float32") -> tuple[_core.Plan, _core.Plan, list[Array]]:
    """The same sums in one step and, as the result in between is wanted, in two."""
    graph = _core.Graph()
    c = case.image[3]
    numbers = RNG.standard_normal(case.image).astype(dtype)

    def weights(*shape: int) -> int:
        values = RNG.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))
        return graph.variable(variable(values.astype(dtype), "w"))

    x = graph.input("x", (None, *case.image[1:]), dtype)
    inner = [x, weights(*case.kernel, c), *([weights(c)] if case.biases[0] else [])]
    y = function(graph, case.inner, graph.op("depthwise_conv2d", inner, case.attrs)[0])
    outer = [y, weights(1, 1, c, case.filters)]
    (z,) = graph.op("conv2d", [*outer, *([weights(case.filters)] if case.biases[1] else [])])
    inputs = [numbers]
    if case.residual:
        between = graph.compile([y], [case.image]).output_shapes[0]
        shape = (*between[:3], case.filters)
        inputs.append(RNG.standard_normal(shape).astype(dtype))
        (z,) = graph.op("add", [z, graph.input("r", (None, *shape[1:]), dtype)])
    z = function(graph, case.outer, z)
    shapes = [a.shape for a in inputs]
    return graph.compile([z], shapes), graph.compile([z, y], shapes), inputs


@pytest.mark.parametrize("level", _core.isa_levels())
@pytest.mark.parametrize("case", CASES)
def test_sums_of_one_step_are_those_of_two(case: Case, level: str) -> None:
    with isa(level):
        one, two, inputs = plans(case)
        assert "separable_conv2d" in one.describe()
        assert "depthwise" not in one.describe()
        assert "separable_conv2d" not in two.describe()
        expected = two.run(inputs)[0]
        one.run([-a for a in inputs])  # what this leaves in the threads' buffers is not used again
        for count in (1, 2, 3, 7):
            with threads(count):
                np.testing.assert_array_equal(one.run(inputs)[0], expected, err_msg=str(count))


def test_float64() -> None:
    one, two, inputs = plans(CASES[0], "float64")
    np.testing.assert_array_equal(one.run(inputs)[0], two.run(inputs)[0])


def test_copied_rows_are_those_of_the_image_and_the_run() -> None:
    """Blocks of filters share a thread's copy of pixels that lie 4 KiB apart."""
    graph = _core.Graph()
    images = RNG.standard_normal((3, 7, 7, 1024)).astype(np.float32)
    kernel = variable(RNG.standard_normal((1, 1, 1024, 320)).astype(np.float32), "w")
    x = graph.input("x", (None, 7, 7, 1024), "float32")
    outputs = graph.op("conv2d", [x, graph.variable(kernel)])
    alone = graph.compile(outputs, [(1, 7, 7, 1024)])
    expected = np.concatenate([alone.run([image[None]])[0] for image in images])
    together = graph.compile(outputs, [images.shape])
    for count in (1, 2):
        with threads(count):
            together.run([-images])
            np.testing.assert_array_equal(together.run([images])[0], expected)
    np.testing.assert_allclose(expected, images @ kernel.numpy()[0, 0], atol=1e-3)


def test_result_in_a_concatenation() -> None:
    graph = _core.Graph()
    images = RNG.standard_normal((1, 20, 20, 16)).astype(np.float32)
    x = graph.input("x", (None, 20, 20, 16), "float32")
    shapes = ((3, 3, 16), (1, 1, 16, 40), (1, 1, 16, 24))
    kernels = [
        graph.variable(variable(RNG.standard_normal(s).astype(np.float32), "w")) for s in shapes
    ]
    (y,) = graph.op("depthwise_conv2d", [x, kernels[0]], SAME)
    branches = [graph.op("conv2d", [y, kernels[1]])[0], graph.op("conv2d", [x, kernels[2]])[0]]
    branches = [graph.op("sigmoid", [z])[0] for z in branches]
    joined = graph.compile(graph.op("concat", branches, {"axis": -1}), [images.shape])
    assert "separable_conv2d" in joined.describe()
    apart = graph.compile([*branches, y], [images.shape]).run([images])
    expected = np.concatenate(apart[:2], axis=-1)
    np.testing.assert_array_equal(joined.run([images])[0], expected)


@pytest.mark.parametrize(
    ("kernel", "attrs"),
    [
        ((3, 3, 8, 8), {}),
        ((1, 1, 8, 8), {"strides": [2, 2]}),
        ((1, 1, 4, 8), {"groups": 2}),
    ],
)
def test_other_convolutions_stay_apart(kernel: tuple[int, ...], attrs: dict[str, Any]) -> None:
    """Kernels of several cells, with strides, with groups."""
    assert "separable_conv2d" not in description((1, 9, 9, 8), kernel, attrs)


def test_strides_stay_apart() -> None:
    strided = {**SAME, "strides": [2, 2]}
    assert "separable_conv2d" not in description((1, 20, 20, 8), (1, 1, 8, 8), {}, strided)


def test_few_pixels_stay_apart() -> None:
    assert "separable_conv2d" not in description((1, 7, 7, 8), (1, 1, 8, 8), {})
    assert "separable_conv2d" in description((2, 7, 7, 8), (1, 1, 8, 8), {})


def description(
    image: tuple[int, ...], kernel: tuple[int, ...], attrs: dict[str, Any], first: Any = SAME
) -> str:
    graph = _core.Graph()
    x = graph.input("x", (None, *image[1:]), "float32")
    tensors = [graph.variable(variable(np.ones(s, np.float32), "w")) for s in ((3, 3, 8), kernel)]
    (y,) = graph.op("depthwise_conv2d", [x, tensors[0]], first)
    (z,) = graph.op("conv2d", [y, tensors[1]], attrs)
    return graph.compile([z], [image]).describe()
