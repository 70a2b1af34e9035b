"""Residual networks of the second kind: normalisation and activation before each convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe.applications.architecture import application
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.applications.resnet import EPSILON
from pyframe.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    ZeroPadding2D,
)

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessor("tf")


def _bn_relu(x: Any, name: str) -> Any:
    x = BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return Activation("relu", name=f"{name}_relu")(x)


def _block(x: Any, filters: int, name: str, strides: int, first: bool) -> Any:
    active = _bn_relu(x, f"{name}_preact")
    if first:
        shortcut = Conv2D(4 * filters, 1, strides=strides, name=f"{name}_0_conv")(active)
    else:
        shortcut = MaxPooling2D(1, strides=strides)(x) if strides > 1 else x
    y = Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(active)
    y = ZeroPadding2D(1, name=f"{name}_2_pad")(_bn_relu(y, f"{name}_1"))
    y = Conv2D(filters, 3, strides=strides, use_bias=False, name=f"{name}_2_conv")(y)
    y = Conv2D(4 * filters, 1, name=f"{name}_3_conv")(_bn_relu(y, f"{name}_2"))
    return Add(name=f"{name}_out")([shortcut, y])


def _resnet_v2(x: Any, blocks: Sequence[int]) -> Any:
    x = ZeroPadding2D(3, name="conv1_pad")(x)
    x = Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = ZeroPadding2D(1, name="pool1_pad")(x)
    x = MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for i, count in enumerate(blocks):
        # The image shrinks at the end of a stage, but for the last.
        for j in range(1, count + 1):
            strides = 2 if j == count and i < 3 else 1
            x = _block(x, 64 << i, f"conv{i + 2}_block{j}", strides, first=j == 1)
    return _bn_relu(x, "post")


@application("resnet50v2", named_pooling=True)
def ResNet50V2(x: Any) -> Any:
    """Makes the second residual network of 50 layers (He et al. 2016, arXiv:1603.05027)."""
    return _resnet_v2(x, (3, 4, 6, 3))


@application("resnet101v2", named_pooling=True)
def ResNet101V2(x: Any) -> Any:
    """Makes the second residual network of 101 layers (He et al. 2016, arXiv:1603.05027)."""
    return _resnet_v2(x, (3, 4, 23, 3))


@application("resnet152v2", named_pooling=True)
def ResNet152V2(x: Any) -> Any:
    """Makes the second residual network of 152 layers (He et al. 2016, arXiv:1603.05027)."""
    return _resnet_v2(x, (3, 8, 36, 3))
