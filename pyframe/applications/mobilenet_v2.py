"""MobileNetV2: residual blocks that are wide inside and narrow outside."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from pyframe.applications.architecture import (
    ImageShape,
    Options,
    Weights,
    assemble,
    classifier,
    correct_pad,
    documented,
    make_divisible,
    square_size,
)
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.errors import ConfigurationError
from pyframe.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    ReLU,
    ZeroPadding2D,
)
from pyframe.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

_SIZES = (96, 128, 160, 192, 224)
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
# Expansion, filters, repeats, and strides of the first of them.
_STAGES = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)

preprocess_input = preprocessor("tf")


def _bn(x: Any, name: str) -> Any:
    return BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)


def _relu(x: Any, name: str) -> Any:
    return ReLU(max_value=6.0, name=name)(x)


def _block(x: Any, expansion: int, filters: int, strides: int, number: int) -> Any:
    name = f"block_{number}" if number else "expanded_conv"
    channels = x.shape[-1]
    y = x
    if number:
        expand = f"{name}_expand"
        y = Conv2D(expansion * channels, 1, padding="same", use_bias=False, name=expand)(y)
        y = _relu(_bn(y, f"{expand}_BN"), f"{expand}_relu")
    if strides == 2:
        y = ZeroPadding2D(correct_pad(y, 3), name=f"{name}_pad")(y)
    depthwise = f"{name}_depthwise"
    padding = "same" if strides == 1 else "valid"
    y = DepthwiseConv2D(3, strides=strides, padding=padding, use_bias=False, name=depthwise)(y)
    y = _relu(_bn(y, f"{depthwise}_BN"), f"{depthwise}_relu")
    y = Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}_project")(y)
    y = _bn(y, f"{name}_project_BN")
    if channels == filters and strides == 1:
        return Add(name=f"{name}_add")([x, y])
    return y


def _body(x: Any, alpha: float) -> Any:
    filters = make_divisible(32 * alpha)
    x = Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
    x = _relu(_bn(x, "bn_Conv1"), "Conv1_relu")
    number = 0
    for expansion, filters, repeats, strides in _STAGES:
        filters = make_divisible(int(filters * alpha))
        for i in range(repeats):
            x = _block(x, expansion, filters, strides if i == 0 else 1, number)
            number += 1
    filters = make_divisible(1280 * alpha) if alpha > 1.0 else 1280
    x = Conv2D(filters, 1, use_bias=False, name="Conv_1")(x)
    return _relu(_bn(x, "Conv_1_bn"), "out_relu")


@documented(
    "(224, 224, 3) with the classifier, and any size without",
    alpha="factor on the filters of every layer; 0.35, 0.5, 0.75, 1, 1.3 or 1.4 for pretrained "
    "weights.",
)
def MobileNetV2(
    input_shape: ImageShape = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """Makes the second MobileNet (Sandler et al. 2018, arXiv:1801.04381)."""
    options = Options(
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        name,
    )
    shape = options.image_shape(square_size(options.given_shape(), _SIZES))
    if options.imagenet and alpha not in _ALPHAS:
        raise ConfigurationError(
            "weights='imagenet' exist for an alpha of "
            f"{', '.join(map(str, _ALPHAS))}. Received: alpha={alpha}"
        )
    rows = options.rows(shape, _SIZES)
    return assemble(
        dataclasses.replace(options, name=name or f"mobilenetv2_{alpha:0.2f}_{rows}"),
        shape,
        functools.partial(_body, alpha=alpha),
        functools.partial(classifier, pool_name=None),
        f"mobilenet_v2_{float(alpha)}_{rows}",
    )
