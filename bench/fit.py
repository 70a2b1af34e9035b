"""What `fit` adds to the kernels: python -m bench.fit

The slide's network (100 inputs, batches of 32, SGD): time a step of the engine alone, of `fit`, of
`fit` with a Python callback for every batch and with validation, and whether calls of `fit` grow
slower over 10,000 of them.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any
from unittest import mock

import numpy as np

import pyframe
from bench.models import build
from bench.workloads import WORKLOADS
from pyframe.models import feeds

BATCH, STEPS = 32, 512


class Each(pyframe.callbacks.Callback):
    """Is told of every batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Does nothing with it."""


def seconds(run: Callable[[], object], rounds: int) -> float:
    """Median over rounds, after two to warm up."""
    times = []
    for i in range(rounds + 2):
        start = time.perf_counter()
        run()
        if i >= 2:
            times.append(time.perf_counter() - start)
    return median(times)


def engine_alone(fit: Callable[[], object]) -> Callable[[], object]:
    """The very calls of the engine that `fit` makes for its stretches of batches."""
    calls: list[Callable[[], object]] = []
    plain = feeds.run_batches

    def noting(step: Any, arrays: Any, size: int, index: Any, start: int, steps: int,
               totals: Any, stop: bool, stretch: Any = None) -> Any:  # fmt: skip
        done, finite = plain(step, arrays, size, index, start, steps, totals, stop, stretch)
        plan = step.function.plan(tuple((size, *a.shape[1:]) for a in arrays))
        nothing = [None] * step.outputs
        calls.append(lambda: plan.run_steps(arrays, nothing, index, start, done, stop))
        return done, finite

    with mock.patch.object(feeds, "run_batches", noting):
        fit()
    return lambda: [call() for call in calls]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fit", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=10000)
    options = parser.parse_args()
    pyframe.set_num_threads(options.threads)
    model = build(pyframe, WORKLOADS["mlp_slide_b32_train"])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.RandomState(0)
    x = rng.uniform(0, 1, (BATCH * STEPS, 100)).astype(np.float32)
    y = np.eye(101, dtype=np.float32)[rng.randint(0, 101, len(x))]

    def fit(**more: Any) -> Callable[[], object]:
        return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, **more)

    runs = {
        "engine alone": engine_alone(fit()),
        "fit": fit(),
        "fit, a callback for every batch": fit(callbacks=[Each()]),
        "fit, as many batches of validation": fit(validation_data=(x, y)),
        "evaluate": lambda: model.evaluate(x, y, batch_size=BATCH, verbose=0),
    }
    for name, run in runs.items():
        print(f"{name}: {1e6 * seconds(run, options.rounds) / STEPS:.1f} us a step", flush=True)

    few = slice(0, BATCH)
    times = []
    for _ in range(options.calls):
        start = time.perf_counter()
        model.fit(x[few], y[few], batch_size=BATCH, epochs=1, verbose=0)
        times.append(time.perf_counter() - start)
    tenth = len(times) // 10
    first, last = median(times[:tenth]), median(times[-tenth:])
    print(f"fit of one batch: {1e6 * first:.0f} us in the first tenth of {len(times)} calls, "
          f"{1e6 * last:.0f} us in the last")  # fmt: skip


if __name__ == "__main__":
    main()
