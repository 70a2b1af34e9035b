"""The cases of test_golden.py against a live Keras, with fresh random numbers.

    PYFRAME_ORACLE_PYTHON=/path/to/python pytest -m oracle

names an interpreter that has keras and tensorflow. PYFRAME_ORACLE_SEED repeats a run.
"""

import os
import random
import subprocess
from collections.abc import Iterable, Iterator
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


class Live:
    """What Keras gives for the cases of each group: one process a group, as many as processors."""

    def __init__(self, python: str, seed: int, folder: Path, groups: Iterable[str]) -> None:
        self._command = [python, "-m", "tests.golden.make_golden", "--seed", str(seed)]
        self._folder = folder
        self.seed = seed
        self.pool = ThreadPoolExecutor(os.cpu_count())
        self._answers = {group: self.pool.submit(self._ask, group) for group in groups}

    def files(self, group: str) -> dict[str, Array]:
        return self._answers[group].result()

    def _ask(self, group: str) -> dict[str, Array]:
        command = [*self._command, "--out", str(self._folder), "--groups", group]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        try:
            process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True,
                                     text=True, timeout=540, check=False)  # fmt: skip
        except OSError as error:
            pytest.fail(f"PYFRAME_ORACLE_PYTHON={command[0]} cannot be started: {error}")
        if process.returncode != 0:
            pytest.fail(f"Keras failed under {command[0]}:\n{process.stderr[-3000:]}")
        with np.load(self._folder / f"{group}.npz") as arrays:
            return dict(arrays)


@pytest.fixture(scope="module")
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    python = os.environ.get("PYFRAME_ORACLE_PYTHON")
    if not python:
        pytest.skip("PYFRAME_ORACLE_PYTHON names no interpreter with keras and tensorflow")
    seed = int(os.environ.get("PYFRAME_ORACLE_SEED") or random.SystemRandom().randint(1, 10**6))
    wanted = [item for item in request.session.items if "live" in getattr(item, "fixturenames", ())]
    groups = dict.fromkeys(item.callspec.params["name"].split("/")[0] for item in wanted)  # type: ignore[attr-defined]
    live = Live(python, seed, tmp_path_factory.mktemp("keras"), groups)
    yield live
    live.pool.shutdown(wait=False, cancel_futures=True)


@pytest.mark.timeout(600)  # the first case of a group waits for Keras
@pytest.mark.parametrize("name", RUNS)
def test_live(name: str, live: Live) -> None:
    files = live.files(name.split("/")[0])
    try:
        compare(name, run(pyframe, name, live.seed), expected_results(files, name))
    except AssertionError as error:
        raise AssertionError(f"PYFRAME_ORACLE_SEED={live.seed}: {error}") from error
