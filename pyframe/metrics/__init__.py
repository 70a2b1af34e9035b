"""Metrics: what is reported besides the loss.

A metric collects numbers over batches and makes a result of them. It is used on its own, on
arrays (`update_state`, `result`, `reset_state`), or given to `Model.compile`, by name or as an
object: then it is traced into the same plan as the model. One of your own is a subclass of
`Metric`, or simply a function (y_true, y_pred) written with `pyframe.ops` whose mean is taken.
"""

from __future__ import annotations

from typing import Any

from pyframe import losses
from pyframe.errors import ConfigurationError
from pyframe.lookup import by_name, known_arguments, object_config, split_config
from pyframe.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from pyframe.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from pyframe.metrics.counts import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from pyframe.metrics.curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from pyframe.metrics.errors import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from pyframe.metrics.f_score import (
    F1Score,
    FBetaScore,
)
from pyframe.metrics.iou import (
    BinaryIoU,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from pyframe.metrics.metric import (
    Metric,
)
from pyframe.metrics.reductions import (
    Mean,
    MeanMetricWrapper,
    Sum,
)
from pyframe.metrics.regression import (
    ConcordanceCorrelation,
    CosineSimilarity,
    PearsonCorrelation,
    R2Score,
    RootMeanSquaredError,
    concordance_correlation,
    pearson_correlation,
)
from pyframe.naming import to_snake_case

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

_CLASSES: dict[str, type[Metric]] = {
    cls.__name__: cls
    for cls in (
        AUC,
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        BinaryIoU,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        CategoricalHinge,
        ConcordanceCorrelation,
        CosineSimilarity,
        F1Score,
        FBetaScore,
        FalseNegatives,
        FalsePositives,
        Hinge,
        IoU,
        KLDivergence,
        LogCoshError,
        Mean,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanIoU,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        OneHotIoU,
        OneHotMeanIoU,
        PearsonCorrelation,
        Poisson,
        Precision,
        PrecisionAtRecall,
        R2Score,
        Recall,
        RecallAtPrecision,
        RootMeanSquaredError,
        SensitivityAtSpecificity,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
        SparseTopKCategoricalAccuracy,
        SpecificityAtSensitivity,
        SquaredHinge,
        Sum,
        TopKCategoricalAccuracy,
        TrueNegatives,
        TruePositives,
        MeanMetricWrapper,
    )
}
_SHORT_NAMES: dict[str, type[Metric]] = {
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}
_BY_NAME: dict[str, type[Metric]] = {
    **_CLASSES,
    **{to_snake_case(name): cls for name, cls in _CLASSES.items()},
    **_SHORT_NAMES,
    **{name.upper(): cls for name, cls in _SHORT_NAMES.items()},
    # Names of the functions and of Keras 2.
    "acc": Accuracy,
    "cosine_proximity": CosineSimilarity,
    "kullback_leibler_divergence": KLDivergence,
    "log_cosh": LogCoshError,
    "logcosh": LogCoshError,
    "rmse": RootMeanSquaredError,
}


def serialize(metric: Metric) -> dict[str, Any]:
    """Returns plain data from which `deserialize` makes an equal metric."""
    return object_config(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns a metric made from what `serialize` returned.

    Args:
        config: a name or {"class_name": ..., "config": ...}.
        custom_objects: further classes by name.

    Raises:
        ConfigurationError: for an unknown name.
    """
    own = custom_objects or {}
    if isinstance(config, str):
        return own[config]() if config in own else get(config)
    name, arguments = split_config("metric", config)
    found: Any = by_name("metric", name, {**_CLASSES, **own})
    if isinstance(arguments.get("fn"), str):
        # Keras 2 has one class for all means, and the function's name.
        inner = own.get(arguments["fn"]) or get(arguments["fn"])
        if isinstance(inner, Metric):
            inner.name = arguments.get("name") or inner.name
            return inner
        arguments["fn"] = inner
    return found.from_config(known_arguments(found, arguments))


def get(identifier: Any) -> Any:
    """Returns a metric.

    Args:
        identifier: a name, a Metric or its class, a function of (y_true, y_pred), or
            {"class_name": ..., "config": ...}. A loss's name gives its mean. "accuracy" is
            resolved by `compile`, which knows the shapes.

    Returns:
        A Metric, or the function.

    Raises:
        ConfigurationError: for an unknown name or another type.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        if identifier not in _BY_NAME and losses.is_known(identifier):
            return MeanMetricWrapper(losses.get(identifier), identifier)
        found: Any = by_name("metric", identifier, _BY_NAME)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if callable(identifier):
        return identifier
    raise ConfigurationError(
        f"A metric must be a name, a Metric or a function (y_true, y_pred). "
        f"Received: {identifier!r}"
    )
