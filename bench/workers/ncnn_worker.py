"""ncnn: an extractor a sample, Winograd and packed layouts on, float32; prediction only.

ncnn has no batches: several samples are one run after the other, each on all threads.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import ncnn
import numpy as np

from bench.frameworks import ROOT
from bench.workers.protocol import Prepared, Worker, serve, thread_count
from bench.workloads import Array, Workload

TOLERANCE = 1e-3  # of the largest value: another algorithm, the same network


class Network:
    """A converted network with its options, and torch's result for one sample."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed",
                     "bf16_storage"):  # fmt: skip
            setattr(self.net.opt, f"use_{name}", False)
        for name, load in (("param", self.net.load_param), ("bin", self.net.load_model)):
            if load(str(folder / f"net.ncnn.{name}")) != 0:
                raise RuntimeError(f"ncnn cannot load net.ncnn.{name}")
        got, wanted = self(np.load(folder / "x.npy")), np.load(folder / "y.npy")
        if got.shape != wanted.shape or abs(got - wanted).max() > TOLERANCE * abs(wanted).max():
            raise RuntimeError("the converted network computes something else")

    def __call__(self, x: Array) -> Array:
        with self.net.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(x))  # the memory of x
            status, y = extractor.extract("out0")
        if status != 0:
            raise RuntimeError(f"ncnn fails with status {status}")
        return np.array(y)


class Ncnn(Worker):
    def version(self) -> str:
        return f"ncnn {ncnn.__version__}"

    def prepare(self, workload: Workload) -> Prepared | None:
        if workload.kind != "predict":
            return None
        x: Array = workload.data()[0]
        if x.ndim == 4:
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            convert = [sys.executable, "-m", "bench.workers.ncnn_convert", workload.name, name]
            subprocess.run(convert, cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
            parameters = int((folder / "parameters.txt").read_text(encoding="ascii"))
            prepared = self.prepared(parameters)
            for threads in sorted({1, thread_count()}):
                network = Network(folder, threads)

                def run(iterations: int, network: Network = network) -> None:
                    for _ in range(iterations):
                        for sample in x:
                            network(sample)

                prepared.ways[f"extract, {threads} threads"] = run
        return prepared


if __name__ == "__main__":
    serve(Ncnn())
