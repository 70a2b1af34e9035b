"""Data sets that are downloaded, on small files of their formats; live Keras: tests/oracle."""

import gzip
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import datasets
from pyframe.datasets import fashion_mnist
from pyframe.datasets.pickled import unpickle
from pyframe.errors import ConfigurationError, DataError
from pyframe.utils.download import DownloadError
from tests.dataset_files import add_bytes, cifar_batch, object_array, texts, write_all


def without_checks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the small files in `home`/datasets stand for the real ones, whose hashes are known."""
    monkeypatch.setenv("PYFRAME_HOME", str(home))
    for module in (datasets.arrays, fashion_mnist):
        monkeypatch.setattr(module, "fetch", lambda url, target, *_, **__: target)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "datasets"
    folder.mkdir()
    write_all(folder, cifar_images=4)
    without_checks(tmp_path, monkeypatch)
    return folder


def test_images(folder: Path) -> None:
    (x, y), (x_test, y_test) = datasets.cifar10.load_data()
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == (
        (20, 32, 32, 3), (20, 1), (4, 32, 32, 3), (4, 1),
    )  # fmt: skip
    batch = pickle.loads(cifar_batch(0, 4, {b"labels": 10}))
    assert x[1, 2, 5].tolist() == [int(batch[b"data"][1, c * 1024 + 2 * 32 + 5]) for c in range(3)]
    assert y[:4, 0].tolist() == batch[b"labels"]
    assert datasets.cifar100.load_data("coarse")[0][1].max() < 20
    assert datasets.cifar100.load_data()[0][0].shape == (8, 32, 32, 3)
    (x, y), (x_test, _) = datasets.fashion_mnist.load_data()
    assert (x.shape, y.shape, x_test.shape) == ((7, 28, 28), (7,), (3, 28, 28))
    path = folder / "fashion-mnist"
    assert datasets.fashion_mnist.load_data(path)[0][0].tolist() == x.tolist()


def test_a_model_trains_on_texts(folder: Path) -> None:
    (x, y), _ = datasets.imdb.load_data(num_words=50)
    padded = pyframe.utils.pad_sequences(x, maxlen=8)
    model = pyframe.Sequential(
        [
            pyframe.layers.Embedding(50, 4),
            pyframe.layers.Flatten(),
            pyframe.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    assert model.fit(padded, y, verbose=0).history["loss"][0] > 0


def test_words(folder: Path) -> None:
    assert datasets.imdb.get_word_index() == {"the": 1, "café": 2}
    bad = folder / "bad.json"
    for content in ("[1]", '{"the": "1"}', "{", "[" * 100_000):
        bad.write_text(content)
        with pytest.raises(DataError, match=r"bad\.json"):
            datasets.reuters.get_word_index(bad)
    assert datasets.reuters.get_label_names()[:3] == ("cocoa", "grain", "veg-oil")


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("imdb", {"num_words": -1}, "`num_words`"),
        ("imdb", {"skip_top": 1.5}, "`skip_top`"),
        ("imdb", {"maxlen": 1}, "`maxlen` keeps texts"),
        ("reuters", {"maxlen": True}, "`maxlen`"),
        ("reuters", {"test_split": 1}, "`test_split`"),
        ("boston_housing", {"test_split": -0.1}, "`test_split`"),
        ("boston_housing", {"test_split": "half"}, "`test_split`"),
        ("california_housing", {"version": "tiny"}, "`version`"),
        ("cifar100", {"label_mode": "rough"}, "`label_mode`"),
    ],
)
def test_arguments(folder: Path, name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        getattr(datasets, name).load_data(**options)


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYFRAME_HOME", str(tmp_path))
    monkeypatch.setattr(datasets.cifar10, "URL", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DownloadError, match=r"by hand, download .*cifar-10-python.*SHA-256 6d958"):
        datasets.cifar10.load_data()
    with pytest.raises(FileNotFoundError):
        datasets.fashion_mnist.load_data(tmp_path / "none")


class Exploit:
    def __reduce__(self) -> Any:
        return (print, ("executed",))


def damaged_archives() -> dict[str, bytes]:
    good = cifar_batch(0, 4, {b"labels": 10})
    batches = {
        "code": pickle.dumps({b"data": Exploit(), b"labels": [0]}),
        "no data": pickle.dumps({b"labels": [0]}),
        "labels": cifar_batch(0, 4, {b"labels": 300}),
        "classes": pickle.dumps({**pickle.loads(good), b"labels": [0, 1, 2, 10]}),
        "cut": good[:100],
        "list": pickle.dumps([1, 2]),
        "deep": b"\x80\x02" + b"]" * 200_000,
    }
    archives = {"empty": b"", "text": b"hello"}
    for name, content in batches.items():
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for batch in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                          "data_batch_5", "test_batch"):  # fmt: skip
                add_bytes(archive, f"cifar-10-batches-py/{batch}", content)
        archives[name] = buffer.getvalue()
    archives["torn"] = archives["classes"][:-200]
    return archives


@pytest.mark.parametrize(("name", "content"), damaged_archives().items())
def test_damaged_archives(tmp_path: Path, capsys: Any, name: str, content: bytes) -> None:
    path = tmp_path / "bad.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.tar\.gz"):
        datasets.cifar10.load_data(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"x_train": object_array([[1, 2], [3, "word"]])},
        {"x_train": object_array([[1, 2], 3])},
        {"x_train": object_array([[1, 2], [2**70]])},
        {"x_train": object_array([[1, 2], Exploit()])},
        {"x_train": texts(3, 0)},
        {"y_train": np.zeros(2)},
        {"y_train": np.zeros((2, 1), int)},
    ],
    ids=["word", "number", "large", "code", "length", "float", "rank"],
)
def test_damaged_texts(tmp_path: Path, capsys: Any, changes: dict[str, Any]) -> None:
    arrays = {"x_train": texts(2, 0), "y_train": np.zeros(2, int)}
    arrays |= {"x_test": texts(2, 1), "y_test": np.ones(2, int)}
    np.savez(tmp_path / "bad.npz", **{**arrays, **changes})
    with pytest.raises(DataError, match=r"bad\.npz"):
        datasets.imdb.load_data(tmp_path / "bad.npz")
    assert capsys.readouterr().out == ""


def test_damaged_fashion(folder: Path) -> None:
    path = folder / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    good = path.read_bytes()
    plain = gzip.decompress(good)
    sizes = np.array([2**31, 2**31, 2**31], ">u4").tobytes()
    for content in (b"", b"text", good[:-20], gzip.compress(plain[:-1]), gzip.compress(b"\0\0"),
                    gzip.compress(plain[:4] + sizes + plain[16:])):  # fmt: skip
        path.write_bytes(content)
        with pytest.raises(DataError, match="train-images"):
            datasets.fashion_mnist.load_data()


def test_pickles_of_any_protocol_and_layout() -> None:
    arrays = [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([True, False]),
        object_array([[1], [2, 3]]),
        np.zeros((0, 4), np.uint8),
    ]
    for array in arrays:
        for protocol in range(2, 5):
            assert unpickle(pickle.dumps(array, protocol=protocol)).tolist() == array.tolist()
    with pytest.raises(ValueError, match="dtype"):
        unpickle(pickle.dumps(np.array(["text"])))
