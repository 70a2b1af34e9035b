"""Small files in the formats of the public data sets."""

import gzip
import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.specs import Array


def object_array(items: list[Any]) -> Array:
    array = np.empty(len(items), object)
    array[:] = items
    return array


def texts(n: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    lists = [rng.integers(1, 40, size).tolist() for size in rng.integers(1, 12, n)]
    return object_array(lists)


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def cifar_batch(seed: int, n: int, classes: dict[bytes, int]) -> bytes:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (min(n, 8), 3072)).astype(np.uint8)
    batch: dict[bytes, Any] = {b"data": np.resize(images, (n, 3072))}  # files that pack well
    for key, count in classes.items():
        batch[key] = rng.integers(0, count, n).tolist()
    return pickle.dumps(batch, protocol=3)


def write_all(folder: Path, cifar_images: int) -> None:
    """Writes every data set; Keras wants 10,000 images in a batch of CIFAR-10."""
    rng = np.random.default_rng(0)
    np.savez(
        folder / "imdb.npz",
        x_train=texts(30, 1), y_train=rng.integers(0, 2, 30),
        x_test=texts(20, 2), y_test=rng.integers(0, 2, 20),
    )  # fmt: skip
    np.savez(folder / "reuters.npz", x=texts(50, 3), y=rng.integers(0, 46, 50))
    np.savez(folder / "boston_housing.npz", x=rng.random((30, 13)), y=rng.random(30))
    np.savez(folder / "california_housing.npz", x=rng.random((700, 8)), y=rng.random(700))
    for name in ("imdb", "reuters"):
        (folder / f"{name}_word_index.json").write_text(json.dumps({"the": 1, "café": 2}), "utf-8")
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz", compresslevel=1) as archive:
        for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
            content = cifar_batch(i, cifar_images, {b"labels": 10})
            add_bytes(archive, f"cifar-10-batches-py/{name}", content)
    with tarfile.open(folder / "cifar-100-python.tar.gz", "w:gz") as archive:
        for i, name in enumerate(["train", "test"]):
            content = cifar_batch(i, 8, {b"fine_labels": 100, b"coarse_labels": 20})
            add_bytes(archive, f"cifar-100-python/{name}", content)
    fashion = folder / "fashion-mnist"
    fashion.mkdir()
    for part, n in (("train", 7), ("t10k", 3)):
        images, labels = rng.integers(0, 256, 784 * n), rng.integers(0, 10, n)
        for kind, shape, values in (
            ("images-idx3", [n, 28, 28], images), ("labels-idx1", [n], labels),
        ):  # fmt: skip
            header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            content = gzip.compress(header + values.astype(np.uint8).tobytes())
            (fashion / f"{part}-{kind}-ubyte.gz").write_bytes(content)
