"""docs/keras.md names tests for each behaviour of Keras: they must exist."""

import re
from pathlib import Path

import pytest

from tests.oracle.callback_runs import FAKE_CASES, TRAININGS
from tests.oracle.runs import RUNS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "keras.md"
CASES = [*(name.replace("/", ":", 1) for name in RUNS), *(f"training:{n}" for n in TRAININGS),
         *(f"training:{case.name}" for case in FAKE_CASES)]  # fmt: skip


def rows() -> list[tuple[int, list[str]]]:
    if not PAGE.exists():
        return []
    found = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return [(int(number), re.findall(r"`([^`]+)`", tests)) for number, tests in found]


def exists(reference: str) -> bool:
    path, separator, name = reference.partition("::")
    if separator:
        file = ROOT / path
        return file.exists() and f"def {name}(" in file.read_text("utf-8")
    if reference.endswith("*"):
        return any(case.startswith(reference[:-1]) for case in CASES)
    return reference in CASES


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not part of what is tested")
def test_every_named_test_exists() -> None:
    table = rows()
    numbers = [number for number, _ in table]
    assert numbers == sorted(set(numbers))
    assert set(numbers) >= {*range(1, 64), *range(73, 81)}
    assert [n for n, tests in table if not tests] == []
    assert [(n, t) for n, tests in table for t in tests if not exists(t)] == []
