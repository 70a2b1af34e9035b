"""A small classifier made of engine operators alone, for the tests of plans."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe import _core

Array = NDArray[Any]


@dataclass
class Net:
    graph: _core.Graph
    variables: list[_core.Variable]
    state: _core.Variable
    inputs: tuple[int, int]
    loss: int
    probabilities: int

    def plan(self, batch: int) -> _core.Plan:
        shapes = [(batch, 8, 8, 1), (batch,)]
        return self.graph.compile([self.loss, self.probabilities], shapes)


def variable(value: Array, name: str) -> _core.Variable:
    result = _core.Variable(value.shape, value.dtype.name, name)
    result.assign(value)
    return result


def make_net(train: bool, seed: int = 0, dtype: str = "float32") -> Net:
    """Convolution, pooling, dropout (when training), dense; sparse crossentropy; SGD."""
    rng = np.random.RandomState(seed)
    graph = _core.Graph()
    x = graph.input("x", (None, 8, 8, 1), dtype)
    ids = graph.input("ids", (None,), "int32")
    shapes = {"kernel": (3, 3, 1, 8), "bias": (8,), "dense": (128, 10), "dense_bias": (10,)}
    variables = [
        variable((0.3 * rng.standard_normal(s)).astype(dtype), n) for n, s in shapes.items()
    ]
    w = [graph.variable(v) for v in variables]
    state = variable(np.array([3.0, 0.0]), "state")

    (y,) = graph.op("conv2d", [x, w[0], w[1]], {"strides": [1, 1], "padding": "same"})
    (y,) = graph.op("relu", [y])
    pool: dict[str, Any] = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}
    y = graph.op("max_pool2d", [y], pool)[0]
    (y,) = graph.op("flatten", [y])
    if train:
        tensor = graph.variable(state)
        (y,) = graph.op("dropout", [y, tensor], {"rate": 0.25, "stream": 0})
        graph.op("accumulate", [tensor, graph.constant(np.array([0.0, 1.0]))])
    (y,) = graph.op("dense", [y, w[2], w[3]])
    losses, probabilities = graph.op("sparse_softmax_crossentropy", [y, ids])
    (loss,) = graph.op("reduce_mean", [losses])
    if train:
        rate = graph.constant(np.asarray(0.1, dtype))
        operands = [rate]
        for parameter, gradient in zip(w, graph.gradients(loss, w), strict=True):
            assert gradient is not None
            operands += [parameter, gradient]
        graph.op("sgd_update", operands, {"momentum": 0.0, "nesterov": False})
    return Net(graph, variables, state, (x, ids), loss, probabilities)


def make_data(rows: int, seed: int = 1) -> tuple[Array, Array]:
    rng = np.random.RandomState(seed)
    x = rng.uniform(0, 1, (rows, 8, 8, 1)).astype(np.float32)
    return x, rng.randint(0, 10, rows).astype(np.int32)
