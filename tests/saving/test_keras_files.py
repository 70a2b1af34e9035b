"""Files that pyframe writes and Keras reads, and the other way round, with a live Keras.

PYFRAME_ORACLE_PYTHON names an interpreter with keras, tf_keras and tensorflow.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import saving
from tests.saving import keras_files, optimizer_files, wild_files
from tests.saving.helpers import check_wild_file

pytestmark = pytest.mark.oracle
ROOT = Path(__file__).resolve().parents[2]


def ask(*arguments: Any, program: str = "tests.saving.keras_files") -> None:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    command = [python, "-m", program, *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True,
                         timeout=280, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]


def results(
    action: str, package: str, folder: Path, program: str = "tests.saving.keras_files"
) -> dict[str, Any]:
    ask(action, package, folder, program=program)
    return dict(np.load(folder / ("written.npz" if action == "write" else "read.npz")))


def compare(found: dict[str, Any], written: dict[str, Any], keeps_optimizer: Any) -> None:
    for key, value in found.items():
        name, file, when = key.split("/")
        if when == "later" and not keeps_optimizer(file):
            continue
        expected = written[f"{name}/{when}"]
        tolerance = 1e-5 if when == "now" else 1e-4
        np.testing.assert_allclose(value, expected, tolerance, tolerance / 5, err_msg=key)


def test_keras_reads_what_pyframe_writes(tmp_path: Path) -> None:
    keras_files.write(pyframe, tmp_path)
    written = dict(np.load(tmp_path / "written.npz"))
    found = results("read", "keras", tmp_path)
    assert len(found) == 7 * len(keras_files.MODELS)
    # A fresh optimizer of Keras has no slots yet and takes none from a .weights.h5 file.
    compare(found, written, lambda file: file == "m.keras")


def test_pyframe_reads_what_keras_writes(tmp_path: Path) -> None:
    written = results("write", "keras", tmp_path)
    compare(keras_files.read(pyframe, tmp_path), written, lambda file: file != "w.h5")


def test_keras_2_reads_weights_that_pyframe_writes(tmp_path: Path) -> None:
    keras_files.write(pyframe, tmp_path)
    written = dict(np.load(tmp_path / "written.npz"))
    compare(results("read", "tf_keras", tmp_path), written, lambda file: False)


def test_pyframe_reads_what_keras_2_writes(tmp_path: Path) -> None:
    written = results("write", "tf_keras", tmp_path)
    found = keras_files.read(pyframe, tmp_path)
    # Keras 2 corrects the moving variance for the number of values, Keras 3 and pyframe do not.
    found = {k: v for k, v in found.items() if not (k.startswith("images") and "later" in k)}
    compare(found, written, lambda file: file in keras_files.WHOLE)


@pytest.mark.parametrize("writer", ["pyframe", "keras"])
def test_the_state_of_every_optimizer(tmp_path: Path, writer: str) -> None:
    program = "tests.saving.optimizer_files"
    if writer == "pyframe":
        written = optimizer_files.go_on(pyframe, "write", tmp_path)
        found = results("read", "keras", tmp_path, program)
    else:
        written = results("write", "keras", tmp_path, program)
        found = optimizer_files.go_on(pyframe, "read", tmp_path)
    for name in optimizer_files.OPTIMIZERS:
        np.testing.assert_allclose(found[name], written[name], 1e-5, 1e-5, err_msg=name)


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_configurations_of_all_layers(tmp_path: Path, package: str) -> None:
    path = tmp_path / "layers.json"
    ask(package, str(path), program="tests.saving.layer_configs")
    for name, text, shape, parameters in json.loads(path.read_text("utf-8")):
        model = saving.model_from_json(text)
        assert (name, list(model.output_shape)) == (name, shape)
        assert (name, model.count_params()) == (name, parameters)


def test_a_file_of_keras_2_with_all_that_is_odd(tmp_path: Path) -> None:
    ask("tf_keras", str(tmp_path), program="tests.saving.wild_files")
    for file in wild_files.FILES:
        check_wild_file(tmp_path / file, tmp_path / "wild.npz")
