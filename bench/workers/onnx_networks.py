"""Builds the networks of the workloads with onnx.helper, for prediction."""

import itertools
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.networks import NETWORKS
from bench.workloads import Array, Workload


class Builder:
    """A chain of nodes; weights are random, only their shapes matter here."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.rng = np.random.RandomState(0)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.constants: list[Any] = []  # not counted as parameters
        self.shape = shape
        self.output_shape: tuple[int, ...] = (shape[0], 1)
        self.value = "x"

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        values = self.rng.uniform(-0.1, 0.1, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op: str, *weights: str, **attributes: Any) -> None:
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.value, *weights], [output], **attributes))
        self.value = output

    def dense_chain(self, *widths: int) -> None:
        self.output_shape = (self.shape[0], widths[-1])
        for i, (k, n) in enumerate(itertools.pairwise(widths)):
            self.node("Gemm", self.weight(k, n), self.weight(n))
            self.node("Relu" if i < len(widths) - 2 else "Softmax")

    def conv_pool(self, out: int, channels: int, kernel: int, pad: int) -> None:
        self.node("Conv", self.weight(out, channels, kernel, kernel), self.weight(out),
                  pads=[pad] * 4)  # fmt: skip
        self.node("Relu")
        self.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])

    def model(self) -> Any:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        y = helper.make_tensor_value_info(self.value, TensorProto.FLOAT, self.output_shape)
        graph = helper.make_graph(self.nodes, "model", [x], [y], self.weights + self.constants)
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=9)


class NetworkBuilder(Builder):
    """The layers of bench/networks.py; values are (name, shape of one sample)."""

    def put(self, op: str, shape: tuple[int, ...], inputs: list[Any], *weights: str,
            **attributes: Any) -> Any:  # fmt: skip
        output = f"{op}_{len(self.nodes)}"
        names = [name for name, _ in inputs]
        self.nodes.append(helper.make_node(op, [*names, *weights], [output], **attributes))
        self.value, self.output_shape = output, (self.shape[0], *shape)
        return output, shape

    def conv(self, x: Any, filters: int, kernel: int, stride: int = 1, bias: bool = True) -> Any:
        c, h, w = x[1]
        weights = [self.weight(filters, c, kernel, kernel)]
        if bias:
            weights.append(self.weight(filters))
        shape = (filters, -(-h // stride), -(-w // stride))
        pads, strides = [kernel // 2] * 4, [stride] * 2
        return self.put("Conv", shape, [x], *weights, pads=pads, strides=strides)

    def depthwise(self, x: Any, stride: int) -> Any:
        c, h, w = x[1]
        shape = (c, -(-h // stride), -(-w // stride))
        return self.put("Conv", shape, [x], self.weight(c, 1, 3, 3), group=c, pads=[1] * 4,
                        strides=[stride] * 2)  # fmt: skip

    def batch_norm(self, x: Any) -> Any:
        weights = [self.weight(x[1][0]) for _ in range(3)]
        variance = numpy_helper.from_array(np.ones(x[1][0], np.float32), f"v{len(self.weights)}")
        self.weights.append(variance)
        return self.put("BatchNormalization", x[1], [x], *weights, variance.name, epsilon=1e-3)

    def relu(self, x: Any, limit: float | None = None) -> Any:
        if limit is None:
            return self.put("Relu", x[1], [x])
        bounds = [self.scalar(0.0), self.scalar(limit)]
        return self.put("Clip", x[1], [x], *bounds)

    def scalar(self, value: float) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.float32(value), name))
        return name

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        c, h, w = x[1]
        shape = (c, (h + 2 * pad - size) // stride + 1, (w + 2 * pad - size) // stride + 1)
        return self.put("MaxPool", shape, [x], kernel_shape=[size] * 2, strides=[stride] * 2,
                        pads=[pad] * 4)  # fmt: skip

    def global_average(self, x: Any) -> Any:
        return self.flatten(self.put("GlobalAveragePool", (x[1][0], 1, 1), [x]))

    def add(self, a: Any, b: Any) -> Any:
        return self.put("Add", a[1], [a, b])

    def flatten(self, x: Any) -> Any:
        return self.put("Flatten", (int(np.prod(x[1])),), [x])

    def dropout(self, x: Any, rate: float) -> Any:
        return x

    def dense(self, x: Any, units: int) -> Any:
        return self.put("Gemm", (units,), [x], self.weight(x[1][0], units), self.weight(units))

    def freeze(self, x: Any) -> Any:
        return x


def build(workload: Workload) -> Builder:
    if workload.group == "large":
        h, w, c = workload.input_shape
        network = NetworkBuilder((workload.batch, c, h, w))
        result = NETWORKS[workload.model](network, ("x", (c, h, w)))
        if workload.classes:
            network.put("Softmax", result[1], [result])
        return network
    if workload.model == "mlp_slide":
        builder = Builder((workload.batch, 100))
        builder.dense_chain(100, 64, 100, 101)
        return builder
    builder = Builder((workload.batch, 1, 28, 28))
    builder.conv_pool(6, 1, 5, 2)
    builder.conv_pool(6, 6, 5, 0)
    builder.node("Flatten")
    builder.dense_chain(150, 120, 10)
    return builder


def network_and_input(workload: Workload) -> tuple[Any, int, Array]:
    """Returns the checked model, its number of parameters and a batch for it (N, C, H, W)."""
    builder = build(workload)
    model = builder.model()
    onnx.checker.check_model(model)
    parameters = sum(int(np.prod(numpy_helper.to_array(w).shape)) for w in builder.weights)
    x: Array = workload.data()[0]
    if x.ndim == 4:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return model, parameters, x
