"""Public data sets against a live Keras; see test_live.py for the interpreter."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pyframe import datasets
from tests.dataset_files import write_all
from tests.oracle.dataset_runs import run
from tests.test_public_datasets import without_checks

pytestmark = pytest.mark.oracle
ROOT = Path(__file__).resolve().parents[2]


def test_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    folder = tmp_path / "datasets"
    folder.mkdir()
    write_all(folder, cifar_images=10_000)
    command = [python, "-m", "tests.oracle.dataset_runs", str(folder), str(tmp_path / "k.npz")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True,
                             timeout=280, check=False)  # fmt: skip
    assert process.returncode == 0, process.stderr[-3000:]
    without_checks(tmp_path, monkeypatch)
    own = run(datasets)
    with np.load(tmp_path / "k.npz") as file:
        assert sorted(own) == sorted(file)
        for name, value in own.items():
            wanted = file[name]
            assert np.array_equal(value, wanted), name
            if not name.startswith("cifar100"):  # int64 labels there, its docs say uint8
                assert value.dtype.kind == wanted.dtype.kind, name
