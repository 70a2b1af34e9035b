import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyframe.utils.download import DownloadError, data_home, fetch, hash_of
from tests.file_server import FileServer, file_server
from tests.subprocesses import PACKAGE

CONTENT = bytes(range(256)) * 5000  # more than one chunk
HASH = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server({"/good": CONTENT, "/other": CONTENT[::-1]}) as running:
        yield running


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYFRAME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("file_hash", [HASH, MD5, None])
def test_fetch_saves_the_file_once(
    server: FileServer, tmp_path: Path, file_hash: str | None
) -> None:
    target = tmp_path / "a" / "b" / "file.bin"
    assert fetch(f"{server.address}/good", target, file_hash) == target
    assert target.read_bytes() == CONTENT
    assert hash_of(target) == HASH
    assert [name for name in files(target.parent) if name[0] != "."] == ["file.bin"]
    assert fetch("http://127.0.0.1:1/gone", target, file_hash) == target
    assert len(server.ranges) == 1


def test_an_answer_without_length(server: FileServer, tmp_path: Path) -> None:
    server.states_length = False
    assert fetch(f"{server.address}/good", tmp_path / "f", HASH).read_bytes() == CONTENT


@pytest.mark.parametrize(("path", "cause"), [("other", "another content"), ("missing", "404")])
def test_a_failed_download_leaves_nothing(
    server: FileServer, tmp_path: Path, path: str, cause: str
) -> None:
    target = tmp_path / "data" / "file.bin"
    url = f"{server.address}/{path}"
    with pytest.raises(DownloadError, match=cause) as info:
        fetch(url, target, HASH)
    for part in (url, str(target), HASH, "by hand"):
        assert part in str(info.value)
    assert files(target.parent) == []


def test_a_broken_download_goes_on_where_it_was(server: FileServer, tmp_path: Path) -> None:
    url, target = f"{server.address}/good", tmp_path / "f"
    server.ends_after = 500_000
    for _ in range(2):
        with pytest.raises(DownloadError, match=r"ended after|IncompleteRead"):
            fetch(url, target, MD5)
        assert not target.exists()
    server.ends_after = None
    assert fetch(url, target, MD5).read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=500000-", "bytes=1000000-"]
    assert files(tmp_path) == [".f.checked", "f"]


def test_a_server_without_ranges_sends_everything_again(server: FileServer, tmp_path: Path) -> None:
    server.knows_ranges = False
    (tmp_path / ".f.part").write_bytes(CONTENT[:1000])
    assert fetch(f"{server.address}/good", tmp_path / "f", HASH).read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"damaged" * 9, CONTENT, CONTENT + b"more"])
def test_a_part_that_does_not_fit_is_fetched_again(
    server: FileServer, tmp_path: Path, part: bytes
) -> None:
    (tmp_path / ".f.part").write_bytes(part)
    assert fetch(f"{server.address}/good", tmp_path / "f", HASH).read_bytes() == CONTENT
    assert server.ranges[-1] == ""


def test_the_servers_own_hash_is_checked(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.states_md5 = True
    assert fetch(f"{server.address}/good", tmp_path / "f", None).read_bytes() == CONTENT
    # A part that was damaged on the disk: only the hash can tell.
    (tmp_path / ".g.part").write_bytes(b"?" * 1000)
    assert fetch(f"{server.address}/good", tmp_path / "g", None).read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=1000-", ""]


def test_a_longer_answer_than_allowed(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="longer than 1000 bytes"):
        fetch(f"{server.address}/good", tmp_path / "f", HASH, max_bytes=1000)
    assert files(tmp_path) == []


def test_no_network(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/mnist.npz"
        with pytest.raises(DownloadError, match="could not be fetched") as info:
            fetch(url, tmp_path / "f", HASH, timeout=5)
    assert "save it as" in str(info.value)
    assert files(tmp_path) == []


def test_a_wrong_file_in_place_is_not_touched(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"precious")
    with pytest.raises(DownloadError, match="is not the expected file"):
        fetch(f"{server.address}/good", target, HASH)
    assert target.read_bytes() == b"precious"


def test_a_file_that_changed_is_checked_again(server: FileServer, tmp_path: Path) -> None:
    target = fetch(f"{server.address}/good", tmp_path / "f", HASH)
    content = bytearray(CONTENT)
    content[7] ^= 1
    target.write_bytes(content)
    os.utime(target, ns=(1, 1))
    with pytest.raises(DownloadError, match="is not the expected file"):
        fetch(f"{server.address}/good", target, HASH)
    target.write_bytes(CONTENT)
    assert fetch(f"{server.address}/good", target, HASH) == target


def test_several_processes_fetch_once(server: FileServer, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pyframe.utils.download import fetch\n"
        "fetch(sys.argv[1], Path(sys.argv[2]), sys.argv[3])"
    )
    arguments = [f"{server.address}/good", str(tmp_path / "f"), HASH]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment)
        for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.ranges == [""]


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "nonsense"])
def test_only_http(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="Only http and https"):
        fetch(url, tmp_path / "f", HASH)


def test_data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_home() == tmp_path / "home"
    monkeypatch.delenv("PYFRAME_HOME")
    assert data_home() == Path.home() / ".pyframe"
