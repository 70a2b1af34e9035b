"""Memory: no growth over many runs, freed by reference count, an arena that is planned."""

import gc
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import pyframe
from pyframe import _core
from tests.engine.small_net import make_data, make_net

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
PAGE = 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def growth(calls: int) -> int:
    predict = make_net(train=False).plan(1)
    net = make_net(train=True)
    train = net.plan(4)
    one, four = list(make_data(1)), list(make_data(4))
    for _ in range(1000):
        predict.run(one)
        train.run(four)
    gc.collect()
    before = resident_bytes()
    for i in range(calls):
        predict.run(one)
        if i % 10 == 0:
            train.run(four)
    return resident_bytes() - before


def test_runs_do_not_grow_the_process() -> None:
    assert growth(20_000) < 1 << 20


@pytest.mark.slow
def test_100_000_runs_do_not_grow_the_process() -> None:
    assert growth(100_000) < 1 << 20


def test_failed_runs_do_not_grow_the_process() -> None:
    plan = make_net(train=False).plan(4)
    x, ids = make_data(4)

    def fail(times: int) -> None:
        for _ in range(times):
            with pytest.raises(ValueError):
                plan.run([x[:3], ids])

    fail(500)
    before = resident_bytes()
    fail(5000)
    assert resident_bytes() - before < 1 << 20


def test_plans_and_graphs_are_freed() -> None:
    def build() -> None:
        net = make_net(train=True)
        batch = list(make_data(512))
        net.plan(512).run(batch)

    for _ in range(5):
        build()
    gc.disable()
    try:
        before = resident_bytes()
        for _ in range(50):  # an arena of several megabytes each
            build()
        assert resident_bytes() - before < 8 << 20
    finally:
        gc.enable()


def test_a_plan_keeps_what_it_needs_alive() -> None:
    net = make_net(train=False)
    plan = net.plan(3)
    batch = list(make_data(3))
    expected = plan.run(batch)[1].tobytes()
    del net
    gc.collect()
    rubbish = [np.full(100_000, 7.0) for _ in range(20)]
    assert plan.run(batch)[1].tobytes() == expected
    del rubbish


def test_variables_are_freed_by_reference_count() -> None:
    gc.disable()
    try:
        before = resident_bytes()
        for _ in range(20):
            variable = _core.Variable((4 << 20,), "float32", "big")  # 16 MiB
            variable.assign(np.ones(4 << 20, np.float32))
            del variable
        assert resident_bytes() - before < 40 << 20
    finally:
        gc.enable()


def test_the_arena_reuses_memory() -> None:
    """A chain of 20 operators that cannot run in place needs about two tensors, not 20."""
    graph = _core.Graph()
    x = graph.input("x", (None, 64, 96), "float32")
    y = x
    for _ in range(20):
        (y,) = graph.op("transpose", [y], {"axes": [0, 2, 1]})
        (y,) = graph.op("softmax", [y])
    plan = graph.compile([y], [(16, 64, 96)])
    assert plan.arena_bytes < 4 * (16 * 64 * 96 * 4)


def small_model() -> pyframe.Sequential:
    layers = pyframe.layers
    model = pyframe.Sequential([
        layers.Input(shape=(20,)),
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def predict_growth(calls: int) -> int:
    model = small_model()
    x = np.ones((1, 20), np.float32)
    for _ in range(1000):
        model.predict(x, verbose=0)
    gc.collect()
    before = resident_bytes()
    for _ in range(calls):
        model.predict(x, verbose=0)
    return resident_bytes() - before


def test_predict_does_not_grow_the_process() -> None:
    assert predict_growth(20_000) < 1 << 20


@pytest.mark.slow
def test_100_000_predictions_do_not_grow_the_process() -> None:
    assert predict_growth(100_000) < 1 << 20


def test_a_trained_model_is_freed_by_reference_count() -> None:
    gc.collect()
    gc.disable()
    try:
        model = small_model()
        x, y = np.ones((50, 20), np.float32), np.zeros(50, np.int64)
        model.fit(x, y, epochs=2, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
        alive = weakref.ref(model)
        del model
        assert alive() is None
    finally:
        gc.enable()
