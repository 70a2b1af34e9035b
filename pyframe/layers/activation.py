"""Activation functions as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import activations, constraints, initializers, ops, regularizers
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.base import Layer


class Activation(Layer):
    """Applies an activation function.

    Args:
        activation: function or name, e.g. "relu".
        **kwargs: name, trainable, dtype, input_shape.
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        """Returns activation(inputs)."""
        return self.activation(inputs)


class ActivityRegularization(Layer):
    """Gives its inputs on, and a penalty on them, divided by the batch size, to the loss.

    Args:
        l1: factor of the sum of absolute values, >= 0.
        l2: factor of the sum of squares, >= 0.
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "activity_regularizer": regularizers.L1L2(l1, l2)})
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        """Returns the inputs."""
        return ops.cast(inputs, self.dtype)


class ReLU(Layer):
    """Rectified linear unit.

    Args:
        max_value: upper limit >= 0, None for none.
        negative_slope: slope below the threshold, >= 0.
        threshold: below it the unit is off, >= 0.
        **kwargs: name, trainable, dtype, input_shape.
    """

    supports_masking = True

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

    supports_masking = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        self.negative_slope = _positive(slope, "negative_slope", self)

    def call(self, inputs: Any) -> Any:
        """Returns the leaky rectified inputs."""
        return ops.leaky_relu(inputs, self.negative_slope)


class PReLU(Layer):
    """x where x > 0, else alpha * x with a trainable alpha for each element of a sample.

    Args:
        alpha_initializer: how alpha starts.
        alpha_regularizer: penalty on alpha, None for none.
        alpha_constraint: what holds for alpha after each update, None for nothing.
        shared_axes: axes along which alpha is the same, counted with the batch as 0, e.g.
            (1, 2) for one alpha a channel of images.
        **kwargs: name, trainable, dtype, input_shape.

    References:
        He et al. 2015, https://arxiv.org/abs/1502.01852
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else list(axes)
        if not all(isinstance(a, int) and a >= 1 for a in self.shared_axes or []):
            raise ConfigurationError(
                f"{self.label}: `shared_axes` must hold integers >= 1. Received: {shared_axes!r}"
            )

    def build(self, input_shape: Any) -> None:
        """Makes alpha, of the shape of a sample with 1 along the shared axes."""
        shared = self.shared_axes or []
        shape = [1 if i in shared else n for i, n in enumerate(input_shape)][1:]
        if None in shape or any(a >= len(input_shape) for a in shared):
            raise ShapeError(
                f"{self.label} needs to know the axes of its input {tuple(input_shape)} that are "
                f"not shared (shared_axes={self.shared_axes})."
            )
        self.alpha = self.add_weight(
            shape,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            name="alpha",
            constraint=self.alpha_constraint,
        )

    def call(self, inputs: Any) -> Any:
        """Returns the inputs, those below 0 times alpha."""
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


class ELU(Layer):
    """x where x > 0, else alpha * (exp(x) - 1).

    Args:
        alpha: scale of the negative side.
        **kwargs: name, trainable, dtype, input_shape.

    References:
        Clevert et al. 2015, https://arxiv.org/abs/1511.07289
    """

    supports_masking = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = arguments.finite(alpha, "alpha", self.label)

    def call(self, inputs: Any) -> Any:
        """Returns the exponential linear units of the inputs."""
        return ops.elu(inputs, self.alpha)


# Scores of what a mask leaves out: no probability in any float type.
_NEVER = -1e9


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along an axis.

    Args:
        axis: the axis along which the outputs sum to 1.
        **kwargs: name, trainable, dtype, input_shape.
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, int):
            raise ConfigurationError(f"{self.label}: `axis` must be an integer: {axis!r}")
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the softmax of the inputs, zero where a mask that broadcasts to them is zero."""
        if mask is None:
            return ops.softmax(inputs, self.axis)
        kept = ops.cast(ops.greater(ops.cast(mask, inputs.dtype), 0.5), inputs.dtype)
        shown = ops.softmax(ops.where(kept, inputs, _NEVER), self.axis)
        return ops.where(kept, shown, 0.0)


def _positive(value: Any, argument: str, layer: Layer) -> float:
    number = arguments.finite(value, argument, layer.label)
    if number < 0:
        raise ConfigurationError(f"{layer.label}: `{argument}` must be >= 0. Received: {value!r}")
    return number
