"""Layers, losses, optimizers and fit against frozen results of the real Keras.

tests/golden/make_golden.py made the files; it says how to make them again.
"""

from pathlib import Path

import numpy as np
import pytest

import pyframe
from tests.oracle.compare import compare, expected_results
from tests.oracle.runs import RUNS, run
from tests.oracle.specs import Array

FOLDER = Path(__file__).resolve().parents[1] / "golden"
GOLDEN: dict[str, Array] = {}
for _file in sorted(FOLDER.glob("*.npz")):
    with np.load(_file) as _arrays:
        GOLDEN.update(_arrays)


@pytest.mark.parametrize("name", RUNS)
def test_golden(name: str) -> None:
    compare(name, run(pyframe, name, seed=0), expected_results(GOLDEN, name))


def test_no_golden_case_is_forgotten() -> None:
    cases = {"/".join(key.split("/")[:2]) for key in GOLDEN if "/" in key}
    assert cases == set(RUNS), "run tests/golden/make_golden.py again"
