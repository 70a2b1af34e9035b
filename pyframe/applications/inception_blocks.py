"""What InceptionV3 and InceptionResNetV2 share: branches of convolutions side by side."""

from __future__ import annotations

from typing import Any

from pyframe.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    MaxPooling2D,
)

# A branch is a sequence of steps: a pooling, or (filters, kernel size[, strides, padding]).
AVERAGE, MAXIMUM = "average", "maximum"
Step = Any

STEM: tuple[Step, ...] = (
    *((32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3), MAXIMUM),
    *((80, 1, 1, "valid"), (192, 3, 1, "valid"), MAXIMUM),
)


def conv_bn(
    x: Any,
    filters: int,
    size: Any,
    strides: int = 1,
    padding: str = "same",
    name: str | None = None,
) -> Any:
    """Adds a convolution without bias, batch normalisation without scale, and ReLU."""
    x = Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = BatchNormalization(scale=False, name=name and f"{name}_bn")(x)
    return Activation("relu", name=name and f"{name}_ac")(x)


def branch(x: Any, *steps: Step) -> Any:
    """Adds one step after the other."""
    for step in steps:
        if step == AVERAGE:
            x = AveragePooling2D(3, strides=1, padding="same")(x)
        elif step == MAXIMUM:
            x = MaxPooling2D(3, strides=2)(x)
        else:
            x = conv_bn(x, *step)
    return x


def mixed(x: Any, name: str | None, *branches: tuple[Step, ...]) -> Any:
    """Adds branches side by side on one input, their outputs one after the other."""
    return Concatenate(name=name)([branch(x, *steps) for steps in branches])
