"""F-scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe import losses, ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.losses.align import positive
from pyframe.metrics.metric import Metric
from pyframe.metrics.reductions import as_value
from pyframe.ops.dispatch import float_dtype, static_shape

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """(1 + beta^2) * precision * recall / (beta^2 * precision + recall).

    Args:
        average: None for one score a class, "micro" for one over all, "macro" for the mean of
            the classes, "weighted" for their mean weighted by the number of true samples.
        beta: how much more recall counts than precision, > 0.
        threshold: a prediction above it says yes, in (0, 1]; None: the largest of each row.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in _AVERAGES:
            raise ConfigurationError(f"`average` must be one of {_AVERAGES}. Received: {average!r}")
        self.average = average
        self.beta = positive(beta, "beta")
        self.threshold = None if threshold is None else positive(threshold, "threshold")
        if self.threshold is not None and self.threshold > 1.0:
            raise ConfigurationError(f"`threshold` must be in (0, 1]. Received: {threshold!r}")
        self._built = False

    def _build(self, classes: int) -> None:
        shape = () if self.average == "micro" else (classes,)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, name="intermediate_weights")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch into account.

        Args:
            y_true: targets 0 or 1 (N, C).
            y_pred: predictions (N, C).
            sample_weight: weights (N,).

        Raises:
            ShapeError: for other shapes.
        """
        y_true, y_pred = losses.align(as_value(y_true, "y_true"), as_value(y_pred, "y_pred"))
        y_pred = ops.cast(y_pred, float_dtype(y_pred))
        shape = static_shape(y_pred)
        if len(shape) != 2 or shape[1] is None:
            raise ShapeError(
                f"{type(self).__name__} expects predictions of shape (N, C), for two classes in "
                f"one column (N, 1). Received: {shape}"
            )
        if not self._built:
            self._build(shape[1])
        if self.threshold is None:
            largest = ops.greater_equal(y_pred, ops.max(y_pred, -1, keepdims=True))
            said = largest * ops.greater(ops.absolute(y_pred), 1e-9)
        else:
            said = ops.greater(y_pred, self.threshold)
        weight: Any = 1.0
        if sample_weight is not None:
            weight = ops.cast(as_value(sample_weight, "sample_weight"), float_dtype(y_pred))
            if len(static_shape(weight)) == 1:
                weight = ops.expand_dims(weight, 1)
        axis = None if self.average == "micro" else 0
        true = y_true * weight
        self.true_positives.assign_add(ops.sum(said * true, axis))
        self.false_positives.assign_add(ops.sum(said * (1.0 - y_true) * weight, axis))
        self.false_negatives.assign_add(ops.sum((1.0 - said) * true, axis))
        self.intermediate_weights.assign_add(ops.sum(true, axis))

    def result(self) -> Any:
        """Returns the score, an array if `average` is None; 0 before any batch."""
        if not self._built:
            return 0.0
        true = self.true_positives.numpy()
        precision = true / (true + self.false_positives.numpy() + epsilon())
        recall = true / (true + self.false_negatives.numpy() + epsilon())
        square = self.beta**2
        score = (1.0 + square) * precision * recall / (square * precision + recall + epsilon())
        if self.average == "weighted":
            weights = self.intermediate_weights.numpy()
            return float((score * weights / (weights.sum() + epsilon())).sum())
        return score if self.average is None else float(np.mean(score))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return super().get_config() | own


class F1Score(FBetaScore):
    """2 * precision * recall / (precision + recall).

    Args:
        average: see `FBetaScore`.
        threshold: see `FBetaScore`.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        config = super().get_config()
        del config["beta"]
        return config
