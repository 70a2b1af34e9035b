"""What augmented pictures cost a training: python -m bench.augmented --threads 2

A small convolutional network (three convolutions, 150x150x3, batches of 32) is trained in turns on
pictures in memory, on the same ones augmented (`imagegen_150_b32`), and on augmented JPEG files
(`imagegen_dir_150_b32`); a turn is an epoch of `fit`. Printed are the medians of the time of a
step, their ratios to that from memory, and the time of a batch without a training.
"""

import argparse
import contextlib
import io
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

import pyframe
from bench.frameworks import limit_to_cpus
from bench.pictures import ARGUMENTS, folder_of_files, pictures
from bench.workloads import WORKLOADS
from pyframe import layers
from pyframe.preprocessing.image import ImageDataGenerator

WORKLOAD = WORKLOADS["imagegen_150_b32"]
CLASSES = WORKLOAD.classes
BATCHES = 64  # made to see what one takes


def small_cnn() -> Any:
    model = pyframe.Sequential(
        [
            layers.InputLayer(WORKLOAD.input_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(128, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return model


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def take(iterator: Any, batches: int) -> None:
    for _ in range(batches):
        next(iterator)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.augmented", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    limit_to_cpus(options.threads)
    pyframe.set_num_threads(options.threads)
    model, size = small_cnn(), WORKLOAD.batch
    x = pictures(WORKLOAD)
    height, width, _ = WORKLOAD.input_shape
    y = np.eye(CLASSES, dtype=np.float32)[np.arange(len(x)) % CLASSES]
    generator = ImageDataGenerator(**ARGUMENTS)
    with contextlib.redirect_stdout(io.StringIO()):
        files = generator.flow_from_directory(
            folder_of_files(), (height, width), batch_size=size, seed=1
        )
    augmented = generator.flow(x, y, batch_size=size, seed=1)
    scaled, steps = x.astype(np.float32) / 255, WORKLOAD.batches

    def fit(*data: Any, **arguments: Any) -> Callable[[], object]:
        return lambda: model.fit(*data, epochs=1, verbose=0, **arguments)

    ways = {
        "from memory": fit(scaled, y, batch_size=size),
        "augmented": fit(augmented, steps_per_epoch=steps),
        "augmented from files": fit(files, steps_per_epoch=steps),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(options.rounds + 1):
        for name, run in ways.items():
            spent = seconds(run) / steps
            if turn:
                times[name].append(spent)
    alone = {}
    for name, iterator in (("augmented", augmented), ("augmented from files", files)):
        alone[name] = seconds(partial(take, iterator, BATCHES)) / BATCHES
        iterator.close()
    base = median(times["from memory"])
    for name, all_spent in times.items():
        batch = f", a batch alone {1e3 * alone[name]:.2f} ms" if name in alone else ""
        step = median(all_spent)
        print(f"{name}: {1e3 * step:.2f} ms a step, ratio {step / base:.3f}{batch}")


if __name__ == "__main__":
    main()
