"""MobileNetV3: the blocks of MobileNetV2 with hard-swish and squeeze-and-excite."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from pyframe.applications.architecture import (
    ImageShape,
    Options,
    Weights,
    assemble,
    correct_pad,
    documented,
    make_divisible,
)
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.errors import ConfigurationError
from pyframe.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Multiply,
    ReLU,
    Rescaling,
    ZeroPadding2D,
)
from pyframe.models import Model

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

# Expansion, filters, kernel size, strides, squeeze-and-excite, hard-swish. Minimalistic models
# have kernels of 3, no squeeze-and-excite and no hard-swish.
_SMALL = (
    *((1, 16, 3, 2, True, False), (72 / 16, 24, 3, 2, False, False)),
    *((88 / 24, 24, 3, 1, False, False), (4, 40, 5, 2, True, True)),
    *((6, 40, 5, 1, True, True), (6, 40, 5, 1, True, True), (3, 48, 5, 1, True, True)),
    *((3, 48, 5, 1, True, True), (6, 96, 5, 2, True, True), (6, 96, 5, 1, True, True)),
    (6, 96, 5, 1, True, True),
)
_LARGE = (
    *((1, 16, 3, 1, False, False), (4, 24, 3, 2, False, False), (3, 24, 3, 1, False, False)),
    *((3, 40, 5, 2, True, False), (3, 40, 5, 1, True, False), (3, 40, 5, 1, True, False)),
    *((6, 80, 3, 2, False, True), (2.5, 80, 3, 1, False, True), (2.3, 80, 3, 1, False, True)),
    *((2.3, 80, 3, 1, False, True), (6, 112, 3, 1, True, True), (6, 112, 3, 1, True, True)),
    *((6, 160, 5, 2, True, True), (6, 160, 5, 1, True, True), (6, 160, 5, 1, True, True)),
)

preprocess_input = preprocessor("none")


def _bn(x: Any, name: str) -> Any:
    return BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)


def _active(x: Any, hard_swish: bool) -> Any:
    return Activation("hard_swish")(x) if hard_swish else ReLU()(x)


def _squeeze_and_excite(x: Any, name: str) -> Any:
    name = f"{name}_squeeze_excite"
    filters = x.shape[-1]
    y = GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    y = Conv2D(make_divisible(filters * 0.25), 1, padding="same", name=f"{name}_conv")(y)
    y = ReLU(name=f"{name}_relu")(y)
    y = Conv2D(filters, 1, padding="same", name=f"{name}_conv_1")(y)
    y = ReLU(max_value=6.0)(y + 3.0) * (1.0 / 6.0)
    return Multiply(name=f"{name}_mul")([x, y])


def _block(
    x: Any,
    expansion: float,
    filters: int,
    kernel: int,
    strides: int,
    excite: bool,
    hard_swish: bool,
    number: int,
) -> Any:
    name = f"expanded_conv_{number}" if number else "expanded_conv"
    channels = x.shape[-1]
    y = x
    if number:
        wide = make_divisible(channels * expansion)
        y = Conv2D(wide, 1, padding="same", use_bias=False, name=f"{name}_expand")(y)
        y = _active(_bn(y, f"{name}_expand_bn"), hard_swish)
    depthwise = f"{name}_depthwise"
    if strides == 2:
        y = ZeroPadding2D(correct_pad(y, kernel), name=f"{depthwise}_pad")(y)
    padding = "same" if strides == 1 else "valid"
    y = DepthwiseConv2D(kernel, strides=strides, padding=padding, use_bias=False, name=depthwise)(y)
    y = _active(_bn(y, f"{depthwise}_bn"), hard_swish)
    if excite:
        y = _squeeze_and_excite(y, name)
    y = Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}_project")(y)
    y = _bn(y, f"{name}_project_bn")
    if strides == 1 and channels == filters:
        return Add(name=f"{name}_add")([x, y])
    return y


def _body(
    x: Any, blocks: Sequence[Any], alpha: float, minimalistic: bool, include_preprocessing: bool
) -> Any:
    if include_preprocessing:
        x = Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
    x = Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = _active(_bn(x, "conv_bn"), not minimalistic)
    for i, (expansion, filters, kernel, strides, excite, hard_swish) in enumerate(blocks):
        filters = make_divisible(filters * alpha)
        if minimalistic:
            kernel, excite, hard_swish = 3, False, False
        x = _block(x, expansion, filters, kernel, strides, excite, hard_swish, i)
    filters = make_divisible(x.shape[-1] * 6)
    x = Conv2D(filters, 1, padding="same", use_bias=False, name="conv_1")(x)
    return _active(_bn(x, "conv_1_bn"), not minimalistic)


def _top(x: Any, options: Options, filters: int, dropout_rate: float, minimalistic: bool) -> Any:
    x = GlobalAveragePooling2D(keepdims=True)(x)
    x = Conv2D(filters, 1, padding="same", name="conv_2")(x)
    x = _active(x, not minimalistic)
    if dropout_rate > 0:
        x = Dropout(dropout_rate)(x)
    x = Conv2D(options.classes, 1, padding="same", name="logits")(x)
    return Activation(options.classifier_activation, name="predictions")(Flatten()(x))


def _mobilenet_v3(
    options: Options,
    size: str,
    alpha: float,
    minimalistic: bool,
    dropout_rate: float,
    include_preprocessing: bool,
) -> Model:
    shape = options.image_shape(224, any_size=True)
    if options.imagenet:
        if alpha not in ((1.0,) if minimalistic else (0.75, 1.0)):
            raise ConfigurationError(
                "weights='imagenet' exist for an alpha of 0.75 or 1, for minimalistic models of 1. "
                f"Received: alpha={alpha}, minimalistic={minimalistic}"
            )
        options.rows(shape, (224,))
    blocks, filters = {"small": (_SMALL, 1024), "large": (_LARGE, 1280)}[size]
    filters = make_divisible(filters * alpha) if alpha > 1.0 else filters
    return assemble(
        options,
        shape,
        functools.partial(
            _body,
            blocks=blocks,
            alpha=alpha,
            minimalistic=minimalistic,
            include_preprocessing=include_preprocessing,
        ),
        functools.partial(
            _top, filters=filters, dropout_rate=dropout_rate, minimalistic=minimalistic
        ),
        f"mobilenet_v3_{size}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}",
        named_pooling=True,
    )


_documented = documented(
    "images of any size",
    alpha="factor on the filters of every layer; 0.75 or 1 for pretrained weights.",
    minimalistic="whether the model does without 5x5 convolutions, squeeze-and-excite and "
    "hard-swish.",
    dropout_rate="rate of the dropout in front of the classifier, in [0, 1].",
    include_preprocessing="whether a first layer scales grey values 0 to 255 to [-1, 1].",
)


@_documented
def MobileNetV3Small(
    input_shape: ImageShape = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Any = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "MobileNetV3Small",
) -> Model:
    """Makes the small third MobileNet (Howard et al. 2019, arXiv:1905.02244)."""
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
    return _mobilenet_v3(options, "small", alpha, minimalistic, dropout_rate, include_preprocessing)


@_documented
def MobileNetV3Large(
    input_shape: ImageShape = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Any = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str = "MobileNetV3Large",
) -> Model:
    """Makes the large third MobileNet (Howard et al. 2019, arXiv:1905.02244)."""
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
    return _mobilenet_v3(options, "large", alpha, minimalistic, dropout_rate, include_preprocessing)
