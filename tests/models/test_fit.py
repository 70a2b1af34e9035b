"""What fit, evaluate and single batches compute: losses, weights, metrics, penalties."""

from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import ops
from pyframe.callbacks import History
from pyframe.layers import Dense
from pyframe.models import Sequential
from pyframe.utils import set_random_seed
from tests.models.helpers import (
    CLASSES,
    ROWS,
    classifier,
    data,
    follow,
    linear,
    numbers,
    same_weights,
)


@pytest.mark.parametrize("batch", [1, 3, 4, 5, 10, 99])
def test_epochs_follow_the_formula(batch: int) -> None:
    """The last batch of an epoch is smaller and counts less in the mean."""
    x, y = numbers()
    model = linear()
    history = model.fit(x, y, batch_size=batch, epochs=3, shuffle=False, verbose=0).history
    w = np.array([[0.5], [-0.25]])
    for epoch in range(3):
        w, loss = follow(x, y, w, batch)
        assert history["loss"][epoch] == pytest.approx(loss, rel=1e-4)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4)


def test_sample_and_class_weights() -> None:
    x, y = numbers()
    weight = np.linspace(0.5, 2, 10)
    model = linear(weighted_metrics=["mse"], metrics=["mae"])
    history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0, sample_weight=weight).history
    w, loss = follow(x, y, np.array([[0.5], [-0.25]]), 4, weight)
    assert history["loss"][0] == pytest.approx(loss, rel=1e-4)
    # A weighted metric divides by the sum of the weights, the loss by the number of samples.
    assert history["mse"][0] == pytest.approx(loss * 10 / weight.sum(), rel=1e-4)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4)

    x, ids = data()
    by_class, by_sample = classifier(), classifier()
    by_sample.set_weights(by_class.get_weights())
    options: dict[str, Any] = {"shuffle": False, "verbose": 0}
    by_class.fit(x, ids, class_weight={0: 2.0, 2: 0.5}, **options)
    by_sample.fit(x, ids, sample_weight=np.array([2.0, 1.0, 0.5])[ids], **options)
    assert same_weights(by_class, by_sample)
    by_class.fit(x, ids, class_weight={0: 2.0}, sample_weight=np.full(ROWS, 2.0), **options)
    by_sample.fit(x, ids, sample_weight=np.where(ids == 0, 4.0, 2.0), **options)
    assert same_weights(by_class, by_sample)


def test_class_weights_of_one_hot_targets() -> None:
    x, ids = data()
    a = classifier(loss="categorical_crossentropy")
    b = classifier(loss="categorical_crossentropy")
    b.set_weights(a.get_weights())
    one_hot = np.eye(CLASSES)[ids]
    a.fit(x, one_hot, class_weight={1: 3.0}, shuffle=False, verbose=0)
    b.fit(x, one_hot, sample_weight=np.where(ids == 1, 3.0, 1.0), shuffle=False, verbose=0)
    assert same_weights(a, b)


def test_logs_are_sorted_and_exact() -> None:
    x, y = data()
    model = classifier(metrics=["accuracy", "acc"])
    history = model.fit(x, y, epochs=2, validation_data=(x, y), verbose=0)
    assert isinstance(history, History)
    assert model.history is history
    assert list(history.history) == [
        "acc",
        "accuracy",
        "loss",
        "val_acc",
        "val_accuracy",
        "val_loss",
    ]
    assert history.epoch == [0, 1]
    right = (model.predict(x, verbose=0).argmax(-1) == y).mean()
    assert history.history["val_accuracy"][-1] == pytest.approx(right, abs=1e-6)
    loss, accuracy, acc = model.evaluate(x, y, verbose=0)
    assert loss == pytest.approx(history.history["val_loss"][-1])
    assert accuracy == acc == pytest.approx(right, abs=1e-6)
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {
        "loss": loss,
        "accuracy": accuracy,
        "acc": acc,
    }
    assert isinstance(linear().evaluate(*numbers(), verbose=0), float)


@pytest.mark.parametrize("batch_size", [1, 8, 70, 500])
def test_evaluate_does_not_depend_on_the_batch_size(batch_size: int) -> None:
    x, y = data()
    set_random_seed(0)
    model = classifier(metrics=["accuracy"], weighted_metrics=["accuracy"])
    weight = np.linspace(0.1, 1.0, ROWS)
    values = model.evaluate(x, y, batch_size=batch_size, sample_weight=weight, verbose=0)
    expected = model.test_on_batch(x, y, sample_weight=weight)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_names_of_metrics() -> None:
    def close(y_true: Any, y_pred: Any) -> Any:
        return ops.less(ops.absolute(y_true - y_pred), 0.5)

    model = linear(
        metrics=["mse", close, "mse", pyframe.metrics.MeanAbsoluteError(name="m")],
        weighted_metrics=["mse"],
    )
    x, y = numbers()
    logs = model.test_on_batch(x, y, sample_weight=np.ones(10), return_dict=True)
    assert list(logs) == ["loss", "mse", "close", "mse_1", "m", "weighted_mse"]
    assert model.metrics_names == list(logs)


@pytest.mark.parametrize(
    ("units", "activation", "loss", "one_hot", "expected"),
    [
        (1, "sigmoid", "binary_crossentropy", False, "BinaryAccuracy"),
        (3, "softmax", "sparse_categorical_crossentropy", False, "SparseCategoricalAccuracy"),
        (3, "softmax", "categorical_crossentropy", True, "CategoricalAccuracy"),
        (3, "softmax", "crossentropy", False, "SparseCategoricalAccuracy"),
        (3, "softmax", "CE", True, "CategoricalAccuracy"),
        (1, "sigmoid", "crossentropy", False, "BinaryAccuracy"),
    ],
)
def test_accuracy_is_resolved_by_shapes(
    units: int,
    activation: str,
    loss: str,
    one_hot: bool,
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    x, y = data()
    target = np.eye(3)[y] if one_hot else y % max(units, 2)
    model = Sequential([Dense(units, activation=activation)])
    model.compile("sgd", loss, metrics=["accuracy"])
    model.fit(x, target, verbose=2)
    model.fit(x, target, verbose=2)
    assert capsys.readouterr().out.count(f"accuracy -> {expected}") == 1


def test_penalties_are_part_of_the_loss() -> None:
    def make(regularizer: Any) -> Sequential:
        model = Sequential([Dense(1, input_dim=2, kernel_regularizer=regularizer)])
        model.set_weights([np.array([[0.5], [-0.25]]), np.zeros(1)])
        model.compile("sgd", "mse", metrics=["mse"])
        return model

    x, y = numbers()
    mse = make(None).evaluate(x, y, verbose=0)[0]
    l2 = pyframe.regularizers.L2(0.1)
    loss, metric = make(l2).evaluate(x, y, verbose=0)
    assert metric == pytest.approx(mse)
    assert loss == pytest.approx(mse + 0.1 * (0.25 + 0.0625), rel=1e-5)
    frozen = make(l2)
    frozen.layers[0].trainable = False
    assert frozen.evaluate(x, y, verbose=0)[0] == pytest.approx(mse)
    plain, decayed = make(None), make(l2)
    plain.train_on_batch(x, y)
    decayed.train_on_batch(x, y)
    difference = plain.get_weights()[0] - decayed.get_weights()[0]
    np.testing.assert_allclose(difference, 0.01 * 2 * 0.1 * np.array([[0.5], [-0.25]]), rtol=1e-3)


def test_loss_weights() -> None:
    x, y = numbers()
    plain = linear().test_on_batch(x, y)
    assert linear(loss_weights=[0.5]).test_on_batch(x, y) == pytest.approx(0.5 * plain)


def test_custom_loss() -> None:
    x, y = numbers()

    def squares(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    a, b = linear(loss=squares), linear()
    a.fit(x, y, verbose=0, shuffle=False, batch_size=4)
    b.fit(x, y, verbose=0, shuffle=False, batch_size=4)
    np.testing.assert_allclose(a.get_weights()[0], b.get_weights()[0], rtol=1e-5)


def test_frozen_layers_stay_and_the_change_is_live() -> None:
    x, y = data()
    model = classifier()
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    model.layers[0].trainable = False
    model.fit(x, y, verbose=0)
    after = model.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    model.layers[0].trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(after[0], model.get_weights()[0])


def test_other_models_do_not_disturb_the_traces_of_this_one() -> None:
    x, y = data()
    model = classifier()
    model.fit(x, y, verbose=0)
    model.predict(x, verbose=0)
    traces = model.functions()
    kept = dict(traces)
    classifier().layers[0].trainable = False
    model.fit(x, y, verbose=0)
    assert model.functions() is traces
    assert all(traces[key] is value for key, value in kept.items())


def test_train_and_test_on_batch() -> None:
    x, y = numbers()
    model = linear(metrics=["mae"])
    before = model.test_on_batch(x, y)
    assert model.train_on_batch(x, y) == pytest.approx(before)
    assert model.test_on_batch(x, y)[0] < before[0]
    logs = model.train_on_batch(x, y, sample_weight=np.ones(10), return_dict=True)
    assert list(logs) == ["loss", "mae"]
    x, ids = data()
    assert classifier().train_on_batch(x, ids, class_weight={0: 0.0, 1: 0.0, 2: 0.0}) == 0.0


def test_training_learns() -> None:
    set_random_seed(0)
    x, y = data(300)
    model = classifier(metrics=["accuracy"], optimizer=pyframe.optimizers.Adam(0.02))
    history = model.fit(x, y, epochs=40, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    assert history["loss"][-1] < 0.2 * history["loss"][0]


def test_compile_again_keeps_the_weights_and_forgets_the_rest() -> None:
    x, y = data()
    model = classifier()
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert int(model.optimizer.iterations) == 0
    assert set(model.fit(x, y, verbose=0).history) == {"accuracy", "loss"}


@pytest.mark.parametrize(
    "option", [{"steps_per_execution": 4}, {"jit_compile": True}, {"run_eagerly": True}]
)
def test_item_54_options_without_effect(option: dict[str, Any]) -> None:
    x, ids = data()
    plain, other = classifier(), classifier()
    other.set_weights(plain.get_weights())
    plain.compile("adam", "sparse_categorical_crossentropy")
    other.compile("adam", "sparse_categorical_crossentropy", **option)
    logs = [m.fit(x, ids, shuffle=False, verbose=0).history for m in (plain, other)]
    assert logs[0] == logs[1]
    assert same_weights(plain, other)
