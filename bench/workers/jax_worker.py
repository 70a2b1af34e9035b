"""JAX: the whole step under jit with donated buffers, in plain jax.numpy and lax."""

import os
from functools import partial
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench.workers import jax_networks
from bench.workers.protocol import Prepared, Run, Worker, serve
from bench.workloads import Workload


def dense_parameters(rng: np.random.RandomState, *widths: int) -> list[Any]:
    return [
        (rng.uniform(-1, 1, (k, n)).astype(np.float32) / np.sqrt(k), np.zeros(n, np.float32))
        for k, n in itertools.pairwise(widths)
    ]


def conv_parameters(rng: np.random.RandomState, *shape: int) -> Any:
    scale = np.sqrt(np.prod(shape[:3]))
    return rng.uniform(-1, 1, shape).astype(np.float32) / scale, np.zeros(shape[3], np.float32)


def parameters(model: str) -> list[Any]:
    rng = np.random.RandomState(0)
    match model:
        case "mlp_slide":
            return dense_parameters(rng, 100, 64, 100, 101)
        case "lenet_slide":
            convolutions = [conv_parameters(rng, 5, 5, 1, 6), conv_parameters(rng, 5, 5, 6, 6)]
            return convolutions + dense_parameters(rng, 150, 120, 10)
        case "autoencoder":
            return dense_parameters(rng, 784, 128, 32, 128, 784)
        case "lstm":
            kernel, bias = dense_parameters(rng, 32, 512)[0]
            recurrent = dense_parameters(rng, 128, 512)[0][0]
            return [(kernel, recurrent, bias), *dense_parameters(rng, 128, 10)]
        case "mnist_convnet":
            convolutions = [conv_parameters(rng, 3, 3, 1, 32), conv_parameters(rng, 3, 3, 32, 64)]
            return convolutions + dense_parameters(rng, 1600, 10)
        case _:
            return dense_parameters(rng, 64, 64, 10)


def dense_layers(layers: list[Any], x: Any) -> Any:
    for w, b in layers[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = layers[-1]
    return x @ w + b


def conv_pool(layer: Any, x: Any, padding: str) -> Any:
    w, b = layer
    y = lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y = jax.nn.relu(y + b)
    return lax.reduce_window(y, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def lstm_state(layer: Any, x: Any) -> Any:
    """The state behind the last step; the inputs of all steps are projected at once."""
    kernel, recurrent, bias = layer
    projected = jnp.swapaxes(x @ kernel + bias, 0, 1)

    def step(state: Any, z: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(z + h @ recurrent, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    return lax.scan(step, (zeros, zeros), projected)[0][0]


def logits_of(model: str, layers: list[Any], x: Any, key: Any = None) -> Any:
    if model == "lstm":
        return dense_layers(layers[1:], lstm_state(layers[0], x))
    if model not in ("lenet_slide", "mnist_convnet"):
        return dense_layers(layers, x)
    x = conv_pool(layers[0], x, "SAME" if model == "lenet_slide" else "VALID")
    x = conv_pool(layers[1], x, "VALID")
    x = x.reshape(x.shape[0], -1)
    if model == "mnist_convnet" and key is not None:
        x = jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x * 2, 0)
    return dense_layers(layers[2:], x)


def loss_of(workload: Workload, layers: list[Any], x: Any, y: Any, key: Any) -> Any:
    logits = logits_of(workload.model, layers, x, key)
    if workload.target == "reconstruction":
        terms = jnp.maximum(logits, 0) - logits * y + jnp.log1p(jnp.exp(-jnp.abs(logits)))
        return terms.mean()
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
    value = -picked.mean()
    if workload.model == "lenet_slide":
        value += 0.01 * jnp.square(layers[1][0]).sum() + 0.01 * jnp.abs(layers[-1][0]).sum()
    return value


def update(workload: Workload, state: Any, x: Any, y: Any) -> Any:
    """One step: SGD for the slide's network, Adam for the others."""
    layers, m, v, t, key = state
    key, now = jax.random.split(key) if workload.model == "mnist_convnet" else (key, None)
    loss = partial(loss_of, workload)
    value, g = jax.value_and_grad(loss)(layers, x, y, now)
    tree = jax.tree_util.tree_map
    if workload.model == "mlp_slide":
        return (tree(lambda w, d: w - 0.01 * d, layers, g), m, v, t, key), value
    t = t + 1
    alpha = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = tree(lambda s, d: s + (d - s) * 0.1, m, g)
    v = tree(lambda s, d: s + (d * d - s) * 0.001, v, g)
    layers = tree(lambda w, a, b: w - alpha * a / (jnp.sqrt(b) + 1e-7), layers, m, v)
    return (layers, m, v, t, key), value


class Jax(Worker):
    def version(self) -> str:
        return f"jax {jax.__version__}"

    def state(self, workload: Workload) -> Any:
        layers = jax.device_put(parameters(workload.model))
        zeros = partial(jax.tree_util.tree_map, jnp.zeros_like)
        return layers, zeros(layers), zeros(layers), jnp.float32(0), jax.random.PRNGKey(0)

    def prepare(self, workload: Workload) -> Prepared | None:
        if workload.group == "large" and workload.kind != "predict":
            return None  # XLA's gradients of convolutions on CPUs take seconds a step
        call, weights = self.network(workload)
        leaves = jax.tree_util.tree_leaves(weights)
        prepared = self.prepared(sum(leaf.size for leaf in leaves))
        if workload.kind == "predict":
            prepared.ways = {"jit": self.predict(workload, call, weights)}
        elif workload.kind == "train":
            prepared.ways = {"jit, donated": self.train(workload)}
        else:
            prepared.ways = {
                "jit, loop": self.epoch(workload), "jit, lax.scan": self.scan(workload)
            }  # fmt: skip
        return prepared

    def network(self, workload: Workload) -> tuple[Any, Any]:
        """The prediction as a function of weights and inputs, and the weights."""
        if workload.group == "large":
            return jax_networks.build(workload)
        model = workload.model
        return lambda w, x: jax.nn.softmax(logits_of(model, w, x)), parameters(model)

    def predict(self, workload: Workload, network: Any, weights: Any) -> Run:
        layers = jax.device_put(weights)
        call = jax.jit(network)
        x = jax.device_put(workload.data()[0])

        def run(iterations: int) -> None:
            for _ in range(iterations):
                call(layers, x).block_until_ready()

        return run

    def train(self, workload: Workload) -> Run:
        step = jax.jit(partial(update, workload), donate_argnums=0)
        state, size = self.state(workload), workload.batch
        x, y = workload.data()
        if workload.target == "classes":
            y = y.astype(np.int32)
        batches = [
            (jax.device_put(x[i : i + size]), jax.device_put(y[i : i + size]))
            for i in range(0, workload.rows, size)
        ]

        def run(iterations: int) -> None:
            nonlocal state
            for i in range(iterations):
                state, _ = step(state, *batches[i % len(batches)])
            jax.block_until_ready(state)

        return run

    def epoch(self, workload: Workload) -> Run:
        step = jax.jit(partial(update, workload), donate_argnums=0)
        state, rng, size = self.state(workload), np.random.RandomState(0), workload.batch
        x, y = workload.data()
        y = y.astype(np.int32)

        def run(iterations: int) -> None:
            nonlocal state
            for _ in range(iterations):
                order = rng.permutation(workload.rows)
                for start in range(0, workload.rows, size):
                    rows = order[start : start + size]
                    state, _ = step(state, x[rows], y[rows])
            jax.block_until_ready(state)

        return run

    def scan(self, workload: Workload) -> Run:
        """The whole epoch in one call; the last partial batch is a step of its own."""
        whole = workload.batches * workload.batch

        @partial(jax.jit, donate_argnums=0)
        def epoch(state: Any, x: Any, y: Any, order: Any) -> Any:
            rows = order[:whole].reshape(workload.batches, workload.batch)
            state, _ = lax.scan(lambda s, r: update(workload, s, x[r], y[r]), state, rows)
            rest = order[whole:]
            return update(workload, state, x[rest], y[rest])[0]

        state, rng = self.state(workload), np.random.RandomState(0)
        data, ids = workload.data()
        x, y = jax.device_put(data), jax.device_put(ids.astype(np.int32))

        def run(iterations: int) -> None:
            nonlocal state
            for _ in range(iterations):
                state = epoch(state, x, y, rng.permutation(workload.rows))
            jax.block_until_ready(state)

        return run


if __name__ == "__main__":
    serve(Jax())
