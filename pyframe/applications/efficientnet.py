"""EfficientNet: one network in eight sizes, its depth, width and image size scaled together."""

from __future__ import annotations

import functools
import math
from typing import Any

from pyframe.applications.architecture import (
    Application,
    Options,
    application,
    correct_pad,
    make_divisible,
)
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Multiply,
    Normalization,
    Rescaling,
    Reshape,
    ZeroPadding2D,
)

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]

# Kernel size, repeats, filters, expansion, strides of the first of the repeats.
_STAGES = (
    *((3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2)),
    *((5, 3, 112, 6, 1), (5, 4, 192, 6, 2), (3, 1, 320, 6, 1)),
)
_DROP_CONNECT = 0.2  # rate of dropping a whole block of a sample, at the last block
_DEVIATIONS = (0.229, 0.224, 0.225)
_CONV_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
_DENSE_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"},
}

preprocess_input = preprocessor("none")


def _conv(x: Any, filters: int, name: str, **options: Any) -> Any:
    options = {"padding": "same", "use_bias": False, **options}
    size = options.pop("size", 1)
    return Conv2D(filters, size, kernel_initializer=_CONV_INITIALIZER, name=name, **options)(x)


def _bn_swish(x: Any, bn: str, activation: str) -> Any:
    return Activation("swish", name=activation)(BatchNormalization(name=bn)(x))


def _squeeze_and_excite(x: Any, channels: int, name: str) -> Any:
    filters = x.shape[-1]
    y = GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    y = Reshape((1, 1, filters), name=f"{name}se_reshape")(y)
    reduced = max(1, int(channels * 0.25))
    y = _conv(y, reduced, f"{name}se_reduce", use_bias=True, activation="swish")
    y = _conv(y, filters, f"{name}se_expand", use_bias=True, activation="sigmoid")
    return Multiply(name=f"{name}se_excite")([x, y])


def _block(
    x: Any, size: int, filters: int, expansion: int, strides: int, drop_rate: float, name: str
) -> Any:
    channels = x.shape[-1]
    y = x
    if expansion != 1:
        y = _conv(y, channels * expansion, f"{name}expand_conv")
        y = _bn_swish(y, f"{name}expand_bn", f"{name}expand_activation")
    padding = "same"
    if strides == 2:
        y = ZeroPadding2D(correct_pad(y, size), name=f"{name}dwconv_pad")(y)
        padding = "valid"
    depthwise = DepthwiseConv2D(
        size,
        strides=strides,
        padding=padding,
        use_bias=False,
        depthwise_initializer=_CONV_INITIALIZER,
        name=f"{name}dwconv",
    )
    y = _bn_swish(depthwise(y), f"{name}bn", f"{name}activation")
    y = _squeeze_and_excite(y, channels, name)
    y = _conv(y, filters, f"{name}project_conv")
    y = BatchNormalization(name=f"{name}project_bn")(y)
    if strides == 1 and channels == filters:
        if drop_rate > 0:
            y = Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(y)
        y = Add(name=f"{name}add")([y, x])
    return y


def _prepare(x: Any, options: Options) -> Any:
    x = Normalization(axis=3)(Rescaling(1.0 / 255.0)(x))
    if options.imagenet:
        # Keras scales once more here, as was done when these weights were trained.
        x = Rescaling([1.0 / math.sqrt(deviation) for deviation in _DEVIATIONS])(x)
    return x


def _body(x: Any, width: float, depth: float) -> Any:
    repeats = [math.ceil(depth * stage[1]) for stage in _STAGES]
    x = ZeroPadding2D(correct_pad(x, 3), name="stem_conv_pad")(x)
    filters = make_divisible(32 * width)
    x = _conv(x, filters, "stem_conv", size=3, strides=2, padding="valid")
    x = _bn_swish(x, "stem_bn", "stem_activation")
    done = 0
    for i, (size, _, filters, expansion, strides) in enumerate(_STAGES):
        filters = make_divisible(filters * width)
        for j in range(repeats[i]):
            drop_rate = _DROP_CONNECT * done / sum(repeats)
            name = f"block{i + 1}{chr(ord('a') + j)}_"
            x = _block(x, size, filters, expansion, strides if j == 0 else 1, drop_rate, name)
            done += 1
    x = _conv(x, make_divisible(1280 * width), "top_conv")
    return _bn_swish(x, "top_bn", "top_activation")


def _top(x: Any, options: Options, dropout_rate: float) -> Any:
    x = GlobalAveragePooling2D(name="avg_pool")(x)
    x = Dropout(dropout_rate, name="top_dropout")(x)
    dense = Dense(
        options.classes,
        activation=options.classifier_activation,
        kernel_initializer=_DENSE_INITIALIZER,
        name="predictions",
    )
    return dense(x)


def _efficientnet(
    number: int, width: float, depth: float, size: int, dropout_rate: float
) -> Application:
    def body(x: Any) -> Any:
        return _body(x, width, depth)

    body.__name__ = body.__qualname__ = f"EfficientNetB{number}"
    body.__doc__ = f"""Makes EfficientNet-B{number} (Tan and Le 2019, arXiv:1905.11946).

    It takes grey values 0 to 255 and scales them itself. With weights="imagenet" it has one more
    layer of scaling than with weights from a path, as in Keras.
    """
    decorate = application(
        f"efficientnetb{number}",
        size,
        top=functools.partial(_top, dropout_rate=dropout_rate),
        named_pooling=True,
        prepare=_prepare,
    )
    return decorate(body)


EfficientNetB0 = _efficientnet(0, 1.0, 1.0, 224, 0.2)
EfficientNetB1 = _efficientnet(1, 1.0, 1.1, 240, 0.2)
EfficientNetB2 = _efficientnet(2, 1.1, 1.2, 260, 0.3)
EfficientNetB3 = _efficientnet(3, 1.2, 1.4, 300, 0.3)
EfficientNetB4 = _efficientnet(4, 1.4, 1.8, 380, 0.4)
EfficientNetB5 = _efficientnet(5, 1.6, 2.2, 456, 0.4)
EfficientNetB6 = _efficientnet(6, 1.8, 2.6, 528, 0.5)
EfficientNetB7 = _efficientnet(7, 2.0, 3.1, 600, 0.5)
