"""Metrics used on their own."""

import numpy as np
import pytest

from pyframe import metrics, ops
from pyframe.errors import ConfigurationError, ShapeError


def test_a_metric_collects_batches() -> None:
    metric = metrics.BinaryAccuracy()
    assert metric.result() == 0.0
    metric.update_state([1, 0, 1], [0.9, 0.2, 0.3])
    metric.update_state([1], [0.8])
    assert metric.result() == pytest.approx(0.75)
    metric.reset_state()
    assert metric([0], [0.9]) == 0.0


def test_weights_divide_by_their_sum() -> None:
    metric = metrics.MeanSquaredError()
    metric.update_state(np.zeros((2, 1)), np.array([[1.0], [2.0]]), sample_weight=[1.0, 3.0])
    assert metric.result() == pytest.approx((1 + 3 * 4) / 4)


def test_the_accuracy_family() -> None:
    p = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])
    assert metrics.SparseCategoricalAccuracy()([1, 2], p) == pytest.approx(0.5)
    assert metrics.SparseCategoricalAccuracy()([[1], [2]], p) == pytest.approx(0.5)
    assert metrics.CategoricalAccuracy()(np.eye(3)[[1, 2]], p) == pytest.approx(0.5)
    assert metrics.Accuracy()([1.0, 2.0], [1.0, 3.0]) == pytest.approx(0.5)
    # The threshold is strict, and the mean is over all elements.
    assert metrics.BinaryAccuracy()([[1, 0]], [[0.5, 0.5]]) == pytest.approx(0.5)
    assert metrics.BinaryAccuracy(threshold=0.4)([1, 1], [0.45, 0.3]) == pytest.approx(0.5)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="do not fit"):
        metrics.SparseCategoricalAccuracy()(np.zeros(3), np.zeros((2, 4)))


def test_get_and_config() -> None:
    assert metrics.get("mse").name == "mean_squared_error"
    assert isinstance(metrics.get(metrics.Accuracy), metrics.Accuracy)
    metric = metrics.BinaryCrossentropy(label_smoothing=0.1, name="b")
    again = metrics.get({"class_name": "BinaryCrossentropy", "config": metric.get_config()})
    assert again.get_config() == metric.get_config()
    with pytest.raises(ConfigurationError, match="Did you mean 'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(ConfigurationError, match="must be a name"):
        metrics.get(3)


def test_a_function_as_metric() -> None:
    def bias(y_true: object, y_pred: object) -> object:
        return ops.mean(ops.subtract(y_pred, y_true), axis=-1)

    metric = metrics.MeanMetricWrapper(bias)
    assert metric.name == "bias"
    assert metric(np.zeros((2, 2)), np.ones((2, 2))) == 1.0
