"""Metrics used on their own."""

from typing import Any

import numpy as np
import pytest

from pyframe import metrics, ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.naming import reset_names


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


def test_millions_of_samples_are_counted_exactly() -> None:
    """float32 stops at 2^24; the state is float64."""
    metric = metrics.Mean()
    metric.update_state(1.0, sample_weight=2.0**24)
    for _ in range(3):
        metric.update_state(0.0)
    assert metric.count.numpy() == 2**24 + 3
    assert metrics.Sum()([2.0**24, 1.0]) == 2**24 + 1


def test_item_47_thresholds() -> None:
    """Precision and recall say yes above 0.5, not at it; AUC has 200 thresholds."""
    assert metrics.Precision()([1, 1, 0], [0.5, 0.6, 0.7]) == pytest.approx(0.5)
    assert metrics.Recall()([1, 1, 0], [0.5, 0.6, 0.7]) == pytest.approx(0.5)
    auc = metrics.AUC()
    assert len(auc.thresholds) == auc.num_thresholds == 200
    assert auc.thresholds[0] < 0 < auc.thresholds[1]
    assert auc.thresholds[-2] < 1 < auc.thresholds[-1]
    # Thresholds between 0.501 and 0.502 there are none: both samples look the same.
    assert metrics.AUC()([0, 1], [0.501, 0.502]) == pytest.approx(0.5)
    assert metrics.AUC()([0, 1], [0.4, 0.6]) == pytest.approx(1.0)


def test_item_45_names() -> None:
    reset_names()
    assert metrics.AUC().name == "auc"
    assert metrics.AUC().name == "auc_1"
    assert metrics.Precision(name="p").name == "p"
    assert metrics.LogCoshError().name == "logcosh"
    assert metrics.get("huber").name == "huber"


def test_state_is_visible() -> None:
    metric = metrics.Precision(thresholds=[0.2, 0.8])
    metric.update_state([1, 0, 1], [0.5, 0.5, 0.9])
    assert [v.name for v in metric.variables] == ["true_positives", "false_positives"]
    assert metric.true_positives.numpy().tolist() == [2, 1]
    assert metric.false_positives.numpy().tolist() == [1, 0]
    np.testing.assert_allclose(metric.result(), [2 / 3, 1])
    metric.reset_state()
    assert metric.result().tolist() == [0, 0]


def test_nothing_seen_is_zero() -> None:
    made = [
        metrics.AUC(), metrics.AUC(multi_label=True), metrics.F1Score(), metrics.R2Score(),
        metrics.MeanIoU(3), metrics.Mean(), metrics.Recall(), metrics.PrecisionAtRecall(0.5),
    ]  # fmt: skip
    assert [metric.result() for metric in made] == [0.0] * len(made)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: metrics.AUC(num_thresholds=1), "`num_thresholds` must be an integer >= 2"),
        (lambda: metrics.AUC(curve="PRC"), "`curve` must be one of .*PRGAIN"),
        (lambda: metrics.AUC(summation_method="mid"), "`summation_method` must be one of"),
        (lambda: metrics.AUC(num_labels=3), "`num_labels` needs multi_label=True"),
        (lambda: metrics.Precision(thresholds=1.5), "`thresholds` must be numbers in"),
        (lambda: metrics.Recall(thresholds="0.5"), "`thresholds` must be numbers in"),
        (lambda: metrics.Recall(thresholds=[]), "must not be empty"),
        (lambda: metrics.Precision(top_k=0), "`top_k` must be an integer >= 1"),
        (lambda: metrics.Precision(class_id=-1), "`class_id` must be an integer >= 0"),
        (lambda: metrics.PrecisionAtRecall(2.0), "`recall` must be a number in"),
        (lambda: metrics.F1Score(average="mean"), "`average` must be one of"),
        (lambda: metrics.FBetaScore(beta=0.0), "`beta` must be a number > 0"),
        (lambda: metrics.F1Score(threshold=1.5), "`threshold` must be in"),
        (lambda: metrics.R2Score(class_aggregation="sum"), "`class_aggregation` must be one of"),
        (lambda: metrics.R2Score(num_regressors=-1), "`num_regressors` must be >= 0"),
        (lambda: metrics.IoU(3, [3]), "`target_class_ids` must be class numbers in"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "`k` must be a number > 0"),
        (lambda: metrics.Mean(name=3), "`name` must be a string"),
    ],
)
def test_bad_arguments(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


@pytest.mark.parametrize(
    ("metric", "y", "p", "text"),
    [
        (metrics.F1Score(), np.ones(3), np.ones(3), r"\(N, C\)"),
        (metrics.R2Score(), np.ones(3), np.ones(3), r"\(N, C\)"),
        (metrics.MeanIoU(4), np.ones(3), np.ones((3, 4)), "sparse_y_pred=False"),
        (metrics.Precision(class_id=7), np.ones((2, 3)), np.ones((2, 3)), "`class_id`=7"),
        (metrics.Precision(top_k=4), np.ones((2, 3)), np.ones((2, 3)), "`top_k`=4"),
        (metrics.AUC(multi_label=True), np.ones(3), np.ones(3), "needs predictions"),
        (metrics.AUC(), np.ones((3, 2)), np.ones(3), "do not fit"),
        (metrics.MeanSquaredError(), np.ones((3, 2)), np.ones((3, 1)), "do not fit"),
    ],
)
def test_shapes_are_checked(metric: Any, y: Any, p: Any, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        metric.update_state(y, p)


def test_adjusted_r2_of_few_samples_warns() -> None:
    metric = metrics.R2Score(num_regressors=9)
    metric.update_state(np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [1.0]]))
    with pytest.warns(UserWarning, match="needs more than 10 numbers"):
        assert metric.result() == pytest.approx(0.5)


def test_every_metric_can_be_made_again_and_says_what_is_better() -> None:
    arguments: dict[str, dict[str, Any]] = {
        "IoU": {"num_classes": 3, "target_class_ids": [1]},
        "OneHotIoU": {"num_classes": 3, "target_class_ids": [1]},
        "MeanIoU": {"num_classes": 3},
        "OneHotMeanIoU": {"num_classes": 3},
        "SensitivityAtSpecificity": {"specificity": 0.5},
        "SpecificityAtSensitivity": {"sensitivity": 0.5},
        "PrecisionAtRecall": {"recall": 0.5},
        "RecallAtPrecision": {"precision": 0.5},
    }
    undecided = {"Mean", "Sum", "TruePositives", "FalsePositives", "TrueNegatives"}
    undecided |= {"FalseNegatives"}
    for name in metrics.__all__:
        cls = getattr(metrics, name)
        if not isinstance(cls, type) or name in ("Metric", "MeanMetricWrapper"):
            continue
        metric = cls(**arguments.get(name, {}))
        again = metrics.deserialize(metrics.serialize(metric))
        assert type(again) is cls
        assert again.get_config() == metric.get_config()
        assert (metric._direction is None) == (name in undecided), name


def test_a_metric_without_super_init() -> None:
    class Bad(metrics.Metric):
        def __init__(self) -> None:
            self.total = self.add_variable()

    with pytest.raises(ConfigurationError, match="super"):
        Bad()
