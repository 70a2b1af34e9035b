"""Damaged and hostile archives: an error of pyframe, or the very same contents."""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe.errors import IntegrityError, ModelFormatError
from pyframe.models import load_model
from pyframe.saving.archive import open_archive
from pyframe.saving.records import read_record, write_record
from tests.saving.helpers import equal, small_model

TREE: dict[str, Any] = {
    "a": np.arange(12.0).reshape(3, 4),
    "list": [1, None, "text", 2.5, True, np.float32(0.5), (np.zeros((0, 3), "int32"), 7)],
    "nested": {"scalar": np.array(3.0), "bool": np.array([True]), "nan": float("nan")},
}


def test_a_record_comes_back(tmp_path: Path) -> None:
    write_record(tmp_path / "r", "kind", TREE)
    found = read_record(tmp_path / "r", "kind").load()
    np.testing.assert_array_equal(found["a"], TREE["a"])
    assert found["list"][:6] == [1, None, "text", 2.5, True, 0.5]
    assert found["list"][6][0].shape == (0, 3)
    assert found["list"][6][0].dtype == np.int32
    assert found["nested"]["scalar"].shape == ()
    assert np.isnan(found["nested"]["nan"])
    with pytest.raises(ModelFormatError, match="holds a 'kind'; a model is needed"):
        read_record(tmp_path / "r", "model")


def small_file(tmp_path: Path) -> tuple[bytes, Any]:
    path = tmp_path / "good"
    write_record(path, "kind", {"w": np.arange(6, dtype="float32"), "n": [1, {"x": "y"}]})
    return path.read_bytes(), read_record(path, "kind").load()


def same(a: Any, b: Any) -> bool:
    return np.array_equal(a["w"], b["w"]) and a["w"].dtype == b["w"].dtype and a["n"] == b["n"]


def outcome(path: Path, good: Any) -> str:
    try:
        found = read_record(path, "kind").load()
    except ModelFormatError:
        return "refused"
    return "same" if same(found, good) else "different"


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path: Path) -> None:
    contents, good = small_file(tmp_path)
    path = tmp_path / "flipped"
    results = set()
    for position in range(len(contents)):
        damaged = bytearray(contents)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        results.add(outcome(path, good))
    assert results == {"refused", "same"}


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    contents, good = small_file(tmp_path)
    path = tmp_path / "short"
    for end in range(0, len(contents), 7):
        path.write_bytes(contents[:end])
        assert outcome(path, good) == "refused"
    for begin in range(0, len(contents) - 16, 64):
        path.write_bytes(contents[:begin] + bytes(16) + contents[begin + 16 :])
        assert outcome(path, good) in ("refused", "same")


def test_a_flipped_bit_in_a_model(tmp_path: Path) -> None:
    model = small_model()
    model.save(tmp_path / "m")
    contents = bytearray((tmp_path / "m").read_bytes())
    position = contents.index(model.get_weights()[0].tobytes())
    contents[position + 3] ^= 4
    (tmp_path / "m").write_bytes(contents)
    with pytest.raises(IntegrityError, match=r"arrays/0\.npy"):
        load_model(tmp_path / "m")
    other = small_model()
    before = other.get_weights()
    with pytest.raises(IntegrityError):
        other.load_weights(tmp_path / "m")
    assert equal(other.get_weights(), before)


def members(tmp_path: Path) -> dict[str, bytes]:
    small_file(tmp_path)
    with zipfile.ZipFile(tmp_path / "good") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(contents: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in contents:
            archive.writestr(name, data)
    return file.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def hostile(kind: str, good: dict[str, bytes]) -> bytes:
    parts = dict(good)
    if kind == "no zip":
        return b"\x89HDF\r\n\x1a\n" + bytes(100)
    if kind == "empty":
        return b""
    if kind == "deflated":
        return packed(list(parts.items()), zipfile.ZIP_DEFLATED)
    if kind == "duplicate":
        with pytest.warns(UserWarning, match="Duplicate"):
            return packed([*parts.items(), ("record.json", parts["record.json"])])
    if kind == "path":
        parts["../evil"] = b""
    elif kind == "extra":
        parts["pickle.bin"] = b""
    elif kind == "missing":
        del parts["arrays/0.npy"]
    elif kind == "pickled":
        parts["arrays/0.npy"] = npy(np.array([{}], object), allow_pickle=True)
    elif kind == "fortran":
        parts["arrays/0.npy"] = npy(np.asfortranarray(np.ones((2, 3), "f4")))
    elif kind == "text array":
        parts["arrays/0.npy"] = npy(np.array(["abc"]))
    elif kind == "huge header":
        shape = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }\n"
        parts["arrays/0.npy"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(shape)) + shape
    elif kind == "deep":
        parts["record.json"] = b"[" * 5000 + b"]" * 5000
    elif kind == "repeated key":
        parts["record.json"] = b'{"w": {"$array": 0}, "w": 1}'
    elif kind == "no json":
        parts["record.json"] = b"{"
    elif kind == "huge number":
        parts["record.json"] = b'{"w": {"$array": 0}, "n": ' + b"9" * 100_000 + b"}"
    elif kind == "unknown array":
        parts["record.json"] = b'{"w": {"$array": 7}}'
    elif kind == "array twice":
        parts["record.json"] = b'{"w": {"$array": 0}, "v": {"$array": 0}}'
    elif kind == "unused array":
        parts["record.json"] = b"{}"
    elif kind == "newer":
        parts["metadata.json"] = parts["metadata.json"].replace(b'"version":1', b'"version":9')
    elif kind == "foreign":
        parts["metadata.json"] = b"{}"
    elif kind == "hash":
        table = json.loads(parts["arrays.json"])
        table[0]["sha256"] = "0" * 64
        parts["arrays.json"] = json.dumps(table).encode()
    elif kind == "overlap":
        # The table says twice that the data are at the place of the first member.
        contents = bytearray(packed(list(parts.items())))
        entry = contents.index(b"PK\x01\x02")
        second = contents.index(b"PK\x01\x02", entry + 4)
        contents[second + 42 : second + 46] = contents[entry + 42 : entry + 46]
        return bytes(contents)
    return packed(list(parts.items()))


@pytest.mark.parametrize(
    "kind",
    ["no zip", "empty", "deflated", "duplicate", "path", "extra", "missing", "pickled", "fortran",
     "text array", "huge header", "deep", "repeated key", "no json", "huge number",
     "unknown array", "array twice", "unused array", "newer", "foreign", "hash", "overlap"],
)  # fmt: skip
def test_hostile_archives(tmp_path: Path, kind: str) -> None:
    good = members(tmp_path)
    path = tmp_path / "bad"
    path.write_bytes(hostile(kind, good))
    with pytest.raises(ModelFormatError, match="bad"):
        read_record(path, "kind").load()


def test_the_helper_makes_good_archives(tmp_path: Path) -> None:
    path = tmp_path / "good again"
    path.write_bytes(packed(list(members(tmp_path).items())))
    read_record(path, "kind").load()
    with open_archive(path) as archive:
        archive.check_all()
