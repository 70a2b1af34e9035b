"""get_file on archives good and bad; the download itself is tested in test_download.py."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyframe.errors import ConfigurationError, DataError
from pyframe.utils import get_file
from pyframe.utils.download import DownloadError
from tests.dataset_files import add_bytes
from tests.file_server import FileServer, file_server


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(files: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            if isinstance(content, bytes):
                add_bytes(archive, name, content)
            else:
                archive.addfile(content)
    return buffer.getvalue()


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


PETS = {"pets/cat/1.txt": b"cat", "pets/dog/1.txt": b"dog"}
ARCHIVES = {
    "/pets.zip": zip_of(PETS),
    "/pets.tar.gz": tar_of(dict(PETS)),
    "/notes.txt": b"hello",
    "/up.zip": zip_of({"../up.txt": b"x"}),
    "/up.tar": tar_of({"../up.txt": b"x"}),
    "/link.tar": tar_of({"a": link("a", "/etc"), "a/passwd": b"x"}),
    "/cut.tar.gz": tar_of({"a": bytes(range(256)) * 99})[:-30],
    "/cut.zip": zip_of(PETS)[:-30],
    "/wrong.zip": zip_of({"a": b"hello" * 99}).replace(b"PK\x01\x02", b"PK\x01\x03"),
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("PYFRAME_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with file_server(dict(ARCHIVES)) as server:
        yield server


def below(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.name[0] != ".")


def test_plain_file(server: FileServer, tmp_path: Path) -> None:
    path = get_file("mine.txt", f"{server.address}/notes.txt", cache_subdir="texts")
    assert path == str(tmp_path / "texts" / "mine.txt")
    assert Path(path).read_bytes() == b"hello"
    assert get_file(origin=f"{server.address}/notes.txt?raw=1".partition("?")[0]).endswith(
        "datasets/notes.txt"
    )
    requests = len(server.ranges)
    get_file("mine.txt", f"{server.address}/notes.txt", cache_subdir="texts")
    assert len(server.ranges) == requests
    elsewhere = get_file(origin=f"{server.address}/notes.txt", cache_dir=tmp_path / "other")
    assert elsewhere == str(tmp_path / "other" / "datasets" / "notes.txt")


@pytest.mark.parametrize(
    ("name", "options", "archive", "folder"),
    [
        ("pets.zip", {"fname": "pets.zip", "extract": True}, "pets.zip", "pets_extracted"),
        ("pets.zip", {"fname": "p", "extract": True}, "p_archive", "p"),
        ("pets.zip", {"extract": True}, "pets.zip_archive", "pets.zip"),
        ("pets.tar.gz", {"fname": "a.tar.gz", "untar": True}, "a.tar.gz", "a_extracted"),
        ("pets.tar.gz", {"fname": "p", "untar": True}, "p_archive", "p"),
    ],
)
def test_keras_names(
    server: FileServer, tmp_path: Path, name: str, options: Any, archive: str, folder: str
) -> None:
    path = get_file(origin=f"{server.address}/{name}", **options)
    assert path == str(tmp_path / "datasets" / folder)
    assert below(Path(path)) == sorted(PETS)
    assert (tmp_path / "datasets" / archive).read_bytes() == ARCHIVES[f"/{name}"]


def test_hash_and_replacement(server: FileServer) -> None:
    origin = f"{server.address}/pets.zip"
    right = hashlib.sha256(ARCHIVES["/pets.zip"]).hexdigest()
    with pytest.raises(DownloadError, match="another content"):
        get_file("pets", origin, extract=True, file_hash="0" * 64)
    path = Path(get_file("pets", origin, extract=True, file_hash=right.upper()))
    (path / "extra.txt").write_bytes(b"mine")
    get_file("pets", origin, extract=True, file_hash=right)
    assert "extra.txt" in below(path)
    md5 = hashlib.md5(ARCHIVES["/pets.zip"]).hexdigest()
    get_file("pets", origin, extract=True, md5_hash=md5, force_download=True)
    assert below(path) == sorted(PETS)
    server.files = {}
    with pytest.raises(DownloadError):
        get_file("pets", origin, extract=True, force_download=True)
    assert below(path) == sorted(PETS)


@pytest.mark.parametrize("name", [n for n in ARCHIVES if "pets" not in n])
def test_bad_archives(server: FileServer, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot be unpacked"):
        get_file("data", f"{server.address}{name}", extract=True)
    assert below(tmp_path) == ["datasets/data_archive"]
    assert not (tmp_path / "datasets" / "data").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "`origin`"),
        ({"origin": "http://127.0.0.1:9/"}, "`fname`"),
        ({"fname": "../a", "origin": "http://127.0.0.1:9/a"}, "`fname`"),
        ({"fname": "..", "origin": "http://127.0.0.1:9/a"}, "`fname`"),
        ({"origin": "http://127.0.0.1:9/a", "file_hash": "abc"}, "`file_hash`"),
        ({"origin": "http://127.0.0.1:9/a", "file_hash": "x" * 32}, "`file_hash`"),
        ({"origin": "http://127.0.0.1:9/a", "file_hash": "0" * 32, "hash_algorithm": "sha256"},
         "must have 64"),
        ({"origin": "http://127.0.0.1:9/a", "hash_algorithm": "crc"}, "`hash_algorithm`"),
        ({"origin": "http://127.0.0.1:9/a", "archive_format": "rar"}, "`archive_format`"),
    ],
)  # fmt: skip
def test_arguments(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        get_file(cache_dir=tmp_path, **options)
