"""Layers whose forward pass, gradients, shapes and configurations Keras and pyframe compare.

Each case is a layer in the middle of a small net; see runs_stacks.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class StackCase:
    """`make` receives the namespace of layers and returns one layer; `ids` are whole numbers."""

    name: str
    input_shape: Any
    make: Callable[[Any], Any]
    trains: bool = True
    training: bool = False  # the output of a training step counts; its random numbers are fixed
    ids: int = 0

    @property
    def input_shapes(self) -> list[tuple[int, ...]]:
        """A layer of several inputs has a list of shapes."""
        return self.input_shape if isinstance(self.input_shape, list) else [self.input_shape]


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


def convolution_cases() -> list[StackCase]:
    cases = [
        StackCase(f"conv1d_{name}", (9, 4), lambda la, options=options: la.Conv1D(**options))
        for name, options in {
            "valid": {"filters": 5, "kernel_size": 3},
            "same": {"filters": 5, "kernel_size": 4, "padding": "same", "activation": "tanh"},
            "causal": {"filters": 3, "kernel_size": 3, "padding": "causal"},
            "causal_dilated": {"filters": 3, "kernel_size": 3, "padding": "causal",
                               "dilation_rate": 2},
            "strides": {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"},
            "groups": {"filters": 6, "kernel_size": 3, "groups": 2, "use_bias": False},
            "dilated": {"filters": 3, "kernel_size": (2,), "dilation_rate": (3,)},
        }.items()
    ]  # fmt: skip
    transposed: dict[str, dict[str, Any]] = {
        "valid": {"kernel_size": 3},
        "same": {"kernel_size": 3, "padding": "same", "activation": "relu"},
        "strides_valid": {"kernel_size": 3, "strides": 2},
        "strides_same": {"kernel_size": 4, "strides": 2, "padding": "same"},
        "strides_wider": {"kernel_size": 2, "strides": 3},
        "output_padding": {"kernel_size": 3, "strides": 2, "padding": "same",
                           "output_padding": 1},
        "output_padding_valid": {"kernel_size": 3, "strides": 3, "output_padding": 1},
        "no_bias": {"kernel_size": 1, "use_bias": False},
    }  # fmt: skip
    for name, options in transposed.items():
        cases.append(
            StackCase(
                f"conv2d_transpose_{name}",
                (4, 5, 3),
                lambda la, options=options: la.Conv2DTranspose(2, **options),
            )
        )
        cases.append(
            StackCase(
                f"conv1d_transpose_{name}",
                (5, 3),
                lambda la, options=options: la.Conv1DTranspose(2, **options),
            )
        )
    return cases


def pooling_cases() -> list[StackCase]:
    settings: dict[str, dict[str, Any]] = {
        "default": {"pool_size": 2},
        "same": {"pool_size": 2, "padding": "same"},
        "overlap": {"pool_size": 3, "strides": 2},
        "overlap_same": {"pool_size": (3,), "strides": (2,), "padding": "same"},
    }
    return [
        StackCase(
            f"{kind.lower()}_{name}",
            (7, 3),
            lambda la, kind=kind, options=options: getattr(la, kind)(**options),
        )
        for kind in ("MaxPooling1D", "AveragePooling1D")
        for name, options in settings.items()
    ]


def merging_cases() -> list[StackCase]:
    same = [(4, 3), (4, 3), (4, 3)]
    cases = [
        StackCase(kind.lower(), same, lambda la, kind=kind: getattr(la, kind)())
        for kind in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    ]
    for kind in ("Add", "Multiply", "Maximum", "Minimum"):
        for name, shapes in {
            "broadcast": [(4, 5, 3), (1, 1, 3)],
            "of_ranks": [(4, 5, 3), (3,)],
        }.items():
            cases.append(
                StackCase(
                    f"{kind.lower()}_{name}", shapes, lambda la, kind=kind: getattr(la, kind)()
                )
            )
    dots: dict[str, tuple[list[tuple[int, ...]], dict[str, Any]]] = {
        "vectors": ([(4,), (4,)], {"axes": 1}),
        "cosine": ([(4,), (4,)], {"axes": -1, "normalize": True}),
        "matrices": ([(3, 4), (5, 4)], {"axes": 2}),
        "two_axes": ([(3, 4), (4, 5)], {"axes": (2, 1)}),
        "matrix_and_vector": ([(3, 4), (4,)], {"axes": (2, 1)}),
        "images": ([(2, 3, 4), (5, 4)], {"axes": (3, 2)}),
    }
    for name, (shapes, options) in dots.items():
        cases.append(
            StackCase(f"dot_{name}", shapes, lambda la, options=options: la.Dot(**options))
        )
    return [
        *cases,
        StackCase("subtract", same[:2], lambda la: la.Subtract()),
        StackCase("concatenate_axis", [(2, 3), (4, 3)], lambda la: la.Concatenate(axis=1)),
    ]


def augmentation_cases() -> list[StackCase]:
    """Two equal limits leave no choice, so that both sides must give the same numbers.

    Gradients are left out: TensorFlow's is that of the inverse transform, an approximation;
    pyframe's is exact, as tests/ops shows by finite differences.
    """
    cases = []
    for fill in ("reflect", "wrap", "constant", "nearest"):
        for kind, options in {
            "RandomRotation": {"factor": (0.07, 0.07)},
            "RandomZoom": {"height_factor": (0.3, 0.3), "width_factor": (-0.2, -0.2)},
            "RandomTranslation": {"height_factor": (0.33, 0.33), "width_factor": (-0.22, -0.22)},
        }.items():
            extra = {**options, "fill_mode": fill, "fill_value": 0.5}
            cases.append(
                StackCase(
                    f"{kind.lower()}_{fill}",
                    (7, 9, 2),
                    lambda la, kind=kind, extra=extra: getattr(la, kind)(**extra),
                    trains=False,
                    training=True,
                )
            )
    return [
        *cases,
        StackCase("random_rotation_nearest", (8, 9, 1),
                  lambda la: la.RandomRotation((-0.11, -0.11), interpolation="nearest"),
                  trains=False, training=True),
        StackCase("random_zoom_one_factor", (8, 9, 1),
                  lambda la: la.RandomZoom((-0.4, -0.4)), trains=False, training=True),
        StackCase("random_contrast_none", (5, 4, 2),
                  lambda la: la.RandomContrast(0.0, value_range=(-1, 1)),
                  trains=False, training=True),
        *(
            StackCase(f"{kind.lower()}_at_inference", (6, 5, 2),
                      lambda la, kind=kind, args=args: getattr(la, kind)(*args), trains=False)
            for kind, args in (("RandomFlip", ("horizontal",)), ("RandomRotation", (0.2,)),
                               ("RandomZoom", (0.2,)), ("RandomTranslation", (0.2, 0.1)),
                               ("RandomContrast", (0.2,)))
        ),
    ]  # fmt: skip


def resizing_cases() -> list[StackCase]:
    settings: dict[str, dict[str, Any]] = {
        "default": {},
        "nearest": {"interpolation": "nearest"},
        "bicubic": {"interpolation": "bicubic"},
        "lanczos": {"interpolation": "lanczos3"},
        "antialias": {"antialias": True},
        "bicubic_antialias": {"interpolation": "bicubic", "antialias": True},
        "cropped": {"crop_to_aspect_ratio": True},
        "padded": {"pad_to_aspect_ratio": True, "fill_value": 2.0},
    }
    cases = [
        StackCase(
            f"resizing_{name}_{shape[0]}",
            shape,
            lambda la, options=options: la.Resizing(5, 8, **options),
        )
        for name, options in settings.items()
        for shape in ((11, 9, 2), (4, 13, 1))
    ]
    for shape in ((9, 8, 2), (4, 13, 1), (4, 4, 1)):
        cases.append(StackCase(f"center_crop_{shape[0]}_{shape[1]}", shape,
                               lambda la: la.CenterCrop(5, 4)))  # fmt: skip
    return cases


STACK_CASES = [
    *augmentation_cases(),
    *resizing_cases(),
    *convolution_cases(),
    *pooling_cases(),
    *merging_cases(),
    StackCase("embedding", (6,), lambda la: la.Embedding(11, 4), ids=11),
    StackCase("embedding_of_pairs", (3, 2), lambda la: la.Embedding(11, 4), ids=11),
    StackCase("p_re_lu", SERIES, lambda la: la.PReLU()),
    StackCase("p_re_lu_shared", IMAGE, lambda la: la.PReLU(shared_axes=[1, 2])),
    *(
        StackCase(f"{kind.lower()}_at_inference", SERIES,
                  lambda la, kind=kind: getattr(la, kind)(0.4), trains=False)
        for kind in ("GaussianNoise", "GaussianDropout", "AlphaDropout", "SpatialDropout1D")
    ),
    StackCase("spatial_dropout2d_at_inference", IMAGE, lambda la: la.SpatialDropout2D(0.4),
              trains=False),
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
    StackCase("activity_penalty", SERIES, lambda la: la.ActivityRegularization(0.3, 0.2)),
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
