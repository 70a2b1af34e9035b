"""Which gradients of kernels are cut in tiles; their results are in the operator table."""

import pytest

import pyframe
from pyframe import _core


def gradient_steps(x: tuple[int, ...], kernel: tuple[int, ...], strides: int) -> list[str]:
    graph = _core.Graph()
    images, weights = graph.input("x", x, "float32"), graph.input("w", kernel, "float32")
    (y,) = graph.op("conv2d", [images, weights], {"strides": [strides] * 2, "padding": "same"})
    (loss,) = graph.op("reduce_sum", [y])
    (gradient,) = graph.gradients(loss, [weights])
    assert gradient is not None
    plan = graph.compile([gradient], [x, kernel])
    steps = [line.split()[0] for line in plan.describe().splitlines()]
    return [step for step in steps if step.startswith("conv2d_grad_kernel")]


@pytest.mark.parametrize(
    ("x", "kernel"),
    [
        ((4, 28, 28, 256), (3, 3, 256, 256)),  # no room for a sum in each lane
        ((1, 17, 17, 64), (3, 3, 64, 64)),  # too few images for lanes
    ],
    ids=str,
)
def test_strided_layers_with_many_weights(x: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    assert gradient_steps(x, kernel, 2) == ["conv2d_grad_kernel.tiles"]


@pytest.mark.parametrize(
    ("x", "kernel", "strides"),
    [
        ((16, 32, 32, 32), (3, 3, 32, 32), 2),  # sums of lanes
        ((1, 64, 64, 3), (7, 7, 3, 64), 2),  # few channels
        ((16, 2, 2, 512), (3, 3, 512, 512), 1),  # across images
    ],
    ids=str,
)
def test_all_others(x: tuple[int, ...], kernel: tuple[int, ...], strides: int) -> None:
    pyframe.config.set_conv_algorithm("direct")
    assert "conv2d_grad_kernel.tiles" not in gradient_steps(x, kernel, strides)
