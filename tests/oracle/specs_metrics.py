"""Metrics on arrays and in fit that Keras and pyframe are both put through."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.oracle.specs import OPTIMIZERS, Layers, dense_net

Make = Callable[[Any], Any]


@dataclass(frozen=True)
class MetricCase:
    """A metric updated with several batches of arrays."""

    name: str
    make: Make
    target: str
    prediction: str
    shape: tuple[int, ...] = (4,)  # of one sample
    weights: str = "sample"  # "sample", "element", "whole" (numbers), "" for none
    keeps_config: bool = True  # Keras forgets some arguments in get_config


def metric(class_name: str, **options: Any) -> Make:
    return lambda k: getattr(k.metrics, class_name)(**options)


def _case(
    class_name: str,
    target: str,
    prediction: str,
    suffix: str = "",
    shape: tuple[int, ...] = (4,),
    weights: str = "sample",
    keeps_config: bool = True,
    **options: Any,
) -> MetricCase:
    name = f"{class_name}{'_' if suffix else ''}{suffix}"
    make = metric(class_name, **options)
    return MetricCase(name, make, target, prediction, shape, weights, keeps_config)


_ONE: tuple[int, ...] = (1,)
_NONE: tuple[int, ...] = ()
METRIC_CASES = [
    # accuracy
    _case("Accuracy", "ids", "id_guess"),
    _case("BinaryAccuracy", "bits", "unit"),
    _case("BinaryAccuracy", "bits", "unit", "column", _ONE),
    _case("BinaryAccuracy", "bits", "unit", "threshold", threshold=0.3),
    _case("BinaryAccuracy", "bits", "unit", "images", (3, 2), "sample"),
    _case("BinaryAccuracy", "bits", "unit", "element_weights", (3, 2), "image"),
    _case("CategoricalAccuracy", "one_hot", "soft"),
    _case("CategoricalAccuracy", "one_hot", "soft", "images", (3, 4)),
    _case("SparseCategoricalAccuracy", "ids", "soft"),
    _case("SparseCategoricalAccuracy", "id_column", "soft", "column"),
    _case("TopKCategoricalAccuracy", "one_hot", "soft", k=2),
    _case("TopKCategoricalAccuracy", "one_hot", "soft", "default", (9,)),
    _case("SparseTopKCategoricalAccuracy", "ids", "soft", k=2),
    _case("SparseTopKCategoricalAccuracy", "ids", "soft", "images", (3, 4), k=3),
    _case("SparseTopKCategoricalAccuracy", "ids", "ranking", "sorted", k=2, from_sorted_ids=True),
    # counts, precision, recall
    *(
        case
        for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
        for case in (
            _case(name, "bits", "unit"),
            _case(name, "bits", "unit", "vector", _NONE),
            _case(name, "bits", "unit", "thresholds", thresholds=[0.2, 0.55, 0.9]),
            _case(name, "bits", "unit", "even", thresholds=[0.0, 0.25, 0.5, 0.75, 1.0]),
            _case(name, "bits", "unit", "element_weights", weights="element"),
        )
    ),
    *(
        case
        for name in ("Precision", "Recall")
        for case in (
            _case(name, "bits", "unit"),
            _case(name, "bits", "unit", "column", _ONE),
            _case(name, "bits", "unit", "vector", _NONE),
            _case(name, "bits", "unit", "thresholds", thresholds=[0.1, 0.5, 0.8]),
            _case(name, "one_hot", "soft", "top_k", top_k=2),
            _case(name, "one_hot", "soft", "class_id", class_id=2),
            _case(name, "one_hot", "soft", "both", top_k=2, class_id=1),
            _case(name, "bits", "unit", "element_weights", weights="element"),
        )
    ),
    # curves
    *(
        _case("AUC", "bits", "unit", f"{curve}_{method}", curve=curve, summation_method=method)
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "majoring", "minoring")
    ),
    _case("AUC", "bits", "grid", "grid", _ONE),
    _case("AUC", "bits", "unit", "vector", _NONE),
    _case("AUC", "bits", "unit", "few", num_thresholds=7),
    _case("AUC", "bits", "unit", "thresholds", thresholds=[0.7, 0.2, 0.35]),
    _case("AUC", "bits", "unit", "multi_label", multi_label=True, num_labels=4),
    _case("AUC", "bits", "unit", "multi_label_weights", multi_label=True,
          label_weights=[0.1, 0.5, 1.0, 0.2]),
    _case("AUC", "bits", "unit", "multi_label_pr", multi_label=True, curve="PR"),
    _case("AUC", "bits", "unit", "multi_label_thresholds", multi_label=True,
          thresholds=[0.2, 0.7]),
    _case("AUC", "bits", "unit", "label_weights", weights="",
          label_weights=[0.1, 0.5, 1.0, 0.2]),
    _case("AUC", "bits", "real", "logits", from_logits=True),
    _case("SensitivityAtSpecificity", "bits", "unit", specificity=0.4),
    _case("SensitivityAtSpecificity", "one_hot", "soft", "class_id", specificity=0.6, class_id=1),
    _case("SensitivityAtSpecificity", "bits", "unit", "one", specificity=0.3, num_thresholds=1),
    _case("SpecificityAtSensitivity", "bits", "unit", sensitivity=0.5, num_thresholds=20),
    _case("PrecisionAtRecall", "bits", "unit", recall=0.6),
    _case("RecallAtPrecision", "bits", "unit", precision=0.5),
    # F-scores and R2
    *(
        _case("FBetaScore", "bits", "unit", f"{average}_{threshold}", average=average, beta=0.7,
              threshold=threshold)
        for average in (None, "micro", "macro", "weighted")
        for threshold in (None, 0.4)
    ),
    _case("F1Score", "one_hot", "soft"),
    _case("F1Score", "bits", "unit", "column", _ONE, threshold=0.5),
    _case("R2Score", "real", "near"),
    _case("R2Score", "real", "near", "column", _ONE),
    _case("R2Score", "real", "near", "by_column", class_aggregation=None),
    _case("R2Score", "real", "near", "variance", class_aggregation="variance_weighted_average"),
    _case("R2Score", "real", "near", "adjusted", num_regressors=3),
    _case("R2Score", "real", "near", "element_weights", weights="element"),
    # means of losses
    _case("MeanSquaredError", "real", "near"),
    _case("MeanSquaredError", "real", "near", "images", (3, 2, 4)),
    _case("RootMeanSquaredError", "real", "near"),
    _case("RootMeanSquaredError", "real", "near", "images", (3, 2, 4)),
    _case("MeanAbsoluteError", "real", "near"),
    _case("MeanAbsolutePercentageError", "positive", "near"),
    _case("MeanSquaredLogarithmicError", "positive", "near"),
    _case("LogCoshError", "real", "near"),
    _case("CosineSimilarity", "real", "near"),
    _case("CosineSimilarity", "real", "near", "axis", (3, 4), keeps_config=False, axis=1),
    _case("KLDivergence", "soft", "soft"),
    _case("Poisson", "positive", "positive"),
    _case("Hinge", "signs", "real"),
    _case("SquaredHinge", "bits", "real"),
    _case("CategoricalHinge", "one_hot", "real"),
    _case("BinaryCrossentropy", "bits", "unit"),
    _case("BinaryCrossentropy", "bits", "real", "logits", from_logits=True, label_smoothing=0.1),
    _case("CategoricalCrossentropy", "one_hot", "soft"),
    _case("CategoricalCrossentropy", "one_hot", "soft", "smoothing", label_smoothing=0.2),
    _case("SparseCategoricalCrossentropy", "ids", "soft"),
    _case("SparseCategoricalCrossentropy", "ids", "real", "logits", from_logits=True),
    _case("SparseCategoricalCrossentropy", "ids", "soft", "ignore", ignore_class=1),
    _case("PearsonCorrelation", "real", "near"),
    _case("ConcordanceCorrelation", "real", "near"),
    # intersection over union
    _case("IoU", "ids", "id_guess", weights="whole", num_classes=4, target_class_ids=[0, 2]),
    _case("IoU", "ids", "id_guess", "images", (3, 2, 4), weights="", num_classes=4,
          target_class_ids=[1], ignore_class=2),
    _case("IoU", "ids", "id_guess", "float", num_classes=4, target_class_ids=[0, 1],
          dtype="float32"),
    _case("BinaryIoU", "bits", "unit", weights="", threshold=0.4),
    _case("BinaryIoU", "bits", "unit", "one", weights="", target_class_ids=[1]),
    _case("MeanIoU", "ids", "id_guess", weights="whole", num_classes=4),
    _case("MeanIoU", "ids", "soft", "scores", weights="whole", num_classes=4,
          sparse_y_pred=False),
    _case("MeanIoU", "ids", "id_guess", "out_of_range", weights="", num_classes=3),
    _case("OneHotIoU", "one_hot", "soft", weights="whole", num_classes=4,
          target_class_ids=[0, 3]),
    _case("OneHotMeanIoU", "one_hot", "soft", weights="whole", num_classes=4),
]  # fmt: skip


@dataclass(frozen=True)
class ReductionCase:
    """Sum or Mean of plain values."""

    name: str
    class_name: str
    shape: tuple[int, ...]
    weight_shape: tuple[int, ...] | None


REDUCTION_CASES = [
    ReductionCase(f"{c}_{n}", c, shape, weight)
    for c in ("Mean", "Sum")
    for n, shape, weight in (
        ("scalar", (), None),
        ("vector", (5,), None),
        ("matrix", (5, 3), None),
        ("weighted_vector", (5,), (5,)),
        ("weighted_column", (5,), (5, 1)),
        ("weighted_rows", (5, 3), (5,)),
        ("weighted_elements", (5, 3), (5, 3)),
        ("weighted_images", (5, 3, 2), (5, 3)),
        ("one_weight", (5,), ()),
    )
]


@dataclass(frozen=True)
class CompileCase:
    """Metrics given to compile: keys, history, evaluate."""

    name: str
    loss: str
    target: str
    last: str | None
    metrics: Callable[[Any], list[Any]]
    weighted_metrics: Callable[[Any], list[Any]] = lambda k: []
    units: int = 4
    optimizer: Callable[[Any], Any] = OPTIMIZERS["adam"]

    @property
    def layers(self) -> Layers:
        return dense_net(self.last, self.units)


def _squared(k: Any) -> Callable[..., Any]:
    def squared(y_true: Any, y_pred: Any) -> Any:
        return k.ops.sum(k.ops.square(y_true - y_pred), axis=-1)

    return squared


def _scalar(k: Any) -> Callable[..., Any]:
    # A function of the whole batch: every batch counts once.
    def largest(y_true: Any, y_pred: Any) -> Any:
        return k.ops.max(k.ops.absolute(y_true - y_pred))

    return largest


COMPILE_CASES = [
    CompileCase(
        "order", "categorical_crossentropy", "one_hot", "softmax",
        lambda k: ["mse", k.metrics.AUC(name="auc"), "accuracy"],
        lambda k: ["mae", k.metrics.Recall(name="recall"), _squared(k)],
    ),
    CompileCase(
        "categorical", "categorical_crossentropy", "one_hot", "softmax",
        lambda k: [
            "accuracy", "acc", "categorical_accuracy",
            k.metrics.TopKCategoricalAccuracy(k=2), k.metrics.Precision(), k.metrics.Recall(),
            k.metrics.AUC(), k.metrics.F1Score(average="macro"), k.metrics.F1Score(name="each"),
            k.metrics.OneHotMeanIoU(4, name="iou"), "mse", _squared(k),
            "categorical_crossentropy", k.metrics.AUC(multi_label=True, name="auc_by_label"),
            k.metrics.Precision(thresholds=[0.2, 0.4], name="two"),
        ],
        lambda k: ["accuracy", k.metrics.Precision(name="p"), k.metrics.AUC(name="a"), "mse"],
    ),
    CompileCase(
        "sparse", "sparse_categorical_crossentropy", "ids", "softmax",
        lambda k: [
            "accuracy", "sparse_categorical_accuracy",
            k.metrics.SparseTopKCategoricalAccuracy(k=2),
            k.metrics.MeanIoU(4, sparse_y_pred=False, name="iou"),
            "sparse_categorical_crossentropy",
        ],
        lambda k: ["acc", k.metrics.SparseCategoricalAccuracy()],
    ),
    CompileCase(
        "binary", "binary_crossentropy", "bit_column", "sigmoid",
        lambda k: [
            "accuracy", k.metrics.Precision(name="precision"), k.metrics.Recall(name="recall"),
            k.metrics.AUC(name="roc"), k.metrics.AUC(curve="PR", name="pr"),
            k.metrics.TruePositives(name="tp"), k.metrics.FalsePositives(name="fp"),
            k.metrics.TrueNegatives(name="tn"), k.metrics.FalseNegatives(name="fn"),
            k.metrics.BinaryIoU(name="iou"), k.metrics.SensitivityAtSpecificity(0.5, name="s"),
        ],
        lambda k: ["accuracy", k.metrics.Recall(name="recall"), k.metrics.TruePositives(name="t")],
        units=1,
    ),
    CompileCase(
        "regression", "mse", "real", None,
        lambda k: [
            "mae", "mse", "mse", "mape", "msle", "root_mean_squared_error", "cosine_similarity",
            "r2_score", k.metrics.R2Score(name="r2"), k.metrics.LogCoshError(), _squared(k),
            _scalar(k), k.losses.huber, "mean_absolute_error",
        ],
        lambda k: ["mae", "mse", k.metrics.R2Score(name="r2"), _squared(k)],
    ),
]  # fmt: skip
