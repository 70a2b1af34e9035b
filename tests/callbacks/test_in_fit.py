"""Callbacks in real trainings, and what they say about impossible arguments."""

import contextlib
import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import callbacks
from pyframe.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    MonitorCallback,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from pyframe.errors import CheckpointError, ConfigurationError, NonFiniteError
from pyframe.models import load_model
from tests.saving.helpers import equal, small_data, small_model


def fit(model: Any, *given: Any, **options: Any) -> Any:
    x, y = small_data()
    arguments = {"epochs": 4, "verbose": 0, "validation_data": (x, np.roll(y, 1, 0))}
    return model.fit(x, y, callbacks=list(given), **(arguments | options))


def test_the_best_model_comes_back(tmp_path: Path) -> None:
    model = small_model(optimizer=pyframe.optimizers.SGD(0.5))
    path = tmp_path / "folder" / "best.keras"
    seen: list[Any] = []

    class Notes(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append((logs["val_loss"], self.model.get_weights()))

    stopping = EarlyStopping(patience=3, restore_best_weights=True)
    history = fit(model, Notes(), stopping, ModelCheckpoint(path, save_best_only=True), epochs=30)
    best = min(range(len(seen)), key=lambda i: seen[i][0])
    assert stopping.best_epoch == history.best_epoch == best
    assert history.stopped_epoch == len(seen) - 1 == best + 3
    assert equal(model.get_weights(), seen[best][1])
    again = load_model(path)
    assert equal(again.get_weights(), model.get_weights())
    x, y = small_data()
    logs = again.evaluate(x, np.roll(y, 1, 0), verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(seen[best][0], rel=1e-5)


def test_weights_only_and_verbose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = small_model()
    path = str(tmp_path / "{epoch}.weights.h5")
    fit(model, ModelCheckpoint(path, save_weights_only=True, verbose=1, period=2))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["2.weights.h5", "4.weights.h5"]
    assert f"Epoch 2: saving model to {tmp_path}/2.weights.h5" in capsys.readouterr().out
    other = small_model()
    other.load_weights(tmp_path / "4.weights.h5")
    assert equal(other.get_weights(), model.get_weights())


def test_callbacks_that_need_no_batches_cost_nothing(tmp_path: Path) -> None:
    quiet = [
        EarlyStopping(), ModelCheckpoint(tmp_path / "m.keras"), CSVLogger(tmp_path / "c"),
        ReduceLROnPlateau(), LearningRateScheduler(lambda epoch: 0.1), TerminateOnNaN(),
        callbacks.BackupAndRestore(tmp_path), callbacks.RemoteMonitor(),
    ]  # fmt: skip
    assert not CallbackList(quiet).needs_batches("train")
    for loud in (
        ModelCheckpoint("m.keras", save_freq=5),
        callbacks.BackupAndRestore("b", save_freq=5),
    ):
        assert CallbackList([loud]).needs_batches("train")


@pytest.mark.parametrize("batches", [False, True])
def test_terminate_on_nan(capsys: pytest.CaptureFixture[str], batches: bool) -> None:
    x, y = small_data(40)
    x[25] = np.nan
    more = [type("Each", (Callback,), {"on_train_batch_end": lambda self, b, logs=None: None})()]
    for stop in (TerminateOnNaN(), TerminateOnNaN(raise_error=True)):
        # Dropout may drop every unit that is NaN, and then the loss is finite: fix its draws.
        pyframe.utils.set_random_seed(0)
        model = small_model()
        given = [stop, *(more if batches else [])]
        options = {"batch_size": 10, "epochs": 3, "shuffle": False, "verbose": 0}
        outcome: Any = contextlib.nullcontext()
        if stop.raise_error:
            outcome = pytest.raises(NonFiniteError, match="batch 2")
        with pytest.warns(RuntimeWarning, match="NaN"), outcome:
            model.fit(x, y, callbacks=given, **options)
        assert model.history.epoch == ([] if stop.raise_error else [0])
        assert int(model.optimizer.iterations) == 2
        assert all(np.isfinite(w).all() for w in model.get_weights())
    text = capsys.readouterr().out
    assert text == "Batch 2: Invalid loss, terminating training\n"


def test_learning_rates_reach_the_optimizer() -> None:
    model = small_model(optimizer=pyframe.optimizers.SGD(1.0))
    history = fit(model, LearningRateScheduler(lambda epoch, rate: rate / 2))
    assert history.history["learning_rate"] == [0.5, 0.25, 0.125, 0.0625]
    history = fit(model, ReduceLROnPlateau("loss", patience=1, min_delta=99, factor=0.5))
    assert history.history["learning_rate"] == [0.0625, 0.0625, 0.03125, 0.015625]


def test_a_missing_monitor_warns_once_and_names_what_there_is() -> None:
    model = small_model()
    x, y = small_data()
    for callback in (EarlyStopping(), ReduceLROnPlateau()):
        with pytest.warns(UserWarning, match="not available") as caught:
            model.fit(x, y, epochs=3, verbose=0, callbacks=[callback])
        text = [str(w.message) for w in caught]
        assert len(text) == 1
        assert "`val_loss`" in text[0]
        assert "pass validation_data or validation_split" in text[0]
        assert "accuracy,loss" in text[0]


def test_patience_that_cannot_run_out_warns() -> None:
    with pytest.warns(UserWarning, match=r"patience=4\) cannot stop a training of 4"):
        fit(small_model(), EarlyStopping(patience=4))


@pytest.mark.parametrize(
    ("name", "direction"),
    [("val_loss", "min"), ("loss", "min"), ("out_loss", "min"), ("mae", "min"), ("acc", "max"),
     ("val_accuracy", "max"), ("val_auc", "max"), ("val_custom", "min")],
)  # fmt: skip
def test_automatic_directions(name: str, direction: str) -> None:
    assert MonitorCallback(name).direction == direction


def test_callbacks_pickle_and_copy(tmp_path: Path) -> None:
    model = small_model()
    given = [
        EarlyStopping(patience=1),
        CSVLogger(tmp_path / "c"),
        ModelCheckpoint(tmp_path / "m.keras"),
    ]
    fit(model, *given)
    for callback in given:
        for again in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
            fit(again.model, again)


NAN = float("nan")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: EarlyStopping(patience=-1), "`patience` must be an integer >= 0. Received: -1"),
        (lambda: EarlyStopping(patience=1.5), "`patience`"),
        (lambda: EarlyStopping(patience="3"), "`patience`"),
        (lambda: EarlyStopping(mode="up"), "`mode` must be one of .*'min'.*Received: 'up'"),
        (lambda: EarlyStopping(min_delta=NAN), "`min_delta`"),
        (lambda: EarlyStopping(baseline="x"), "`baseline`"),
        (lambda: EarlyStopping(monitor=None), "`monitor`"),
        (lambda: EarlyStopping(start_from_epoch=-2), "`start_from_epoch`"),
        (lambda: ReduceLROnPlateau(factor=1.0), "`factor` must be less than 1"),
        (lambda: ReduceLROnPlateau(factor=-0.5), "`factor`"),
        (lambda: ReduceLROnPlateau(cooldown=-1), "`cooldown`"),
        (lambda: ReduceLROnPlateau(min_lr=-1), "`min_lr`"),
        (lambda: ReduceLROnPlateau(speed=1), "no argument `speed`"),
        (lambda: LearningRateScheduler(0.1), "`schedule` must be a function"),
        (lambda: ModelCheckpoint("best.npz"), "saved as .*best.npz"),
        (lambda: ModelCheckpoint(""), "`filepath` must be a path"),
        (lambda: ModelCheckpoint("m.keras", save_freq="batch"), "`save_freq` must be 'epoch'"),
        (lambda: ModelCheckpoint("m.keras", save_freq=0), "`save_freq`"),
        (lambda: ModelCheckpoint("m.keras", period=0), "`save_freq`|`period`"),
        (lambda: CSVLogger("c", separator=",,"), "`separator` must be one character"),
        (lambda: CSVLogger(None), "`filename` must be a path"),
        (lambda: callbacks.RemoteMonitor("file:///etc"), "`root` must start with http"),
    ],
)
def test_impossible_arguments(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


@pytest.mark.parametrize("value", [NAN, -0.1, "fast", None, float("inf")])
def test_a_schedule_that_returns_nonsense(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"schedule.*(epoch 0|Received)"):
        fit(small_model(), LearningRateScheduler(lambda epoch, rate: value))


def test_an_error_inside_a_schedule_is_not_hidden() -> None:
    def schedule(epoch: int, rate: float) -> float:
        raise TypeError("my own mistake")

    with pytest.raises(TypeError, match="my own mistake"):
        fit(small_model(), LearningRateScheduler(schedule))


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "x.keras"
    (tmp_path / "folder.keras").mkdir()
    for callback, argument in (
        (CSVLogger(below), "filename"),
        (CSVLogger(tmp_path), "filename"),
        (ModelCheckpoint(below), "filepath"),
    ):
        with pytest.raises(CheckpointError, match=f"`{argument}`"):
            fit(small_model(), callback)
    with pytest.raises(CheckpointError, match="folder of that name"):
        fit(small_model(), ModelCheckpoint(tmp_path / "folder.keras"))
    with pytest.raises(ConfigurationError, match=r"`filepath`.*'auc'.*Names at hand: epoch"):
        fit(small_model(), ModelCheckpoint(tmp_path / "{auc}.keras"))


def test_a_schedule_of_the_optimizer_and_one_of_a_callback() -> None:
    model = small_model(optimizer=pyframe.optimizers.SGD(lambda step: step * 0.0 + 0.1))
    with pytest.raises(ConfigurationError, match=r"learning rate (follows|, but)"):
        fit(model, LearningRateScheduler(lambda epoch: 0.1))
