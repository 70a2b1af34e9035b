"""The frameworks of the comparison: their interpreters, processes and requests."""

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Framework:
    """One line of the table. Several may share an interpreter (`python`) and a worker script."""

    name: str
    python: str  # PYFRAME_BENCH_PYTHON_<python> names the interpreter
    modules: tuple[str, ...]
    script: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ("small", "large")  # of workloads that it computes

    def interpreter(self) -> str | None:
        """The interpreter to use; the current one if it has the modules; None if there is none."""
        named = os.environ.get(f"PYFRAME_BENCH_PYTHON_{self.python}")
        if named:
            return named
        found = all(importlib.util.find_spec(module) for module in self.modules)
        return sys.executable if found else None


GROUPS = ("small", "large", "pictures")
FRAMEWORKS = (
    Framework("pyframe", "PYFRAME", ("pyframe",), "pyframe_worker", groups=GROUPS),
    Framework("torch", "TORCH", ("torch",), "torch_worker"),
    Framework("torch.compile", "TORCH", ("torch",), "torch_worker", ("--compile",)),
    Framework("keras (TensorFlow)", "KERAS_TF", ("keras", "tensorflow"), "keras_worker",
              environment={"TF_ENABLE_ONEDNN_OPTS": "1"}, groups=GROUPS),
    Framework("keras (no oneDNN)", "KERAS_TF", ("keras", "tensorflow"), "keras_worker",
              environment={"TF_ENABLE_ONEDNN_OPTS": "0"}),
    Framework("jax", "JAX", ("jax",), "jax_worker"),
    Framework("onnxruntime", "ORT", ("onnxruntime", "onnx"), "ort_worker"),
    Framework("openvino", "OPENVINO", ("openvino", "onnx"), "openvino_worker"),
    Framework("ncnn", "NCNN", ("ncnn", "pnnx", "torch"), "ncnn_worker"),
    Framework("albumentations", "ALBUMENTATIONS", ("albumentations", "cv2"),
              "albumentations_worker", groups=("pictures",)),
)  # fmt: skip


class WorkerError(Exception):
    """What a worker says it cannot do."""


class Process:
    """A running worker: one request, one reply."""

    def __init__(self, framework: Framework, interpreter: str, threads: int, log: IO[str]) -> None:
        self.name = framework.name
        self._command = [
            interpreter, "-m", f"bench.workers.{framework.script}", *framework.arguments
        ]  # fmt: skip
        self._environment = {
            **os.environ,
            **framework.environment,
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "PYFRAME_NUM_THREADS": str(threads),
            "PYFRAME_BENCH_THREADS": str(threads),
        }
        self._log = log
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, env=self._environment, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True,
        )  # fmt: skip

    def ask(self, do: str, timeout: float | None = None, **request: Any) -> dict[str, Any]:
        """The worker's reply; one that ends, or is silent for `timeout` seconds, starts anew."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise self._renewed("the worker has ended") from error
        if timeout is not None and not select.select([self.process.stdout], [], [], timeout)[0]:
            os.killpg(self.process.pid, signal.SIGKILL)  # with the compilers it has started
            raise self._renewed(f"no result in {timeout:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise self._renewed(f"the worker has ended with status {self.process.wait()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply

    def _renewed(self, message: str) -> WorkerError:
        """Puts a fresh process in the place of one that is lost."""
        self.process.wait()
        self._start()
        return WorkerError(message)

    def cpu_seconds(self) -> float | None:
        """CPU time used so far, to see that a waiting worker really waits (Linux)."""
        try:
            text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return None
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def limit_to_cpus(threads: int) -> None:
    """All workers inherit the same CPUs, so no framework can use more than `threads` of them."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:threads])
