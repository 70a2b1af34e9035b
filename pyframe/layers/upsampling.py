"""Layers that repeat or interpolate elements."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec
from pyframe.ops.image import INTERPOLATIONS


class UpSampling2D(Layer):
    """Makes images larger by whole factors.

    Args:
        size: factors of height and width, one number or two.
        data_format: None or "channels_last".
        interpolation: "nearest" repeats pixels; "bilinear", "bicubic", "lanczos3" and "lanczos5"
            interpolate between them.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to
        (batch, size[0] * height, size[1] * width, channels).
    """

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = arguments.size_pair(size, "size", self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.interpolation = arguments.choice(
            interpolation, INTERPOLATIONS, "interpolation", self.label
        )
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Returns the larger images."""
        return ops.image.upsample(inputs, self.size, self.interpolation)


class UpSampling1D(Layer):
    """Repeats each step of sequences.

    Args:
        size: how often.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, steps, channels) to (batch, size * steps, channels).
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = arguments.positive_integer(size, "size", self.label)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        """Returns the longer sequences."""
        return ops.repeat(inputs, self.size, axis=1)


class RepeatVector(Layer):
    """Repeats a vector: a sequence of n equal steps.

    Args:
        n: number of steps.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, features) to (batch, n, features).
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = arguments.positive_integer(n, "n", self.label)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        """Returns the repeated vectors."""
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)
