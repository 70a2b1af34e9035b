import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe.datasets import mnist, mnist5k
from pyframe.datasets.download import DownloadError, data_home, fetch, sha256_of
from pyframe.errors import DataError

CONTENT = bytes(range(256)) * 5000  # more than one chunk
HASH = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/good whole, /short ends too early, /other another content, /endless without a length."""

    def do_GET(self) -> None:
        if self.path not in ("/good", "/short", "/other", "/endless"):
            self.send_error(404, "no such file")
            return
        body = CONTENT[::-1] if self.path == "/other" else CONTENT
        self.send_response(200)
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:1000] if self.path == "/short" else body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYFRAME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


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


def test_fetch_saves_the_file_once(server: str, tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "file.bin"
    assert fetch(f"{server}/good", target, HASH) == target
    assert target.read_bytes() == CONTENT
    assert sha256_of(target) == HASH
    assert files(target.parent) == ["file.bin"]
    assert fetch("http://127.0.0.1:1/gone", target, HASH) == target


def test_an_answer_without_length(server: str, tmp_path: Path) -> None:
    assert fetch(f"{server}/endless", tmp_path / "f", HASH).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("short", r"ended after 1000 of 1280000 bytes|IncompleteRead"),
        ("other", "another content"),
        ("missing", "404"),
    ],
)
def test_a_failed_download_leaves_nothing(
    server: str, tmp_path: Path, path: str, cause: str
) -> None:
    target = tmp_path / "data" / "file.bin"
    url = f"{server}/{path}"
    with pytest.raises(DownloadError, match=cause) as info:
        fetch(url, target, HASH)
    for part in (url, str(target), HASH, "by hand"):
        assert part in str(info.value)
    assert files(target.parent) == []


def test_a_longer_answer_than_allowed(server: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="longer than 1000 bytes"):
        fetch(f"{server}/good", tmp_path / "f", HASH, max_bytes=1000)
    assert files(tmp_path) == []


def test_no_network(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/mnist.npz"
        with pytest.raises(DownloadError, match="could not be fetched") as info:
            fetch(url, tmp_path / "f", HASH, timeout=5)
    assert "save it as" in str(info.value)


def test_a_wrong_file_in_place_is_not_touched(server: str, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"precious")
    with pytest.raises(DownloadError, match="is not the expected file"):
        fetch(f"{server}/good", target, HASH)
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "nonsense"])
def test_only_http(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="Only http and https"):
        fetch(url, tmp_path / "f", HASH)


def test_data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_home() == tmp_path / "home"
    monkeypatch.delenv("PYFRAME_HOME")
    assert data_home() == Path.home() / ".pyframe"


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

    class Mnist(Handler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Mnist) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        monkeypatch.setattr(mnist, "URL", f"http://127.0.0.1:{httpd.server_port}/mnist.npz")
        with pytest.raises(DownloadError, match="another content"):
            mnist.load_data()
        monkeypatch.setattr(mnist, "SHA256", hashlib.sha256(body).hexdigest())
        (x_train, _), _ = mnist.load_data()
        httpd.shutdown()
        thread.join()
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
