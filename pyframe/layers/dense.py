"""Fully connected layer."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.errors import ShapeError
from pyframe.layers.arguments import positive_integer
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.kernel_layer import KernelLayer


class Dense(KernelLayer):
    """Fully connected layer: activation(inputs @ kernel + bias), over the last axis.

    Args:
        units: number of outputs, >= 1.
        activation: function or name, None for linear.
        use_bias: whether to add a bias.
        **kwargs: kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            kernel_constraint, bias_constraint, name, trainable, dtype, input_shape, input_dim.

    Shapes:
        (batch, ..., inputs) to (batch, ..., units); kernel (inputs, units), bias (units,).

    Raises:
        ConfigurationError: if `units` is no positive integer.
    """

    supports_masking = True

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(activation, use_bias, **kwargs)
        self.units = positive_integer(units, "units", self.label)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        """Makes kernel (inputs, units) and bias (units,)."""
        inputs = input_shape[-1]
        if inputs is None:
            raise ShapeError(
                f"{self.label} needs to know the last axis of its input {input_shape}."
            )
        self.add_kernel_and_bias((inputs, self.units), self.units)
        self.input_spec = InputSpec(min_ndim=2, axes={-1: inputs})

    def call(self, inputs: Any) -> Any:
        """Returns activation(inputs @ kernel + bias)."""
        return self.activation(ops.dense(inputs, self.kernel, self.bias))
