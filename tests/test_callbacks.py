import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

from pyframe.callbacks import Callback, CallbackList, History, LambdaCallback, ProgbarLogger
from pyframe.errors import ConfigurationError
from pyframe.layers import Dense
from pyframe.models import Sequential

HOOKS = [
    "on_batch_begin",
    "on_batch_end",
    *(f"on_{mode}_{edge}" for mode in ("train", "test", "predict") for edge in ("begin", "end")),
    *(
        f"on_{mode}_batch_{edge}"
        for mode in ("train", "test", "predict")
        for edge in ("begin", "end")
    ),
    "on_epoch_begin",
    "on_epoch_end",
]


class Recorder(Callback):
    """Notes every hook with its number and the names in its logs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []


def _note(name: str) -> Any:
    def hook(self: Recorder, *args: Any, **kwargs: Any) -> None:
        numbers = [arg for arg in args if isinstance(arg, int)]
        self.calls.append((name, *numbers))

    return hook


for _name in HOOKS:
    if _name not in ("on_batch_begin", "on_batch_end"):
        setattr(Recorder, _name, _note(_name))


class FakeModel:
    history: Any = None


def small_model() -> Any:
    model = Sequential([Dense(3, activation="softmax", input_dim=4)])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model


def small_data(rows: int = 10) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)).astype("float32"), np.eye(3)[np.arange(rows) % 3]


def test_the_hooks_are_those_of_keras() -> None:
    assert len(HOOKS) == 16
    for name in HOOKS:
        assert getattr(Callback(), name)(0) is None


def test_old_batch_hooks_are_called_by_the_new_ones() -> None:
    seen: list[tuple[Any, ...]] = []

    class Old(Callback):
        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            seen.append(("begin", batch))

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(("end", batch, sorted(logs)))

    callbacks = CallbackList(Old())
    callbacks.on_train_batch_begin(4)
    callbacks.on_train_batch_end(4, {"loss": 1.0})
    assert seen == [("begin", 4), ("end", 4, ["loss"])]
    assert callbacks.needs_batches("train")


def test_order_user_history_progress_bar() -> None:
    user = [Callback(), Callback()]
    callbacks = CallbackList(user, FakeModel(), {}, add_history=True, add_progbar=True)
    assert callbacks.callbacks[:2] == user
    assert [type(c) for c in callbacks.callbacks[2:]] == [History, ProgbarLogger]
    assert callbacks.history is callbacks.callbacks[2]


def test_given_history_and_bar_are_used() -> None:
    history, bar = History(), ProgbarLogger()
    callbacks = CallbackList([bar, [history]], FakeModel(), {}, True, True)
    assert callbacks.callbacks == [bar, history]
    assert callbacks.history is history


def test_model_and_params_reach_every_callback() -> None:
    one, two, model = Callback(), LambdaCallback(), FakeModel()
    CallbackList((one, (two,)), model, {"epochs": 3, "steps": None}, verbose=2)
    for callback in (one, two):
        assert callback.model is model
        assert callback.params == {"epochs": 3, "steps": None, "verbose": 2}


def test_a_subclass_may_forget_super_init() -> None:
    class Lazy(Callback):
        def __init__(self) -> None:
            self.x = 1

    assert Lazy().model is None
    assert not Lazy().params
    CallbackList(Lazy(), FakeModel(), {"epochs": 1})


def test_logs_are_sorted_and_shared() -> None:
    class Adds(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            assert list(logs) == ["accuracy", "loss", "val_loss"]
            logs["learning_rate"] = 0.1

    callbacks = CallbackList(Adds(), FakeModel(), add_history=True)
    given = {"val_loss": 3.0, "loss": 1.0, "accuracy": 2.0}
    callbacks.on_epoch_end(0, given)
    assert list(given) == ["val_loss", "loss", "accuracy"]
    assert callbacks.history.history["learning_rate"] == [0.1]


@pytest.mark.parametrize("mode", ["train", "test", "predict"])
def test_needs_batches(mode: str) -> None:
    hook = f"on_{mode}_batch_end"
    overriding = type("Mine", (Callback,), {hook: lambda self, batch, logs=None: None})
    other = {"train": "predict", "test": "train", "predict": "test"}[mode]
    quiet = [
        Callback(),
        LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        LambdaCallback(**{f"on_{other}_batch_end": lambda batch, logs: None}),
        History(),
        ProgbarLogger(),
    ]
    assert not CallbackList(quiet, FakeModel()).needs_batches(mode)
    loud = [
        overriding(),
        type("Child", (overriding,), {})(),
        LambdaCallback(**{hook: lambda batch, logs: None}),
        type("MyBar", (ProgbarLogger,), {})(),
    ]
    for callback in loud:
        assert CallbackList([*quiet, callback], FakeModel()).needs_batches(mode)


def test_lambda_callback_calls_every_function() -> None:
    seen: list[str] = []

    def note(name: str) -> Any:
        return lambda *args, **kwargs: seen.append(name)

    names = [name for name in HOOKS if "_batch_" in name or "epoch" in name or "train" in name]
    callback = LambdaCallback(**{name: note(name) for name in names}, tag="mine")
    callbacks = CallbackList(callback)
    for name in ("on_train_begin", "on_train_end"):
        getattr(callbacks, name)()
    for name in names:
        if name in ("on_train_begin", "on_train_end") or not hasattr(callbacks, name):
            continue
        getattr(callbacks, name)(0)
    assert sorted(set(seen)) == sorted(name for name in names if hasattr(callbacks, name))
    assert callback.tag == "mine"  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", [3, "callback", History, lambda epoch: None])
def test_something_else_than_a_callback(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="must hold"):
        CallbackList([wrong])


def test_a_class_instead_of_an_object_gets_a_hint() -> None:
    with pytest.raises(ConfigurationError, match=r"Write History\(\) with parentheses"):
        CallbackList([History])


def test_a_hook_that_is_no_function() -> None:
    with pytest.raises(ConfigurationError, match="`on_epoch_end` must be a function"):
        LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("verbose", [3, -1, "yes", None])
def test_impossible_verbose(verbose: Any) -> None:
    with pytest.raises(ConfigurationError, match="`verbose`"):
        CallbackList(add_progbar=True, verbose=verbose)


def test_history_keeps_earlier_runs_and_restarts_epochs() -> None:
    model = FakeModel()
    history = History()
    for run in range(2):
        callbacks = CallbackList(history, model)
        callbacks.on_train_begin()
        callbacks.on_epoch_end(0, {"loss": float(run)})
    assert model.history is history
    assert history.epoch == [0]
    assert history.history == {"loss": [0.0, 1.0]}


def test_history_copies_and_pickles() -> None:
    model = FakeModel()
    history = History()
    CallbackList(history, model).on_epoch_end(0, {"loss": 2.0})
    for again in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert again.history == {"loss": [2.0]}
        assert again.model is None


def test_history_does_not_keep_the_model_alive() -> None:
    gc.disable()
    try:
        model = FakeModel()
        history = CallbackList(None, model, add_history=True).history
        assert history.model is model
        gone = weakref.ref(model)
        del model
        assert gone() is None
        assert history.model is None
    finally:
        gc.enable()


def test_fit_evaluate_and_predict_call_the_hooks_in_keras_order() -> None:
    x, y = small_data()
    recorder = Recorder()
    model = small_model()
    model.fit(
        x,
        y,
        batch_size=5,
        epochs=2,
        verbose=0,
        callbacks=[recorder],
        validation_data=(x[:5], y[:5]),
    )
    batches = [(f"on_train_batch_{edge}", batch) for batch in range(2) for edge in ("begin", "end")]
    test: list[tuple[Any, ...]] = [
        ("on_test_begin",),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0),
        ("on_test_end",),
    ]
    epochs = [
        call
        for epoch in range(2)
        for call in [("on_epoch_begin", epoch), *batches, *test, ("on_epoch_end", epoch)]
    ]
    assert recorder.calls == [("on_train_begin",), *epochs, ("on_train_end",)]

    recorder.calls.clear()
    model.evaluate(x[:5], y[:5], batch_size=5, verbose=0, callbacks=[recorder])
    assert recorder.calls == test
    recorder.calls.clear()
    model.predict(x[:5], batch_size=5, verbose=0, callbacks=[recorder])
    assert recorder.calls == [(call[0].replace("test", "predict"), *call[1:]) for call in test]


def test_history_of_fit_is_sorted_and_without_a_difference_by_batch_hooks() -> None:
    x, y = small_data(12)
    model = small_model()
    weights = model.get_weights()
    histories = []
    for callbacks in ([], [Recorder()]):
        model = small_model()
        model.set_weights(weights)
        history = model.fit(
            x,
            y,
            batch_size=5,
            epochs=3,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
            validation_split=0.25,
        )
        assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
        assert history.epoch == [0, 1, 2]
        assert history.params["epochs"] == 3
        assert history.model is model
        assert model.history is history
        histories.append(history.history)
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-6)


def test_stop_training_ends_after_the_epoch() -> None:
    x, y = small_data()
    model = small_model()

    def stop(epoch: int, logs: Any) -> None:
        model.stop_training = epoch == 1

    history = model.fit(x, y, epochs=9, verbose=0, callbacks=[LambdaCallback(on_epoch_end=stop)])
    assert history.epoch == [0, 1]
