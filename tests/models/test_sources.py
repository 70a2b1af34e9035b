"""Generators, numbered data sets with workers, and the names of Keras 1 and 2."""

import gc
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pyframe.errors import ConfigurationError, DataError
from pyframe.utils import PyDataset, Sequence
from pyframe.utils.prefetch import Prefetcher
from tests.models.helpers import classifier, data, same_weights


class Batches(PyDataset):
    """The batches of `data`, with a note of what happens."""

    def __init__(self, size: int = 10, pause: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.x, self.y = data()
        self.size, self.pause = size, pause
        self.events: list[str] = []
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return -(-len(self.x) // self.size)

    def __getitem__(self, i: int) -> Any:
        time.sleep(self.pause)
        self.threads.add(threading.current_thread().name)
        part = slice(i * self.size, (i + 1) * self.size)
        return self.x[part], self.y[part]

    def on_epoch_begin(self) -> None:
        self.events.append("begin")

    def on_epoch_end(self) -> None:
        self.events.append("end")


def workers_alive() -> int:
    return sum(t.name.startswith("pyframe-worker") for t in threading.enumerate())


def wait_for_workers() -> None:
    for _ in range(200):
        if not workers_alive():
            return
        time.sleep(0.01)
    pytest.fail("workers are still alive")


def test_sequence_is_the_old_name() -> None:
    assert Sequence is PyDataset
    assert [len(x) for x, _ in Batches(30)] == [30, 30, 10]


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_workers_change_nothing(workers: int) -> None:
    x, y = data()
    a, b = classifier(), classifier()
    b.set_weights(a.get_weights())
    source = Batches(workers=workers, max_queue_size=3)
    one = a.fit(source, epochs=2, shuffle=False, verbose=0, validation_data=source).history
    two = b.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0, validation_data=(x, y))
    assert same_weights(a, b)
    np.testing.assert_allclose(one["loss"], two.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(one["val_loss"], two.history["val_loss"], rtol=1e-6)
    assert source.events == ["begin", "begin", "end", "end"] * 2 or source.events == [
        "begin", "end"] * 4  # fmt: skip
    assert len(source.threads) <= max(workers, 1)
    assert (workers > 1) == all(t.startswith("pyframe-worker") for t in source.threads)
    np.testing.assert_array_equal(a.predict(source, verbose=0), a.predict(x, 10, verbose=0))
    assert a.evaluate(source, verbose=0) == pytest.approx(a.evaluate(x, y, verbose=0))
    wait_for_workers()


def test_workers_work_at_the_same_time() -> None:
    started = time.perf_counter()
    Batches(size=7, pause=0.05)
    classifier().fit(Batches(size=7, pause=0.05), workers=10, max_queue_size=10, verbose=0)
    assert time.perf_counter() - started < 0.4


class Fails(Batches):
    def __getitem__(self, i: int) -> Any:
        if i == 3:
            raise OSError("file of batch 3 is missing")
        return super().__getitem__(i)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_in_a_worker_reaches_the_caller(workers: int) -> None:
    model = classifier()
    steps = []

    def count() -> Any:
        from pyframe.callbacks import LambdaCallback

        return [LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))]

    with pytest.raises(OSError, match="batch 3 is missing"):
        model.fit(Fails(workers=workers), shuffle=False, verbose=0, callbacks=count())
    assert steps == [0, 1, 2]
    for call in (model.evaluate, model.predict):
        with pytest.raises(OSError, match="batch 3 is missing"):
            call(Fails(workers=workers), verbose=0)
    wait_for_workers()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_ctrl_c_while_waiting_for_a_slow_worker() -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        started = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            classifier().fit(Batches(pause=0.5, workers=2), verbose=0)
        assert time.perf_counter() - started < 0.45
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    wait_for_workers()


def test_a_forgotten_prefetcher_ends_its_threads() -> None:
    prefetcher = Prefetcher(lambda i: i, range(1000), 2, 4)
    assert [next(prefetcher) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert workers_alive() > 0
    del prefetcher
    gc.collect()
    wait_for_workers()
    assert list(Prefetcher(lambda i: i * i, range(50), 5, 3)) == [i * i for i in range(50)]
    assert list(Prefetcher(lambda i: i, [], 2, 3)) == []


def test_a_data_set_without_an_end() -> None:
    class Endless(PyDataset):
        def __getitem__(self, i: int) -> Any:
            x, y = data()
            return x[i % 7 : i % 7 + 8], y[i % 7 : i % 7 + 8]

    source = Endless()
    assert source.num_batches is None
    history = classifier().fit(source, steps_per_epoch=3, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


def test_a_generator_that_ends_gives_one_epoch() -> None:
    x, y = data()
    with pytest.warns(UserWarning, match=r"no batches in epoch 2.*steps_per_epoch"):
        history = classifier().fit(iter([(x, y)]), epochs=4, verbose=0)
    assert history.epoch == [0]
    with pytest.raises(DataError, match="no batches"):
        classifier().fit(iter([]), verbose=0)


def endless() -> Iterator[Any]:
    x, y = data()
    while True:
        yield [x[:10], y[:10]]


def test_names_of_keras_1_and_2() -> None:
    model = classifier()
    x, y = data()
    with pytest.warns(UserWarning, match="`nb_epoch` is the old name of `epochs`"):
        assert model.fit(x, y, nb_epoch=2, verbose=0).epoch == [0, 1]
    history = model.fit_generator(endless(), 3, 2, 0, None, (x, y), max_queue_size=4, workers=1)
    assert list(history.history) == ["loss", "val_loss"]
    with pytest.warns(UserWarning, match="`use_multiprocessing` has no effect"):
        model.fit_generator(Batches(), epochs=1, verbose=0, workers=2, use_multiprocessing=True)
    assert model.evaluate_generator(endless(), 2) == pytest.approx(
        model.evaluate(x[:10], y[:10], verbose=0)
    )
    np.testing.assert_array_equal(
        model.predict_generator(Batches(workers=2), workers=2, max_queue_size=3),
        model.predict(x, 10, verbose=0),
    )
    assert model.predict_classes(x[:5]).shape == (5,)
    np.testing.assert_array_equal(model.predict_proba(x), model.predict(x, verbose=0))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"samples_per_epoch": 100}, "`samples_per_epoch` counted samples; give `steps_per_epoch`"),
        ({"nb_val_samples": 9}, "`validation_steps`"),
        ({"epoch": 3}, "fit has no argument `epoch`"),
        ({"workers": "four"}, "`workers` must be an integer"),
        ({"validation_freq": 0}, "`validation_freq`"),
        ({"epochs": 1.5}, "`epochs`"),
        ({"class_weight": {0: "heavy"}}, "class_weight.*'heavy'"),
        ({"class_weight": {0: float("nan")}}, "class_weight"),
        ({"class_weight": [1, 2, 3]}, "class_weight.*dictionary"),
    ],
)
def test_impossible_arguments(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        classifier().fit(*data(), verbose=0, **arguments)


def test_impossible_arguments_of_a_data_set() -> None:
    for name, value in (("workers", -1), ("workers", 1.5), ("max_queue_size", 0)):
        with pytest.raises(ConfigurationError, match=f"`{name}`"):
            PyDataset(**{name: value})
    with pytest.warns(UserWarning, match="threads"):
        PyDataset(use_multiprocessing=True)


def test_class_weight_of_one_hot_targets() -> None:
    x, y = data()
    a, b = classifier(), classifier(loss="categorical_crossentropy")
    b.set_weights(a.get_weights())
    options = {"class_weight": {0: 3.0, 2: 0.25}, "shuffle": False, "verbose": 0}
    a.fit(x, y, **options)
    b.fit(x, np.eye(3)[y], **options)
    for one, two in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
