"""Times single operators: pytest bench [--isa all] [--threads 1,2] [-k conv2d]

The time of one round is that of `steps` runs; extra_info holds GFLOP/s or GB/s of one run.
"""

from typing import Any

import pytest

from bench.conftest import Bench, make_runner, moved_bytes


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
