"""MobileNet: depthwise convolutions, each followed by a 1x1 convolution."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from pyframe.applications.architecture import (
    ImageShape,
    Options,
    Weights,
    assemble,
    documented,
    square_size,
)
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.errors import ConfigurationError
from pyframe.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    ReLU,
    Reshape,
    ZeroPadding2D,
)
from pyframe.models import Model

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

_SIZES = (128, 160, 192, 224)
_ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
# Filters and strides of the 1x1 convolutions' blocks.
_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)

preprocess_input = preprocessor("tf")


def _bn_relu(x: Any, name: str) -> Any:
    return ReLU(max_value=6.0, name=f"{name}_relu")(BatchNormalization(name=f"{name}_bn")(x))


def _body(x: Any, alpha: float, depth_multiplier: int) -> Any:
    filters = int(32 * alpha)
    x = Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
    x = _bn_relu(x, "conv1")
    for i, (filters, strides) in enumerate(_BLOCKS, 1):
        if strides == 2:
            x = ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        depthwise = DepthwiseConv2D(
            3,
            strides=strides,
            padding="same" if strides == 1 else "valid",
            depth_multiplier=depth_multiplier,
            use_bias=False,
            name=f"conv_dw_{i}",
        )
        x = _bn_relu(depthwise(x), f"conv_dw_{i}")
        name = f"conv_pw_{i}"
        x = Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=name)(x)
        x = _bn_relu(x, name)
    return x


def _top(x: Any, options: Options, dropout: float) -> Any:
    x = GlobalAveragePooling2D(keepdims=True)(x)
    x = Dropout(dropout, name="dropout")(x)
    x = Conv2D(options.classes, 1, padding="same", name="conv_preds")(x)
    x = Reshape((options.classes,), name="reshape_2")(x)
    return Activation(options.classifier_activation, name="predictions")(x)


@documented(
    "(224, 224, 3) with the classifier, and any size without",
    alpha="factor on the filters of every layer; 0.25, 0.5, 0.75 or 1 for pretrained weights.",
    depth_multiplier="outputs of the depthwise convolutions for each input channel; 1 for "
    "pretrained weights.",
    dropout="rate of the dropout in front of the classifier, in [0, 1].",
)
def MobileNet(
    input_shape: ImageShape = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """Makes the first MobileNet (Howard et al. 2017, arXiv:1704.04861)."""
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
    shape = options.image_shape(square_size(input_shape, _SIZES))
    if options.imagenet and (depth_multiplier != 1 or alpha not in _ALPHAS):
        raise ConfigurationError(
            "weights='imagenet' exist for depth_multiplier=1 and an alpha of "
            f"{', '.join(map(str, _ALPHAS))}. Received: alpha={alpha}, "
            f"depth_multiplier={depth_multiplier}"
        )
    rows = options.rows(shape, _SIZES)
    return assemble(
        dataclasses.replace(options, name=name or f"mobilenet_{alpha:0.2f}_{rows}"),
        shape,
        functools.partial(_body, alpha=alpha, depth_multiplier=depth_multiplier),
        functools.partial(_top, dropout=dropout),
        f"mobilenet_{_ALPHAS.get(alpha)}_{rows}",
    )
