"""Keras's `backend` module: `from pyframe import backend as K`.

Keras 3 has the settings here. The functions on tensors are those of Keras 2, for losses, metrics
and layers that were written with `K.mean`, `K.square` ...; they are functions of `pyframe.ops`
under other names and arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe import activations, losses, ops, random
from pyframe.config import epsilon, floatx, image_data_format, set_epsilon, set_floatx
from pyframe.errors import ConfigurationError
from pyframe.ops import (
    abs,
    all,
    any,
    clip,
    concatenate,
    cos,
    elu,
    equal,
    exp,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    logsumexp,
    max,
    maximum,
    mean,
    min,
    minimum,
    not_equal,
    ones_like,
    reshape,
    round,
    shape,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    softsign,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    stop_gradient,
    sum,
    tanh,
    tile,
    var,
    zeros_like,
)
from pyframe.ops import convert_to_numpy as eval
from pyframe.ops import convert_to_numpy as get_value
from pyframe.ops import flatten as batch_flatten
from pyframe.ops import hard_sigmoid_keras2 as hard_sigmoid
from pyframe.ops import power as pow
from pyframe.ops import repeat as repeat_elements
from pyframe.ops import transpose as permute_dimensions
from pyframe.ops.dispatch import rank as ndim
from pyframe.ops.dispatch import static_shape as int_shape
from pyframe.utils import clear_session

__all__ = [
    "abs", "all", "any", "argmax", "backend", "batch_dot", "batch_flatten", "binary_crossentropy",
    "cast", "cast_to_floatx", "categorical_crossentropy", "clear_session", "clip", "concatenate",
    "constant", "cos", "count_params", "dot", "elu", "epsilon", "equal", "eval", "exp",
    "expand_dims", "flatten", "floatx", "gather", "get_value", "greater", "greater_equal",
    "hard_sigmoid", "image_data_format", "int_shape", "l2_normalize", "less", "less_equal", "log",
    "logsumexp", "max", "maximum", "mean", "min", "minimum", "ndim", "not_equal", "one_hot",
    "ones", "ones_like", "permute_dimensions", "pow", "random_normal", "random_uniform", "relu",
    "repeat_elements", "reshape", "round", "set_epsilon", "set_floatx", "set_image_data_format",
    "set_value", "shape", "sigmoid", "sign", "sin", "softmax", "softplus", "softsign",
    "sparse_categorical_crossentropy", "sqrt", "square", "squeeze", "stack", "std",
    "stop_gradient", "sum", "switch", "tanh", "tile", "transpose", "var", "variable", "zeros",
    "zeros_like",
]  # fmt: skip

# What Keras 2 had and a plan has no counterpart for.
_GONE = {
    "function": "use Model(inputs, outputs) on inner tensors and its predict",
    "gradients": "use pyframe.ops.value_and_grad(function, *arrays)",
    "learning_phase": "layers get `training` as an argument of `call`",
    "set_learning_phase": "call the model or layer with training=True or False",
    "get_session": "there are no sessions",
    "set_session": "there are no sessions",
}


def __getattr__(name: str) -> Any:
    if name in _GONE:
        raise AttributeError(f"Keras's backend.{name} has no counterpart here: {_GONE[name]}.")
    raise AttributeError(f"module 'pyframe.backend' has no attribute {name!r}")


def backend() -> str:
    """Returns "pyframe"."""
    return "pyframe"


def set_image_data_format(data_format: str) -> None:
    """Accepts "channels_last", the only layout.

    Raises:
        ConfigurationError: for another one.
    """
    if data_format != image_data_format():
        raise ConfigurationError(f"Images are 'channels_last' here. Received: {data_format!r}")


def variable(value: Any, dtype: str | None = None, name: str = "variable") -> Any:
    """Returns a variable with this value."""
    return ops.Variable(value, dtype or floatx(), name=name)


def constant(value: Any, dtype: str | None = None, shape: Any = None) -> Any:
    """Returns an array with this value, spread to a shape if one is given."""
    found = np.asarray(value, dtype or floatx())
    return found if shape is None else np.full(shape, found)


def set_value(x: Any, value: Any) -> None:
    """Gives a variable another value."""
    x.assign(value)


def zeros(shape: Any, dtype: str | None = None) -> Any:
    """Returns a variable of zeros."""
    return variable(np.zeros(shape), dtype)


def ones(shape: Any, dtype: str | None = None) -> Any:
    """Returns a variable of ones."""
    return variable(np.ones(shape), dtype)


def count_params(x: Any) -> int:
    """Returns the number of elements of a variable or array."""
    return int(np.prod(x.shape))


def cast(x: Any, dtype: str) -> Any:
    """Returns x in another dtype; "bool" gives 1.0 and 0.0."""
    return ops.cast(ops.not_equal(x, 0.0), floatx()) if dtype == "bool" else ops.cast(x, dtype)


def cast_to_floatx(x: Any) -> Any:
    """Returns x in the working dtype."""
    return ops.convert_to_tensor(x, floatx())


def flatten(x: Any) -> Any:
    """Returns the elements of x in one axis; `batch_flatten` keeps the first axis."""
    return ops.ravel(x)


def expand_dims(x: Any, axis: int = -1) -> Any:
    """Returns x with a new axis of size 1."""
    return ops.expand_dims(x, axis)


def transpose(x: Any) -> Any:
    """Returns x with its axes in reverse order."""
    return ops.transpose(x)


def argmax(x: Any, axis: int = -1) -> Any:
    """Returns the position of the largest element along an axis."""
    return ops.argmax(x, axis)


def one_hot(indices: Any, num_classes: int) -> Any:
    """Returns rows with a 1 at the position that each index names."""
    return ops.one_hot(indices, num_classes)


def gather(reference: Any, indices: Any) -> Any:
    """Returns the rows of `reference` at positions."""
    return ops.take(reference, indices, 0)


def dot(x: Any, y: Any) -> Any:
    """Returns the product of (..., n) and a matrix (n, m)."""
    return ops.dot(x, y)


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Returns, sample by sample, the product of x and y along an axis of each.

    Args:
        x: (batch, n) or (batch, m, n).
        y: (batch, n) or (batch, n, k).
        axes: the axis of each that is summed over, one number or two; if None the last one of x
            and the last but one of y (of vectors the last).
    """
    if axes is None:
        axes = (ndim(x) - 1, 1)
    of_x, of_y = (axes, axes) if isinstance(axes, int) else axes
    left = ops.expand_dims(x, 1) if ndim(x) == 2 else ops.moveaxis(x, of_x, -1)
    right = ops.expand_dims(y, 2) if ndim(y) == 2 else ops.moveaxis(y, of_y, 1)
    z = ops.matmul(left, right)
    if ndim(x) == 2:
        return ops.squeeze(z, 1)
    return ops.squeeze(z, 2) if ndim(y) == 2 else z


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """Returns the first value where the condition holds, else the second; both may be functions."""
    values = [v() if callable(v) else v for v in (then_expression, else_expression)]
    return ops.where(condition, *values)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0) -> Any:
    """Returns max(x, 0), with a slope, limit and threshold if wanted."""
    return activations.relu(x, alpha, max_value, threshold)


def l2_normalize(x: Any, axis: int | None = None) -> Any:
    """Returns x divided by the root of its sum of squares along an axis, over all if None."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis, True), 1e-12))


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Returns -(t log p + (1 - t) log(1 - p)) element by element."""
    target, output = ops.expand_dims(target, -1), ops.expand_dims(output, -1)
    return losses.binary_crossentropy(target, output, from_logits)


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Returns -sum(target * log(output)) over the class axis."""
    return losses.categorical_crossentropy(target, output, from_logits, axis=axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Returns -log(output[target]) over the class axis."""
    return losses.sparse_categorical_crossentropy(target, output, from_logits, axis=axis)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Returns normal random numbers; see `pyframe.random.normal`."""
    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Returns uniform random numbers; see `pyframe.random.uniform`."""
    return random.uniform(shape, minval, maxval, dtype, seed)
