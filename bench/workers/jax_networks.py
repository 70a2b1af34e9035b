"""Builds the networks of bench/networks.py as functions of jax, for prediction."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench.networks import NETWORKS
from bench.workloads import Workload


class JaxBuilder:
    """Computes a network inside a trace; with no weights given it draws them."""

    def __init__(self, weights: list[Any] | None = None) -> None:
        self.drawn: list[Any] = []
        self._given = None if weights is None else iter(weights)
        self._rng = np.random.RandomState(0)

    def weight(self, *shape: int) -> Any:
        if self._given is not None:
            return next(self._given)
        limit = (6 / math.prod(shape[:-1])) ** 0.5  # He's uniform: values keep their size
        self.drawn.append(self._rng.uniform(-limit, limit, shape).astype(np.float32))
        return self.drawn[-1]

    def _conv(self, x: Any, w: Any, stride: int, groups: int = 1) -> Any:
        pad = w.shape[0] // 2
        return lax.conv_general_dilated(
            x, w, (stride, stride), [(pad, pad)] * 2, feature_group_count=groups,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip

    def conv(self, x: Any, filters: int, kernel: int, stride: int = 1, bias: bool = True) -> Any:
        y = self._conv(x, self.weight(kernel, kernel, x.shape[-1], filters), stride)
        return y + self.weight(filters) if bias else y

    def depthwise(self, x: Any, stride: int) -> Any:
        channels = x.shape[-1]
        return self._conv(x, self.weight(3, 3, 1, channels), stride, channels)

    def batch_norm(self, x: Any) -> Any:
        gamma, beta, mean, variance = (self.weight(x.shape[-1]) for _ in range(4))
        scale = gamma * lax.rsqrt(jnp.abs(variance) + 1e-3)  # a drawn variance may be negative
        return x * scale + (beta - mean * scale)

    def relu(self, x: Any, limit: float | None = None) -> Any:
        return jnp.clip(x, 0, limit)

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        window, strides = (1, size, size, 1), (1, stride, stride, 1)
        padding = [(0, 0), (pad, pad), (pad, pad), (0, 0)]
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding)

    def global_average(self, x: Any) -> Any:
        return x.mean((1, 2))

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def flatten(self, x: Any) -> Any:
        return x.reshape(x.shape[0], -1)

    def dropout(self, x: Any, rate: float) -> Any:
        return x

    def dense(self, x: Any, units: int) -> Any:
        return x @ self.weight(x.shape[-1], units) + self.weight(units)

    def freeze(self, x: Any) -> Any:
        return x


def build(workload: Workload) -> tuple[Callable[[list[Any], Any], Any], list[Any]]:
    """Returns the network as a function of weights and images, and weights for it."""

    def network(weights: list[Any], x: Any) -> Any:
        y = NETWORKS[workload.model](JaxBuilder(weights), x)
        return jax.nn.softmax(y) if workload.classes else y

    builder = JaxBuilder()
    shape = (workload.batch, *workload.input_shape)
    images = jax.ShapeDtypeStruct(shape, np.float32)
    jax.eval_shape(lambda x: NETWORKS[workload.model](builder, x), images)
    return network, builder.drawn
