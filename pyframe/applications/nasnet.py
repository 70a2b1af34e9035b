"""NASNet: cells that a search over architectures found."""

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
)
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.errors import ConfigurationError
from pyframe.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Cropping2D,
    MaxPooling2D,
    SeparableConv2D,
    ZeroPadding2D,
)
from pyframe.models import Model

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessor("tf")


def _relu(x: Any, name: str | None = None) -> Any:
    return Activation("relu", name=name)(x)


def _bn(x: Any, name: str) -> Any:
    return BatchNormalization(momentum=0.9997, epsilon=1e-3, name=name)(x)


def _conv(x: Any, filters: int, name: str) -> Any:
    options: dict[str, Any] = {"padding": "same", "use_bias": False}
    return Conv2D(filters, 1, kernel_initializer="he_normal", name=name, **options)(x)


def _separable(x: Any, filters: int, size: int, tag: str, strides: int = 1) -> Any:
    """Two separable convolutions, each behind an activation, in front of a normalisation."""
    for i in (1, 2):
        name = f"separable_conv_{i}"
        padding = "same"
        x = _relu(x)
        if strides == 2:
            x = ZeroPadding2D(correct_pad(x, size), name=f"{name}_pad_{tag}")(x)
            padding = "valid"
        options: dict[str, Any] = {"strides": strides, "padding": padding, "use_bias": False}
        x = SeparableConv2D(filters, size, name=f"{name}_{tag}", **options)(x)
        x = _bn(x, f"{name}_bn_{tag}")
        strides = 1
    return x


def _adjust(x: Any, like: Any, filters: int, tag: str) -> Any:
    """Brings the output of the cell before the last to the size and filters of the last."""
    if x is None:
        return like
    if x.shape[2] != like.shape[2]:
        x = _relu(x, f"adjust_relu_1_{tag}")
        # Every second pixel, and every second of those between them.
        shifted = Cropping2D(((1, 0), (1, 0)))(ZeroPadding2D(((0, 1), (0, 1)))(x))
        halves = []
        for i, part in enumerate((x, shifted), 1):
            y = AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{tag}")(part)
            halves.append(_conv(y, filters // 2, f"adjust_conv_{i}_{tag}"))
        return _bn(Concatenate()(halves), f"adjust_bn_{tag}")
    if x.shape[-1] != filters:
        x = _conv(_relu(x), filters, f"adjust_conv_projection_{tag}")
        return _bn(x, f"adjust_bn_{tag}")
    return x


def _normal_cell(x: Any, previous: Any, filters: int, tag: str) -> tuple[Any, Any]:
    p = _adjust(previous, x, filters, tag)
    h = _bn(_conv(_relu(x), filters, f"normal_conv_1_{tag}"), f"normal_bn_1_{tag}")

    def separable(t: Any, size: int, side: str) -> Any:
        return _separable(t, filters, size, f"normal_{side}_{tag}")

    def average(t: Any, side: str) -> Any:
        return AveragePooling2D(3, strides=1, padding="same", name=f"normal_{side}_{tag}")(t)

    def add(number: int, a: Any, b: Any) -> Any:
        return Add(name=f"normal_add_{number}_{tag}")([a, b])

    parts = [
        p,
        add(1, separable(h, 5, "left1"), separable(p, 3, "right1")),
        add(2, separable(p, 5, "left2"), separable(p, 3, "right2")),
        add(3, average(h, "left3"), p),
        add(4, average(p, "left4"), average(p, "right4")),
        add(5, separable(h, 3, "left5"), h),
    ]
    return Concatenate(name=f"normal_concat_{tag}")(parts), x


def _reduction_cell(x: Any, previous: Any, filters: int, tag: str) -> tuple[Any, Any]:
    p = _adjust(previous, x, filters, tag)
    h = _bn(_conv(_relu(x), filters, f"reduction_conv_1_{tag}"), f"reduction_bn_1_{tag}")
    padded = ZeroPadding2D(correct_pad(h, 3), name=f"reduction_pad_1_{tag}")(h)

    def separable(t: Any, size: int, side: str, strides: int = 2) -> Any:
        return _separable(t, filters, size, f"reduction_{side}_{tag}", strides)

    def pool(layer: Any, side: str) -> Any:
        return layer(3, strides=2, name=f"reduction_{side}_{tag}")(padded)

    def add(name: str | None, a: Any, b: Any) -> Any:
        return Add(name=name and f"reduction_{name}_{tag}")([a, b])

    x1 = add("add_1", separable(h, 5, "left1"), separable(p, 7, "right1"))
    x2 = add("add_2", pool(MaxPooling2D, "left2"), separable(p, 7, "right2"))
    x3 = add("add3", pool(AveragePooling2D, "left3"), separable(p, 5, "right3"))
    x4 = AveragePooling2D(3, strides=1, padding="same", name=f"reduction_left4_{tag}")(x1)
    x4 = add(None, x2, x4)
    x5 = add("add4", separable(x1, 3, "left4", 1), pool(MaxPooling2D, "right5"))
    return Concatenate(name=f"reduction_concat_{tag}")([x2, x3, x4, x5]), x


def _body(x: Any, blocks: int, filters: int, stem_filters: int, skip_reduction: bool) -> Any:
    if None in x.shape[1:3]:
        raise ConfigurationError(
            "NASNet needs images of a known size: give input_shape=(height, width, channels)."
        )
    options: dict[str, Any] = {"use_bias": False, "kernel_initializer": "he_normal"}
    x = Conv2D(stem_filters, 3, strides=2, name="stem_conv1", **options)(x)
    x, p = _reduction_cell(_bn(x, "stem_bn1"), None, filters // 4, "stem_1")
    x, p = _reduction_cell(x, p, filters // 2, "stem_2")
    for stage in range(3):
        first = stage * blocks
        if stage > 0:
            x, before = _reduction_cell(x, p, filters, f"reduce_{first}")
            p = p if skip_reduction else before
            first += 1
        for i in range(blocks):
            x, p = _normal_cell(x, p, filters, f"{first + i}")
        filters *= 2
    return _relu(x)


def _nasnet(options: Options, key: str, size: int, **sizes: Any) -> Model:
    if options.input_shape is None:
        options = dataclasses.replace(options, input_shape=(size, size, 3))
    shape = options.image_shape(size)
    body = functools.partial(_body, **sizes)
    return assemble(options, shape, body, functools.partial(classifier, pool_name=None), key)


@documented("(224, 224, 3)")
def NASNetMobile(
    input_shape: ImageShape = None,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "nasnet_mobile",
) -> Model:
    """Makes the small NASNet-A, 4 @ 1056 (Zoph et al. 2018, arXiv:1707.07012)."""
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
    sizes: dict[str, Any] = {"blocks": 4, "filters": 1056 // 24, "stem_filters": 32}
    return _nasnet(options, "nasnet_mobile", 224, **sizes, skip_reduction=False)


@documented("(331, 331, 3)")
def NASNetLarge(
    input_shape: ImageShape = None,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "nasnet_large",
) -> Model:
    """Makes the large NASNet-A, 6 @ 4032 (Zoph et al. 2018, arXiv:1707.07012)."""
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
    sizes: dict[str, Any] = {"blocks": 6, "filters": 4032 // 24, "stem_filters": 96}
    return _nasnet(options, "nasnet_large", 331, **sizes, skip_reduction=True)
