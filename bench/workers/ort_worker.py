"""ONNX Runtime: session.run of a model made with onnx.helper; prediction only."""

from typing import Any

import onnxruntime as ort

from bench.workers.onnx_networks import network_and_input
from bench.workers.protocol import Prepared, Worker, serve, thread_count
from bench.workloads import Workload


class OnnxRuntime(Worker):
    def version(self) -> str:
        return f"onnxruntime {ort.__version__}"

    def prepare(self, workload: Workload) -> Prepared | None:
        if workload.kind != "predict":
            return None
        model, parameters, x = network_and_input(workload)
        prepared = self.prepared(parameters)
        for threads in sorted({1, thread_count()}):
            options = ort.SessionOptions()
            options.intra_op_num_threads = threads
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
            session = ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )

            def run(iterations: int, session: Any = session) -> None:
                for _ in range(iterations):
                    session.run(None, {"x": x})

            prepared.ways[f"session.run, {threads} threads"] = run
        return prepared


if __name__ == "__main__":
    serve(OnnxRuntime())
