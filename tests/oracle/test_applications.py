"""The architectures against a live Keras.

    PYFRAME_ORACLE_PYTHON=/path/to/python pytest -m oracle tests/oracle/test_applications.py

compares one network of each family; PYFRAME_ORACLE_APPLICATIONS=all compares all of them, and
VGG19,ResNet101 these.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
import pyframe.applications
from pyframe.applications.pretrained import weights_file
from tests.oracle.application_runs import CHOSEN, NAMES, Array, results

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]


def wanted() -> list[str]:
    text = os.environ.get("PYFRAME_ORACLE_APPLICATIONS")
    return CHOSEN if not text else NAMES if text == "all" else text.split(",")


def ask_keras(module: str, *arguments: str, stdin: str = "") -> str:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    run = subprocess.run([python, "-m", module, *arguments], cwd=ROOT, env=environment, input=stdin,
                         capture_output=True, text=True, timeout=800, check=False)  # fmt: skip
    if run.returncode != 0:
        pytest.fail(f"Keras failed under {python}:\n{run.stderr[-3000:]}")
    return run.stdout


@pytest.fixture(scope="module")
def keras_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Array]:
    path = tmp_path_factory.mktemp("keras") / "results.npz"
    ask_keras("tests.oracle.application_runs", str(path), *wanted())
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize("name", wanted())
def test_same_layers_weights_and_outputs(name: str, keras_results: dict[str, Array]) -> None:
    for key, value in results(pyframe, name, keras_results).items():
        expected = keras_results[f"{name}/{key}"]
        if key.startswith("structure"):
            assert json.loads(str(value)) == json.loads(str(expected))
            continue
        assert value.shape == expected.shape
        # Images that differ must give outputs that differ, else the comparison shows nothing.
        size = np.abs(expected).max()
        assert np.abs(expected[0] - expected[1]).max() > 0.1 * size
        np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-4 * size)


# What Keras has pretrained weights for.
PRETRAINED: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NAMES if not name.startswith("Mobile")),
    *(
        ("MobileNet", {"alpha": alpha, "input_shape": (rows, rows, 3)})
        for alpha in (0.25, 0.5, 0.75, 1.0)
        for rows in (128, 160, 192, 224)
    ),
    *(
        ("MobileNetV2", {"alpha": alpha, "input_shape": (rows, rows, 3)})
        for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
        for rows in (96, 128, 160, 192, 224)
    ),
    *(
        (f"MobileNetV3{size}", {**arguments, "input_shape": (224, 224, 3)})
        for size in ("Small", "Large")
        for arguments in ({}, {"alpha": 0.75}, {"minimalistic": True})
    ),
]


def test_same_pretrained_files(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found(Exception):
        pass

    def stop(key: str, include_top: bool) -> str:
        raise Found(key)

    monkeypatch.setattr("pyframe.applications.architecture.pretrained_path", stop)
    found = []
    for name, arguments in PRETRAINED:
        for include_top in (True, False):
            with pytest.raises(Found) as info:
                getattr(pyframe.applications, name)(include_top=include_top, **arguments)
            found.append(list(weights_file(str(info.value), include_top)))
    expected = json.loads(ask_keras("tests.oracle.pretrained_runs", stdin=json.dumps(PRETRAINED)))
    assert found == expected
