"""Padding with zeros, folded into the windows behind it."""

from typing import Any

import numpy as np
import pytest

from pyframe import _core
from tests.engine.small_net import Array, variable
from tests.ops.graphs import isa, threads

RNG = np.random.RandomState(2)
# Operator, image, kernel, attributes, cells before and after (H, W).
FOLDED: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any], Any]] = [
    ("depthwise_conv2d", (2, 12, 14, 20), (3, 3, 20), {"strides": [2, 2]}, ((0, 1), (0, 1))),
    ("depthwise_conv2d", (1, 9, 7, 33), (5, 3, 33), {}, ((4, 0), (1, 2))),
    ("depthwise_conv2d", (1, 9, 7, 8), (3, 3, 8), {"dilation": [2, 3]}, ((2, 1), (0, 2))),
    ("conv2d", (2, 20, 21, 3), (7, 7, 3, 16), {"strides": [2, 2]}, ((3, 3), (3, 3))),
    ("conv2d", (1, 16, 15, 40), (3, 3, 40, 48), {}, ((2, 0), (1, 2))),  # Winograd
    ("conv2d", (1, 11, 13, 5), (3, 3, 5, 3), {}, ((1, 2), (2, 1))),  # few filters
    ("conv2d", (1, 6, 6, 1024), (3, 3, 512, 70), {"groups": 2}, ((1, 1), (1, 0))),
]


def padded(x: Array, pads: Any) -> Array:
    return np.pad(x, ((0, 0), *pads, (0, 0)))


def plans(
    op: str, x: Array, kernel: Array, attrs: dict[str, Any], pads: Any, gradients: bool
) -> tuple[_core.Plan, _core.Plan]:
    """The plan of padding and window, and that of the window alone.

    With gradients of a weighted sum, with respect to the kernel and the image.
    """
    results = []
    for with_padding in (True, False):
        graph = _core.Graph()
        shape = x.shape if with_padding else padded(x, pads).shape
        image = y = graph.input("x", shape, x.dtype.name)
        if with_padding:
            before, after = ([0, pads[0][i], pads[1][i], 0] for i in (0, 1))
            (y,) = graph.op("pad", [y], {"before": before, "after": after})
        w = graph.variable(variable(kernel, "w"))
        (z,) = graph.op(op, [y, w], attrs)
        outputs = [z]
        if gradients:
            (loss,) = graph.op("reduce_sum", graph.op("multiply", [z, graph.op("sin", [z])[0]]))
            outputs += [g for g in graph.gradients(loss, [w, image]) if g is not None]
            assert len(outputs) == 3
        results.append(graph.compile(outputs, [shape]))
    return results[0], results[1]


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("level", _core.isa_levels())
@pytest.mark.parametrize(("op", "shape", "kernel_shape", "attrs", "pads"), FOLDED)
def test_zeros_are_folded(
    op: str, shape: tuple[int, ...], kernel_shape: tuple[int, ...], attrs: dict[str, Any],
    pads: Any, level: str, gradients: bool,
) -> None:  # fmt: skip
    with isa(level):
        for dtype, tolerance in (("float64", 1e-10), ("float32", 1e-3)):
            # Small kernels keep sines, and so the gradients, well conditioned.
            scale = 0.02 if gradients else 1
            x = RNG.standard_normal(shape).astype(dtype)
            kernel = (scale * RNG.standard_normal(kernel_shape)).astype(dtype)
            folded, plain = plans(op, x, kernel, attrs, pads, gradients)
            assert "pad " not in folded.describe()
            wanted = plain.run([padded(x, pads)])
            if gradients:
                (top, _), (left, _) = pads
                wanted[2] = wanted[2][:, top : top + shape[1], left : left + shape[2]]
            runs = []
            for count in (1, 2, 3, 7):
                with threads(count):
                    runs.append(folded.run([x]))
            for result, expected in zip(runs[0], wanted, strict=True):
                size = float(np.abs(expected).max()) if gradients else 1
                np.testing.assert_allclose(result, expected, tolerance, tolerance * size)
            for run in runs:
                for result, first in zip(run, runs[0], strict=True):
                    assert result.tobytes() == first.tobytes()


def test_a_gradient_that_others_read_keeps_the_padding() -> None:
    # The padded image is used twice: only the sum of its gradients is cut off.
    x = RNG.standard_normal((2, 6, 7, 4))
    results = []
    for shape in (x.shape, (2, 7, 8, 4)):
        graph = _core.Graph()
        image = y = graph.input("x", shape, "float64")
        if shape == x.shape:
            (y,) = graph.op("pad", [image], {"before": [0, 1, 0, 0], "after": [0, 0, 1, 0]})
        w = graph.variable(variable(np.sin(np.arange(36.0)).reshape(3, 3, 4), "w"))
        (z,) = graph.op("depthwise_conv2d", [y, w])
        losses = [graph.op("reduce_sum", graph.op("exp", [t]))[0] for t in (z, y)]
        (gradient,) = graph.gradients(graph.op("add", losses)[0], [image])
        assert gradient is not None
        plan = graph.compile([gradient], [shape])
        given = x if shape == x.shape else padded(x, ((1, 0), (0, 1)))
        assert ("pad " in plan.describe()) == (shape == x.shape)
        results.append(plan.run([given])[0])
    np.testing.assert_allclose(results[0], results[1][:, 1:, :-1], 1e-12, 1e-12)


@pytest.mark.parametrize(
    ("pads", "value", "attrs"),
    [
        (((0, 1), (0, 1)), 1.0, {}),  # not zeros
        (((3, 0), (0, 0)), 0.0, {}),  # as many as the window has cells
        (((-1, 0), (0, 0)), 0.0, {}),  # cells cut off
        (((1, 1), (1, 1)), 0.0, {"padding": "same"}),
    ],
)
def test_kept_apart(pads: Any, value: float, attrs: dict[str, Any]) -> None:
    x, kernel = RNG.standard_normal((2, 8, 9, 6)), RNG.standard_normal((3, 3, 6, 5))
    graph = _core.Graph()
    (y,) = graph.op(
        "pad", [graph.input("x", x.shape, "float64")],
        {"before": [0, pads[0][0], pads[1][0], 0], "after": [0, pads[0][1], pads[1][1], 0],
         "value": value},
    )  # fmt: skip
    outputs = graph.op("conv2d", [y, graph.variable(variable(kernel, "w"))], attrs)
    plan = graph.compile(outputs, [x.shape])
    assert "pad " in plan.describe()
    alone = plan.run([x])[0]
    both = graph.compile([*outputs, y], [x.shape]).run([x])[0]
    np.testing.assert_array_equal(alone, both)


def test_a_result_that_others_read_stays() -> None:
    x = RNG.standard_normal((1, 6, 6, 4))
    graph = _core.Graph()
    (y,) = graph.op(
        "pad", [graph.input("x", x.shape, "float64")],
        {"before": [0, 1, 1, 0], "after": [0, 1, 1, 0]},
    )  # fmt: skip
    (z,) = graph.op("depthwise_conv2d", [y, graph.variable(variable(np.ones((3, 3, 4)), "w"))])
    results = graph.compile([y, z], [x.shape]).run([x])
    np.testing.assert_array_equal(results[0], padded(x, ((1, 1), (1, 1))))
    assert results[1].shape == x.shape


@pytest.mark.parametrize("ways", ["windows", "a window and another reader"])
def test_padding_that_two_operators_read(ways: str) -> None:
    # Two ZeroPadding2D of one image are one operator in a plan, since equal functions are shared.
    x = RNG.standard_normal((2, 6, 7, 4))
    kernels = [RNG.standard_normal((k, k, 4, 3)) for k in (3, 2)]
    graph = _core.Graph()
    image = graph.input("x", x.shape, "float64")
    pads: dict[str, Any] = {"before": [0, 1, 0, 0], "after": [0, 1, 1, 0]}
    images = [graph.op("pad", [image], pads)[0] for _ in range(2)]
    weights = [graph.variable(variable(kernel, f"w{i}")) for i, kernel in enumerate(kernels)]
    outputs = [graph.op("conv2d", list(pair))[0] for pair in zip(images, weights, strict=True)]
    if ways != "windows":
        outputs[1] = graph.op("exp", [images[1]])[0]
    plan = graph.compile(outputs, [x.shape])
    assert ("pad " in plan.describe()) == (ways != "windows")
    whole = _core.Graph()
    image = whole.input("x", (2, 8, 8, 4), "float64")
    expected = [
        whole.op("conv2d", [image, whole.variable(variable(kernel, "w"))])[0] for kernel in kernels
    ]
    wanted = whole.compile(expected, [(2, 8, 8, 4)]).run([padded(x, ((1, 1), (0, 1)))])
    if ways != "windows":
        wanted[1] = np.exp(padded(x, ((1, 1), (0, 1))))
    for one, two in zip(plan.run([x]), wanted, strict=True):
        np.testing.assert_allclose(one, two, 1e-12, 1e-12)
