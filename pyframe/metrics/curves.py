"""Metrics of a whole curve of thresholds: AUC, and one ratio at a given other one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.losses.align import fraction
from pyframe.metrics.confusion import (
    Counts,
    Thresholds,
    check_thresholds,
    count,
    count_by_label,
    prepare,
)
from pyframe.metrics.metric import Metric, divide
from pyframe.metrics.reductions import as_value
from pyframe.ops.dispatch import static_shape
from pyframe.ops.dtypes import Array


def _inner(num_thresholds: int) -> list[float]:
    return [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]


def _whole(value: Any, argument: str, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise ConfigurationError(f"`{argument}` must be an integer >= {low}. Received: {value!r}")
    return int(value)


class _CountsMetric(Metric):
    # Keeps the four counts of every threshold.
    _direction = "up"

    def _add_counts(self, shape: tuple[int, ...]) -> None:
        for name in Counts._fields:
            setattr(self, name, self.add_variable(shape, name=name))

    def _assign_counts(self, counts: Counts) -> None:
        for name in Counts._fields:
            getattr(self, name).assign_add(getattr(counts, name))

    def _counts(self) -> Counts:
        return Counts(*(getattr(self, name).numpy() for name in Counts._fields))


class _Constrained(_CountsMetric):
    # The largest `_wanted` ratio at the thresholds where the `_given` ratio is high enough.
    _given = ""
    _wanted = ""

    def _set_up(self, value: float, num_thresholds: int, class_id: int | None) -> None:
        self.value = fraction(value, self._given)
        self.num_thresholds = _whole(num_thresholds, "num_thresholds", 1)
        self.class_id = class_id if class_id is None else _whole(class_id, "class_id", 0)
        one = self.num_thresholds == 1
        self.thresholds = [0.5] if one else [0.0, *_inner(self.num_thresholds), 1.0]
        self._thresholds = Thresholds(self.thresholds, even=not one)
        self._add_counts((len(self.thresholds),))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch into account; see `Precision.update_state`."""
        parts = prepare(y_true, y_pred, sample_weight, class_id=self.class_id)
        self._assign_counts(count(*parts, self._thresholds))

    def result(self) -> Any:
        """Returns the largest ratio, 0 if no threshold fulfils the condition."""
        tp, fp, tn, fn = self._counts()
        ratios = {
            "sensitivity": divide(tp, tp + fn),
            "specificity": divide(tn, tn + fp),
            "precision": divide(tp, tp + fp),
        }
        ratios["recall"] = ratios["sensitivity"]
        feasible = ratios[self._given] >= self.value
        return float(np.where(feasible, ratios[self._wanted], 0.0).max(initial=0.0))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        own = {"num_thresholds": self.num_thresholds, "class_id": self.class_id}
        return super().get_config() | {self._given: self.value} | own


class SensitivityAtSpecificity(_Constrained):
    """Largest sensitivity TP / (TP + FN) where TN / (TN + FP) is at least `specificity`.

    Args:
        specificity: in [0, 1].
        num_thresholds: number of thresholds that are tried, >= 1.
        class_id: look at this column only.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    _given, _wanted = "specificity", "sensitivity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self._set_up(specificity, num_thresholds, class_id)


class SpecificityAtSensitivity(_Constrained):
    """Largest specificity TN / (TN + FP) where TP / (TP + FN) is at least `sensitivity`.

    Args:
        sensitivity: in [0, 1].
        num_thresholds: number of thresholds that are tried, >= 1.
        class_id: look at this column only.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    _given, _wanted = "sensitivity", "specificity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self._set_up(sensitivity, num_thresholds, class_id)


class PrecisionAtRecall(_Constrained):
    """Largest precision TP / (TP + FP) where TP / (TP + FN) is at least `recall`.

    Args:
        recall: in [0, 1].
        num_thresholds: number of thresholds that are tried, >= 1.
        class_id: look at this column only.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    _given, _wanted = "recall", "precision"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self._set_up(recall, num_thresholds, class_id)


class RecallAtPrecision(_Constrained):
    """Largest recall TP / (TP + FN) where TP / (TP + FP) is at least `precision`.

    Args:
        precision: in [0, 1].
        num_thresholds: number of thresholds that are tried, >= 1.
        class_id: look at this column only.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    _given, _wanted = "precision", "recall"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self._set_up(precision, num_thresholds, class_id)


_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "majoring", "minoring")


def _choice(value: Any, argument: str, choices: tuple[str, ...]) -> str:
    for choice in choices:
        if isinstance(value, str) and value.lower() == choice.lower():
            return choice
    raise ConfigurationError(f"`{argument}` must be one of {choices}. Received: {value!r}")


class AUC(_CountsMetric):
    """Area under a curve of ratios at `num_thresholds` thresholds, an approximation.

    The thresholds divide [0, 1] evenly; the outer two lie 1e-7 beside it.

    Args:
        num_thresholds: number of thresholds, >= 2.
        curve: "ROC" (recall over the rate of false positives), "PR" (precision over recall) or
            "PRGAIN" (Flach & Kull 2015).
        summation_method: "interpolation" (trapezoids; for PR after Davis & Goadrich 2006),
            "minoring" (lower sum) or "majoring" (upper sum).
        name: key in the logs.
        dtype: see `Metric`.
        thresholds: thresholds in [0, 1] instead of even ones.
        multi_label: whether to compute the area of each label (column) and average them.
        num_labels: number of labels, if it is known already.
        label_weights: weight of each label (L,).
        from_logits: whether predictions are scores, which sigmoid turns into probabilities.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.curve = _choice(curve, "curve", _CURVES)
        self.summation_method = _choice(summation_method, "summation_method", _METHODS)
        self._given = thresholds is not None
        if thresholds is None:
            inner = _inner(_whole(num_thresholds, "num_thresholds", 2))
            even = True
        else:
            inner = sorted(check_thresholds(thresholds, 0.5))
            even = Thresholds([0.0, *inner, 1.0]).even
        self.thresholds = [-epsilon(), *inner, 1.0 + epsilon()]
        self.num_thresholds = len(self.thresholds)
        self._thresholds = Thresholds(self.thresholds, even)
        self.multi_label = bool(multi_label)
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, float)
        self.from_logits = bool(from_logits)
        if num_labels and not multi_label:
            raise ConfigurationError(
                f"`num_labels` needs multi_label=True. Received: num_labels={num_labels!r}"
            )
        self._built = False
        if not multi_label or num_labels:
            self._build(num_labels)

    def _build(self, labels: int | None) -> None:
        self._add_counts((self.num_thresholds, *(() if labels is None else (labels,))))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch into account.

        Args:
            y_true: targets; anything but 0 means yes.
            y_pred: predictions in [0, 1] of the same shape; (N, L) with `multi_label`.
            sample_weight: weights (N,) or of the shape of y_true.

        Raises:
            ShapeError: if the shapes do not fit.
        """
        y_pred = as_value(y_pred, "y_pred")
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        labels, y_pred, weight = prepare(y_true, y_pred, sample_weight)
        if self.multi_label:
            shape = static_shape(y_pred)
            if len(shape) != 2 or shape[1] is None:
                raise ShapeError(f"multi_label needs predictions (N, L). Received: {shape}")
            if not self._built:
                self._build(shape[1])
            self._assign_counts(count_by_label(labels, y_pred, weight, self._thresholds))
            return
        if self.label_weights is not None:
            by_label = self.label_weights.astype(np.float32)
            weight = by_label if weight is None else weight * by_label
        self._assign_counts(count(labels, y_pred, weight, self._thresholds))

    def result(self) -> Any:
        """Returns the area; 0 before any batch."""
        if not self._built:
            return 0.0
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = self._precision_recall_parts()
        else:
            x, y = self._points()
            heights: Array = (y[:-1] + y[1:]) / 2.0
            if self.summation_method != "interpolation":
                bound = np.minimum if self.summation_method == "minoring" else np.maximum
                heights = bound(y[:-1], y[1:])
            areas = (x[:-1] - x[1:]) * heights
        total = areas.sum(axis=0)
        if not self.multi_label:
            return float(total)
        if self.label_weights is None:
            return float(total.mean())
        return float(divide((total * self.label_weights).sum(), self.label_weights.sum()))

    def _points(self) -> tuple[Array, Array]:
        tp, fp, tn, fn = self._counts()
        recall = divide(tp, tp + fn)
        if self.curve == "ROC":
            return divide(fp, fp + tn), recall
        if self.curve == "PR":
            return recall, divide(tp, tp + fp)
        scale = divide(tp + fn, tn + fp)
        recall_gain = np.where(tp == 0, 0.0, 1.0 - scale * divide(fn, tp))
        precision_gain = np.where(tp == 0, 1.0, 1.0 - scale * divide(fp, tp))
        return np.maximum(recall_gain, 0.0), precision_gain

    def _precision_recall_parts(self) -> Array:
        # Between two thresholds TP is taken as linear in TP + FP, and precision is integrated.
        tp, fp, _, fn = self._counts()
        positives = tp + fp
        slope = divide(tp[:-1] - tp[1:], np.maximum(positives[:-1] - positives[1:], 0.0))
        intercept = tp[1:] - slope * positives[1:]
        both = (positives[:-1] > 0) & (positives[1:] > 0)
        ratio = np.where(both, divide(positives[:-1], positives[1:]), 1.0)
        parts = slope * (tp[:-1] - tp[1:] + intercept * np.log(ratio))
        return divide(parts, np.maximum(tp[1:] + fn[1:], 0.0))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        weights = None if self.label_weights is None else self.label_weights.tolist()
        config = super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": weights,
            "from_logits": self.from_logits,
        }
        return config | ({"thresholds": self.thresholds[1:-1]} if self._given else {})
