"""Layers whose forward pass, gradients, shapes and configurations Keras and pyframe compare.

Each case is a layer in the middle of a small net; see runs_stacks.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class StackCase:
    """`make` receives the namespace of layers and returns one layer."""

    name: str
    input_shape: tuple[int, ...]
    make: Callable[[Any], Any]
    trains: bool = True


def adapted(layers: Any, shape: tuple[int, ...], **kwargs: Any) -> Any:
    """A Normalization layer that has seen data."""
    layer = layers.Normalization(**kwargs)
    layer.adapt(np.random.RandomState(3).normal(2, 3, shape).astype(np.float32))
    return layer


IMAGE = (5, 6, 2)
SERIES = (6, 3)


def upsampling_cases() -> list[StackCase]:
    return [
        StackCase(
            f"up_sampling2d_{name}",
            IMAGE,
            lambda la, name=name: la.UpSampling2D((2, 3), interpolation=name),
        )
        for name in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    ]


STACK_CASES = [
    StackCase("zero_padding2d", IMAGE, lambda la: la.ZeroPadding2D()),
    StackCase("zero_padding2d_number", IMAGE, lambda la: la.ZeroPadding2D(2)),
    StackCase("zero_padding2d_pair", IMAGE, lambda la: la.ZeroPadding2D((1, 2))),
    StackCase("zero_padding2d_sides", IMAGE, lambda la: la.ZeroPadding2D(((0, 1), (2, 3)))),
    StackCase("zero_padding1d", SERIES, lambda la: la.ZeroPadding1D()),
    StackCase("zero_padding1d_sides", SERIES, lambda la: la.ZeroPadding1D((0, 2))),
    StackCase("cropping2d", IMAGE, lambda la: la.Cropping2D()),
    StackCase("cropping2d_number", IMAGE, lambda la: la.Cropping2D(2)),
    StackCase("cropping2d_sides", IMAGE, lambda la: la.Cropping2D(((0, 1), (3, 2)))),
    StackCase("cropping1d", SERIES, lambda la: la.Cropping1D()),
    StackCase("cropping1d_sides", SERIES, lambda la: la.Cropping1D((3, 0))),
    *upsampling_cases(),
    StackCase("up_sampling2d_default", IMAGE, lambda la: la.UpSampling2D()),
    StackCase("up_sampling1d", SERIES, lambda la: la.UpSampling1D(3)),
    StackCase("repeat_vector", (5,), lambda la: la.RepeatVector(4)),
    StackCase("relu", SERIES, lambda la: la.ReLU()),
    StackCase("relu6", SERIES, lambda la: la.ReLU(max_value=6)),
    StackCase("relu_capped", SERIES, lambda la: la.ReLU(0.7)),
    StackCase("relu_slope", SERIES, lambda la: la.ReLU(negative_slope=0.2)),
    StackCase("relu_threshold", SERIES, lambda la: la.ReLU(threshold=0.4)),
    StackCase("relu_all", SERIES, lambda la: la.ReLU(1.0, 0.1, 0.3)),
    StackCase("relu_slope_capped", SERIES, lambda la: la.ReLU(1.0, 0.1)),
    StackCase("rescaling", IMAGE, lambda la: la.Rescaling(1 / 127.5, offset=-1)),
    StackCase("rescaling_channels", IMAGE, lambda la: la.Rescaling([1.0, 0.5], [0.0, 1.0])),
    StackCase("normalization", IMAGE, lambda la: adapted(la, (9, *IMAGE))),
    StackCase("normalization_of_all", IMAGE, lambda la: adapted(la, (9, *IMAGE), axis=None)),
    StackCase("normalization_axes", IMAGE, lambda la: adapted(la, (9, *IMAGE), axis=(1, -1))),
    StackCase("normalization_fresh", IMAGE, lambda la: la.Normalization()),
    StackCase(
        "normalization_given", SERIES, lambda la: la.Normalization(mean=2.0, variance=4.0)
    ),
    StackCase(
        "normalization_inverted",
        (5, 2),
        lambda la: la.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0], invert=True),
    ),
    *(
        StackCase(f"activation_{name}", SERIES, lambda la, name=name: la.Activation(name))
        for name in (
            "relu6", "celu", "hard_shrink", "hard_silu", "hard_swish", "hard_tanh",
            "log_sigmoid", "mish", "soft_shrink", "sparse_plus", "sparse_sigmoid", "squareplus",
            "swish", "tanh_shrink",
        )
    ),
]  # fmt: skip
