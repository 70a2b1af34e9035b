"""Callbacks of one framework driven through fixed logs, and through small trainings.

Everything takes `k`, the module `keras` or the module `pyframe`, and returns plain data. The number
in a name is that of the behaviour in the project's list of what Keras does exactly.
"""

import contextlib
import io
import math
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.runs import build, inputs, randomize
from tests.oracle.specs import rng_for

Logs = list[dict[str, Any]]
Callbacks = Callable[[Any, Path], list[Any]]


class FakeOptimizer:
    """Keeps a learning rate in float32, as optimizers do."""

    def __init__(self) -> None:
        self._rate = np.float32(0.1)

    @property
    def learning_rate(self) -> Any:
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._rate = np.float32(value)


class FakeModel:
    """Something to train whose weights are the number of the epoch."""

    def __init__(self) -> None:
        self.optimizer = FakeOptimizer()
        self.stop_training = False
        self.weight = -1
        self.saved: list[str] = []
        self.history: Any = None

    def get_weights(self) -> list[Any]:
        return [self.weight]

    def set_weights(self, weights: Sequence[Any]) -> None:
        self.weight = weights[0]

    def save(self, path: Any, overwrite: bool = True) -> None:
        self.saved.append(Path(path).name)

    save_weights = save


@dataclass(frozen=True)
class FakeCase:
    name: str
    callbacks: Callbacks
    logs: Logs
    batches: int = 0
    runs: int = 1


def losses(*values: float, key: str = "val_loss") -> Logs:
    return [{key: value, "loss": value / 2} for value in values]


def stopping(name: str, values: Sequence[float], **arguments: Any) -> FakeCase:
    key = arguments.get("monitor", "val_loss")

    def make(k: Any, folder: Path) -> list[Any]:
        return [k.callbacks.EarlyStopping(verbose=1, **arguments)]

    return FakeCase(f"56 early stopping {name}", make, losses(*values, key=key))


def checkpoint(name: str, path: str, logs: Logs, batches: int = 0, **arguments: Any) -> FakeCase:
    def make(k: Any, folder: Path) -> list[Any]:
        return [k.callbacks.ModelCheckpoint(str(folder / path), **arguments)]

    return FakeCase(f"57 checkpoint {name}", make, logs, batches)


def plateau(name: str, values: Sequence[float], **arguments: Any) -> FakeCase:
    def make(k: Any, folder: Path) -> list[Any]:
        return [k.callbacks.ReduceLROnPlateau(verbose=1, **arguments)]

    return FakeCase(f"59 plateau {name}", make, losses(*values))


def table(name: str, logs: Logs, runs: int = 1, **arguments: Any) -> FakeCase:
    def make(k: Any, folder: Path) -> list[Any]:
        return [k.callbacks.CSVLogger(str(folder / "log.csv"), **arguments)]

    return FakeCase(f"58 csv {name}", make, logs, runs=runs)


def schedule(name: str, function: Callable[..., float]) -> FakeCase:
    def make(k: Any, folder: Path) -> list[Any]:
        return [k.callbacks.LearningRateScheduler(function, verbose=1)]

    return FakeCase(f"60 scheduler {name}", make, losses(1, 1, 1))


BUMP = (1.0, 0.8, 0.9, 0.7, 0.75, 0.72, 0.71, 0.6, 0.9, 0.9)
FLAT = (1.0, 0.5, 0.5, 0.49995, 0.5, 0.6, 0.5, 0.4, 0.5, 0.5, 0.5, 0.5)
RISING = (0.1, 0.5, 0.4, 0.6, 0.55, 0.5)
FULL: Logs = [
    {"accuracy": 0.5, "loss": 1.25, "val_accuracy": 0.25, "val_loss": 2e-7},
    {"accuracy": 1 / 3, "loss": float("nan"), "val_accuracy": 1e22, "val_loss": np.float64(0.1)},
]
LONGER = losses(*range(20))

FAKE_CASES = [
    stopping("without patience", BUMP),
    stopping("patience 1", BUMP, patience=1),
    stopping("patience 2", BUMP, patience=2),
    stopping("patience 3", BUMP, patience=3),
    stopping("that never comes", (3.0, 2.0, 1.0), patience=2, restore_best_weights=True),
    stopping("restores", BUMP, patience=2, restore_best_weights=True),
    stopping("min_delta", BUMP, patience=2, min_delta=0.15, restore_best_weights=True),
    stopping("negative min_delta", BUMP, patience=2, min_delta=-0.15),
    stopping("baseline", BUMP, patience=4, baseline=0.65, restore_best_weights=True),
    stopping("baseline never reached", BUMP, patience=3, baseline=0.1),
    stopping("start_from_epoch", BUMP, start_from_epoch=4, restore_best_weights=True),
    stopping("first epoch is bad", (math.nan, math.nan, 1.0, 2.0), restore_best_weights=True),
    stopping("max", RISING, mode="max", patience=2, restore_best_weights=True),
    stopping("max min_delta", RISING, mode="max", patience=2, min_delta=0.3),
    stopping("auto loss", BUMP, monitor="loss"),
    stopping("missing monitor", BUMP[:3], monitor="val_nothing", mode="min"),
    checkpoint("every epoch", "{epoch:02d}-{val_loss:.2f}.keras", losses(*BUMP[:4]), verbose=1),
    checkpoint("best", "{epoch}.keras", losses(*BUMP), save_best_only=True),
    checkpoint("best max", "{epoch}.keras", losses(*BUMP), save_best_only=True, mode="max"),
    checkpoint("threshold", "{epoch}.keras", losses(*BUMP), save_best_only=True,
               initial_value_threshold=0.73),
    checkpoint("batches", "{epoch}_{batch}.keras", losses(1, 2, 3), 5, save_freq=3),
    checkpoint("many batches", "{epoch}.keras", losses(1, 2, 3), 4, save_freq=9),
    checkpoint("missing monitor", "{epoch}.keras", losses(1, 2), save_best_only=True,
               monitor="val_nothing", mode="min"),
    plateau("patience", FLAT, patience=2),
    plateau("cooldown", FLAT, patience=1, cooldown=2, factor=0.5),
    plateau("min_lr", FLAT * 2, patience=1, factor=0.3, min_lr=0.004),
    plateau("min_delta", FLAT, patience=2, min_delta=0.2),
    plateau("max", FLAT, patience=2, mode="max"),
    plateau("patience 0", FLAT[:4], patience=0),
    plateau("missing monitor", FLAT[:2], monitor="val_nothing", mode="min"),
    table("all metrics", FULL),
    table("no validation", [{"loss": 0.5, "accuracy": 0.25}] * 2),
    table("separator", FULL, separator=";"),
    table("later keys", [{"loss": 1.0}, {"loss": 2.0, "val_loss": 3.0}]),
    table("lists", [{"loss": [1.0, 2.5], "name": "a,b"}]),
    table("started anew", FULL, runs=2),
    table("appended", FULL, runs=2, append=True),
    schedule("of epoch and rate", lambda epoch, rate: rate * 0.7),
    schedule("of epoch", lambda epoch: 0.1 / (epoch + 1)),
]  # fmt: skip


def run_fake(k: Any, case: FakeCase) -> dict[str, Any]:
    model = FakeModel()
    rates, keys, epochs = [], [], []
    stdout = io.StringIO()
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(stdout):
        folder = Path(name)
        warned = 0
        callbacks = case.callbacks(k, folder)
        for callback in callbacks:
            callback.set_params({"epochs": len(case.logs), "steps": case.batches or None})
            callback.set_model(model)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(case.runs):
                _drive(model, callbacks, case, rates, keys, epochs)
            warned = len(caught)
        files = {p.name: p.read_bytes().decode("latin-1") for p in sorted(folder.iterdir())}
        text = stdout.getvalue().replace(f"{folder}/", "")
    return {
        "epochs": epochs,
        "rates": rates,
        "keys": keys,
        "weight": model.weight,
        "saved": model.saved,
        "files": files,
        "text": text,
        "warned": warned > 0,
    }


def _drive(
    model: FakeModel, callbacks: list[Any], case: FakeCase, rates: Any, keys: Any, epochs: Any
) -> None:
    for callback in callbacks:
        callback.on_train_begin()
    model.stop_training = False
    for epoch, row in enumerate(case.logs):
        logs = {name: row[name] for name in sorted(row)}
        for callback in callbacks:
            callback.on_epoch_begin(epoch)
        rates.append(float(model.optimizer.learning_rate))
        for batch in range(case.batches):
            for callback in callbacks:
                callback.on_train_batch_end(batch, {"loss": 1.0})
        model.weight = epoch
        for callback in callbacks:
            callback.on_epoch_end(epoch, logs)
        keys.append(sorted(logs))
        epochs.append(epoch)
        if model.stop_training:
            break
    for callback in callbacks:
        callback.on_train_end()


# -- trainings -----------------------------------------------------------------------------------

ROWS, FEATURES, CLASSES = 26, 5, 3
Arguments = Callable[[Any, Any, Any], dict[str, Any]]


class Recorder:
    """Mixed into a framework's Callback: notes every hook and the names in its logs."""

    calls: list[str]

    def note(self, *parts: Any) -> None:
        self.calls.append(" ".join(str(part) for part in parts))


def recorder(k: Any, stop_at: tuple[int, int] | None = None) -> Any:
    hooks = [f"on_{m}_{e}" for m in ("train", "test", "predict") for e in ("begin", "end")]
    batch_hooks = [
        f"on_{m}_batch_{e}" for m in ("train", "test", "predict") for e in ("begin", "end")
    ]

    class Notes(k.callbacks.Callback, Recorder):  # type: ignore[misc]
        epoch = -1

    def plain(name: str) -> Any:
        return lambda self, logs=None: self.note(name, *sorted(logs or {}))

    def numbered(name: str) -> Any:
        def hook(self: Any, number: int, logs: Any = None) -> None:
            self.note(name, number, *sorted(logs or {}))
            if name == "on_epoch_begin":
                self.epoch = number
            if stop_at == (self.epoch, number) and name == "on_train_batch_end":
                self.model.stop_training = True

        return hook

    for name in hooks:
        setattr(Notes, name, plain(name))
    for name in [*batch_hooks, "on_epoch_begin", "on_epoch_end"]:
        setattr(Notes, name, numbered(name))
    notes = Notes()
    notes.calls = []
    return notes


def batches(x: Any, y: Any, size: int, forever: bool) -> Any:
    while True:
        for i in range(0, len(x), size):
            yield x[i : i + size], y[i : i + size]
        if not forever:
            return


def dataset(k: Any, x: Any, y: Any, size: int) -> Any:
    class Numbered(k.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return -(-len(x) // size)

        def __getitem__(self, i: int) -> Any:
            return x[i * size : (i + 1) * size], y[i * size : (i + 1) * size]

    return Numbered()


TRAININGS: dict[str, Arguments] = {
    "48 validation split": lambda k, x, y: {"x": x, "y": y, "validation_split": 0.3, "epochs": 2},
    "48 validation data win": lambda k, x, y: {
        "x": x, "y": y, "validation_split": 0.3, "validation_data": (x[:4], y[:4])},
    "49 batch of steps": lambda k, x, y: {"x": x, "y": y, "steps_per_epoch": 4},
    "49 fewer steps": lambda k, x, y: {
        "x": x, "y": y, "steps_per_epoch": 2, "batch_size": 5, "epochs": 2},
    "49 generator": lambda k, x, y: {
        "x": batches(x, y, 4, True), "steps_per_epoch": 3, "epochs": 3},
    "49 data set": lambda k, x, y: {"x": dataset(k, x, y, 4), "epochs": 2},
    "50 class weight": lambda k, x, y: {"x": x, "y": y, "class_weight": {0: 2.0, 1: 0.25}},
    "50 class weight of batches": lambda k, x, y: {
        "x": dataset(k, x, y, 4), "class_weight": {0: 2.0, 2: 0.25}},
    "51 initial epoch": lambda k, x, y: {"x": x, "y": y, "initial_epoch": 2, "epochs": 4},
    "51 validation every second": lambda k, x, y: {
        "x": x, "y": y, "validation_freq": 2, "epochs": 5, "validation_data": (x, y)},
    "51 validation at epochs": lambda k, x, y: {
        "x": x, "y": y, "validation_freq": [1, 4], "epochs": 4, "validation_data": (x, y)},
    "51 stop in a batch": lambda k, x, y: {
        "x": x, "y": y, "epochs": 3, "validation_data": (x[:4], y[:4])},
    "52 validation of batches": lambda k, x, y: {
        "x": x, "y": y, "validation_data": batches(x, y, 5, False), "validation_steps": 3},
    "56 early stopping": lambda k, x, y: {
        "x": x, "y": y, "epochs": 12, "validation_data": (x[::2], np.roll(y[::2], 1, 0)),
        "callbacks": [k.callbacks.EarlyStopping(patience=2, restore_best_weights=True)]},
    "59 plateau": lambda k, x, y: {
        "x": x, "y": y, "epochs": 6, "callbacks": [
            k.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.05)]},
    "60 scheduler": lambda k, x, y: {
        "x": x, "y": y, "epochs": 3,
        "callbacks": [k.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)]},
    "61 order of hooks": lambda k, x, y: {
        "x": x, "y": y, "epochs": 2, "validation_data": (x[:9], y[:9])},
}  # fmt: skip


def run_training(k: Any, name: str) -> dict[str, Any]:
    rng = rng_for(name, 0)
    model = build(k, (FEATURES,), [
        k.layers.Dense(6, activation="tanh"), k.layers.Dense(CLASSES, activation="softmax")
    ])  # fmt: skip
    model.compile(
        optimizer=k.optimizers.SGD(learning_rate=0.5),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    randomize(model, rng)
    x = inputs(rng, ROWS, (FEATURES,))
    y = np.eye(CLASSES, dtype=np.float32)[rng.randint(0, CLASSES, ROWS)]
    arguments = TRAININGS[name](k, x, y)
    if not hasattr(arguments["x"], "__next__") and not hasattr(arguments["x"], "num_batches"):
        arguments.setdefault("batch_size", None if "steps_per_epoch" in arguments else 8)
    notes = recorder(k, (1, 1) if "stop in a batch" in name else None)
    arguments["callbacks"] = [*arguments.get("callbacks", []), notes]
    history = model.fit(shuffle=False, verbose=0, **arguments)
    return {
        "history": {key: [float(v) for v in values] for key, values in history.history.items()},
        "epoch": list(history.epoch),
        "calls": notes.calls,
        "weights": [float(v) for w in model.get_weights() for v in np.ravel(w)],
    }


def run_all(k: Any) -> dict[str, Any]:
    results = {case.name: run_fake(k, case) for case in FAKE_CASES}
    for name in TRAININGS:
        k.utils.clear_session()
        results[f"training {name}"] = run_training(k, name)
    return results
