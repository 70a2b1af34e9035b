"""ONNX Runtime: session.run of a model made with onnx.helper; prediction only."""

import itertools
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from bench.workers.protocol import Prepared, Worker, serve, thread_count
from bench.workloads import Array, Workload


class Builder:
    """A chain of nodes; weights are random, only their shapes matter here."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.rng = np.random.RandomState(0)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.shape = shape
        self.output_shape = (shape[0], 1)
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

    def dense(self, *widths: int) -> None:
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
        graph = helper.make_graph(self.nodes, "model", [x], [y], self.weights)
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=9)


def build(workload: Workload) -> Builder:
    if workload.model == "mlp_slide":
        builder = Builder((workload.batch, 100))
        builder.dense(100, 64, 100, 101)
        return builder
    builder = Builder((workload.batch, 1, 28, 28))
    builder.conv_pool(6, 1, 5, 2)
    builder.conv_pool(6, 6, 5, 0)
    builder.node("Flatten")
    builder.dense(150, 120, 10)
    return builder


class OnnxRuntime(Worker):
    def version(self) -> str:
        return f"onnxruntime {ort.__version__}"

    def prepare(self, workload: Workload) -> Prepared | None:
        if workload.kind != "predict":
            return None
        builder = build(workload)
        onnx.checker.check_model(builder.model())
        prepared = Prepared(
            sum(int(np.prod(numpy_helper.to_array(w).shape)) for w in builder.weights)
        )
        x: Array = workload.data()[0].reshape(builder.shape)
        for threads in sorted({1, thread_count()}):
            options = ort.SessionOptions()
            options.intra_op_num_threads = threads
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
            session = ort.InferenceSession(
                builder.model().SerializeToString(), options, providers=["CPUExecutionProvider"]
            )

            def run(iterations: int, session: Any = session) -> None:
                for _ in range(iterations):
                    session.run(None, {"x": x})

            prepared.ways[f"session.run, {threads} threads"] = run
        return prepared


if __name__ == "__main__":
    serve(OnnxRuntime())
