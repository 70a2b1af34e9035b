"""Matrix products against NumPy and torch: python -m bench.products --threads 1 2

y = x w for float32 matrices of several sizes, every framework in its own process, turn by turn;
the median of the turns counts, and a turn ends when the process uses no core any more. pyframe is
measured twice: with w packed in every product, as in a training step, and with w packed before, as
in prediction. PYFRAME_BENCH_PYTHON_TORCH names the interpreter of torch.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.compare import cpu_name
from bench.frameworks import FRAMEWORKS, ROOT
from bench.table import Output, place, replace_table

SIZES = (*((n, n, n) for n in (64, 128, 256, 512, 1024, 2048)), (32, 784, 128), (128, 1152, 256),
         (3136, 576, 64), (784, 1152, 128))  # fmt: skip
SIDES = ("pyframe", "pyframe, w packed", "numpy", "torch")
Product = Callable[[int], Any]  # computes that many products


def pyframe_product(x: Any, w: Any, packed: bool) -> Product:
    from bench.conftest import stored
    from pyframe import _core

    graph = _core.Graph()
    a, b = stored(graph, x), stored(graph, w)
    (y,) = graph.op("matmul", [a, b])
    target = stored(graph, np.zeros((x.shape[0], w.shape[1]), np.float32))
    graph.op("assign", [target, y])
    plan = graph.compile([], [], [a] if packed else [a, b])
    return lambda steps: plan.run_steps([], [], None, 0, steps)


def numpy_product(x: Any, w: Any) -> Product:
    out = np.empty((x.shape[0], w.shape[1]), np.float32)
    return lambda steps: [np.matmul(x, w, out=out) for _ in range(steps)]


def torch_product(x: Any, w: Any, threads: int) -> Product:
    import torch

    torch.set_num_threads(threads)
    a, b = torch.from_numpy(x), torch.from_numpy(w)
    out = torch.empty(x.shape[0], w.shape[1])

    def run(steps: int) -> None:
        with torch.inference_mode():
            for _ in range(steps):
                torch.mm(a, b, out=out)

    return run


def serve(side: str, threads: int) -> None:
    """Answers lines [size, products] with the seconds they took."""
    if side.startswith("pyframe"):
        import pyframe

        pyframe.set_num_threads(threads)
    products: dict[tuple[int, ...], Product] = {}
    for line in sys.stdin:
        size, steps = json.loads(line)
        m, k, n = size
        if tuple(size) not in products:
            rng = np.random.RandomState(0)
            x, w = (rng.uniform(-1, 1, s).astype(np.float32) for s in ((m, k), (k, n)))
            products[m, k, n] = (
                numpy_product(x, w) if side == "numpy"
                else torch_product(x, w, threads) if side == "torch"
                else pyframe_product(x, w, side != "pyframe")
            )  # fmt: skip
            products[m, k, n](3)
        run = products[m, k, n]
        run(max(1, steps // 8))
        start = time.perf_counter()
        run(steps)
        seconds = (time.perf_counter() - start) / steps
        wait_until_idle()
        print(seconds, flush=True)


def wait_until_idle() -> None:
    """Returns when no thread spins: OpenBLAS's do for 105 ms after a product, OpenMP's for 10."""
    used = 1.0
    while used > 0.001:
        used = -time.process_time()
        time.sleep(0.01)
        used += time.process_time()


def interpreter(side: str) -> str | None:
    """None if the framework is not installed."""
    torch = next(framework for framework in FRAMEWORKS if framework.name == "torch")
    return torch.interpreter() if side == "torch" else sys.executable


class Side:
    """One framework in one process."""

    def __init__(self, name: str, python: str, threads: int) -> None:
        # Some machines pin an old OpenBLAS to slow kernels by these variables.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        command = [python, "-m", "bench.products", "--serve", name, "--threads", str(threads)]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip

    def seconds(self, size: tuple[int, ...], steps: int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([size, steps]) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def compare(threads: int, options: argparse.Namespace, output: Output) -> None:
    from pyframe import _core

    typical, turn = min if options.fastest else median, options.round_ms / 1000
    found = {name: interpreter(name) for name in SIDES}
    sides = {name: Side(name, python, threads) for name, python in found.items() if python}
    peak = _core.measure_fma_peak(threads)
    output(f"\n{threads} threads, FMA peak {peak / 1e9:.0f} GFLOP/s\n\n| m x k x n | "
          + " | ".join(f"{name}, GFLOP/s" for name in sides)
          + " | % of peak | against the best peer |\n"
          + "|---" * (3 + len(sides)) + "|")  # fmt: skip
    for size in SIZES:
        flops = 2 * size[0] * size[1] * size[2]
        steps = {n: max(1, round(turn / s.seconds(size, 3))) for n, s in sides.items()}
        turns: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(options.rounds):
            for name, side in sides.items():
                turns[name].append(side.seconds(size, steps[name]))
        speed = {name: flops / typical(times) for name, times in turns.items()}
        peer = max(speed[name] for name in speed if name in ("numpy", "torch"))
        output(f"| {size[0]} x {size[1]} x {size[2]} | "
              + " | ".join(f"{v / 1e9:.0f}" for v in speed.values())
              + f" | {100 * speed['pyframe'] / peak:.0f}, {100 * speed[SIDES[1]] / peak:.0f} %"
              + f" | {speed['pyframe'] / peer:.2f}x, {speed[SIDES[1]] / peer:.2f}x |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.products", description=__doc__)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--round-ms", type=float, default=30)
    parser.add_argument("--fastest", action="store_true",
                        help="the fastest turn, not the median")  # fmt: skip
    parser.add_argument("--write", type=Path, nargs="*", default=[], metavar="FILE",
                        help="Markdown files to put the table into")  # fmt: skip
    parser.add_argument("--serve", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.threads[0])
        return
    for path in options.write:
        place(path, "bench.products")  # now, not after the run
    output = Output()
    for threads in options.threads:
        compare(threads, options, output)
    kind = "fastest" if options.fastest else "median"
    output(f"\n{cpu_name()}; {kind} of {options.rounds} turns; {time.strftime('%Y-%m-%d')}.")
    for path in options.write:
        replace_table(path, "bench.products", str(output))


if __name__ == "__main__":
    main()
