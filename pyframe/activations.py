"""Activation functions by name: `Dense(10, activation="relu")`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError
from pyframe.lookup import by_name

Activation = Callable[[Any], Any]


def linear(x: Any) -> Any:
    """Returns x."""
    return x


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """Returns the rectified linear unit with Keras's three options.

    Args:
        x: the operand.
        negative_slope: slope below the threshold, >= 0.
        max_value: upper limit, None for none.
        threshold: below it the unit is off.
    """
    if threshold == negative_slope == 0.0 and max_value is not None:
        if max_value == 6.0:
            return ops.relu6(x)
        return ops.clip(x, 0.0, max_value)
    if threshold != 0.0:
        on = ops.greater(x, threshold)
        y = on * x + (1.0 - on) * (negative_slope * (x - threshold))
    elif negative_slope != 0.0:
        y = ops.leaky_relu(x, negative_slope)
    else:
        y = ops.relu(x)
    return y if max_value is None else ops.minimum(y, float(max_value))


def relu6(x: Any) -> Any:
    """Returns min(max(x, 0), 6)."""
    return ops.relu6(x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Returns x where x > 0, else negative_slope * x."""
    return ops.leaky_relu(x, negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Returns x where x > 0, else alpha * (exp(x) - 1)."""
    return ops.elu(x, alpha)


def selu(x: Any) -> Any:
    """Returns the scaled exponential linear unit."""
    return ops.selu(x)


def sigmoid(x: Any) -> Any:
    """Returns 1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


def hard_sigmoid(x: Any) -> Any:
    """Returns clip(x / 6 + 0.5, 0, 1)."""
    return ops.hard_sigmoid(x)


def hard_sigmoid_keras2(x: Any) -> Any:
    """Returns clip(0.2 * x + 0.5, 0, 1), what `hard_sigmoid` was before Keras 3.

    Models from files of those versions use it; Keras 3 knows it under no name.
    """
    return ops.hard_sigmoid_keras2(x)


def tanh(x: Any) -> Any:
    """Returns the hyperbolic tangent."""
    return ops.tanh(x)


def softplus(x: Any) -> Any:
    """Returns log(1 + exp(x))."""
    return ops.softplus(x)


def softsign(x: Any) -> Any:
    """Returns x / (1 + |x|)."""
    return ops.softsign(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Returns the Gaussian error linear unit; `approximate` chooses the tanh formula."""
    return ops.gelu(x, approximate)


def silu(x: Any) -> Any:
    """Returns x * sigmoid(x)."""
    return ops.silu(x)


swish = silu  # its name before Keras 3


def hard_silu(x: Any) -> Any:
    """Returns x * hard_sigmoid(x), also called hard_swish."""
    return ops.hard_silu(x)


def mish(x: Any) -> Any:
    """Returns x * tanh(softplus(x)) (Misra 2019)."""
    return x * ops.tanh(ops.softplus(x))


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Returns max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0) (Barron 2017)."""
    return ops.celu(x, alpha)


def glu(x: Any, axis: int = -1) -> Any:
    """Returns a * sigmoid(b) for the two halves a and b of an axis (Dauphin et al. 2016)."""
    a, b = ops.split(x, 2, axis)
    return a * ops.sigmoid(b)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Returns x where |x| > threshold, else 0."""
    return x * ops.greater(ops.abs(x), threshold)


def hard_tanh(x: Any) -> Any:
    """Returns x limited to [-1, 1]."""
    return ops.hard_tanh(x)


def log_sigmoid(x: Any) -> Any:
    """Returns the logarithm of sigmoid(x)."""
    return ops.log_sigmoid(x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Returns x moved towards 0 by the threshold, 0 where |x| <= threshold."""
    return x - ops.clip(x, -threshold, threshold)


def sparse_plus(x: Any) -> Any:
    """Returns 0 for x <= -1, x for x >= 1, (x + 1)^2 / 4 between (Blondel et al. 2019)."""
    return ops.relu(x - 1.0) + ops.square(ops.clip(x, -1.0, 1.0) + 1.0) * 0.25


def sparse_sigmoid(x: Any) -> Any:
    """Returns 0 for x <= -1, 1 for x >= 1, (x + 1) / 2 between (Blondel et al. 2019)."""
    return ops.clip(x * 0.5 + 0.5, 0.0, 1.0)


def squareplus(x: Any, b: float = 4.0) -> Any:
    """Returns (x + sqrt(x^2 + b)) / 2 (Barron 2021)."""
    return (x + ops.sqrt(ops.square(x) + float(b))) * 0.5


def tanh_shrink(x: Any) -> Any:
    """Returns x - tanh(x)."""
    return x - ops.tanh(x)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Returns x where x > threshold, else `default_value`."""
    return ops.where(ops.greater(x, threshold), x, float(default_value))


def exponential(x: Any) -> Any:
    """Returns e to the power x."""
    return ops.exp(x)


def softmax(x: Any, axis: int = -1) -> Any:
    """Returns exp(x) / sum(exp(x)) along an axis."""
    return ops.softmax(x, axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Returns the logarithm of softmax."""
    return ops.log_softmax(x, axis)


_BY_NAME: dict[str, Activation] = {
    function.__name__: function
    for function in (
        linear,
        relu,
        relu6,
        leaky_relu,
        elu,
        selu,
        sigmoid,
        hard_sigmoid,
        hard_sigmoid_keras2,
        tanh,
        softplus,
        softsign,
        gelu,
        silu,
        hard_silu,
        mish,
        exponential,
        softmax,
        log_softmax,
        celu,
        glu,
        hard_shrink,
        hard_tanh,
        log_sigmoid,
        soft_shrink,
        sparse_plus,
        sparse_sigmoid,
        squareplus,
        tanh_shrink,
        threshold,
    )
} | {"swish": swish, "hard_swish": hard_silu}


def get(identifier: Any) -> Activation:
    """Returns an activation function.

    Args:
        identifier: a name, a callable (function or layer), or None for linear.

    Raises:
        ConfigurationError: for an unknown name or another type.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, dict):
        identifier = identifier.get("config", identifier.get("class_name"))
    if isinstance(identifier, str):
        return by_name("activation", identifier, _BY_NAME)
    if callable(identifier):
        return identifier  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"`activation` must be a name, a function or None. Received: {identifier!r}"
    )


def serialize(activation: Activation) -> Any:
    """Returns the name of an activation, or the layer itself if a layer is used as one."""
    return getattr(activation, "__name__", activation)
