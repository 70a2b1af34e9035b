"""The scripts in examples/ run from beginning to end."""

import re
from pathlib import Path

import pytest

from tests.subprocesses import run_python

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_overfitting(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = run_python(str(EXAMPLES / "overfitting.py"), "--epochs", "200", "--out", "o",
                     cwd=tmp_path, env={"MPLBACKEND": "agg"})  # fmt: skip
    assert run.returncode == 0, run.stderr
    rows = dict(re.findall(r"^(\w+) +([\d .]+)$", run.stdout, re.M))
    table = {name: [float(value) for value in row.split()] for name, row in rows.items()}
    # Columns: epochs, best epoch, best loss, loss, accuracy.
    everything, stopped, patient, best = (
        table[name] for name in ("no_stopping", "stopping", "patience", "best_model")
    )
    assert everything[0] == 200
    assert everything[3] > everything[2] + 0.05
    assert stopped[0] == stopped[1] + 1 < patient[0] < 200
    assert patient[0] == patient[1] + 50
    assert best[3] == best[2] == patient[2] < patient[3]
    assert table["rate_small"][3] > table["rate_right"][2] + 0.3 < table["rate_large"][3]
    pictures = sorted(path.stem for path in (tmp_path / "o").glob("*.png"))
    assert pictures == sorted(table)
    assert len(table) == 10


def test_options_of_the_script(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = run_python(str(EXAMPLES / "overfitting.py"), "--quick", "--only", "dropout", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "dropout           20" in run.stdout
    run = run_python(str(EXAMPLES / "overfitting.py"), "--epochs", "0", cwd=tmp_path)
    assert run.returncode == 2
    assert "--epochs must be at least 2" in run.stderr


def test_two_inputs_and_two_outputs(tmp_path: Path) -> None:
    run = run_python(str(EXAMPLES / "functional.py"), "--epochs", "3", "--pairs", "3000",
                     cwd=tmp_path)  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "left[0][0]" in run.stdout
    results = dict(re.findall(r"^(\w+) +([\d.]+)$", run.stdout, re.M))
    assert float(results["same_accuracy"]) > 0.65
    assert float(results["number_accuracy"]) > 0.3
    assert "features (1000, 32)" in run.stdout


def test_augmentation(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    run = run_python(str(EXAMPLES / "augmentation.py"), "--out", "o", "--per-class", "10",
                     "--epochs", "40", cwd=tmp_path, env={"MPLBACKEND": "agg"})  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = re.findall(r"^(\w+) .* training loss (\S+) +validation loss (\S+)", run.stdout, re.M)
    losses = {name: (float(seen), float(unseen)) for name, seen, unseen in found}
    assert losses["augmented"][1] < losses["plain"][1] - 0.05
    gaps = {name: unseen - seen for name, (seen, unseen) in losses.items()}
    assert gaps["augmented"] < gaps["plain"]
    for name in losses:
        for file in (f"{name}.png", f"{name}_pictures.png", f"{name}.keras"):
            assert (tmp_path / "o" / file).stat().st_size > 1000


def test_transfer_learning(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    run = run_python(str(EXAMPLES / "transfer_learning.py"), "--epochs", "1", "--alpha", "0.25",
                     cwd=tmp_path)  # fmt: skip
    assert run.returncode == 0, run.stderr
    rows = dict(re.findall(r"^(\w+) +(0\.\d{3})$", run.stdout, re.M))
    assert list(rows) == ["classifier", "fine_tuned", "from_scratch"]
    assert (tmp_path / "transfer_learning" / "fine_tuned.keras").exists()
    assert len(list((tmp_path / "transfer_learning" / "digits" / "train").glob("*/*.png"))) == 250


@pytest.mark.slow
def test_transfer_learning_pays(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    run = run_python(str(EXAMPLES / "transfer_learning.py"), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    rows = {n: float(v) for n, v in re.findall(r"^(\w+) +(0\.\d{3})$", run.stdout, re.M)}
    assert rows["from_scratch"] + 0.1 < min(rows["classifier"], rows["fine_tuned"])


def test_series(tmp_path: Path) -> None:
    run = run_python(str(EXAMPLES / "series.py"), "--epochs", "6", "--length", "2000", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    found = re.search(r"of the network (\S+), of repeating the last number (\S+)", run.stdout)
    assert found is not None
    assert float(found[1]) < 0.5 * float(found[2])
