"""Shapes of targets and predictions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.ops.dispatch import float_dtype, rank, static_shape


def align(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Brings targets and predictions to one float dtype and one shape.

    Only the pair (N,) and (N, 1) is repaired. NumPy's broadcasting would accept more, and
    silently compute the loss of every target with every prediction.

    Raises:
        ShapeError: if the shapes differ otherwise.
    """
    y_true, y_pred = same_rank(ops.cast(y_true, float_dtype(y_pred)), y_pred)
    check_same_shape(static_shape(y_true), static_shape(y_pred))
    return y_true, y_pred


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Adds or drops a last axis of size 1 if one of the two has it more than the other."""
    true_shape, pred_shape = static_shape(y_true), static_shape(y_pred)
    if len(pred_shape) == len(true_shape) + 1 and pred_shape[-1] == 1:
        if len(true_shape) == 1:
            y_true = ops.expand_dims(y_true, -1)
        else:
            y_pred = ops.squeeze(y_pred, -1)
    elif len(true_shape) == len(pred_shape) + 1 and true_shape[-1] == 1:
        if len(pred_shape) == 1:
            y_pred = ops.expand_dims(y_pred, -1)
        else:
            y_true = ops.squeeze(y_true, -1)
    return y_true, y_pred


def axis_to_last(x: Any, axis: int) -> Any:
    """Returns x with an axis moved to the end; the others keep their order."""
    ndim = rank(x)
    if not -ndim <= axis < ndim:
        raise ShapeError(f"`axis`={axis} is outside a tensor of {ndim} dimensions.")
    axis %= ndim
    if axis == ndim - 1:
        return x
    return ops.transpose(x, [a for a in range(ndim) if a != axis] + [axis])


def fraction(value: Any, argument: str) -> float:
    """Returns a number in [0, 1].

    Raises:
        ConfigurationError: for anything else.
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0.0 <= value <= 1.0:
        raise ConfigurationError(f"`{argument}` must be a number in [0, 1]. Received: {value!r}")
    return float(value)


def positive(value: Any, argument: str, zero: bool = False) -> float:
    """Returns a finite number > 0, or >= 0 if `zero`.

    Raises:
        ConfigurationError: for anything else.
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not (0.0 < value < math.inf or (zero and value == 0.0)):
        limit = ">= 0" if zero else "> 0"
        raise ConfigurationError(f"`{argument}` must be a number {limit}. Received: {value!r}")
    return float(value)


def divide_no_nan(a: Any, b: Any) -> Any:
    """Returns a / b, and 0 where b is 0."""
    zero = ops.equal(b, 0.0)
    return a * (1.0 - zero) / (b + zero)


def check_same_shape(
    true_shape: tuple[int | None, ...], pred_shape: tuple[int | None, ...]
) -> None:
    """Compares the shapes of targets and predictions; None fits everything.

    Raises:
        ShapeError: if they differ; the text names the usual cause.
    """
    same = len(true_shape) == len(pred_shape) and all(
        a == b or a is None or b is None for a, b in zip(true_shape, pred_shape, strict=True)
    )
    if same:
        return
    hint = ""
    if pred_shape and (pred_shape[-1] or 0) > 1 and len(pred_shape) - len(true_shape) in (0, 1):
        ids = len(true_shape) < len(pred_shape) or true_shape[-1] == 1
        if ids:
            hint = (
                " If the targets are class numbers, use loss='sparse_categorical_crossentropy' "
                "or encode them with pyframe.utils.to_categorical."
            )
    if not hint and pred_shape:
        hint = (
            " Give the last layer as many units as the targets have columns: it has "
            f"{pred_shape[-1]}."
        )
    raise ShapeError(
        f"Targets of shape {true_shape} do not fit predictions of shape {pred_shape}.{hint}"
    )
