"""A crash while a file is written leaves the old file or the new one."""

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from pyframe.errors import CheckpointError
from pyframe.models import load_model
from pyframe.saving import publish as publish_module
from pyframe.saving.publish import publish
from pyframe.saving.records import read_record
from tests.saving.helpers import equal, small_model
from tests.subprocesses import PACKAGE

SAVE_LOOP = """
import sys
import numpy as np
from tests.saving.helpers import small_model
model = small_model(units=400)
number = 0
print("ready", flush=True)
while True:
    number += 1
    model.set_weights([np.full(w.shape, number, "float32") for w in model.weights])
    model.save(sys.argv[1])
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(PACKAGE.parent), str(root), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_any_moment_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    rng = random.Random(1)
    seen, kills, left = 0, 0, 0
    while kills < 30:
        # Several writers in turn: starting Python takes longer than the saving.
        processes = [start(SAVE_LOOP, str(tmp_path / f"{i}.keras")) for i in range(3)]
        for i, process in enumerate(processes):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            path = tmp_path / f"{i}.keras"
            for _ in range(200):
                if path.exists():
                    break
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            kills += 1
            values = {float(v) for w in load_model(path).get_weights() for v in np.unique(w)}
            assert len(values) == 1, "weights of two savings in one file"
            seen += 1
        left = sum(".tmp-" in p.name for p in tmp_path.iterdir())
    assert seen == kills
    for i in range(3):
        small_model().save(tmp_path / f"{i}.keras")
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["0.keras", "1.keras", "2.keras"], f"{left} left over before"


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
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="no ordinary file"):
        small_model().save(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="could not be written"):
        small_model().save("/proc/no/such/place")


def test_saving_over_a_file_that_is_being_read(tmp_path: Path) -> None:
    model = small_model()
    model.save(tmp_path / "m")
    record = read_record(tmp_path / "m", "model")
    before = model.get_weights()
    model.set_weights([w + 1 for w in before])
    model.save(tmp_path / "m")
    assert equal(load_model(tmp_path / "m").get_weights(), model.get_weights())
    assert record.data["weights"][0]["value"].shape == before[0].shape
