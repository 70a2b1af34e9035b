"""Residual networks: blocks of convolutions that are added to their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe.applications.architecture import application
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    ZeroPadding2D,
)

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

EPSILON = 1.001e-5

preprocess_input = preprocessor("caffe")


def _conv_bn(x: Any, filters: int, size: int, name: str, strides: int = 1) -> Any:
    padding = "same" if size > 1 else "valid"
    x = Conv2D(filters, size, strides=strides, padding=padding, name=f"{name}_conv")(x)
    return BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)


def _block(x: Any, filters: int, name: str, strides: int, first: bool) -> Any:
    shortcut = _conv_bn(x, 4 * filters, 1, f"{name}_0", strides) if first else x
    x = _conv_bn(x, filters, 1, f"{name}_1", strides)
    x = Activation("relu", name=f"{name}_1_relu")(x)
    x = _conv_bn(x, filters, 3, f"{name}_2")
    x = Activation("relu", name=f"{name}_2_relu")(x)
    x = _conv_bn(x, 4 * filters, 1, f"{name}_3")
    x = Add(name=f"{name}_add")([shortcut, x])
    return Activation("relu", name=f"{name}_out")(x)


def _resnet(x: Any, blocks: Sequence[int]) -> Any:
    x = ZeroPadding2D(3, name="conv1_pad")(x)
    x = Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = BatchNormalization(epsilon=EPSILON, name="conv1_bn")(x)
    x = Activation("relu", name="conv1_relu")(x)
    x = ZeroPadding2D(1, name="pool1_pad")(x)
    x = MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for i, count in enumerate(blocks):
        for j in range(1, count + 1):
            strides = 2 if j == 1 and i > 0 else 1
            x = _block(x, 64 << i, f"conv{i + 2}_block{j}", strides, first=j == 1)
    return x


@application("resnet50", named_pooling=True)
def ResNet50(x: Any) -> Any:
    """Makes the residual network of 50 layers (He et al. 2015, arXiv:1512.03385)."""
    return _resnet(x, (3, 4, 6, 3))


@application("resnet101", named_pooling=True)
def ResNet101(x: Any) -> Any:
    """Makes the residual network of 101 layers (He et al. 2015, arXiv:1512.03385)."""
    return _resnet(x, (3, 4, 23, 3))


@application("resnet152", named_pooling=True)
def ResNet152(x: Any) -> Any:
    """Makes the residual network of 152 layers (He et al. 2015, arXiv:1512.03385)."""
    return _resnet(x, (3, 8, 36, 3))
