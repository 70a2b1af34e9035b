"""Losses of numbers: (y_true, y_pred) to one loss for each sample."""

from __future__ import annotations

import math
from typing import Any

from pyframe import ops
from pyframe.config import epsilon
from pyframe.losses.align import align


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Returns mean((y_true - y_pred)^2) over the last axis; shapes (..., C) to (...)."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean_squared_error(y_pred, y_true)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Returns mean(|y_true - y_pred|) over the last axis; shapes (..., C) to (...)."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean_absolute_error(y_pred, y_true)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Returns 100 * mean(|y_true - y_pred| / max(|y_true|, 1e-7)) over the last axis."""
    y_true, y_pred = align(y_true, y_pred)
    scale = ops.maximum(ops.absolute(y_true), epsilon())
    return 100.0 * ops.mean(ops.absolute((y_true - y_pred) / scale), -1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Returns mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis.

    Values below 1e-7, negative ones among them, count as 1e-7.
    """
    y_true, y_pred = align(y_true, y_pred)
    logs = [ops.log(ops.maximum(y, epsilon()) + 1.0) for y in (y_pred, y_true)]
    return ops.mean_squared_error(*logs)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Returns the mean over the last axis of e^2 / 2, or delta * (|e| - delta / 2) if |e| > delta.

    Args:
        y_true: targets (..., C).
        y_pred: predictions (..., C); e = y_pred - y_true.
        delta: error above which the loss is linear, > 0 (Huber 1964).

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = align(y_true, y_pred)
    error = ops.absolute(y_pred - y_true)
    quadratic = ops.minimum(error, float(delta))
    return ops.mean(quadratic * (error - 0.5 * quadratic), -1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Returns mean(log(cosh(y_pred - y_true))) over the last axis, computed without overflow."""
    y_true, y_pred = align(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(-2.0 * error) - math.log(2.0), -1)


def unit_length(x: Any, axis: int) -> Any:
    """Returns x divided by its Euclidean length along an axis; zeros stay zeros."""
    inverse = ops.rsqrt(ops.sum(ops.square(x), axis, keepdims=True))
    return x * ops.minimum(inverse, 1.0 / epsilon())


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Returns minus the cosine of the angle between y_true and y_pred along an axis.

    Args:
        y_true: targets (..., C).
        y_pred: predictions (..., C).
        axis: the axis of the vectors.

    Returns:
        -1 for the same direction, 0 for a right angle or a zero vector, 1 for the opposite.

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = align(y_true, y_pred)
    return -ops.sum(unit_length(y_true, axis) * unit_length(y_pred, axis), axis)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Returns mean(y_pred - y_true * log(y_pred + 1e-7)) over the last axis."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + epsilon()), -1)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Returns sum(y_true * log(y_true / y_pred)) over the last axis, both clipped to [1e-7, 1]."""
    y_true, y_pred = align(y_true, y_pred)
    y_true, y_pred = ops.clip(y_true, epsilon(), 1.0), ops.clip(y_pred, epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), -1)
