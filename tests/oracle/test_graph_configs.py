"""Graphs as JSON, from pyframe to Keras and from Keras to pyframe.

PYFRAME_ORACLE_PYTHON names an interpreter with keras and tensorflow.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from tests.oracle import specs_graphs

pytestmark = pytest.mark.oracle
ROOT = Path(__file__).resolve().parents[2]
GRAPHS: dict[str, Callable[[Any], Any]] = {
    case.model.__name__: case.model for case in specs_graphs.GRAPH_CASES
}

KERAS = """
import json, os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from tests.oracle import specs_graphs

folder = sys.argv[1]
texts = json.load(open(folder + "/pyframe.json"))
found, arrays = {}, {}
for name, text in texts.items():
    given = np.load(folder + f"/{name}.npz")
    weights = [given[f"w{i}"] for i in range(len(given.files) - 2)]
    inputs = {"a": given["a"], "b": given["b"]}
    keras.utils.clear_session()
    # What pyframe wrote.
    model = keras.models.model_from_json(text)
    model.set_weights(weights)
    x = {key: inputs[key] for key in [t.name for t in model.inputs]}
    leaves = keras.tree.flatten(model.predict(x, verbose=0))
    arrays.update({f"{name}/{i}": leaf for i, leaf in enumerate(leaves)})
    # What Keras writes of its own model.
    keras.utils.clear_session()
    own = getattr(specs_graphs, name)(keras)
    found[name] = {
        "own": own.to_json(),
        "layers": [layer.name for layer in model.layers],
    }
json.dump(found, open(folder + "/keras.json", "w"))
np.savez(folder + "/keras.npz", **arrays)
"""


def leaves_of(value: Any) -> list[Any]:
    return pyframe.nest.flatten(value)


def test_configurations_go_both_ways(tmp_path: Path) -> None:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    rng = np.random.default_rng(0)
    models, weights, texts = {}, {}, {}
    inputs = {name: rng.normal(size=(5, 4)).astype(np.float32) for name in "ab"}
    for name, make in GRAPHS.items():
        pyframe.utils.clear_session()
        model = models[name] = make(pyframe)
        weights[name] = [0.5 * rng.normal(size=w.shape).astype(np.float32) for w in model.weights]
        model.set_weights(weights[name])
        texts[name] = model.to_json()
        numbered = {f"w{i}": w for i, w in enumerate(weights[name])}
        np.savez(tmp_path / f"{name}.npz", **inputs, **numbered)  # type: ignore[arg-type]
    (tmp_path / "pyframe.json").write_text(json.dumps(texts))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    run = subprocess.run([python, "-c", KERAS, str(tmp_path)], cwd=ROOT, env=environment,
                         capture_output=True, text=True, timeout=280, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    found = json.loads((tmp_path / "keras.json").read_text())
    arrays = np.load(tmp_path / "keras.npz")
    for name, model in models.items():
        outputs = leaves_of(model.predict(_inputs_of(model, inputs), verbose=0))
        for i, output in enumerate(outputs):
            np.testing.assert_allclose(arrays[f"{name}/{i}"], output, 1e-4, 1e-5, err_msg=name)
        names = [layer.name for layer in model.layers]
        assert found[name]["layers"] == names, name
        # What Keras wrote of the same graph.
        again = pyframe.models.model_from_json(found[name]["own"])
        assert [layer.name for layer in again.layers] == names, name
        again.set_weights(weights[name])
        for one, two in zip(leaves_of(again.predict(_inputs_of(model, inputs), verbose=0)), outputs,
                            strict=True):  # fmt: skip
            np.testing.assert_allclose(one, two, 1e-5, 1e-6, err_msg=name)
        own = json.loads(found[name]["own"])["config"]
        mine = json.loads(texts[name])["config"]
        for key in ("input_layers", "output_layers"):
            assert mine.get(key) == own.get(key), name


def _inputs_of(model: Any, inputs: dict[str, Any]) -> Any:
    if len(model.inputs) == 1:
        return inputs["a"]
    return {name: inputs[name] for name in model.input_names}
