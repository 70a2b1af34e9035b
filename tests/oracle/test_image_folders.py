"""Pictures from folders against a live Keras; see test_live.py for the interpreter."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import pyframe
from tests.oracle.image_folders import run

pytestmark = pytest.mark.oracle
ROOT = Path(__file__).resolve().parents[2]
# TensorFlow takes the weights of "bicubic" from a table of 1024; a pixel at the very end of the
# Gaussian filter has 1 % of the weight and is in or out by the last bit.
TOLERANCES = {"bicubic": 0.3, "gaussian": 3.0, "flow": 2e-5}


def test_folders(tmp_path: Path) -> None:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for i, size in enumerate(((40, 60), (31, 29), (12, 50), (64, 64))):
            picture = image.fromarray(rng.integers(0, 256, (*size, 3)).astype(np.uint8))
            picture.save(folder / name / f"{i}.png")
    command = [python, "-m", "tests.oracle.image_folders", str(folder), str(tmp_path / "k.npz")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True,
                             timeout=280, check=False)  # fmt: skip
    assert process.returncode == 0, process.stderr[-3000:]
    own = run(pyframe, str(folder))
    with np.load(tmp_path / "k.npz") as file:
        wanted = dict(file)
    assert list(own) == list(wanted)
    for name, value in wanted.items():
        if value.dtype.kind == "U":
            assert own[name].tolist() == value.tolist(), name
            continue
        atol = TOLERANCES.get(name.split("_")[0], 2e-3)
        np.testing.assert_allclose(own[name], value, rtol=0, atol=atol, err_msg=name)
        assert np.abs(own[name] - value).mean() < 0.04, name
