"""Operators on single elements, with NumPy's broadcasting for two operands.

Every function takes symbolic tensors, variables, NumPy arrays or numbers. With a symbolic
operand the result is symbolic; otherwise it is a NumPy array, float64 if an operand is a float64
array and float32 in all other cases.
"""

from __future__ import annotations

import builtins
from typing import Any

from pyframe.ops.dispatch import (
    apply,
    apply_all,
    float_dtype,
    is_integer,
    move_dtype,
    static_shape,
)
from pyframe.ops.dtypes import standardize_dtype


def relu(x: Any) -> Any:
    """Returns max(x, 0)."""
    return apply("relu", x)


def relu6(x: Any) -> Any:
    """Returns min(max(x, 0), 6); the gradient is zero at both limits too, as in TensorFlow."""
    return apply("relu6", x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Returns x where x > 0, else negative_slope * x."""
    return apply("leaky_relu", x, alpha=float(negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Returns x where x > 0, else alpha * (exp(x) - 1) (Clevert et al. 2015)."""
    return apply("elu", x, alpha=float(alpha))


def selu(x: Any) -> Any:
    """Returns the scaled exponential linear unit (Klambauer et al. 2017)."""
    return apply("selu", x)


def sigmoid(x: Any) -> Any:
    """Returns 1 / (1 + exp(-x))."""
    return apply("sigmoid", x)


def tanh(x: Any) -> Any:
    """Returns the hyperbolic tangent."""
    return apply("tanh", x)


def softplus(x: Any) -> Any:
    """Returns log(1 + exp(x))."""
    return apply("softplus", x)


def softsign(x: Any) -> Any:
    """Returns x / (1 + |x|)."""
    return apply("softsign", x)


def gelu(x: Any, approximate: bool = True) -> Any:
    """Returns x * P(X <= x) for a standard normal X (Hendrycks & Gimpel 2016).

    Args:
        x: the operand.
        approximate: whether to use the tanh formula instead of the error function.
    """
    return apply("gelu_tanh" if approximate else "gelu", x)


def silu(x: Any) -> Any:
    """Returns x * sigmoid(x), also called swish."""
    return apply("silu", x)


def hard_sigmoid(x: Any) -> Any:
    """Returns clip(x / 6 + 0.5, 0, 1)."""
    return apply("hard_sigmoid", x)


def hard_sigmoid_keras2(x: Any) -> Any:
    """Returns clip(0.2 * x + 0.5, 0, 1), what `hard_sigmoid` was before Keras 3."""
    return apply("hard_sigmoid_keras2", x)


def exp(x: Any) -> Any:
    """Returns e to the power x."""
    return apply("exp", x)


def log(x: Any) -> Any:
    """Returns the natural logarithm."""
    return apply("log", x)


def sqrt(x: Any) -> Any:
    """Returns the square root."""
    return apply("sqrt", x)


def rsqrt(x: Any) -> Any:
    """Returns 1 / sqrt(x)."""
    return apply("rsqrt", x)


def erf(x: Any) -> Any:
    """Returns the Gauss error function."""
    return apply("erf", x)


def negative(x: Any) -> Any:
    """Returns -x."""
    return apply("negative", x)


def absolute(x: Any) -> Any:
    """Returns |x|."""
    return apply("absolute", x)


abs = absolute


def square(x: Any) -> Any:
    """Returns x * x."""
    return apply("square", x)


def sign(x: Any) -> Any:
    """Returns -1, 0 or 1."""
    return apply("sign", x)


def floor(x: Any) -> Any:
    """Returns the largest whole number that is not above x."""
    return apply("floor", x)


def ceil(x: Any) -> Any:
    """Returns the smallest whole number that is not below x."""
    return apply("ceil", x)


def round(x: Any, decimals: int = 0) -> Any:
    """Returns the nearest number of so many decimals; halves go to the even one."""
    if decimals:
        return divide(round(multiply(x, 10.0**decimals)), 10.0**decimals)
    return apply("round", x)


def sin(x: Any) -> Any:
    """Returns the sine; x in radians."""
    return apply("sin", x)


def cos(x: Any) -> Any:
    """Returns the cosine; x in radians."""
    return apply("cos", x)


def log1p(x: Any) -> Any:
    """Returns log(1 + x), exact for small x."""
    return apply("log1p", x)


def expm1(x: Any) -> Any:
    """Returns exp(x) - 1, exact for small x."""
    return apply("expm1", x)


def zeros_like(x: Any) -> Any:
    """Returns zeros of the shape and dtype of x."""
    return apply("broadcast_like", 0.0, x)


def ones_like(x: Any) -> Any:
    """Returns ones of the shape and dtype of x."""
    return apply("broadcast_like", 1.0, x)


def clip(x: Any, x_min: float, x_max: float) -> Any:
    """Returns x limited to [x_min, x_max]; the gradient is zero outside."""
    return apply("clip", x, low=float(x_min), high=float(x_max))


def add(a: Any, b: Any) -> Any:
    """Returns a + b."""
    return apply("add", a, b)


def subtract(a: Any, b: Any) -> Any:
    """Returns a - b."""
    return apply("subtract", a, b)


def multiply(a: Any, b: Any) -> Any:
    """Returns a * b."""
    return apply("multiply", a, b)


def divide(a: Any, b: Any) -> Any:
    """Returns a / b."""
    return apply("divide", a, b)


def maximum(a: Any, b: Any) -> Any:
    """Returns the larger of a and b."""
    return apply("maximum", a, b)


def minimum(a: Any, b: Any) -> Any:
    """Returns the smaller of a and b."""
    return apply("minimum", a, b)


def power(x: Any, exponent: Any) -> Any:
    """Returns x to a power.

    Args:
        x: the base; where it is negative the exponent must be a whole number.
        exponent: a number, or a tensor that broadcasts with x.
    """
    if not isinstance(exponent, (int, float)):
        x, exponent = _broadcast(x, exponent)
        return apply("power", x, exponent)
    if exponent == 0.5:
        return sqrt(x)
    if float(exponent).is_integer() and 1 <= builtins.abs(exponent) <= 16:
        result = _whole_power(x, int(builtins.abs(exponent)))
        return divide(1.0, result) if exponent < 0 else result
    return apply("power", x, float(exponent))


def _whole_power(x: Any, exponent: int) -> Any:
    if exponent == 1:
        return x
    root = _whole_power(x, exponent // 2)
    return multiply(square(root), x) if exponent % 2 else square(root)


def _broadcast(*values: Any) -> list[Any]:
    # The engine needs the full shape of the first one; the sum lends only its shape.
    first = static_shape(values[0])
    if None not in first and all(static_shape(v) in ((), first) for v in values[1:]):
        return list(values)
    like = values[0]
    for value in values[1:]:
        like = add(like, value)
    return [apply("broadcast_like", value, like) for value in values]


def where(condition: Any, x: Any, y: Any) -> Any:
    """Returns x where the condition holds (is not 0), else y; all three broadcast.

    A NaN or infinite value that is not chosen leaves no trace in the result.
    """
    return apply("select", *_broadcast(condition, x, y))


def _compare(name: str, a: Any, b: Any) -> Any:
    result = float_dtype(a, b)
    dtype = "int32" if is_integer(a) and is_integer(b) else result
    return apply_all(name, [a, b], {"dtype": result}, [dtype, dtype])[0]


def equal(a: Any, b: Any) -> Any:
    """Returns 1.0 where a == b, else 0.0."""
    return _compare("equal", a, b)


def not_equal(a: Any, b: Any) -> Any:
    """Returns 1.0 where a != b, else 0.0."""
    return subtract(1.0, equal(a, b))


def greater(a: Any, b: Any) -> Any:
    """Returns 1.0 where a > b, else 0.0."""
    return _compare("greater", a, b)


def less(a: Any, b: Any) -> Any:
    """Returns 1.0 where a < b, else 0.0."""
    return _compare("greater", b, a)


def greater_equal(a: Any, b: Any) -> Any:
    """Returns 1.0 where a >= b, else 0.0."""
    return _compare("greater_equal", a, b)


def less_equal(a: Any, b: Any) -> Any:
    """Returns 1.0 where a <= b, else 0.0."""
    return _compare("greater_equal", b, a)


def cast(x: Any, dtype: str) -> Any:
    """Returns x as float32, float64 or int32; floats are truncated towards zero."""
    name = standardize_dtype(dtype)
    if getattr(x, "dtype", None) == name:
        return x
    source = "int32" if is_integer(x) else float_dtype(x)
    return apply_all("cast", [x], {"dtype": name}, [source])[0]


def stop_gradient(x: Any) -> Any:
    """Returns x; no gradient flows through it."""
    return apply("stop_gradient", x, dtype=move_dtype(x))
