"""Xception: residual blocks of separable convolutions."""

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
    SeparableConv2D,
)

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessor("tf")


def _separable(x: Any, filters: int, name: str) -> Any:
    x = SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return BatchNormalization(name=f"{name}_bn")(x)


def _block(x: Any, number: int, filters: Sequence[int], shrink: bool, active: bool = True) -> Any:
    """A residual block; `active` says whether it begins with an activation."""
    name = f"block{number}"
    shortcut = x
    if shrink:
        shortcut = Conv2D(filters[-1], 1, strides=2, padding="same", use_bias=False)(x)
        shortcut = BatchNormalization()(shortcut)
    for i, n in enumerate(filters, 1):
        if active or i > 1:
            x = Activation("relu", name=f"{name}_sepconv{i}_act")(x)
        x = _separable(x, n, f"{name}_sepconv{i}")
    if shrink:
        x = MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return Add()([x, shortcut])


@application("xception", size=299, smallest=71)
def Xception(x: Any) -> Any:
    """Makes the Xception network (Chollet 2017, arXiv:1610.02357)."""
    for i, (filters, strides) in enumerate(((32, 2), (64, 1)), 1):
        name = f"block1_conv{i}"
        x = Conv2D(filters, 3, strides=strides, use_bias=False, name=name)(x)
        x = Activation("relu", name=f"{name}_act")(BatchNormalization(name=f"{name}_bn")(x))
    for number, filters in ((2, 128), (3, 256), (4, 728)):
        x = _block(x, number, (filters, filters), shrink=True, active=number > 2)
    for number in range(5, 13):
        x = _block(x, number, (728, 728, 728), shrink=False)
    x = _block(x, 13, (728, 1024), shrink=True)
    for i, filters in enumerate((1536, 2048), 1):
        name = f"block14_sepconv{i}"
        x = Activation("relu", name=f"{name}_act")(_separable(x, filters, name))
    return x
