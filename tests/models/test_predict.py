"""predict, model(x) and their relatives: one path, any batch size, any thread."""

import gc
import itertools
import threading
from typing import Any

import numpy as np
import pytest

from pyframe.callbacks import Callback
from pyframe.errors import ConfigurationError, DataError, ShapeError
from pyframe.layers import Dense, Flatten, Input
from pyframe.models import Sequential
from tests.models.helpers import CLASSES, FEATURES, classifier, data


def test_all_ways_agree() -> None:
    model = classifier(dropout=0.5)
    x, _ = data(100)
    whole = model(x)
    assert isinstance(whole, np.ndarray)
    assert whole.dtype == np.float32
    for batch_size in (None, 1, 7, 32, 99, 100, 1000):
        np.testing.assert_allclose(
            model.predict(x, batch_size=batch_size, verbose=0), whole, rtol=1e-5, atol=1e-7
        )
    np.testing.assert_array_equal(model.predict_on_batch(x), whole)
    np.testing.assert_array_equal(model.predict_proba(x), model.predict(x, verbose=0))
    np.testing.assert_array_equal(model.predict_classes(x), whole.argmax(-1))


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.float16).astype(np.float32),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x.tolist(),
        lambda x: [x],
        lambda x: {"x": x},
    ],
)
def test_kinds_of_arrays(convert: Any) -> None:
    model = classifier()
    x, _ = data(10)
    x = x.astype(np.float16).astype(np.float32)
    expected = model.predict(x)
    for _ in range(2):
        np.testing.assert_allclose(model.predict(convert(x)), expected, rtol=1e-6, atol=1e-7)


def test_whole_numbers() -> None:
    model = Sequential([Flatten(input_shape=(4, 4)), Dense(2)])
    x = np.random.default_rng(0).integers(0, 255, (3, 4, 4))
    expected = model.predict(x.astype(np.float32))
    for dtype in (np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint32):
        kept = x.astype(dtype)
        np.testing.assert_array_equal(
            model.predict(kept), model.predict(kept.astype(np.float32)), err_msg=str(dtype)
        )
    np.testing.assert_array_equal(model.predict(x), expected)


def test_a_missing_axis_of_one_is_repaired() -> None:
    model = Sequential([Input((4, 4, 1)), Flatten(), Dense(2)])
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 1)).astype(np.float32)
    np.testing.assert_array_equal(model.predict(x[..., 0]), model.predict(x))
    flat = Sequential([Input((4,)), Dense(2)])
    y = x[:, 0]
    np.testing.assert_array_equal(flat.predict(y), flat.predict(y[..., 0]))


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.ones((2, 4)), r"expects inputs of shape \(None, 5\).*has shape \(2, 4\)"),
        (np.ones(5), r"x\[None, \.\.\.\]"),
        (np.ones((2, 5, 1, 1)), "Flatten"),
        (np.ones((2, 1, 5)), "Flatten"),
    ],
)
def test_wrong_shapes(x: np.ndarray, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        classifier().predict(x)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.ones((0, 5)), "empty"),
        (np.array("a"), "not numeric"),
        (np.array([["1", "2"]]), "not numeric"),
        (np.array([[1, 2], [3]], dtype=object), "different lengths"),
        (None, "`x` is missing"),
        ([np.ones((2, 5)), np.ones((3, 5))], "different shapes"),
    ],
)
def test_arrays_that_cannot_be_used(x: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        classifier().predict(x)


def test_channels_first_images_are_recognised() -> None:
    model = Sequential([Input((8, 8, 3)), Flatten(), Dense(1)])
    with pytest.raises(ShapeError, match="channels seem to come first"):
        model.predict(np.ones((2, 3, 8, 8)))


def test_batch_size_and_steps() -> None:
    model = classifier()
    x, _ = data(10)
    for bad in (0, -1, 2.5, True, "32"):
        with pytest.raises(ConfigurationError, match="batch_size"):
            model.predict(x, batch_size=bad)  # type: ignore[arg-type]
    assert len(model.predict(x, batch_size=3, steps=2, verbose=0)) == 6
    assert len(model.predict(x, steps=2, verbose=0)) == 10


def test_iterables() -> None:
    model = classifier()
    x, y = data(10)

    class Numbered:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
            return x[5 * i : 5 * i + 5], y[5 * i : 5 * i + 5]

    expected = model.predict(x)
    batches = (x[i : i + 4] for i in (0, 4, 8))
    np.testing.assert_allclose(model.predict(batches, verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict(Numbered(), verbose=0), expected, rtol=1e-6)
    endless = itertools.repeat(x[:4])
    assert len(model.predict_generator(endless, steps=3)) == 12
    with pytest.raises(DataError, match="no batches"):
        model.predict(iter(()), verbose=0)


def test_callbacks_see_the_outputs() -> None:
    seen: list[tuple[str, int, Any]] = []

    class Watch(Callback):
        def on_predict_begin(self, logs: Any = None) -> None:
            seen.append(("begin", -1, None))

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(("batch", batch, logs["outputs"].shape))

        def on_predict_end(self, logs: Any = None) -> None:
            seen.append(("end", -1, None))

    x, _ = data(10)
    classifier().predict(x, batch_size=4, callbacks=[Watch()], verbose=0)
    assert seen == [
        ("begin", -1, None),
        ("batch", 0, (4, CLASSES)),
        ("batch", 1, (4, CLASSES)),
        ("batch", 2, (2, CLASSES)),
        ("end", -1, None),
    ]


def test_new_weights_are_seen_at_once() -> None:
    model = classifier()
    x, _ = data(3)
    before = model.predict(x)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    after = model.predict(x)
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, 1 / CLASSES)


def test_results_do_not_share_memory() -> None:
    model = classifier()
    x, _ = data(3)
    first = model.predict(x)
    kept = first.copy()
    model.predict(-x)
    np.testing.assert_array_equal(first, kept)


def test_many_threads_get_the_results_of_one() -> None:
    model = classifier()
    x, _ = data(64)
    expected = {n: model.predict(x[:n], verbose=0) for n in range(1, 17)}
    fresh = classifier()
    fresh.set_weights(model.get_weights())
    wrong: list[int] = []

    def work(n: int) -> None:
        for _ in range(200):
            if not np.array_equal(fresh.predict(x[:n], verbose=0), expected[n]):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in expected for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_many_threads_may_use_a_fresh_model() -> None:
    x, _ = data(4)
    for _ in range(20):
        model = Sequential([Dense(8, activation="relu"), Dense(2)])
        found: list[np.ndarray] = []
        start = threading.Barrier(8)

        def work(
            model: Sequential = model,
            found: list[np.ndarray] = found,
            start: threading.Barrier = start,
        ) -> None:
            start.wait()
            found.append(model.predict(x))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(model.weights) == 4
        assert all(np.array_equal(y, found[0]) for y in found)


def test_calls_leave_no_objects_behind() -> None:
    model = classifier()
    x = np.ones((1, FEATURES), np.float32)
    for _ in range(10):
        model.predict(x)
        model(x[:, :].astype(np.float64))
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(1000):
            model.predict(x)
            model(x.astype(np.float64))
            model.predict(x, batch_size=1, verbose=0)
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()
