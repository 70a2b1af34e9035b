"""Which convolutions are products across images; their results are in the operator table."""

import pytest

import pyframe
from pyframe import _core

NAMES = ["conv2d.across", "conv2d_grad_input.across", "conv2d_grad_kernel.across"]


def steps_of(x: tuple[int, ...], kernel: tuple[int, ...], fixed: bool = False) -> list[str]:
    """Steps of a plan with all three directions; the kernel is a variable or an input."""
    graph = _core.Graph()
    images = graph.input("x", x, "float32")
    if fixed:
        weights = graph.variable(_core.Variable(kernel, "float32", "w"))
    else:
        weights = graph.input("w", kernel, "float32")
    inputs = [images, weights]
    (y,) = graph.op("conv2d", inputs, {"strides": [1, 1], "padding": "same"})
    (loss,) = graph.op("reduce_sum", [y])
    gradients = [g for g in graph.gradients(loss, inputs) if g is not None]
    plan = graph.compile([y, *gradients], [x] if fixed else [x, kernel])
    return [line.split()[0] for line in plan.describe().splitlines()]


def test_small_maps_with_many_weights() -> None:
    assert set(NAMES) <= set(steps_of((16, 2, 2, 512), (3, 3, 512, 512)))


@pytest.mark.parametrize(
    ("x", "kernel"),
    [
        ((2, 2, 2, 512), (3, 3, 512, 512)),  # few images
        ((16, 16, 16, 256), (3, 3, 256, 256)),  # large maps
        ((16, 2, 2, 64), (3, 3, 64, 64)),  # few weights
        ((16, 2, 2, 512), (1, 1, 512, 512)),  # a dense layer's product
    ],
    ids=str,
)
def test_all_others(x: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    assert not set(NAMES) & set(steps_of(x, kernel))


def test_weights_that_stay_are_packed_once() -> None:
    steps = steps_of((16, 2, 2, 128), (5, 5, 128, 128), fixed=True)
    assert set(NAMES) & set(steps) == {NAMES[2]}
    assert "pack_kernel" in steps


def test_where_winograds_transform_of_the_kernel_costs_more_than_it_saves() -> None:
    shapes = (16, 2, 2, 256), (3, 3, 256, 256)
    assert set(NAMES[:2]) <= set(steps_of(*shapes))
    pyframe.config.set_conv_algorithm("winograd")
    assert not set(NAMES) & set(steps_of(*shapes))
    pyframe.config.set_conv_algorithm("direct")
    assert set(NAMES) <= set(steps_of(*shapes))
    pyframe.config.set_conv_algorithm("auto")
    assert not set(NAMES[:2]) & set(steps_of((8, 6, 6, 256), (3, 3, 256, 256)))
