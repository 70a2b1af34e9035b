"""Every hostile file at every entry point: an error of its own kind, and nothing else happens."""

import json
from pathlib import Path

from tests.saving import attacks
from tests.subprocesses import run_python

ROOT = Path(__file__).resolve().parents[2]
# What may be loaded because the harmful part is not looked at, or has no place in the model.
TOLERATED = {
    *(f"links circle.h5 / {entry}" for entry in ("load_model", "load_weights", "by_name")),
    *(f"links group.{end} / by_name" for end in ("keras", "weights.h5")),
}
LIMIT = 64 << 10


def test_attacks(tmp_path: Path) -> None:
    run = run_python("-m", "tests.saving.attacks", str(tmp_path), cwd=ROOT)
    assert run.returncode == 0, run.stderr[-3000:]
    found = json.loads(run.stdout)
    files = {name.partition(" / ")[0] for name in found}
    kinds = len(attacks.CONFIGS) + len(attacks.ARCHIVES) + len(attacks.LINKS)
    assert len({Path(file).stem.removesuffix(".weights") for file in files}) == kinds
    for name, (result, events, growth) in found.items():
        if name not in TOLERATED:
            assert result.startswith("refused "), f"{name}: {result}"
        assert events == [], f"{name}: {events}"
        assert growth <= LIMIT, f"{name}: {growth} KiB"
    unsafe = (" layer", "lambda value", "module", "saved model", "pickle", "registered")
    unsafe += (" link", "linked group", "virtual", "external storage", "traversal", "absolute")
    for name, (result, _, _) in found.items():
        if name.partition(".")[0].endswith(unsafe) and "resume" not in name:
            assert "UnsafeModelError" in result, f"{name}: {result}"


def test_entry_points_are_all_there() -> None:
    """Whoever opens files of models appears in the matrix."""
    users = set()
    for path in (ROOT / "pyframe").rglob("*.py"):
        if "open_model_file(" in path.read_text("utf-8"):
            users.add(path.relative_to(ROOT / "pyframe").as_posix())
    assert users == {"saving/reading.py", "saving/model_file.py", "saving/training.py"}
