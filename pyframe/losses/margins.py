"""Losses of margins and of overlapping areas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.config import epsilon
from pyframe.losses.align import align

Axes = int | Sequence[int] | None


def _signs(y_true: Any) -> Any:
    # 0 and 1 become -1 and 1, but only if the whole batch holds nothing else.
    bits = ops.min(ops.equal(y_true, 0.0) + ops.equal(y_true, 1.0))
    return y_true + bits * (y_true - 1.0)


def _margins(y_true: Any, y_pred: Any) -> Any:
    y_true, y_pred = align(y_true, y_pred)
    return ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Returns mean(max(1 - y_true * y_pred, 0)) over the last axis.

    Args:
        y_true: targets -1 or 1; 0 and 1 mean the same if there is nothing else in the batch.
        y_pred: scores of the same shape.

    Raises:
        ShapeError: if the shapes differ.
    """
    return ops.mean(_margins(y_true, y_pred), -1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Returns mean(max(1 - y_true * y_pred, 0)^2) over the last axis; targets as for `hinge`."""
    return ops.mean(ops.square(_margins(y_true, y_pred)), -1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Returns max(0, 1 + max((1 - y_true) * y_pred) - sum(y_true * y_pred)) over the last axis.

    Args:
        y_true: one-hot targets (..., C).
        y_pred: scores (..., C).

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = align(y_true, y_pred)
    right = ops.sum(y_true * y_pred, -1)
    wrong = ops.max((1.0 - y_true) * y_pred, -1)
    return ops.maximum(wrong - right + 1.0, 0.0)


def dice(y_true: Any, y_pred: Any, axis: Axes = None) -> Any:
    """Returns 1 - 2 sum(y_true * y_pred) / (sum(y_true) + sum(y_pred)).

    Args:
        y_true: targets in [0, 1].
        y_pred: predictions in [0, 1] of the same shape.
        axis: the axes of the sums; None for all, also that of the samples.

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = align(y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis)
    total = ops.sum(y_true, axis) + ops.sum(y_pred, axis)
    return 1.0 - 2.0 * both / (total + epsilon())


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None
) -> Any:
    """Returns 1 - both / (both + alpha * missed + beta * wrong) (Salehi et al. 2017).

    Args:
        y_true: targets in [0, 1].
        y_pred: predictions in [0, 1] of the same shape.
        alpha: weight of sum(y_true * (1 - y_pred)), what the predictions miss.
        beta: weight of sum((1 - y_true) * y_pred), what they add wrongly.
        axis: the axes of the sums; None for all, also that of the samples.

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = align(y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis)
    missed = ops.sum((1.0 - y_pred) * y_true, axis)
    wrong = ops.sum(y_pred * (1.0 - y_true), axis)
    return 1.0 - both / (both + alpha * missed + beta * wrong + epsilon())
