"""Public data sets from local files, read by one framework:

python -m tests.oracle.dataset_runs FOLDER OUT.npz        by Keras
"""

import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.specs import Array

TEXT_OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"num_words": 20},
    {"num_words": 20, "skip_top": 6, "oov_char": None},
    {"maxlen": 8, "seed": 5, "start_char": None},
    {"start_char": None, "index_from": 0, "oov_char": 0},
    {"start_char": 7, "index_from": 5, "num_words": 30},
)
TABLE_OPTIONS: tuple[dict[str, Any], ...] = ({}, {"test_split": 0.35, "seed": 3}, {"test_split": 0})


def flat(array: Any) -> Array:
    """A list for each text becomes the numbers of all, with the length before each."""
    if array.dtype != object:
        return np.array(array)
    return np.array([n for text in array for n in (len(text), *text)])


def run(datasets: Any) -> dict[str, Array]:
    results: dict[str, Array] = {}

    def load(name: str, **options: Any) -> None:
        train, test = getattr(datasets, name).load_data(**options)
        for part, array in zip(("x", "y", "x_test", "y_test"), (*train, *test), strict=True):
            results[f"{name} {options} {part}"] = flat(array)

    for options in TEXT_OPTIONS:
        load("imdb", **options)
        load("reuters", **options)
    load("reuters", test_split=0.5)
    for options in TABLE_OPTIONS:
        load("boston_housing", **options)
        load("california_housing", **options)
    load("california_housing", version="small")
    for mode in ("fine", "coarse"):
        load("cifar100", label_mode=mode)
    load("cifar10")
    load("fashion_mnist")
    for name in ("imdb", "reuters"):
        index = getattr(datasets, name).get_word_index()
        results[f"{name} words"] = np.array([*index, *map(str, index.values())])
    results["topics"] = np.array(datasets.reuters.get_label_names())
    return results


def _keras_from(folder: Path) -> Any:
    import importlib

    import keras

    def get_file(fname: str, origin: str = "", **options: Any) -> str:
        if not origin.endswith(".tar.gz"):
            name = origin.rpartition("/")[2]
            sub = "fashion-mnist" if name.endswith(".gz") else ""
            return str(folder / sub / name)
        unpacked = folder / fname
        with tarfile.open(folder / origin.rpartition("/")[2]) as archive:
            archive.extractall(unpacked, filter="data")
        return str(unpacked)

    for name in keras.datasets.__dict__:
        if not name.startswith("_"):
            module: Any = importlib.import_module(f"keras.src.datasets.{name}")
            if hasattr(module, "get_file"):
                module.get_file = get_file
    return keras.datasets


if __name__ == "__main__":
    save: Any = np.savez
    save(sys.argv[2], **run(_keras_from(Path(sys.argv[1]))))
