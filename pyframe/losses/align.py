"""Shapes of targets and predictions."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.errors import ShapeError
from pyframe.ops.dispatch import float_dtype, static_shape


def align(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Brings targets and predictions to one float dtype and one shape.

    Only the pair (N,) and (N, 1) is repaired. NumPy's broadcasting would accept more, and
    silently compute the loss of every target with every prediction.

    Raises:
        ShapeError: if the shapes differ otherwise.
    """
    y_true = ops.cast(y_true, float_dtype(y_pred))
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
    check_same_shape(static_shape(y_true), static_shape(y_pred))
    return y_true, y_pred


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
