"""The networks of the Visual Geometry Group: 3x3 convolutions in five blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe.applications.architecture import Options, application
from pyframe.layers import Conv2D, Dense, Flatten, MaxPooling2D


def _blocks(x: Any, convolutions: Sequence[int]) -> Any:
    for i, (filters, count) in enumerate(zip((64, 128, 256, 512, 512), convolutions, strict=True)):
        block = f"block{i + 1}"
        for j in range(1, count + 1):
            name = f"{block}_conv{j}"
            x = Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = MaxPooling2D(2, strides=2, name=f"{block}_pool")(x)
    return x


def _top(x: Any, options: Options) -> Any:
    x = Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = Dense(4096, activation="relu", name=name)(x)
    activation = options.classifier_activation
    return Dense(options.classes, activation=activation, name="predictions")(x)


@application("vgg16", top=_top)
def VGG16(x: Any) -> Any:
    """Makes the VGG network of 16 layers (Simonyan and Zisserman 2015, arXiv:1409.1556)."""
    return _blocks(x, (2, 2, 3, 3, 3))


@application("vgg19", top=_top)
def VGG19(x: Any) -> Any:
    """Makes the VGG network of 19 layers (Simonyan and Zisserman 2015, arXiv:1409.1556)."""
    return _blocks(x, (2, 2, 4, 4, 4))
