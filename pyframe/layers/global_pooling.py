"""Pooling over whole images and sequences."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec


class _GlobalPooling(Layer):
    rank = 2

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _axes(self) -> list[int]:
        return list(range(1, self.rank + 1))


class GlobalAveragePooling2D(_GlobalPooling):
    """Mean of each channel of an image.

    Args:
        data_format: None or "channels_last".
        keepdims: whether the pooled axes stay, with size 1.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, channels), or (batch, 1, 1, channels).
    """

    def call(self, inputs: Any) -> Any:
        """Returns the means."""
        return ops.mean(inputs, self._axes(), keepdims=self.keepdims)


class GlobalMaxPooling2D(_GlobalPooling):
    """Largest value of each channel of an image; equal ones share its gradient.

    Args:
        data_format: None or "channels_last".
        keepdims: whether the pooled axes stay, with size 1.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, height, width, channels) to (batch, channels), or (batch, 1, 1, channels).
    """

    def call(self, inputs: Any) -> Any:
        """Returns the largest values."""
        return ops.max(inputs, self._axes(), keepdims=self.keepdims)


class GlobalAveragePooling1D(GlobalAveragePooling2D):
    """Mean of each channel of a sequence.

    The arguments are those of `GlobalAveragePooling2D`.

    Shapes:
        (batch, steps, channels) to (batch, channels), or (batch, 1, channels).
    """

    rank = 1

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the means over the steps that count; NaN where there are none."""
        if mask is None:
            return super().call(inputs)
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), 2)
        kept = ops.where(weights, inputs, 0.0)
        total = ops.sum(kept, self._axes(), keepdims=self.keepdims)
        return total / ops.sum(weights, self._axes(), keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns None: the steps are gone."""
        return None


class GlobalMaxPooling1D(GlobalMaxPooling2D):
    """Largest value of each channel of a sequence; equal ones share its gradient.

    The arguments are those of `GlobalMaxPooling2D`.

    Shapes:
        (batch, steps, channels) to (batch, channels), or (batch, 1, channels).
    """

    rank = 1
