"""Augmented pictures a second: pyframe, Keras's class, albumentations with OpenCV.

    python -m bench.images --keras /path/to/python --albumentations /path/to/python

Each runs in a process of its own, one after the other; workloads: `imagegen_150_b32` from memory
(150x150x3 bytes) and `imagegen_dir_150_b32` from 1,000 JPEG files of 300x400: rotation 40, shifts
and zoom 0.2, shear 0.2 degrees, horizontal flip, rescale; batches of 32. The figure is the median
of several rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH, SIDE, ROUNDS = 32, 150, 5
ARGUMENTS: dict[str, Any] = {
    "rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2,
    "shear_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True, "rescale": 1 / 255,
}  # fmt: skip
Workloads = dict[str, Callable[[], Any]]


def pictures() -> Any:
    return np.random.default_rng(0).integers(0, 256, (256, SIDE, SIDE, 3)).astype(np.uint8)


def write_files(folder: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(1000):
        coarse = rng.integers(0, 256, (10, 14, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((400, 300), Image.Resampling.BICUBIC)
        place = folder / f"class{i % 4}"
        place.mkdir(exist_ok=True)
        picture.save(place / f"{i}.jpg", quality=90)


def generator_workloads(generator_class: Any, folder: Path, **options: Any) -> Workloads:
    generator = generator_class(**ARGUMENTS)
    size = (SIDE, SIDE)
    memory = generator.flow(pictures(), np.arange(256), batch_size=BATCH, seed=1)
    files = generator.flow_from_directory(folder, size, batch_size=BATCH, seed=1, **options)
    return {"imagegen_150_b32": lambda: next(memory), "imagegen_dir_150_b32": lambda: next(files)}


def of_pyframe(folder: Path) -> Workloads:
    from pyframe.preprocessing.image import ImageDataGenerator

    return generator_workloads(ImageDataGenerator, folder)


def of_pyframe_draft(folder: Path) -> Workloads:
    from pyframe.preprocessing.image import ImageDataGenerator

    found = generator_workloads(ImageDataGenerator, folder, draft=True)
    return {"imagegen_dir_150_b32": found["imagegen_dir_150_b32"]}


def of_keras(folder: Path) -> Workloads:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return generator_workloads(ImageDataGenerator, folder)


def of_albumentations(folder: Path) -> Workloads:
    import albumentations
    import cv2

    change = albumentations.Compose(
        [
            albumentations.Affine(
                rotate=(-40, 40), translate_percent=(-0.2, 0.2), shear=(-0.2, 0.2),
                scale=(0.8, 1.2), border_mode=cv2.BORDER_REPLICATE, p=1.0,
            ),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.ToFloat(max_value=255.0),
        ]
    )  # fmt: skip
    x = pictures()
    names = [str(path) for path in sorted(folder.rglob("*.jpg"))]
    rng = np.random.default_rng(1)

    def memory() -> Any:
        return np.stack([change(image=x[i])["image"] for i in rng.integers(0, len(x), BATCH)])

    def read(name: str) -> Any:
        picture = cv2.cvtColor(cv2.imread(name), cv2.COLOR_BGR2RGB)
        return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)

    def files() -> Any:
        chosen = (names[i] for i in rng.integers(0, len(names), BATCH))
        return np.stack([change(image=read(name))["image"] for name in chosen])

    return {"imagegen_150_b32": memory, "imagegen_dir_150_b32": files}


WORKERS = {
    "pyframe": of_pyframe, "pyframe_draft": of_pyframe_draft, "keras": of_keras,
    "albumentations": of_albumentations,
}  # fmt: skip


def measure(worker: str, folder: Path) -> dict[str, float]:
    rates = {}
    for name, batch in WORKERS[worker](folder).items():
        begun, batches = time.perf_counter(), 0
        while time.perf_counter() - begun < 0.5 or batches < 4:  # warms up
            batch()
            batches += 1
        rounds = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            for _ in range(batches):
                batch()
            rounds.append(batches * BATCH / (time.perf_counter() - begun))
        rates[name] = statistics.median(rounds)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", default=os.environ.get("PYFRAME_ORACLE_PYTHON"))
    parser.add_argument("--albumentations")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print("\n" + json.dumps(measure(options.worker, options.folder)))
        return
    pythons = {"pyframe": sys.executable, "pyframe_draft": sys.executable, "keras": options.keras,
               "albumentations": options.albumentations}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        for worker, python in pythons.items():
            if python is None:
                continue
            command = [python, "-m", "bench.images", "--worker", worker, "--folder", folder]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                raise SystemExit(f"{worker} failed:\n{run.stderr[-3000:]}")
            rates = json.loads(run.stdout.strip().splitlines()[-1])
            for name, rate in rates.items():
                print(f"{name:22} {worker:15} {rate:8.0f} images/s", flush=True)


if __name__ == "__main__":
    main()
