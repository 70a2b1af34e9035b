"""What every step of a predict plan takes: python -m bench.steps --network vgg16 --threads 1

Prints the steps of one of pyframe's applications in order, with core milliseconds (the least of the
runs, summed over threads), GFLOP/s of a core and, for steps that multiply, % of the FMA peak.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import pyframe
from pyframe import _core, applications

NETWORKS: dict[str, Callable[..., Any]] = {
    "vgg16": applications.VGG16,
    "resnet50": applications.ResNet50,
    "mobilenet": applications.MobileNet,
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, default="vgg16")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, default=224, help="of the square images")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    pyframe.set_num_threads(options.threads)
    model = NETWORKS[options.network](weights=None)
    shape = (options.batch, options.size, options.size, 3)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    model(x)
    plan = model._ready_plan(x)
    assert plan is not None
    peak = _core.measure_fma_peak(1) / 1e9
    times = []
    for _ in range(options.runs):
        begin = time.perf_counter()
        plan.run((x,))
        times.append(time.perf_counter() - begin)
    print(f"| step | result | core ms | GFLOP/s | % of {peak:.0f} |\n|---|---|---|---|---|")
    total = 0.0
    for name, result, flops, seconds in plan.profile((x,), options.runs):
        total += seconds
        rate = flops / seconds / 1e9 if seconds > 0 else 0.0
        text = "x".join(map(str, result))
        print(f"| {name} | {text} | {1e3 * seconds:.3f} | {rate:.1f} | {100 * rate / peak:.0f} |")
    print(
        f"\nsum {1e3 * total:.2f} core ms; a run on {options.threads} threads takes "
        f"{1e3 * median(times):.2f} ms (least {1e3 * min(times):.2f})"
    )


if __name__ == "__main__":
    main()
