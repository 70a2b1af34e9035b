"""The cases of test_golden.py against a live Keras, with fresh random numbers.

    PYFRAME_ORACLE_PYTHON=/path/to/python pytest -m oracle

names an interpreter that has keras and tensorflow. PYFRAME_ORACLE_SEED repeats a run.
"""

import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import pyframe
from tests.oracle.compare import compare, expected_results
from tests.oracle.runs import RUNS, run
from tests.oracle.specs import Array

pytestmark = pytest.mark.oracle
ROOT = Path(__file__).resolve().parents[2]
Live = tuple[int, dict[str, Array]]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    seed = int(os.environ.get("PYFRAME_ORACLE_SEED") or random.SystemRandom().randint(1, 10**6))
    out = tmp_path_factory.mktemp("keras")
    command = [python, "-m", "tests.golden.make_golden", "--seed", str(seed), "--out", str(out)]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    groups = sorted({name.split("/")[0] for name in RUNS})

    def make(group: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, "--groups", group], cwd=ROOT, env=environment,
                              capture_output=True, text=True, timeout=280, check=False)  # fmt: skip

    try:
        # One process for each group: most of the time goes to tracing, on one core.
        with ThreadPoolExecutor(max_workers=4) as pool:
            processes = list(pool.map(make, groups))
    except OSError as error:
        pytest.fail(f"PYFRAME_ORACLE_PYTHON={python} cannot be started: {error}")
    for group, process in zip(groups, processes, strict=True):
        if process.returncode != 0:
            pytest.fail(f"Keras failed under {python} on {group}:\n{process.stderr[-3000:]}")
    files: dict[str, Array] = {}
    for file in out.glob("*.npz"):
        with np.load(file) as arrays:
            files.update(arrays)
    return seed, files


@pytest.mark.parametrize("name", RUNS)
def test_live(name: str, live: Live) -> None:
    seed, files = live
    try:
        compare(name, run(pyframe, name, seed), expected_results(files, name))
    except AssertionError as error:
        raise AssertionError(f"PYFRAME_ORACLE_SEED={seed}: {error}") from error
