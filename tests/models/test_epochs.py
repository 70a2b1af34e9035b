"""How fit goes through the data: order, epochs, callbacks, validation, iterables, threads."""

import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe.callbacks import Callback, LambdaCallback
from pyframe.layers import Dropout
from pyframe.models import Sequential
from pyframe.utils import set_random_seed
from tests.models.helpers import (
    ROWS,
    classifier,
    data,
    follow,
    linear,
    numbers,
    same_weights,
)


def test_shuffling() -> None:
    x, y = data()

    def run(seed: int, shuffle: bool | str) -> Sequential:
        set_random_seed(seed)
        model = classifier()
        model.fit(x, y, epochs=2, batch_size=8, verbose=0, shuffle=shuffle)
        return model

    assert same_weights(run(1, True), run(1, True))
    for other in (False, "batch"):
        assert not same_weights(run(1, True), run(1, other))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_same_bits_for_any_number_of_threads(threads: int) -> None:
    x, y = data()

    def run(count: int) -> Sequential:
        before = pyframe.get_num_threads()
        pyframe.set_num_threads(count)
        try:
            set_random_seed(3)
            model = classifier(dropout=0.3)
            model.fit(x, y, epochs=3, verbose=0)
            return model
        finally:
            pyframe.set_num_threads(before)

    assert same_weights(run(1), run(threads))


def test_dropout_draws_new_masks_and_repeats_with_the_seed() -> None:
    x = np.ones((4, 50), np.float32)

    def outputs(seed: int) -> list[np.ndarray]:
        set_random_seed(seed)
        model = Sequential([Dropout(0.5, input_shape=(50,))])
        return [model(x, training=True) for _ in range(3)]

    first, again, other = outputs(1), outputs(1), outputs(2)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], other[0])
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_initial_epoch_and_stopping() -> None:
    x, y = data()
    model = classifier()
    assert model.fit(x, y, initial_epoch=3, epochs=5, verbose=0).epoch == [3, 4]
    assert model.fit(x, y, epochs=0, verbose=0).history == {}

    def stop(epoch: int, logs: Any) -> None:
        model.stop_training = True

    assert model.fit(
        x, y, epochs=9, verbose=0, callbacks=[LambdaCallback(on_epoch_end=stop)]
    ).epoch == [0]
    seen: list[int] = []

    class StopInBatch(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(batch)
            self.model.stop_training = batch == 1

    history = model.fit(
        x, y, epochs=9, batch_size=10, verbose=0, callbacks=[StopInBatch()], validation_data=(x, y)
    )
    assert seen == [0, 1]
    assert "val_loss" in history.history


def test_order_of_hooks() -> None:
    class Log(Callback):
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[str] = []

    def recorder(name: str) -> Any:
        def hook(self: Any, *args: Any, **kwargs: Any) -> None:
            self.calls.append(name)

        return hook

    names = [
        f"{kind}_{end}"
        for kind in ("train", "epoch", "train_batch", "test", "test_batch")
        for end in ("begin", "end")
    ]
    for name in names:
        setattr(Log, f"on_{name}", recorder(name))
    log = Log()
    x, y = data(20)
    classifier().fit(
        x, y, batch_size=10, verbose=0, callbacks=[log], validation_data=(x[:5], y[:5])
    )
    assert log.calls == [
        "train_begin",
        "epoch_begin",
        *["train_batch_begin", "train_batch_end"] * 2,
        "test_begin",
        "test_batch_begin",
        "test_batch_end",
        "test_end",
        "epoch_end",
        "train_end",
    ]


def test_batch_logs_are_running_means() -> None:
    x, y = numbers(8)
    seen: list[float] = []
    callback = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    model = linear(optimizer=pyframe.optimizers.SGD(0.0))
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0, callbacks=[callback])
    whole = model.test_on_batch(x, y)
    first = model.test_on_batch(x[:4], y[:4])
    np.testing.assert_allclose(seen, [first, whole], rtol=1e-5)


def test_validation() -> None:
    x, y = data()
    model = classifier(metrics=["accuracy"])
    options: dict[str, Any] = {"epochs": 4, "verbose": 0}
    history = model.fit(x, y, validation_data=(x, y), validation_freq=2, **options).history
    assert len(history["val_loss"]) == 2
    history = model.fit(x, y, validation_data=(x, y), validation_freq=[1, 4], **options).history
    assert len(history["val_loss"]) == 2
    weight = np.zeros(ROWS)
    weight[0] = 1.0
    history = model.fit(x, y, validation_data=(x, y, weight), verbose=0).history
    assert history["val_loss"][0] < 3 / ROWS
    history = model.fit(
        x, y, validation_data=((x[i : i + 10], y[i : i + 10]) for i in (0, 10)), verbose=0
    ).history
    assert len(history["val_loss"]) == 1


def test_validation_split_takes_the_last_part_before_shuffling() -> None:
    x, y = numbers(10)
    a, b = linear(), linear()
    kept = a.fit(x, y, validation_split=0.25, verbose=0, shuffle=False).history
    split = 7
    given = b.fit(
        x[:split], y[:split], validation_data=(x[split:], y[split:]), verbose=0, shuffle=False
    ).history
    assert kept == given


def test_validation_classes_that_training_lacks() -> None:
    x, y = data()
    order = np.argsort(y, kind="stable")
    part = float((y == 2).mean())
    for loss, target in (
        ("sparse_categorical_crossentropy", y),
        ("categorical_crossentropy", np.eye(3)[y]),
    ):
        with pytest.warns(UserWarning, match=r"classes \[2\]"):
            classifier(loss=loss).fit(x[order], target[order], validation_split=part, verbose=0)


def test_generators() -> None:
    x, y = data()

    def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            for i in range(0, ROWS, 10):
                yield x[i : i + 10], y[i : i + 10]

    a, b = classifier(), classifier()
    b.set_weights(a.get_weights())
    one = a.fit(endless(), steps_per_epoch=7, epochs=2, verbose=0).history
    two = b.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0).history
    assert same_weights(a, b)
    np.testing.assert_allclose(one["loss"], two["loss"], rtol=1e-6)
    assert a.evaluate(endless(), steps=7, verbose=0) == pytest.approx(b.evaluate(x, y, verbose=0))
    a.fit_generator(endless(), steps_per_epoch=7, epochs=1, verbose=0)
    b.fit(x, y, batch_size=10, shuffle=False, verbose=0)
    assert same_weights(a, b)


def test_a_generator_with_weights_and_other_batch_sizes() -> None:
    x, y = data()
    batches = [(x[:9], y[:9], np.ones(9)), (x[9:30], y[9:30], np.ones(21))]
    model = classifier(metrics=["accuracy"], weighted_metrics=["accuracy"])
    start = model.get_weights()
    logs = model.evaluate(iter(batches), verbose=0, return_dict=True)
    assert logs["accuracy"] == pytest.approx(logs["weighted_accuracy"])
    assert logs["loss"] == pytest.approx(model.evaluate(x[:30], y[:30], verbose=0)[0], rel=1e-5)
    model.fit(iter(batches), verbose=0)
    assert not np.array_equal(start[0], model.get_weights()[0])


def test_a_source_that_runs_dry_warns() -> None:
    x, y = data(20)
    with pytest.warns(UserWarning, match="ran out of data 3 batches before"):
        classifier().fit(iter([(x, y)] * 2), steps_per_epoch=5, verbose=0)


def test_numbered_batches_are_shuffled_and_told_the_end() -> None:
    x, y = data()
    order: list[int] = []
    ends: list[int] = []

    class Batches:
        def __len__(self) -> int:
            return 7

        def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
            order.append(i)
            return x[10 * i : 10 * i + 10], y[10 * i : 10 * i + 10]

        def on_epoch_end(self) -> None:
            ends.append(len(order))

    set_random_seed(0)
    model = classifier()
    model.fit(Batches(), epochs=2, verbose=0)
    assert sorted(order) == sorted([*range(7)] * 2)
    assert order[:7] != list(range(7))
    assert 7 in ends
    order.clear()
    model.fit(Batches(), shuffle=False, verbose=0)
    assert order == list(range(7))


def test_steps_per_epoch_goes_on_in_the_data() -> None:
    x, y = numbers(8)
    model = linear()
    model.fit(x, y, batch_size=2, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0)
    w = follow(x, y, np.array([[0.5], [-0.25]]), 2)[0]
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-5)


def test_fit_cannot_be_entered_twice() -> None:
    x, y = data(4000)
    model = classifier()
    model.fit(x, y, verbose=0)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                model.fit(x, y, batch_size=1, verbose=0)
        except RuntimeError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures


def test_successive_fits_do_not_slow_down() -> None:
    x, y = data(10)
    model = classifier()
    times = []
    for _ in range(400):
        start = time.perf_counter()
        model.fit(x, y, verbose=0, validation_data=(x, y))
        times.append(time.perf_counter() - start)
    early, late = np.median(times[10:100]), np.median(times[-100:])
    assert late < 3 * early
    assert math.isfinite(model.evaluate(x, y, verbose=0))
