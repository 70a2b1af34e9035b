"""What every operator means: float64 NumPy functions written from the definitions.

Nothing here imports pyframe, and nothing here is meant to be fast. Arguments are float64
arrays (integer arrays for ids), attributes are keywords named as in docs/engine.md.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
_erf = np.vectorize(math.erf, otypes=[np.float64])


# -- elementwise ----------------------------------------------------------------------------------


def erf(x: Array) -> Array:
    return np.asarray(_erf(x)).reshape(x.shape) if x.size else np.zeros(x.shape)


def sigmoid(x: Array) -> Array:
    # exp of a non-positive number only: no overflow, full relative accuracy in both tails.
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu_tanh(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


UNARY: dict[str, Callable[..., Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x, alpha: np.where(x >= 0, x, alpha * x),
    "elu": elu,
    "selu": lambda x: SELU_SCALE * elu(x, SELU_ALPHA),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "gelu": lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
    "gelu_tanh": gelu_tanh,
    "silu": lambda x: x * sigmoid(x),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_sigmoid_keras2": lambda x: np.clip(x / 5 + 0.5, 0, 1),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "erf": erf,
    "negative": np.negative,
    "absolute": np.abs,
    "square": np.square,
    "sign": np.sign,
    "clip": lambda x, low, high: np.clip(x, low, high),
    "stop_gradient": lambda x: x,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,  # halves to even
    "sin": np.sin,
    "cos": np.cos,
    "log1p": np.log1p,
    "expm1": np.expm1,
}

BINARY: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def cast(x: Array, dtype: str) -> Array:
    return x.astype(dtype)


def equal(a: Array, b: Array, dtype: str) -> Array:
    return np.equal(a, b).astype(dtype)


def greater_equal(a: Array, b: Array, dtype: str) -> Array:
    return np.greater_equal(a, b).astype(dtype)


def select(condition: Array, a: Array, b: Array) -> Array:
    return np.where(condition != 0, a, b)


def greater(a: Array, b: Array, dtype: str) -> Array:
    return np.greater(a, b).astype(dtype)


# -- matrix products and convolution --------------------------------------------------------------


def matmul(a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> Array:
    a = np.swapaxes(a, -1, -2) if transpose_a else a
    b = np.swapaxes(b, -1, -2) if transpose_b else b
    return np.asarray(np.einsum("...mk,...kn->...mn", a, b))


def dense(x: Array, w: Array, bias: Array | None = None) -> Array:
    y: Array = np.einsum("...k,kn->...n", x, w)
    return y if bias is None else y + bias


def window_geometry(
    n: int, k: int, stride: int, padding: str, dilation: int = 1
) -> tuple[int, int]:
    """(output length, padding before) along one axis; with 'same' the odd cell goes after."""
    span = (k - 1) * dilation + 1
    if padding == "valid":
        return (n - span) // stride + 1, 0
    out = -(-n // stride)
    return out, max(0, (out - 1) * stride + span - n) // 2


def windows(
    x: Array,
    size: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilation: Sequence[int] = (1, 1),
    outside: float = 0.0,
) -> Array:
    """Every window of an NHWC image: (N, OH, OW, KH, KW, C), cells off the image = `outside`."""
    n, h, w, c = x.shape
    (kh, kw), (sh, sw), (dh, dw) = size, strides, dilation
    oh, top = window_geometry(h, kh, sh, padding, dh)
    ow, left = window_geometry(w, kw, sw, padding, dw)
    out = np.full((n, oh, ow, kh, kw, c), outside, np.float64)
    for i in range(oh):
        for j in range(ow):
            for a in range(kh):
                for b in range(kw):
                    row, column = i * sh + a * dh - top, j * sw + b * dw - left
                    if 0 <= row < h and 0 <= column < w:
                        out[:, i, j, a, b] = x[:, row, column]
    return out


def conv2d(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    strides: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: str = "valid",
    groups: int = 1,
) -> Array:
    kh, kw, per_group, filters = w.shape
    cells = windows(x, (kh, kw), strides, padding, dilation)
    each = filters // groups
    parts = []
    for g in range(groups):
        channels = cells[..., g * per_group : (g + 1) * per_group]
        flat = channels.reshape(*channels.shape[:3], kh * kw * per_group)
        kernel = w[..., g * each : (g + 1) * each].reshape(kh * kw * per_group, each)
        parts.append(flat @ kernel)
    y = np.concatenate(parts, axis=-1)
    return y if bias is None else y + bias


def depthwise_conv2d(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
) -> Array:
    cells = windows(x, w.shape[:2], strides, padding, dilation)
    y = np.asarray(np.einsum("nhwabc,abc->nhwc", cells, w))
    return y if bias is None else y + bias


def batch_norm(x: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, Array, Array]:
    over = tuple(range(x.ndim - 1))
    mean, variance = x.mean(over), x.var(over)
    return batch_norm_inference(x, gamma, beta, mean, variance, epsilon), mean, variance


def batch_norm_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> Array:
    return np.asarray((x - mean) / np.sqrt(variance + epsilon) * gamma + beta)


def max_pool2d(x: Array, pool_size: Sequence[int], strides: Sequence[int], padding: str) -> Array:
    cells = windows(x, pool_size, strides, padding, outside=-np.inf)
    return np.asarray(cells.max(axis=(3, 4)))


def average_pool2d(
    x: Array, pool_size: Sequence[int], strides: Sequence[int], padding: str
) -> Array:
    total = windows(x, pool_size, strides, padding).sum(axis=(3, 4))
    real = windows(np.ones_like(x), pool_size, strides, padding).sum(axis=(3, 4))
    return np.asarray(total / real)


# -- shapes and reductions ------------------------------------------------------------------------


def reshape(x: Array, shape: Sequence[int]) -> Array:
    return x.reshape(tuple(shape))


def flatten(x: Array) -> Array:
    return x.reshape(x.shape[0], -1)


def transpose(x: Array, axes: Sequence[int]) -> Array:
    return np.transpose(x, tuple(axes))


def concat(*arrays: Array, axis: int) -> Array:
    return np.concatenate(arrays, axis=axis)


def broadcast_to(x: Array, shape: Sequence[int]) -> Array:
    return np.array(np.broadcast_to(x, tuple(shape)))


def broadcast_like(x: Array, like: Array) -> Array:
    return broadcast_to(x, like.shape)


def one_hot(ids: Array, depth: int, dtype: str) -> Array:
    return np.asarray(ids[..., None] == np.arange(depth), dtype)


def in_top_k(predictions: Array, ids: Array, k: int) -> Array:
    """1 where fewer than k classes score higher than the id's; bad ids are misses."""
    classes = predictions.shape[-1]
    valid = (ids >= 0) & (ids < classes)
    safe = np.where(valid, ids, 0).astype(np.int64)
    own = np.take_along_axis(predictions, safe[..., None], axis=-1)
    return np.asarray(((predictions > own).sum(axis=-1) < k) & valid, np.float64)


def _reduce(function: Callable[..., Any]) -> Callable[..., Array]:
    def reduction(x: Array, axes: Sequence[int] = (), keepdims: bool = False) -> Array:
        over = tuple(axes) or tuple(range(x.ndim))
        return np.asarray(function(x, axis=over, keepdims=keepdims))

    return reduction


reduce_sum = _reduce(np.sum)
reduce_mean = _reduce(np.mean)
reduce_max = _reduce(np.max)


def argmax(x: Array) -> Array:
    return np.asarray(np.argmax(x, axis=-1), np.int32)


def log_softmax(x: Array) -> Array:
    shifted = x - x.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


# -- losses and penalties -------------------------------------------------------------------------


def softmax_crossentropy(logits: Array, target: Array) -> tuple[Array, Array]:
    return -(target * log_softmax(logits)).sum(axis=-1), softmax(logits)


def sparse_softmax_crossentropy(logits: Array, ids: Array) -> tuple[Array, Array]:
    picked = np.take_along_axis(log_softmax(logits), ids[..., None].astype(np.int64), axis=-1)
    return -picked[..., 0], softmax(logits)


def sigmoid_crossentropy(logits: Array, target: Array) -> tuple[Array, Array]:
    x = logits
    terms = np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))
    return terms.mean(axis=-1), sigmoid(x) - target


def mean_squared_error(prediction: Array, target: Array) -> Array:
    return np.asarray(np.square(prediction - target).mean(axis=-1))


def mean_absolute_error(prediction: Array, target: Array) -> Array:
    return np.asarray(np.abs(prediction - target).mean(axis=-1))


def l1_penalty(w: Array, factor: float) -> Array:
    return np.asarray(factor * np.abs(w).sum())


def l2_penalty(w: Array, factor: float) -> Array:
    return np.asarray(factor * np.square(w).sum())


# -- optimizers: each returns the new parameter and its new slots ---------------------------------


def sgd(
    w: Array,
    g: Array,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    velocity: Array | None = None,
) -> tuple[Array, ...]:
    if velocity is None:
        return (w - lr * g,)
    velocity = momentum * velocity - lr * g
    return w + (momentum * velocity - lr * g if nesterov else velocity), velocity


def rmsprop(
    w: Array,
    g: Array,
    lr: float,
    rho: float,
    epsilon: float,
    v: Array,
    momentum: float = 0.0,
    mean: Array | None = None,
    moment: Array | None = None,
) -> tuple[Array, ...]:
    v = rho * v + (1 - rho) * g**2
    denominator = v
    slots = [v]
    if mean is not None:
        mean = rho * mean + (1 - rho) * g
        denominator = v - mean**2
        slots.append(mean)
    step = lr * g / np.sqrt(denominator + epsilon)
    if moment is not None:
        step = momentum * moment + step
        slots.append(step)
    return (w - step, *slots)


def adam(
    w: Array,
    g: Array,
    lr: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    steps_before: int,
    m: Array,
    v: Array,
) -> tuple[Array, Array, Array]:
    t = steps_before + 1
    m = m + (g - m) * (1 - beta_1)
    v = v + (g**2 - v) * (1 - beta_2)
    alpha = lr * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return w - alpha * m / (np.sqrt(v) + epsilon), m, v
