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
    return ops.clip(x, 0.0, 6.0)


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


def hard_silu(x: Any) -> Any:
    """Returns x * hard_sigmoid(x), also called hard_swish."""
    return x * ops.hard_sigmoid(x)


def mish(x: Any) -> Any:
    """Returns x * tanh(softplus(x)) (Misra 2019)."""
    return x * ops.tanh(ops.softplus(x))


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
    )
} | {"swish": silu, "hard_swish": hard_silu}


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
