"""Callbacks and the arguments of fit against Keras: frozen results, and a live Keras.

tests/golden/make_callbacks.py made the file; PYFRAME_ORACLE_PYTHON names the interpreter with
keras and tensorflow for the live comparison.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from tests.oracle.callback_runs import FAKE_CASES, TRAININGS, run_fake, run_training

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "callbacks.json").read_text("utf-8"))["cases"]


def compare_training(name: str, actual: dict[str, Any], expected: dict[str, Any]) -> None:
    for key in ("epoch", "calls"):
        assert actual[key] == expected[key], f"{name}: {key}"
    assert list(actual["history"]) == list(expected["history"])
    for key, values in expected["history"].items():
        np.testing.assert_allclose(actual["history"][key], values, 1e-4, 1e-5, err_msg=key)
    np.testing.assert_allclose(actual["weights"], expected["weights"], 1e-4, 1e-5)


@pytest.mark.parametrize("case", FAKE_CASES, ids=lambda case: case.name)
def test_fixed_logs(case: Any) -> None:
    assert run_fake(pyframe, case) == GOLDEN[case.name]


@pytest.mark.parametrize("name", TRAININGS)
def test_training(name: str) -> None:
    compare_training(name, run_training(pyframe, name), GOLDEN[f"training {name}"])


def test_no_case_is_forgotten() -> None:
    names = {case.name for case in FAKE_CASES} | {f"training {name}" for name in TRAININGS}
    assert set(GOLDEN) == names, "run tests/golden/make_callbacks.py again"


@pytest.mark.oracle
def test_live(tmp_path: Path) -> None:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    out = tmp_path / "live.json"
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    command = [python, "-m", "tests.golden.make_callbacks", "--out", str(out)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True,
                         timeout=280, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    live = json.loads(out.read_text("utf-8"))["cases"]
    for case in FAKE_CASES:
        assert run_fake(pyframe, case) == live[case.name], case.name
    for name in TRAININGS:
        compare_training(name, run_training(pyframe, name), live[f"training {name}"])


BOARD = """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="one")])
model.compile("sgd", "mse", metrics=["mae"])
board = keras.callbacks.TensorBoard(sys.argv[1], histogram_freq=2)
x, y = np.ones((30, 4)), np.ones((30, 3))
model.fit(x, y, batch_size=10, epochs=3, verbose=0, validation_data=(x, y), callbacks=[board])
"""


def tags(folder: Path) -> dict[str, list[int]]:
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = {}
    for part in ("train", "validation"):
        accumulator = module.EventAccumulator(str(folder / part), size_guidance={"tensors": 0})
        accumulator.Reload()
        for tag in accumulator.Tags()["tensors"]:
            found[f"{part} {tag}"] = [event.step for event in accumulator.Tensors(tag)]
    return found


@pytest.mark.oracle
@pytest.mark.filterwarnings("default")
def test_tensorboard_shows_the_same_tags(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    model = pyframe.Sequential([pyframe.Input((4,)), pyframe.layers.Dense(3, name="one")])
    model.compile("sgd", "mse", metrics=["mae"])
    board = pyframe.callbacks.TensorBoard(tmp_path / "ours", histogram_freq=2)
    x, y = np.ones((30, 4)), np.ones((30, 3))
    model.fit(x, y, batch_size=10, epochs=3, verbose=0, validation_data=(x, y), callbacks=[board])
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    command = [python, "-c", BOARD, str(tmp_path / "keras")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "TensorBoard is not installed" in run.stderr:
        pytest.skip("PYFRAME_ORACLE_PYTHON has no tensorboard")
    assert run.returncode == 0, run.stderr[-3000:]
    # The path of a Keras weight has the name of its model in front.
    theirs = {t.replace("sequential/", ""): n for t, n in tags(tmp_path / "keras").items()}
    assert tags(tmp_path / "ours") == theirs
