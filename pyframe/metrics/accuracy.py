"""How many predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe import losses, ops
from pyframe.errors import warn
from pyframe.losses.align import positive
from pyframe.metrics.reductions import MeanMetricWrapper
from pyframe.ops.dispatch import rank, static_shape
from pyframe.ops.tensor import Tensor


def _is_probability(y_pred: Any) -> bool:
    if isinstance(y_pred, Tensor):
        made = y_pred.trace.producer(y_pred)
        return made is not None and made[0].startswith(("softmax", "sparse_softmax", "sigmoid"))
    array = np.asarray(y_pred)
    return array.dtype.kind == "f" and bool(((array > 0) & (array < 1)).any())


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns 1.0 where y_true equals y_pred exactly, else 0.0; equal shapes."""
    if _is_probability(y_pred):
        warn(
            "Accuracy compares predictions with targets for equality, but these predictions are "
            "probabilities. Use metrics=['accuracy'], BinaryAccuracy or CategoricalAccuracy."
        )
    return ops.equal(*losses.align(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Returns 1.0 where (y_pred > threshold) equals y_true, else 0.0; equal shapes."""
    y_true, y_pred = losses.align(y_true, y_pred)
    return ops.equal(y_true, ops.greater(y_pred, threshold))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns 1.0 where the largest column of one-hot y_true is that of y_pred, else 0.0."""
    y_true, y_pred = losses.align(y_true, y_pred)
    return ops.equal(ops.argmax(y_true, -1), ops.argmax(y_pred, -1))


def _ids_for(y_true: Any, y_pred: Any) -> Any:
    if rank(y_true) == rank(y_pred) and static_shape(y_true)[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    losses.check_same_shape(static_shape(y_true), static_shape(y_pred)[:-1])
    return ops.cast(y_true, "int32")


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns 1.0 where y_pred (..., C) is largest at the class number y_true, else 0.0."""
    return ops.equal(_ids_for(y_true, y_pred), ops.argmax(y_pred, -1))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Returns 1.0 where the class of one-hot y_true is among the k highest y_pred, else 0.0."""
    y_true, y_pred = losses.align(y_true, y_pred)
    return ops.in_top_k(ops.argmax(y_true, -1), y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """Returns 1.0 where the class number y_true is among the k highest y_pred, else 0.0.

    Args:
        y_true: class numbers (...) or (..., 1).
        y_pred: scores (..., C), or class numbers from the best on if `from_sorted_ids`.
        k: how many count, >= 1.
        from_sorted_ids: see y_pred.
    """
    if not from_sorted_ids:
        return ops.in_top_k(_ids_for(y_true, y_pred), y_pred, k)
    ids = ops.expand_dims(_ids_for(y_true, y_pred), -1)
    hits = ops.equal(ids, ops.cast(y_pred, "int32"))
    columns = static_shape(y_pred)[-1] or k
    return ops.max(hits * (np.arange(columns) < k).astype(np.float32), -1)


class _Accuracy(MeanMetricWrapper):
    _direction = "up"


class Accuracy(_Accuracy):
    """Part of the predictions that equal the targets exactly.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(_Accuracy):
    """Part of the yes/no predictions that are right.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
        threshold: a prediction above it means yes.
    """

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(_Accuracy):
    """Part of the samples whose most likely class is that of the one-hot target.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(_Accuracy):
    """Part of the samples whose most likely class is the target's class number.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(_Accuracy):
    """Part of the samples whose one-hot target is among the k most likely classes.

    Args:
        k: how many classes count, >= 1.
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        k = int(positive(k, "k"))
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(_Accuracy):
    """Part of the samples whose class number is among the k most likely classes.

    Args:
        k: how many classes count, >= 1.
        name: key in the logs.
        dtype: see `Metric`.
        from_sorted_ids: whether predictions are class numbers from the best on, not scores.
    """

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy,
            name,
            dtype,
            k=int(positive(k, "k")),
            from_sorted_ids=from_sorted_ids,
        )
