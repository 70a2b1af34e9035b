import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe.datasets import mnist, mnist5k
from pyframe.errors import DataError
from pyframe.utils.download import DownloadError
from tests.file_server import file_server


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYFRAME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def test_bundled_digits() -> None:
    (x_train, y_train), (x_test, y_test) = mnist5k.load_data()
    assert (x_train.shape, y_train.shape) == ((4000, 28, 28), (4000,))
    assert (x_test.shape, y_test.shape) == ((1000, 28, 28), (1000,))
    assert {array.dtype.name for array in (x_train, y_train, x_test, y_test)} == {"uint8"}
    assert np.bincount(np.concatenate([y_train, y_test])).tolist() == [500] * 10
    assert (x_train.min(), x_train.max()) == (0, 255)
    notice = Path(mnist5k.__file__).with_name("mnist5k.md").read_text("utf-8")
    assert "BSD" in notice
    assert "LeCun" in notice


def small_mnist(**changes: Any) -> bytes:
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (6, 28, 28), dtype=np.uint8),
        "y_train": np.arange(6, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (2, 28, 28), dtype=np.uint8),
        "y_test": np.arange(2, dtype=np.uint8),
        **changes,
    }
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()


def test_mnist_downloads_checks_and_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = small_mnist()

    with file_server({"/mnist.npz": body}) as server:
        monkeypatch.setattr(mnist, "URL", f"{server.address}/mnist.npz")
        with pytest.raises(DownloadError, match="another content"):
            mnist.load_data()
        monkeypatch.setattr(mnist, "SHA256", hashlib.sha256(body).hexdigest())
        (x_train, _), _ = mnist.load_data()
    assert x_train.shape == (6, 28, 28)
    assert files(tmp_path / "home" / "datasets") == ["mnist.npz"]
    (_, _), (_, y_test) = mnist.load_data("mnist.npz")
    assert y_test.tolist() == [0, 1]


def test_mnist_from_a_local_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.npz").write_bytes(small_mnist())
    (x_train, y_train), (x_test, y_test) = mnist.load_data(tmp_path / "mine.npz")
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == (
        (6, 28, 28),
        (6,),
        (2, 28, 28),
        (2,),
    )
    monkeypatch.chdir(tmp_path)
    assert mnist.load_data("mine.npz")[1][0].shape == (2, 28, 28)
    with pytest.raises(FileNotFoundError):
        mnist.load_data(tmp_path / "none.npz")


class Exploit:
    def __reduce__(self) -> Any:
        return (print, ("executed",))


def npy_file() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip file",
        small_mnist()[:2000],
        npy_file(),
        small_mnist(y_test=None),
        small_mnist(x_train=np.zeros((6, 28, 27), np.uint8)),
        small_mnist(x_train=np.zeros((6, 28, 28))),
        small_mnist(y_train=np.full(6, 10, np.uint8)),
        small_mnist(y_train=np.zeros(5, np.uint8)),
        small_mnist(y_train=np.array([Exploit()] * 6, object)),
    ],
    ids=["empty", "text", "cut", "npy", "missing", "shape", "dtype", "label", "length", "pickle"],
)
def test_damaged_files(tmp_path: Path, capsys: Any, content: bytes) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.npz"):
        mnist.load_data(path)
    assert capsys.readouterr().out == ""
