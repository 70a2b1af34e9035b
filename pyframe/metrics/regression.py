"""Metrics of numbers that are not plain means of a loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe import losses, ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError, warn
from pyframe.losses.regression import unit_length
from pyframe.metrics.metric import Metric
from pyframe.metrics.reductions import Mean, MeanMetricWrapper, as_value
from pyframe.ops.dispatch import float_dtype, rank, static_shape
from pyframe.ops.state import row_count


class RootMeanSquaredError(Mean):
    """Square root of the mean of squared differences.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    _direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Takes targets and predictions of equal shapes into account."""
        y_true, y_pred = losses.align(as_value(y_true, "y_true"), as_value(y_pred, "y_pred"))
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self) -> Any:
        """Returns the root of the mean."""
        return float(super().result()) ** 0.5


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Returns the cosine of the angle between y_true and y_pred along an axis."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


class CosineSimilarity(MeanMetricWrapper):
    """Cosine of the angle between targets and predictions, 1 for the same direction.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
        axis: the axis of the vectors.
    """

    _direction = "up"

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)


def _centred(x: Any, axis: int) -> Any:
    return x - ops.mean(x, axis, keepdims=True)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Returns Pearson's correlation of y_true and y_pred along an axis, in [-1, 1]."""
    y_true, y_pred = losses.align(y_true, y_pred)
    normal = [unit_length(_centred(y, axis), axis) for y in (y_true, y_pred)]
    return ops.sum(normal[0] * normal[1], axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Returns Lin's concordance correlation of y_true and y_pred along an axis (Lin 1989).

    2 cov / (var_true + var_pred + (mean_true - mean_pred)^2), where the covariance is taken
    around the mean of y_pred as Keras does.
    """
    y_true, y_pred = losses.align(y_true, y_pred)
    mean_true, mean_pred = (ops.mean(y, axis, keepdims=True) for y in (y_true, y_pred))
    spread = [
        ops.mean(ops.square(_centred(y, axis)), axis, keepdims=True) for y in (y_true, y_pred)
    ]
    norm = spread[0] + spread[1] + ops.square(mean_true - mean_pred)
    covariance = (y_true - mean_pred) * (y_pred - mean_pred)
    return ops.mean(2.0 * covariance / (norm + epsilon()), axis)


class PearsonCorrelation(MeanMetricWrapper):
    """Mean of `pearson_correlation`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
        axis: the axis of the numbers that are correlated; it must be longer than 1.
    """

    _direction = "up"

    def __init__(
        self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of `concordance_correlation`.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
        axis: the axis of the numbers that are correlated; it must be longer than 1.
    """

    _direction = "up"

    def __init__(
        self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)


_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """Part of the targets' variance that the predictions explain: 1 - residual / variance.

    Args:
        class_aggregation: "uniform_average" over the columns, "variance_weighted_average", or
            None for one result a column.
        num_regressors: number of independent variables, for the adjusted score; 0 for none.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for an unknown aggregation or a negative number.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        if class_aggregation not in _AGGREGATIONS:
            raise ConfigurationError(
                f"`class_aggregation` must be one of {_AGGREGATIONS}. "
                f"Received: {class_aggregation!r}"
            )
        if isinstance(num_regressors, bool) or num_regressors < 0:
            raise ConfigurationError(f"`num_regressors` must be >= 0. Received: {num_regressors!r}")
        super().__init__(dtype, name)
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable(name="num_samples")
        self._built = False

    def _build(self, columns: int) -> None:
        self.squared_sum = self.add_variable((columns,), name="squared_sum")
        self.sum = self.add_variable((columns,), name="sum")
        self.total_mse = self.add_variable((columns,), name="residual")
        self.count = self.add_variable((columns,), name="count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch into account.

        Args:
            y_true: targets (N, C).
            y_pred: predictions (N, C).
            sample_weight: weights (N,) or (N, C).

        Raises:
            ShapeError: for other shapes.
        """
        y_true, y_pred = losses.align(as_value(y_true, "y_true"), as_value(y_pred, "y_pred"))
        shape = static_shape(y_pred)
        if len(shape) != 2 or shape[1] is None:
            raise ShapeError(f"R2Score expects predictions of shape (N, C). Received: {shape}")
        if not self._built:
            self._build(shape[1])
        weight = 1.0 if sample_weight is None else as_value(sample_weight, "sample_weight")
        if rank(weight) == 1:
            weight = ops.expand_dims(ops.cast(weight, float_dtype(y_true)), 1)
        weight = ops.ones_like(y_true) * weight
        self.sum.assign_add(ops.sum(y_true * weight, 0))
        self.squared_sum.assign_add(ops.sum(y_true * y_true * weight, 0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weight, 0))
        self.count.assign_add(ops.sum(weight, 0))
        self.num_samples.assign_add(row_count(y_true) * shape[1])

    def result(self) -> Any:
        """Returns the score, an array of scores without aggregation; 0 before any batch."""
        if not self._built or not float(self.num_samples):
            return 0.0
        total = self.squared_sum.numpy() - self.sum.numpy() ** 2 / self.count.numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = 1.0 - self.total_mse.numpy() / total
        scores = np.where(np.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (total * scores).sum() / total.sum()
        scores = self._adjusted(scores)
        return scores if self.class_aggregation is None else float(scores)

    def _adjusted(self, score: Any) -> Any:
        if not self.num_regressors:
            return score
        n = float(self.num_samples)
        if self.num_regressors >= n - 1:
            warn(
                f"The adjusted R2 score needs more than {self.num_regressors + 1} numbers, there "
                f"were {n:.0f}; the plain score is returned."
            )
            return score
        return 1.0 - (1.0 - score) * (n - 1.0) / (n - self.num_regressors - 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return super().get_config() | own
