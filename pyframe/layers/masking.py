"""Masks from the data themselves."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.layers import arguments
from pyframe.layers.base import Layer


class Masking(Layer):
    """Leaves out the time steps all of whose features have a certain value.

    Layers that use masks, such as `LSTM`, skip these steps; the loss and the metrics of outputs
    that still have the mask do not count them.

    Args:
        mask_value: the value.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, steps, ...) to the same shape; steps that are left out become 0.
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = arguments.finite(mask_value, "mask_value", self.label)

    def call(self, inputs: Any) -> Any:
        """Returns the inputs, 0 in the steps that are left out."""
        return ops.where(ops.expand_dims(self.compute_mask(inputs, None), -1), inputs, 0.0)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns 1.0 for the steps in which a feature has another value."""
        return ops.max(ops.not_equal(inputs, self.mask_value), -1)
