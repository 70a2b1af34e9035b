"""A crash while a file is written leaves the old file or the new one."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pyframe.errors import CheckpointError
from pyframe.models import load_model
from pyframe.saving import publish as publish_module
from pyframe.saving.publish import publish
from tests.saving.helpers import small_model
from tests.subprocesses import run_python

KILLS = 30
# Forks, as starting Python 30 times takes longer than all else.
SAVE_AND_KILL = f"""
import os, random, signal, sys, time
import numpy as np
from pyframe.models import load_model
from tests.saving.helpers import small_model

path, rng, seen = sys.argv[1], random.Random(1), set()
model = small_model(units=400)
model.set_weights([np.full(w.shape, -1, "float32") for w in model.weights])
model.save(path)
for kill in range({KILLS}):
    child = os.fork()
    if child == 0:
        for number in range(10_000 * kill, 10**9):
            model.set_weights([np.full(w.shape, number, "float32") for w in model.weights])
            model.save(path)
    time.sleep(rng.uniform(0.002, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    weights = load_model(path).get_weights()
    values = {{float(v) for w in weights for v in np.unique(w)}}
    assert len(values) == 1, "weights of two savings in one file"
    seen |= values
print(len(seen), sum(".tmp-" in name for name in os.listdir(os.path.dirname(path))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_killed_at_any_moment_the_file_is_whole(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    path = tmp_path / "model.keras"
    run = run_python("-c", SAVE_AND_KILL, str(path), cwd=root, env={"OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr
    savings, left = map(int, run.stdout.split())
    assert savings > 3
    small_model().save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"], f"{left} left over before"


def no_check(path: Path) -> None:
    pass


def write_text(text: str) -> Any:
    def write(file: BinaryIO) -> None:
        file.write(text.encode())

    return write


def test_the_order_of_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noting_fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        steps.append(f"fsync {kind}")
        fsync(descriptor)

    def noting_replace(self: Path, target: Any) -> Any:
        steps.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "replace", noting_replace)
    publish(tmp_path / "f", write_text("a"), lambda path: steps.append("check"))
    assert steps == ["fsync file", "check", "replace", "fsync folder"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("place", ["write", "fsync", "check", "replace"])
def test_a_failure_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, code: int
) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def fail(*args: Any) -> Any:
        raise OSError(code, os.strerror(code))

    if place == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    if place == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    write = fail if place == "write" else write_text("new")
    with pytest.raises(CheckpointError, match="could not be written") as caught:
        publish(path, write, fail if place == "check" else no_check)
    assert caught.value.errno == code
    assert caught.value.filename == str(path)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert path.read_text() == "old"


def test_an_interruption_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def interrupt(file: BinaryIO) -> None:
        file.write(b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(path, interrupt, no_check)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_permissions_links_and_long_names(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    publish(link, write_text("new"), no_check)
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    name = "x" * 250
    publish(tmp_path / name, write_text("a"), no_check)
    assert (tmp_path / name).read_text() == "a"


def test_left_over_files_of_dead_processes_are_removed(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", ""], check=True)
    assert dead.returncode == 0
    prefix = publish_module._prefix(tmp_path / "f")
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    stale = [tmp_path / f"{prefix}{process.pid}-0"]
    kept = [
        tmp_path / f"{prefix}{os.getpid()}-99",
        tmp_path / f".f.tmp-otherhost-{process.pid}-0",
        tmp_path / ".f.tmp-mine",
    ]
    for path in stale + kept:
        path.write_text("part")
    publish(tmp_path / "f", write_text("a"), no_check)
    assert not any(path.exists() for path in stale)
    assert all(path.exists() for path in kept)


def test_what_is_no_ordinary_file_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(CheckpointError, match="no ordinary file"):
        small_model().save(tmp_path / "pipe.keras")
    with pytest.raises(CheckpointError, match="no ordinary file"):
        load_model(tmp_path / "pipe.keras")
    with pytest.raises(CheckpointError, match="could not be written"):
        small_model().save("/proc/no/such/place.keras")
