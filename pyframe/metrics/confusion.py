"""Counts of true and false positives and negatives at one or many thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pyframe import losses, ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.losses.loss import weights_for
from pyframe.metrics.reductions import as_value
from pyframe.ops.dispatch import float_dtype, rank, static_shape
from pyframe.ops.dtypes import Array

# Below every prediction: what is not among the top k is never positive.
NEVER = -1e10


def check_thresholds(thresholds: Any, default: float) -> list[float]:
    """Returns thresholds as a list.

    Args:
        thresholds: a number in [0, 1], a sequence of them, or None.
        default: the threshold for None.

    Raises:
        ConfigurationError: for anything else.
    """
    if thresholds is None:
        return [default]
    values = list(thresholds) if isinstance(thresholds, (Sequence, np.ndarray)) else [thresholds]
    for value in values:
        number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if isinstance(thresholds, str) or not number or not 0.0 <= value <= 1.0:
            raise ConfigurationError(
                f"`thresholds` must be numbers in [0, 1]. Received: {thresholds!r}"
            )
    if not values:
        raise ConfigurationError("`thresholds` must not be empty. Received: []")
    return [float(value) for value in values]


def are_even(thresholds: Sequence[float]) -> bool:
    """Tells whether thresholds divide [0, 1] into equal parts, up to 1e-7."""
    if len(thresholds) < 3:
        return False
    even = np.arange(len(thresholds), dtype=np.float32) / (len(thresholds) - 1)
    return bool(np.allclose(thresholds, even, atol=epsilon()))


class Counts(NamedTuple):
    """Weighted numbers of predictions, one for each threshold (T,), or (T, L) by label."""

    true_positives: Any
    false_positives: Any
    true_negatives: Any
    false_negatives: Any


class Thresholds:
    """Thresholds T with what is compared with them.

    Args:
        values: the thresholds, rising. If they divide [0, 1] evenly, a prediction is put into
            one of the T - 1 parts first, as Keras does; this decides on which side of a
            threshold a prediction next to it falls.
        even: whether they do, None to find out.
    """

    def __init__(self, values: Sequence[float], even: bool | None = None) -> None:
        self.values: Array = np.asarray(values, np.float32)
        self.even = are_even(values) if even is None else even
        # With end points beside [0, 1] every prediction is above the first one.
        self._beyond = bool(values[0] < 0.0)

    def __len__(self) -> int:
        return len(self.values)

    def positive(self, y_pred: Any) -> Any:
        """Returns 1.0 where predictions (..., 1) are above the thresholds: (..., T)."""
        if not self.even:
            return ops.greater(y_pred, self.values.astype(float_dtype(y_pred)))
        part = ops.ceil(ops.clip(y_pred, 0.0, 1.0) * (len(self) - 1.0)) - 1.0
        if self._beyond:
            part = ops.relu(part)
        return ops.greater(part, (np.arange(len(self)) - 0.5).astype(float_dtype(part)))


def keep_top_k(y_pred: Any, k: int) -> Any:
    """Returns predictions (..., C) with all but the k highest of each row at `NEVER`."""
    classes = static_shape(y_pred)[-1]
    if classes is None or k > classes:
        raise ShapeError(f"`top_k`={k} needs at least as many classes; there are {classes}.")
    rest, chosen = y_pred, ops.zeros_like(y_pred)
    for _ in range(k):
        best = ops.cast(ops.one_hot(ops.argmax(rest, -1), classes), float_dtype(y_pred))
        chosen = chosen + best
        rest = ops.where(best, -3e38, rest)
    return ops.where(chosen, y_pred, NEVER)


def _column(x: Any, class_id: int) -> Any:
    classes = static_shape(x)[-1]
    if classes is None or not 0 <= class_id < classes:
        raise ShapeError(f"`class_id`={class_id} is outside the {classes} classes.")
    pick = (np.arange(classes) == class_id).astype(float_dtype(x))
    return ops.sum(x * pick, -1, keepdims=True)


def prepare(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    top_k: int | None = None,
    class_id: int | None = None,
) -> tuple[Any, Any, Any]:
    """Returns labels (1.0 or 0.0), predictions and weights (None for ones) to be counted.

    Args:
        y_true: targets; anything but 0 means yes.
        y_pred: predictions of the same shape.
        sample_weight: weights (N,) or of the shape of y_true.
        top_k: count only the k highest predictions of each row as yes.
        class_id: count only this column.

    Raises:
        ShapeError: if the shapes do not fit.
    """
    y_true, y_pred = losses.align(as_value(y_true, "y_true"), as_value(y_pred, "y_pred"))
    y_pred = ops.cast(y_pred, float_dtype(y_pred))
    weight = None
    if sample_weight is not None:
        weight = weights_for(y_pred, as_value(sample_weight, "sample_weight"))
    labels = ops.not_equal(y_true, 0.0)
    if top_k is not None:
        y_pred = keep_top_k(y_pred, top_k)
    if class_id is not None:
        if rank(y_pred) < 2:
            raise ShapeError(
                f"`class_id` needs predictions (N, C). Received: {static_shape(y_pred)}"
            )
        labels, y_pred = _column(labels, class_id), _column(y_pred, class_id)
        if weight is not None and static_shape(weight)[-1] != 1:
            weight = _column(weight, class_id)
    return labels, y_pred, weight


def count(labels: Any, y_pred: Any, weight: Any, thresholds: Thresholds) -> Counts:
    """Returns the counts (T,) of all elements.

    Args:
        labels: 1.0 or 0.0.
        y_pred: predictions of the same shape.
        weight: factors that broadcast to this shape, None for ones.
        thresholds: T thresholds; a prediction above one is a yes.
    """
    ones = ops.ones_like(labels) if weight is None else ops.ones_like(labels) * weight
    yes = ops.reshape(labels * ones, [1, -1])
    no = ops.reshape((1.0 - labels) * ones, [1, -1])
    positive = thresholds.positive(ops.reshape(y_pred, [-1, 1]))
    # Differences of large sums would not be exact: the negatives are counted as well.
    negative = 1.0 - positive
    pairs = ((yes, positive), (no, positive), (no, negative), (yes, negative))
    return Counts(*(ops.reshape(ops.matmul(a, b), [-1]) for a, b in pairs))


def count_by_label(labels: Any, y_pred: Any, weight: Any, thresholds: Thresholds) -> Counts:
    """Returns the counts (T, L) of each column of labels and predictions (N, L)."""
    ones = ops.ones_like(labels) if weight is None else ops.ones_like(labels) * weight
    yes, no = labels * ones, (1.0 - labels) * ones
    positive = thresholds.positive(ops.expand_dims(y_pred, -1))

    negative = 1.0 - positive
    pairs = ((yes, positive), (no, positive), (no, negative), (yes, negative))
    return Counts(*(ops.transpose(ops.sum(ops.expand_dims(a, -1) * b, 0)) for a, b in pairs))
