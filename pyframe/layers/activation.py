"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

from pyframe import activations, ops
from pyframe.errors import ConfigurationError
from pyframe.layers import arguments
from pyframe.layers.base import Layer


class Activation(Layer):
    """Applies an activation function.

    Args:
        activation: function or name, e.g. "relu".
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        """Returns activation(inputs)."""
        return self.activation(inputs)


class ReLU(Layer):
    """Rectified linear unit.

    Args:
        max_value: upper limit >= 0, None for none.
        negative_slope: slope below the threshold, >= 0.
        threshold: below it the unit is off, >= 0.
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _positive(max_value, "max_value", self)
        self.negative_slope = _positive(negative_slope or 0.0, "negative_slope", self)
        self.threshold = _positive(threshold or 0.0, "threshold", self)

    def call(self, inputs: Any) -> Any:
        """Returns max(inputs, 0) with the layer's options."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """x where x > 0, else negative_slope * x.

    Args:
        negative_slope: slope on the negative side, >= 0.
        **kwargs: name, trainable, dtype, input_shape; `alpha` is read as `negative_slope`.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        self.negative_slope = _positive(slope, "negative_slope", self)

    def call(self, inputs: Any) -> Any:
        """Returns the leaky rectified inputs."""
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """x where x > 0, else alpha * (exp(x) - 1).

    Args:
        alpha: scale of the negative side.
        **kwargs: name, trainable, dtype, input_shape.

    References:
        Clevert et al. 2015, https://arxiv.org/abs/1511.07289
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = arguments.finite(alpha, "alpha", self.label)

    def call(self, inputs: Any) -> Any:
        """Returns the exponential linear units of the inputs."""
        return ops.elu(inputs, self.alpha)


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along an axis.

    Args:
        axis: the axis along which the outputs sum to 1.
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, int):
            raise ConfigurationError(f"{self.label}: `axis` must be an integer: {axis!r}")
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        """Returns the softmax of the inputs."""
        return ops.softmax(inputs, self.axis)


def _positive(value: Any, argument: str, layer: Layer) -> float:
    number = arguments.finite(value, argument, layer.label)
    if number < 0:
        raise ConfigurationError(f"{layer.label}: `{argument}` must be >= 0. Received: {value!r}")
    return number
