"""Plans in many threads, entered twice, and in forked children."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pyframe import _core
from tests.engine.small_net import make_data, make_net
from tests.ops.graphs import threads


@pytest.mark.parametrize("engine_threads", [1, 2])
def test_predict_plans_run_in_many_threads(engine_threads: int) -> None:
    plan = make_net(train=False).plan(16)
    batches = [make_data(16, seed) for seed in range(8)]
    with threads(engine_threads):
        expected = [plan.run(list(batch))[1].tobytes() for batch in batches]

        def work(which: int) -> bool:
            return all(
                plan.run(list(batches[(which + i) % 8]))[1].tobytes() == expected[(which + i) % 8]
                for i in range(100)
            )

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))


def test_run_steps_in_many_threads() -> None:
    plan = make_net(train=False).plan(8)
    x, ids = make_data(64)

    def work(_: int) -> bytes:
        out = np.zeros((64, 10), np.float32)
        plan.run_steps([x, ids], [None, out], None, 0, 8)
        return out.tobytes()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(work, range(64)))) == 1


def test_train_plans_of_different_models_run_at_once() -> None:
    x, ids = make_data(160)

    def train(_: int) -> bytes:
        net = make_net(train=True)
        plan = net.plan(16)
        out = np.zeros((160, 10), np.float32)
        for _ in range(5):
            plan.run_steps([x, ids], [None, out], None, 0, 10)
        return b"".join(v.numpy().tobytes() for v in net.variables)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(train, range(8)))) == 1


def test_train_plan_entered_twice() -> None:
    plan = make_net(train=True).plan(32)
    x, ids = make_data(32 * 200)
    out = np.zeros((len(x), 10), np.float32)
    refused = threading.Event()
    finished = threading.Event()

    def train() -> None:
        while not refused.is_set() and not finished.is_set():
            try:
                plan.run_steps([x, ids], [None, out], None, 0, 200)
            except RuntimeError:
                refused.set()

    workers = [threading.Thread(target=train) for _ in range(2)]
    for worker in workers:
        worker.start()
    refused.wait(20)
    finished.set()
    for worker in workers:
        worker.join()
    assert refused.is_set(), "two threads were inside one train plan"
    assert plan.run_steps([x, ids], [None, out], None, 0, 1)[0] == 1  # and it is usable again


FORK = """
import os, sys
import numpy as np
from pyframe import _core
sys.path.append(sys.argv[1])  # last: pyframe is the one under test, installed or in place
from tests.engine.small_net import make_data, make_net

_core.set_num_threads(2)
train, predict = make_net(True).plan(64), make_net(False).plan(64)
batch = list(make_data(64))
expected = predict.run(batch)[1].tobytes()
train.run(batch)
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        same = predict.run(batch)[1].tobytes() == expected
        train.run(batch)
        os._exit(0 if same else 3)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
assert predict.run(batch)[1].tobytes() == expected
print("ok")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_can_run_plans() -> None:
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, str(root)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.stdout.strip() == "ok", result.stdout + result.stderr


def test_number_of_threads_may_change_between_runs() -> None:
    plan = make_net(train=False).plan(64)
    batch = list(make_data(64))
    results = set()
    for count in (1, 2, 3, 7, 2, 1):
        with threads(count):
            results.add(plan.run(batch)[1].tobytes())
    assert len(results) == 1


def test_training_has_the_same_bits_for_any_number_of_threads_on_every_isa() -> None:
    x, ids = make_data(200)
    before = _core.get_isa()
    try:
        for level in _core.isa_levels():
            _core.set_isa(level)
            results = set()
            for count in (1, 2, 3, 7):
                with threads(count):
                    net = make_net(train=True)
                    out = np.zeros((200, 10), np.float32)
                    net.plan(50).run_steps([x, ids], [None, out], None, 0, 4)
                    weights = [v.numpy().tobytes() for v in net.variables]
                    results.add(b"".join([*weights, out.tobytes()]))
            assert len(results) == 1, level
    finally:
        _core.set_isa(before)
