"""Metrics inside fit and evaluate: state in the plan, resets, threads, copies."""

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

from pyframe import losses, metrics, ops
from pyframe.layers import Dense
from pyframe.models import Sequential
from pyframe.models.steps import Totals
from tests.models.helpers import CLASSES, classifier, data, linear, numbers


class Extremes(metrics.Metric):
    """Reads what it has just assigned, and gives two results."""

    def __init__(self, name: str = "extremes") -> None:
        super().__init__(name=name)
        self.largest = self.add_variable((), "zeros", name="largest")
        self.batches = self.add_variable((), "zeros", name="batches")
        self.twice = self.add_variable((2,), "zeros", name="twice")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        error = ops.max(ops.absolute(y_pred - y_true))
        self.largest.assign(ops.maximum(self.largest, error))
        self.batches.assign_add(1.0)
        self.twice.assign(self.twice + self.batches)
        self.batches.assign_add(self.batches)

    def result(self) -> dict[str, Any]:
        return {"largest": self.largest, "batches": self.batches, "sum": ops.sum(self.twice)}


class Bias(metrics.Metric):
    """Plain sums: no effect is needed for them."""

    def __init__(self) -> None:
        super().__init__(name="bias")
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_weight("count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total.assign_add(ops.sum(y_pred - y_true))
        self.count.assign_add(ops.sum(ops.ones_like(y_pred)))

    def result(self) -> Any:
        return self.total / self.count


def test_a_metric_of_ones_own_is_traced() -> None:
    x, y = numbers(10)
    model = linear(metrics=[Extremes(), Bias()])
    logs = model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
    error = model.predict(x, verbose=0) - y
    assert logs["largest"] == pytest.approx(np.abs(error).max(), rel=1e-5)
    assert logs["bias"] == pytest.approx(error.mean(), rel=1e-4)
    # batches: 0 -> 1, doubled 2 -> 3, 6 -> 7, 14; the sums 1 + 3 + 7 in two elements.
    assert (logs["batches"], logs["sum"]) == (14.0, 22.0)


def test_the_same_metric_on_arrays() -> None:
    x, y = numbers(10)
    model = linear(metrics=[Extremes()])
    logs = model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
    p = model.predict(x, verbose=0)
    metric = Extremes()
    for i in range(0, 10, 4):
        metric.update_state(y[i : i + 4], p[i : i + 4])
    for name, value in metric.result().items():
        assert float(np.asarray(value)) == pytest.approx(logs[name], rel=1e-5)


def test_item_22_metrics_are_exact_and_reset() -> None:
    """Every epoch and every evaluation starts anew; a short batch counts by its samples."""
    x, y = data(50)
    auc = metrics.AUC(multi_label=True, name="auc")
    model = classifier(
        loss="categorical_crossentropy",
        metrics=["accuracy", metrics.Recall(name="recall"), auc],
        optimizer="sgd",
    )
    one_hot = np.eye(CLASSES)[y]
    p = model.predict(x, verbose=0)
    found = model.evaluate(x, one_hot, batch_size=16, verbose=0, return_dict=True)
    again = model.evaluate(x, one_hot, batch_size=16, verbose=0, return_dict=True)
    assert found == again
    assert found["accuracy"] == (p.argmax(-1) == y).mean()
    assert found["recall"] == pytest.approx((p[np.arange(50), y] > 0.5).mean())
    expected = metrics.AUC(multi_label=True)
    expected.update_state(one_hot, p)
    assert found["auc"] == pytest.approx(expected.result(), abs=1e-6)
    assert auc.result() == found["auc"]
    history = model.fit(
        x, one_hot, batch_size=16, epochs=2, verbose=0, validation_data=(x, one_hot)
    ).history
    last = model.evaluate(x, one_hot, verbose=0, return_dict=True)
    for name in ("accuracy", "recall", "auc"):
        assert history[f"val_{name}"][-1] == pytest.approx(last[name], abs=1e-6)


def test_objects_hold_the_result_of_the_last_run() -> None:
    x, y = data()
    model = classifier(metrics=["accuracy", metrics.MeanIoU(CLASSES, sparse_y_pred=False)])
    assert model.metrics == []
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert model.metrics[0].name == "accuracy"
    assert [m.result() for m in model.metrics] == list(logs.values())[1:]
    assert float(model.metrics[0].count) == len(x)
    first = model.metrics
    model.fit(x, y, verbose=0)
    assert all(a is b for a, b in zip(first, model.metrics, strict=True))
    model.reset_metrics()
    assert model.metrics[0].result() == 0.0


def test_single_batches_do_not_add_up() -> None:
    x, y = data()
    model = classifier(
        loss="categorical_crossentropy", metrics=["accuracy", metrics.AUC(multi_label=True)]
    )
    one_hot = np.eye(CLASSES)[y]
    assert model.test_on_batch(x, one_hot) == model.test_on_batch(x, one_hot)


def test_one_object_may_be_given_twice() -> None:
    x, y = numbers(10)
    metric = metrics.MeanSquaredError(name="m")
    weight = np.linspace(0.5, 2.0, 10)
    model = linear(metrics=[metric], weighted_metrics=[metric])
    logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    square = np.square(model.predict(x, verbose=0) - y)[:, 0]
    both = (square.sum() + (square * weight).sum()) / (10 + weight.sum())
    assert list(logs) == ["loss", "m", "weighted_m"]
    assert logs["m"] == logs["weighted_m"] == pytest.approx(both, rel=1e-5)


def test_metrics_with_many_results() -> None:
    x, y = numbers(10)
    model = Sequential([Dense(2, input_dim=2)])
    model.compile("sgd", "mse", metrics=[metrics.R2Score(class_aggregation=None, name="r2")])
    target = np.hstack([y, -y])
    history = model.fit(x, target, epochs=2, verbose=2).history
    assert [np.shape(value) for value in history["r2"]] == [(2,), (2,)]


def test_a_function_of_vectors_and_columns() -> None:
    """R17: (N,) and (N, 1) are brought to one shape before a function of the user's sees them."""

    def gap(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.absolute(y_true - y_pred), axis=-1)

    x, y = numbers(10)
    logs = linear(metrics=[gap, "mae"], loss=gap).evaluate(x, y[:, 0], verbose=0)
    assert logs[0] == pytest.approx(logs[2])
    assert logs[1] == pytest.approx(logs[2])


@pytest.mark.parametrize("stateful", [False, True])
def test_many_threads_may_evaluate(stateful: bool) -> None:
    """Metrics that are sums leave a test plan without effects; with others, threads wait."""
    x, y = data(200)
    one_hot = np.eye(CLASSES)[y]
    chosen: list[Any] = ["accuracy", metrics.Precision(name="p"), metrics.RootMeanSquaredError()]
    if stateful:
        chosen.append(metrics.AUC(name="auc"))
    model = classifier(loss="categorical_crossentropy", metrics=chosen)
    parts = [slice(0, 50 * n) for n in (1, 2, 3, 4)]
    expected = [model.evaluate(x[p], one_hot[p], verbose=0) for p in parts]
    assert model.compiled_state.exclusive is stateful
    found: dict[int, Any] = {}
    errors: list[BaseException] = []

    def work(n: int) -> None:
        try:
            for _ in range(20):
                p = parts[n % 4]
                found[n] = model.evaluate(x[p], one_hot[p], verbose=0)
                assert found[n] == expected[n % 4]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_count_for_themselves(clone: Any) -> None:
    x, y = data()
    one_hot = np.eye(CLASSES)[y]
    model = classifier(loss="categorical_crossentropy", metrics=["accuracy", metrics.AUC()])
    expected = model.evaluate(x, one_hot, verbose=0)
    other = clone(model)
    assert other.evaluate(x, one_hot, verbose=0) == expected
    other.evaluate(x[:10], one_hot[:10], verbose=0)
    assert model.metrics[1].result() == expected[2]


def test_an_epoch_can_be_interrupted() -> None:
    x, y = data()
    one_hot = np.eye(CLASSES)[y].astype(np.float32)
    model = classifier(loss="categorical_crossentropy", metrics=["accuracy", metrics.AUC()])
    model.test_on_batch(x, one_hot)
    step = next(s for key, s in model.functions().items() if key[0] == "test")

    def add(totals: Totals, part: slice) -> None:
        arrays = [x[part], one_hot[part]]
        plan = step.function.plan_for(arrays)
        totals.add(plan.run_steps(arrays, [None] * step.outputs, None, 0, 1)[1], len(x[part]), 1)

    whole = Totals(step)
    add(whole, slice(0, 40))
    state = whole.get_state()
    add(whole, slice(40, 70))
    expected = whole.logs()
    resumed = Totals(step)
    resumed.set_state(state)
    add(resumed, slice(40, 70))
    assert resumed.logs() == expected
    with pytest.raises(ValueError, match="other metrics"):
        resumed.set_state(state | {"metrics": []})


def test_item_44_accuracy_follows_the_shapes() -> None:
    """Keys are the strings given; several outputs of a sigmoid mean CategoricalAccuracy."""
    x, y = data()
    model = Sequential([Dense(CLASSES, activation="sigmoid", input_dim=x.shape[1])])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "ACC"])
    logs = model.evaluate(x, np.eye(CLASSES)[y], verbose=0, return_dict=True)
    assert list(logs) == ["loss", "accuracy", "ACC"]
    assert isinstance(model.metrics[0], metrics.CategoricalAccuracy)
    assert model.metrics[0]._direction == "up"


def test_ignored_classes_pass_the_check_of_the_data() -> None:
    x, y = data()
    y = np.where(np.arange(len(y)) % 3 == 0, 255, y)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    model = classifier(loss=loss)
    value = model.evaluate(x, y, batch_size=len(x), verbose=0)
    p = model.predict(x, verbose=0)
    kept = y != 255
    expected = -np.log(p[kept, y[kept]]).mean()
    assert value == pytest.approx(expected, rel=1e-5)
    model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="class number 254"):
        model.fit(x, np.where(y == 255, 254, y), verbose=0)


def test_accuracy_of_probabilities_warns() -> None:
    x, y = data()
    model = classifier(loss="categorical_crossentropy", metrics=[metrics.Accuracy()])
    with pytest.warns(UserWarning, match="are probabilities"):
        model.evaluate(x, np.eye(CLASSES)[y], verbose=0)
