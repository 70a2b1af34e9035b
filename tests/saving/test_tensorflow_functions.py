"""Functions of TensorFlow in files of tf.keras, against what tf_keras 2.21 predicted.

`tests/golden/files/tensorflow` is what `python -m tests.saving.tensorflow_files FOLDER` wrote.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe import saving
from pyframe.models import load_model, tensorflow_functions
from tests.saving import tensorflow_files

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/files/tensorflow"
A, B = tensorflow_files.inputs()


@pytest.fixture(scope="module")
def golden() -> Any:
    return dict(np.load(GOLDEN / "functions.npz"))


def check_function(found: dict[str, Any], name: str) -> None:
    model = saving.model_from_json(str(found[f"{name}/json"]))
    expected = found[f"{name}/out"]
    for again in (model, saving.model_from_json(model.to_json())):
        y = again.predict([A, B], verbose=0)
        assert y.shape == expected.shape
        np.testing.assert_allclose(y, expected, 2e-5, 2e-6, err_msg=name)


def check_network(folder: Path, ending: str) -> None:
    found = dict(np.load(folder / "functions.npz"))
    model = load_model(folder / f"network.{ending}")
    assert model.output_names == ["tf.nn.softmax"]
    x = tensorflow_files.pictures()[0]
    np.testing.assert_allclose(model.predict(x, verbose=0), found["network/now"], 1e-5, 1e-6)
    tensorflow_files.train(model)
    # Keras 2 corrects the moving variance for the number of values, which is seen here a little.
    np.testing.assert_allclose(model.predict(x, verbose=0), found["network/later"], 0.05)


@pytest.mark.parametrize("name", tensorflow_files.FUNCTIONS)
def test_a_function(golden: dict[str, Any], name: str) -> None:
    check_function(golden, name)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_network(ending: str) -> None:
    check_network(GOLDEN, ending)


def test_all_functions_are_tested(golden: dict[str, Any]) -> None:
    seen = set()
    for name in tensorflow_files.FUNCTIONS:
        for layer in json.loads(str(golden[f"{name}/json"]))["config"]["layers"]:
            function = layer["config"].get("function")
            seen.add(tensorflow_functions.own_name(function or ""))
    assert sorted(set(tensorflow_functions.FUNCTIONS) - seen) == []


def with_layer(golden: dict[str, Any], name: str, **changes: Any) -> str:
    """The JSON of a model, whose last layer calls another function or with other arguments."""
    model = json.loads(str(golden[f"{name}/json"]))
    layer = model["config"]["layers"][-1]
    layer["config"]["function"] = changes.pop("function", layer["config"]["function"])
    layer["inbound_nodes"][0][3].update(changes)
    return json.dumps(model)


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("clip", {"function": "io.read_file"}, "calls tf.io.read_file in its layer"),
        ("clip", {"function": "__class__"}, "no counterpart"),
        ("clip", {"function": None}, "no counterpart"),
        ("clip", {"function": ["math.add"]}, "no counterpart"),
        ("clip", {"clip_value_max": [1.0, 2.0]}, "damaged"),
        ("clip", {"else": 3}, "tf.clip_by_value has no argument 'else'"),
        ("gather", {"validate_indices": {"a": 1}}, "no argument 'validate_indices'"),
        ("gather", {"batch_dims": 1}, "batch_dims"),
        ("gather", {"axis": 7}, "outside a tensor of 3"),
        ("part", {"slice_spec": ["a"]}, "Received: 'a'"),
        ("part", {"slice_spec": [{"start": 0}]}, "damaged"),
        ("pad", {"mode": "REFLECT"}, "`mode` must be 'constant'"),
        ("mean", {"y": ["nobody", 0, 0]}, "missing layer 'nobody'"),
    ],
)
def test_what_is_refused(
    golden: dict[str, Any], name: str, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(saving.ModelFileError, match=text):
        saving.model_from_json(with_layer(golden, name, **changes))


@pytest.mark.oracle
def test_live(tmp_path: Path) -> None:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with tf_keras and tensorflow")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [python, "-m", "tests.saving.tensorflow_files", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True,
                         timeout=280, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    found = dict(np.load(tmp_path / "functions.npz"))
    for name in tensorflow_files.FUNCTIONS:
        check_function(found, name)
    for ending in ("h5", "keras"):
        check_network(tmp_path, ending)
