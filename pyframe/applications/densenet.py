"""Densely connected networks: every layer of a block sees the outputs of all before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe.applications.architecture import application
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    MaxPooling2D,
    ZeroPadding2D,
)

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_GROWTH = 32  # channels that each layer adds

preprocess_input = preprocessor("torch")


def _bn_relu(x: Any, bn: str, relu: str) -> Any:
    return Activation("relu", name=relu)(BatchNormalization(epsilon=1.001e-5, name=bn)(x))


def _layer(x: Any, name: str) -> Any:
    y = _bn_relu(x, f"{name}_0_bn", f"{name}_0_relu")
    y = Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(y)
    y = _bn_relu(y, f"{name}_1_bn", f"{name}_1_relu")
    y = Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(y)
    return Concatenate(name=f"{name}_concat")([x, y])


def _transition(x: Any, name: str) -> Any:
    x = _bn_relu(x, f"{name}_bn", f"{name}_relu")
    x = Conv2D(x.shape[-1] // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _densenet(x: Any, layers: Sequence[int]) -> Any:
    x = ZeroPadding2D(3)(x)
    x = Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = ZeroPadding2D(1)(_bn_relu(x, "conv1_bn", "conv1_relu"))
    x = MaxPooling2D(3, strides=2, name="pool1")(x)
    for i, count in enumerate(layers):
        if i > 0:
            x = _transition(x, f"pool{i + 1}")
        for j in range(1, count + 1):
            x = _layer(x, f"conv{i + 2}_block{j}")
    return _bn_relu(x, "bn", "relu")


@application("densenet121", named_pooling=True)
def DenseNet121(x: Any) -> Any:
    """Makes the dense network of 121 layers (Huang et al. 2017, arXiv:1608.06993)."""
    return _densenet(x, (6, 12, 24, 16))


@application("densenet169", named_pooling=True)
def DenseNet169(x: Any) -> Any:
    """Makes the dense network of 169 layers (Huang et al. 2017, arXiv:1608.06993)."""
    return _densenet(x, (6, 12, 32, 32))


@application("densenet201", named_pooling=True)
def DenseNet201(x: Any) -> Any:
    """Makes the dense network of 201 layers (Huang et al. 2017, arXiv:1608.06993)."""
    return _densenet(x, (6, 12, 48, 32))
