"""The main job, `python -m pyframe`."""

import re
from pathlib import Path

import pytest

from tests.subprocesses import run_python


def test_the_main_job_trains_and_saves_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = run_python("-m", "pyframe", "--epochs", "2", "--out", "here", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "conv2d (Conv2D)" in run.stdout
    assert len(re.findall(r"^Epoch [12]/2 - 125/125 - ", run.stdout, re.MULTILINE)) == 2
    accuracy = re.search(r"Test accuracy: ([0-9.]+)% \((\d+) of 1000 digits\)", run.stdout)
    assert accuracy is not None
    assert float(accuracy[1]) > 75
    assert int(accuracy[2]) == pytest.approx(10 * float(accuracy[1]))
    assert re.search(r"Training time: [0-9.]+ s", run.stdout)
    for name in ("curves.png", "misclassified.png"):
        assert (tmp_path / "here" / name).read_bytes().startswith(b"\x89PNG")


def test_the_main_job_without_matplotlib(tmp_path: Path) -> None:
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("raise ImportError('not here')")
    run = run_python("-m", "pyframe", "--epochs", "1", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "pip install matplotlib" in run.stdout
    assert "Test accuracy" in run.stdout


@pytest.mark.slow
def test_the_main_job_reaches_95_percent(tmp_path: Path) -> None:
    for seed in ("1", "2", "3"):
        run = run_python("-m", "pyframe", "--seed", seed, cwd=tmp_path)
        match = re.search(r"Test accuracy: ([0-9.]+)%", run.stdout)
        assert match is not None
        assert float(match[1]) >= 95


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--epochs", "x"], ["--colour"]])
def test_wrong_arguments(tmp_path: Path, wrong: list[str]) -> None:
    run = run_python("-m", "pyframe", *wrong, cwd=tmp_path)
    assert run.returncode == 2
    assert "usage: python -m pyframe" in run.stderr
