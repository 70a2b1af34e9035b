import json
from pathlib import Path

import pytest

from tests.subprocesses import run_python

HEAVY = ["h5py", "tqdm", "matplotlib", "scipy", "PIL", "pandas", "sklearn", "tensorflow", "keras"]
HEAVY += ["multiprocessing", "concurrent.futures", "urllib.request", "asyncio", "unittest"]


@pytest.mark.parametrize(
    "statement",
    [
        "import pyframe",
        "import pyframe.models, pyframe.layers, pyframe.losses, pyframe.metrics",
        "import pyframe.optimizers, pyframe.callbacks, pyframe.utils, pyframe.regularizers",
    ],
)
def test_import_is_silent_and_loads_nothing_heavy(tmp_path: Path, statement: str) -> None:
    code = f"import json, sys, numpy; before = set(sys.modules)\n{statement}\n"
    code += "new = set(sys.modules) - before\n"
    code += f"sys.exit(json.dumps([name for name in {HEAVY} if name in new]))"
    run = run_python("-c", code, cwd=tmp_path)
    assert run.stdout == ""
    assert json.loads(run.stderr) == []


def test_import_starts_no_thread(tmp_path: Path) -> None:
    code = "import numpy, os; n = len(os.listdir('/proc/self/task')); import pyframe\n"
    code += "print(len(os.listdir('/proc/self/task')) - n)"
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc")
    assert run_python("-c", code, cwd=tmp_path).stdout == "0\n"


@pytest.mark.parametrize(
    "statement",
    [
        "from pyframe.layers.core import Dense, Dropout, Activation, Flatten",
        "from pyframe.layers.convolutional import Conv2D, MaxPooling2D",
        "from pyframe.layers.normalization import BatchNormalization",
        "from pyframe.layers.advanced_activations import LeakyReLU",
        "from pyframe.layers.recurrent import LSTM",
        "from pyframe.layers.merge import concatenate",
        "from pyframe.layers.experimental import preprocessing; preprocessing.Rescaling",
        "from pyframe.layers.experimental.preprocessing import RandomFlip",
        "from pyframe.engine.topology import Layer",
        "from pyframe.objectives import mean_squared_error",
        "from pyframe.optimizers.legacy import Adam",
        "from pyframe.utils.vis_utils import plot_model",
        "from pyframe.utils import np_utils; np_utils.to_categorical",
        "import pyframe.layers.core as core; core.Dense",
        "import pyframe.backend as K; K.mean",
        "from pyframe import backend as K; K.epsilon",
        "from pyframe.activations import swish",
    ],
)
def test_names_of_older_keras(statement: str) -> None:
    exec(statement, {})


def test_every_public_name_exists(tmp_path: Path) -> None:
    code = """
import importlib, pyframe
for name in ["pyframe", *(f"pyframe.{m}" for m in (
    "activations applications backend callbacks datasets initializers layers losses metrics "
    "models ops optimizers random regularizers saving utils").split())]:
    module = importlib.import_module(name)
    missing = [n for n in getattr(module, "__all__", []) if not hasattr(module, n)]
    assert not missing, (name, missing)
"""
    run = run_python("-c", code, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_training_with_verbose_0_prints_nothing(tmp_path: Path) -> None:
    code = """
import numpy as np
from pyframe.models import Sequential
from pyframe.layers import Dense
model = Sequential([Dense(3, activation="relu", input_dim=4), Dense(1)])
model.compile("sgd", "mse")
x, y = np.ones((8, 4)), np.ones((8, 1))
model.fit(x, y, epochs=2, verbose=0)
model.evaluate(x, y, verbose=0)
model.predict(x, verbose=0)
"""
    run = run_python("-c", code, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
