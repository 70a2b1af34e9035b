"""What dense and convolution layers share: kernel, bias, activation and their options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import activations, constraints, initializers, regularizers
from pyframe.layers.base import Layer
from pyframe.ops.tensor import Variable


class KernelLayer(Layer):
    """Base of the layers with a kernel, an optional bias and an activation.

    Args:
        activation: function or name, None for linear.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts.
        bias_initializer: how the bias starts.
        kernel_regularizer: penalty on the kernel, None for none.
        bias_regularizer: penalty on the bias, None for none.
        kernel_constraint: what holds for the kernel after each update, None for nothing.
        bias_constraint: what holds for the bias after each update, None for nothing.
        **kwargs: name, trainable, dtype, input_shape, input_dim.
    """

    def __init__(
        self,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias: Variable | None = None

    def add_kernel_and_bias(self, kernel_shape: Sequence[int], outputs: int) -> None:
        """Makes the weights `kernel` and, if wanted, `bias` (outputs,)."""
        self.kernel = self.add_weight(
            kernel_shape,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel",
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (outputs,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                name="bias",
                constraint=self.bias_constraint,
            )
