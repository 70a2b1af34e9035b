"""A training that is killed and started again ends with the same bytes as one that is not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping
from pyframe.errors import CheckpointError, ConfigurationError, ModelFormatError
from tests.saving.helpers import equal, small_data, small_model
from tests.subprocesses import PACKAGE

PROGRAM = """
import os, signal, sys
import numpy as np
import pyframe
from pyframe.callbacks import *
from pyframe.layers import Dense, Dropout, Flatten
from pyframe.models import Sequential

folder, freq, kill_at, source = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
if source != "no seed":
    pyframe.utils.set_random_seed(3)
model = Sequential([
    Dense(6, activation="relu", input_dim=4), Dropout(0.5), Dropout(0.25, seed=7),
    Dense(3, activation="softmax"),
])
if source == "no seed":
    rng = np.random.RandomState(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
rng = np.random.RandomState(0)
x, y = rng.normal(size=(50, 4)), np.eye(3)[rng.randint(0, 3, 50)]

class Kill(Callback):
    def __init__(self):
        self.left = kill_at

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

class Batches(pyframe.utils.Sequence):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        return x[7 * i : 7 * i + 7], y[7 * i : 7 * i + 7]

def pictures(seed):
    from pyframe.preprocessing.image import ImageDataGenerator

    changing = ImageDataGenerator(width_shift_range=0.5, rotation_range=90)
    images = x.astype("float32").reshape(50, 2, 2, 1)
    return changing.flow(images, y, batch_size=7, seed=seed)

data = {"x": Batches(workers=2)} if source == "sequence" else {"x": x, "y": y, "batch_size": 7}
if source == "steps":
    data["steps_per_epoch"] = 5
validation = x[:9], y[:9]
if source.startswith("pictures"):
    model = Sequential([Flatten(input_shape=(2, 2, 1)), *model.layers])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    np.random.seed(5)
    data = {"x": pictures(None if source == "pictures without seed" else 2)}
    validation = pictures(9)
callbacks = [
    Kill(),
    BackupAndRestore(folder + "/backup", save_freq=freq if freq == "epoch" else int(freq)),
    ReduceLROnPlateau("loss", patience=1, min_delta=0.02, factor=0.5),
    EarlyStopping("val_loss", patience=4, restore_best_weights=True),
    CSVLogger(folder + "/log.csv"),
]
history = model.fit(
    **data, epochs=7, verbose=0, validation_data=validation, callbacks=callbacks
)
values = [np.array(history.epoch), *(np.array(v) for v in history.history.values())]
values += [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
values += [model.random_state().numpy()]
np.savez(folder + "/result.npz", *values)
"""


def launch(folder: Path, freq: str, kill_at: int, source: str) -> int:
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    arguments = [str(folder), freq, str(kill_at), source]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    run = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert run.returncode in (0, -9), run.stderr
    return run.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize(
    ("freq", "source", "kills"),
    [
        ("epoch", "arrays", (11, 3, 20)),
        ("3", "arrays", (5, 21)),
        ("3", "sequence", (12, 2)),
        ("4", "steps", (13,)),
        ("3", "pictures", (12, 6)),
        ("epoch", "pictures without seed", (19,)),
        ("1", "no seed", (0,)),
    ],
)
def test_killed_and_resumed_gives_the_same_bytes(
    tmp_path: Path, freq: str, source: str, kills: tuple[int, ...]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    if source == "no seed":
        # Without a seed only the interrupted run itself says what the other one would have been:
        # it resumes from a copy of its first backup.
        assert launch(broken, freq, 9, source) == -9
        (whole / "backup").mkdir()
        backup = (broken / "backup" / "latest.weights.h5").read_bytes()
        (whole / "backup" / "latest.weights.h5").write_bytes(backup)
        (whole / "log.csv").write_bytes((broken / "log.csv").read_bytes())
    assert launch(whole, freq, 0, source) == 0
    for kill_at in kills:
        assert launch(broken, freq, kill_at, source) == (-9 if kill_at else 0)
        assert kill_at == 0 or not (broken / "result.npz").exists()
    if kills[-1]:
        assert launch(broken, freq, 0, source) == 0
    with np.load(whole / "result.npz") as a, np.load(broken / "result.npz") as b:
        assert a.files == b.files
        for name in a.files:
            assert a[name].tobytes() == b[name].tobytes(), name
    assert (whole / "log.csv").read_bytes() == (broken / "log.csv").read_bytes()
    assert not (broken / "backup").exists()


class Interrupt(Callback):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.last = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.last:
            raise KeyboardInterrupt


def interrupted(folder: Path, model: Any, epoch: int = 2, **options: Any) -> None:
    callbacks = [BackupAndRestore(folder, **options), Interrupt(epoch)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(*small_data(), epochs=5, verbose=0, callbacks=callbacks)
    assert model.training_run is None


def test_the_folder_goes_with_the_training_only_if_it_is_empty(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "backup"
    model = small_model()
    interrupted(folder, model)
    assert [p.name for p in folder.iterdir()] == ["latest.weights.h5"]
    (folder / "mine").write_text("x")
    history = model.fit(*small_data(), epochs=5, verbose=0, callbacks=[BackupAndRestore(folder)])
    assert history.epoch == [0, 1, 2, 3, 4]
    assert [p.name for p in folder.iterdir()] == ["mine"]
    keeping = BackupAndRestore(tmp_path / "kept", delete_checkpoint=False)
    model.fit(*small_data(), epochs=2, verbose=0, callbacks=[keeping])
    assert (tmp_path / "kept" / "latest.weights.h5").exists()
    before = model.get_weights()
    history = model.fit(*small_data(), epochs=2, verbose=0, callbacks=[keeping])
    assert history.epoch == [0, 1]
    assert equal(model.get_weights(), before)


def test_a_stop_is_remembered(tmp_path: Path) -> None:
    model = small_model()

    class Stop(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    keeping = BackupAndRestore(tmp_path, delete_checkpoint=False)
    model.fit(*small_data(), epochs=9, verbose=0, callbacks=[keeping, Stop()])
    assert model.fit(*small_data(), epochs=9, verbose=0, callbacks=[keeping]).epoch == [0, 1]


def test_the_backup_before_the_latest(tmp_path: Path) -> None:
    model = small_model()
    interrupted(tmp_path, model, 3, double_checkpoint=True)
    latest = tmp_path / "latest.weights.h5"
    latest.write_bytes(latest.read_bytes()[:-200])
    (tmp_path / "previous.weights.h5").rename(tmp_path / "aside")
    with pytest.raises(ModelFormatError, match=r"latest.*Delete the folder"):
        model.fit(*small_data(), epochs=5, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    (tmp_path / "aside").rename(tmp_path / "previous.weights.h5")
    with pytest.warns(UserWarning, match="The backup before it is used"):
        history = model.fit(
            *small_data(), epochs=5, verbose=0, callbacks=[BackupAndRestore(tmp_path)]
        )
    assert history.epoch == [0, 1, 2, 3, 4]


def test_a_backup_of_another_training(tmp_path: Path) -> None:
    interrupted(tmp_path, small_model())
    other = small_model(units=7)
    before = other.get_weights()
    with pytest.raises(ConfigurationError, match=r"belongs to another training.*Delete"):
        other.fit(*small_data(), verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    assert equal(other.get_weights(), before)
    with pytest.raises(ConfigurationError, match=r"belongs to another training.*batches"):
        small_model().fit(*small_data(99), verbose=0, callbacks=[BackupAndRestore(tmp_path)])


def test_bad_arguments(tmp_path: Path) -> None:
    for wrong in ("", None, 3):
        with pytest.raises(ConfigurationError, match="`backup_dir` must be a path"):
            BackupAndRestore(wrong)  # type: ignore[arg-type]
    for freq in ("batch", 0, -1, 1.5, True):
        with pytest.raises(ConfigurationError, match="`save_freq`"):
            BackupAndRestore(tmp_path, save_freq=freq)
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot make its folder.*`backup_dir`"):
        small_model().fit(
            *small_data(), verbose=0, callbacks=[BackupAndRestore(tmp_path / "file" / "x")]
        )
    with pytest.raises(ConfigurationError, match="in `fit` only"):
        BackupAndRestore(tmp_path).on_epoch_end(0)


def test_states_without_callbacks_of_that_kind(tmp_path: Path) -> None:
    model = small_model()
    callbacks = [BackupAndRestore(tmp_path), EarlyStopping("loss", patience=3), Interrupt(1)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(*small_data(), epochs=4, verbose=0, callbacks=callbacks)
    log = CSVLogger(tmp_path / "log.csv")
    history = model.fit(
        *small_data(), epochs=4, verbose=0, callbacks=[BackupAndRestore(tmp_path), log]
    )
    assert history.epoch == [0, 1, 2, 3]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    assert pyframe.callbacks.History().best_epoch is None
