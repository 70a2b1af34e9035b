"""Damaged files: an error of pyframe, or the very same contents."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe.errors import IntegrityError, ModelFileError
from pyframe.models import Sequential, load_model
from pyframe.saving.hdf5 import open_hdf5
from pyframe.saving.source import Source
from pyframe.saving.state import read_state, write_state
from tests.saving.helpers import equal, small_model

FORMATS = ["m.keras", "m.h5", "m.weights.h5", "w.h5"]


def tiny_model() -> Any:
    from pyframe.layers import Dense

    return Sequential([Dense(2, input_dim=3, name="d")], name="s")


def saved(tmp_path: Path, name: str, model: Any) -> tuple[bytes, Callable[[Path], list[Any]]]:
    path = tmp_path / f"good-{name}"
    whole = name in ("m.keras", "m.h5")
    (model.save if whole else model.save_weights)(path)

    def load(damaged: Path) -> list[Any]:
        if whole:
            found = load_model(damaged)
            assert [layer.get_config() for layer in found.layers] == [
                layer.get_config() for layer in model.layers
            ]
            return list(found.get_weights())
        other = tiny_model()
        other.load_weights(damaged)
        return list(other.get_weights())

    return path.read_bytes(), load


@pytest.mark.parametrize("name", FORMATS)
def test_flipped_bits_are_noticed_or_harmless(tmp_path: Path, name: str) -> None:
    model = tiny_model()
    contents, load = saved(tmp_path, name, model)
    path = tmp_path / name
    results = set()
    for position in range(0, len(contents), 11):
        damaged = bytearray(contents)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        try:
            assert equal(load(path), model.get_weights()), position
            results.add("same")
        except ModelFileError:
            results.add("refused")
    assert "refused" in results


@pytest.mark.parametrize("name", FORMATS)
def test_truncations_are_noticed(tmp_path: Path, name: str) -> None:
    model = tiny_model()
    contents, load = saved(tmp_path, name, model)
    path = tmp_path / name
    for end in range(0, len(contents) - 30, 97):
        path.write_bytes(contents[:end])
        with pytest.raises(ModelFileError):
            load(path)
    for begin in range(0, len(contents) - 16, 97):
        path.write_bytes(contents[:begin] + bytes(16) + contents[begin + 16 :])
        with contextlib.suppress(ModelFileError):
            assert equal(load(path), model.get_weights())


@pytest.mark.parametrize("name", FORMATS[:3])
def test_a_flipped_bit_in_the_weights(tmp_path: Path, name: str) -> None:
    model = small_model()
    path = tmp_path / name
    (model.save_weights if name == "m.weights.h5" else model.save)(path)
    contents = bytearray(path.read_bytes())
    position = contents.index(model.get_weights()[0].tobytes())
    contents[position + 3] ^= 4
    path.write_bytes(contents)
    other = small_model()
    before = other.get_weights()
    with pytest.raises(IntegrityError, match="checksum"):
        other.load_weights(path)
    assert equal(other.get_weights(), before)


def test_a_state_comes_back(tmp_path: Path) -> None:
    import h5py

    state: dict[str, Any] = {
        "a": np.arange(12.0).reshape(3, 4),
        "list": [1, None, "text", 2.5, True, np.float32(0.5), (np.zeros((0, 3), "int32"), 7)],
        "nested": {"scalar": np.array(3.0), "nan": float("nan")},
    }
    with h5py.File(tmp_path / "s", "w") as h5:
        write_state(h5, state)
    with (tmp_path / "s").open("rb") as file:
        found = read_state(open_hdf5(Source("s", file)))
    np.testing.assert_array_equal(found["a"], state["a"])
    assert found["list"][:6] == [1, None, "text", 2.5, True, 0.5]
    assert found["list"][6][0].shape == (0, 3)
    assert found["list"][6][0].dtype == np.int32
    assert found["nested"]["scalar"].shape == ()
    assert np.isnan(found["nested"]["nan"])
