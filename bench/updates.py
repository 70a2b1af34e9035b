"""The optimizer step of 10 million parameters against the memory: python -m bench.updates

Bandwidth is what the `accumulate` operator reaches (v += x: two streams read, one written) in the
same run. Where PYFRAME_BENCH_PYTHON_TORCH names an interpreter, fused optimizers are timed too, in
a process of their own, in turns.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

COUNT = 10_000_000
ROUNDS, STEPS = 9, 3
# Elements read and written for each parameter.
STREAMS = {"accumulate": 3, "sgd": 3, "sgd momentum": 5, "adam": 7}


def pyframe_steps(threads: int) -> dict[str, Callable[[], object]]:
    import pyframe
    from pyframe import _core

    pyframe.set_num_threads(threads)

    def step(op: str, slots: int, count: bool, attrs: dict[str, float]) -> Callable[[], object]:
        graph = _core.Graph()

        def variable(shape: tuple[int, ...], dtype: str, value: float) -> Any:
            result = _core.Variable(shape, dtype)
            result.assign(np.full(shape, value, dtype))
            return graph.variable(result)

        arrays = [variable((COUNT,), "float32", 0.01) for _ in range(2 + slots)]
        if op == "accumulate":
            graph.op(op, arrays, {})
        else:
            head = [graph.constant(np.float32(1e-3))]
            if count:
                head.append(variable((), "float64", 5.0))
            graph.op(op, head + arrays, attrs)
        plan = graph.compile([], [])
        return lambda: plan.run([])

    return {
        "accumulate": step("accumulate", 0, False, {}),
        "sgd": step("sgd_update", 0, False, {}),
        "sgd momentum": step("sgd_update", 1, False, {"momentum": 0.9}),
        "adam": step("adam_update", 2, True, {}),
    }


def torch_steps(threads: int) -> dict[str, Callable[[], object]]:
    import torch

    torch.set_num_threads(threads)

    def step(make: Callable[..., object], **options: float) -> Callable[[], object]:
        parameter = torch.nn.Parameter(torch.full((COUNT,), 0.01))
        parameter.grad = torch.full((COUNT,), 0.01)
        optimizer = make([parameter], lr=1e-3, fused=True, **options)
        return optimizer.step  # type: ignore[attr-defined,no-any-return]

    a, b = torch.full((COUNT,), 0.01), torch.full((COUNT,), 0.01)
    return {
        "accumulate": lambda: a.add_(b),
        "sgd": step(torch.optim.SGD),
        "sgd momentum": step(torch.optim.SGD, momentum=0.9),
        "adam": step(torch.optim.Adam),
    }


def serve(steps: dict[str, Callable[[], object]]) -> None:
    """Answers every name that is read with the seconds a step."""
    for step in steps.values():
        for _ in range(3):
            step()
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(STEPS):
            steps[line.strip()]()
        print((time.perf_counter() - start) / STEPS, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.updates", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--serve", choices=["pyframe", "torch"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        make = pyframe_steps if options.serve == "pyframe" else torch_steps
        serve(make(options.threads))
        return
    interpreters = {"pyframe": sys.executable}
    if "PYFRAME_BENCH_PYTHON_TORCH" in os.environ:
        interpreters["torch"] = os.environ["PYFRAME_BENCH_PYTHON_TORCH"]
    workers = {
        name: subprocess.Popen(
            [python, "-m", "bench.updates", "--serve", name, "--threads", str(options.threads)],
            cwd=Path(__file__).resolve().parent.parent, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for name, python in interpreters.items()
    }  # fmt: skip
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for step in STREAMS:
            for name, worker in workers.items():
                assert worker.stdin is not None
                assert worker.stdout is not None
                worker.stdin.write(step + "\n")
                worker.stdin.flush()
                times.setdefault((name, step), []).append(float(worker.stdout.readline()))
    for worker in workers.values():
        worker.communicate()
    rates = {
        key: 4e-9 * COUNT * STREAMS[key[1]] / median(seconds) for key, seconds in times.items()
    }
    bandwidth = max(rate for (_, step), rate in rates.items() if step == "accumulate")
    print(f"memory: {bandwidth:.1f} GB/s")
    for (name, step), rate in rates.items():
        print(f"{name:8} {step:13} {1e3 * median(times[name, step]):7.2f} ms {rate:6.1f} GB/s "
              f"{100 * rate / bandwidth:4.0f} %")  # fmt: skip


if __name__ == "__main__":
    main()
