"""OpenVINO: compiled models on one infer request, float32 throughout; prediction only."""

from typing import Any

import openvino as ov

from bench.workers.onnx_networks import network_and_input
from bench.workers.protocol import Prepared, Worker, serve, thread_count
from bench.workloads import Workload


class OpenVino(Worker):
    def version(self) -> str:
        return f"openvino {ov.__version__.split('-')[0]}"

    def prepare(self, workload: Workload) -> Prepared | None:
        if workload.kind != "predict":
            return None
        model, parameters, x = network_and_input(workload)
        prepared = self.prepared(parameters)
        core = ov.Core()
        network = core.read_model(model.SerializeToString())
        for threads in sorted({1, thread_count()}):
            compiled = core.compile_model(network, "CPU", {
                "INFERENCE_NUM_THREADS": threads,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32",  # not bfloat16 where the CPU has it
            })  # fmt: skip
            request = compiled.create_infer_request()
            request.set_input_tensor(ov.Tensor(x, shared_memory=True))

            def run(iterations: int, request: Any = request) -> None:
                for _ in range(iterations):
                    request.infer(share_inputs=True, share_outputs=True)

            prepared.ways[f"infer, {threads} threads"] = run
        return prepared


if __name__ == "__main__":
    serve(OpenVino())
