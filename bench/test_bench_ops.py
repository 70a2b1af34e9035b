"""Times single operators: pytest bench [--isa all] [--threads 1,2] [-k conv2d]

The time of one round is that of `steps` runs; extra_info holds GFLOP/s or GB/s of one run.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.conftest import BENCHES, Bench, make_runner, moved_bytes, operands

NUMPY: dict[str, Callable[..., Any]] = {
    "dense": lambda x, w, b: x @ w + b,
    "add": np.add,
    "multiply": np.multiply,
    "tanh": np.tanh,
    "exp": np.exp,
    "reduce_sum": np.sum,
    "transpose": lambda x: np.ascontiguousarray(x.T),
}
COMPARED = [b for b in BENCHES if b.op in NUMPY and b.gradient_of is None]


@pytest.mark.parametrize("case", COMPARED, ids=lambda case: f"{case.id}-numpy")
def test_numpy(benchmark: Any, case: Bench) -> None:
    values = operands(case)
    benchmark.group = case.id
    benchmark(NUMPY[case.op], *values)


@pytest.mark.usefixtures("engine")
def test_operator(benchmark: Any, bench: Bench, isa: str, threads: int) -> None:
    run = make_runner(bench)
    run(3)
    # About a millisecond a round, so that the call from Python does not count.
    steps = max(1, round(1e8 / max(bench.flops, 10 * moved_bytes(bench))))
    benchmark.group = bench.id
    benchmark.extra_info.update(isa=isa, threads=threads, steps=steps)
    benchmark(run, steps)
    if benchmark.stats is None:  # --benchmark-disable
        return
    seconds = benchmark.stats.stats.median / steps
    if bench.flops:
        benchmark.extra_info["GFLOP/s"] = round(bench.flops / seconds / 1e9, 2)
    else:
        benchmark.extra_info["GB/s"] = round(moved_bytes(bench) / seconds / 1e9, 2)
