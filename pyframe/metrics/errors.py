"""Losses as metrics: their mean over all samples."""

from __future__ import annotations

from typing import Any

from pyframe import losses
from pyframe.losses.align import fraction
from pyframe.losses.crossentropy import valid_classes
from pyframe.losses.loss import weights_for
from pyframe.metrics.reductions import MeanMetricWrapper, as_value


class _Error(MeanMetricWrapper):
    _direction = "down"


class MeanSquaredError(_Error):
    """Mean of squared differences; see `losses.mean_squared_error`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(_Error):
    """Mean of absolute differences; see `losses.mean_absolute_error`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(_Error):
    """Mean of differences in percent of the targets; see `losses.mean_absolute_percentage_error`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(_Error):
    """Mean of squared differences of log(1 + x); see `losses.mean_squared_logarithmic_error`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(_Error):
    """Mean of log(cosh(difference)); see `losses.log_cosh`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class Hinge(_Error):
    """Mean of max(1 - y_true * y_pred, 0); see `losses.hinge`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(_Error):
    """Mean of max(1 - y_true * y_pred, 0)^2; see `losses.squared_hinge`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(_Error):
    """Margin between the true and the best wrong class; see `losses.categorical_hinge`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


class KLDivergence(_Error):
    """Kullback-Leibler divergence of the predictions from the targets; see `losses.kl_divergence`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(_Error):
    """Minus the log likelihood of counts; see `losses.poisson`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class BinaryCrossentropy(_Error):
    """Crossentropy of yes/no targets; see `losses.binary_crossentropy`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
        from_logits: whether the predictions are scores, not probabilities.
        label_smoothing: in [0, 1], see the function.
    """

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=fraction(label_smoothing, "label_smoothing"),
        )


class CategoricalCrossentropy(_Error):
    """Crossentropy of one-hot targets; see `losses.categorical_crossentropy`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
        from_logits: whether the predictions are scores, not probabilities.
        label_smoothing: in [0, 1], see the function.
        axis: the class axis.
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=fraction(label_smoothing, "label_smoothing"),
            axis=axis,
        )


class SparseCategoricalCrossentropy(_Error):
    """Crossentropy of class numbers; see `losses.sparse_categorical_crossentropy`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
        from_logits: whether the predictions are scores, not probabilities.
        ignore_class: class number whose positions count as 0.
        axis: the class axis.
    """

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.ignore_class = ignore_class

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Takes a batch into account; with weights, ignored positions weigh nothing."""
        y_true = as_value(y_true, "y_true")
        if sample_weight is not None and self.ignore_class is not None:
            valid = valid_classes(y_true, self.ignore_class)
            sample_weight = weights_for(valid, as_value(sample_weight, "sample_weight")) * valid
        super().update_state(y_true, y_pred, sample_weight)
