"""Loss functions: (y_true, y_pred) to one loss for each sample."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.config import epsilon
from pyframe.errors import ShapeError
from pyframe.losses.align import align, check_same_shape
from pyframe.ops.dispatch import static_shape
from pyframe.ops.shaping import swap_to_last
from pyframe.ops.tensor import Tensor


def _logits(y_pred: Any) -> tuple[Any, bool]:
    # The scores before the last softmax or sigmoid: with them the loss is exact and its gradient
    # does not vanish when a probability rounds to 0 or 1. Like Keras on TensorFlow, the scores are
    # taken whichever of the two made the probabilities; the flag tells whether it was softmax.
    made = y_pred.trace.producer(y_pred) if isinstance(y_pred, Tensor) else None
    if made is None:
        return None, False
    name, inputs, output = made
    softmax = name == "softmax" or (name.endswith("softmax_crossentropy") and output == 1)
    return (inputs[0] if softmax or name == "sigmoid" else None), softmax


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Returns mean((y_true - y_pred)^2) over the last axis."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean_squared_error(y_pred, y_true)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Returns mean(|y_true - y_pred|) over the last axis."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean_absolute_error(y_pred, y_true)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Returns -sum(y_true * log(y_pred)) over the class axis.

    Args:
        y_true: one-hot targets (..., classes).
        y_pred: probabilities (..., classes), or scores if `from_logits`.
        from_logits: whether y_pred was not passed through softmax.
        label_smoothing: s in [0, 1]; targets become y * (1 - s) + s / classes.
        axis: the class axis.

    Returns:
        One loss for each sample. Probabilities that come straight from an activation are replaced
        by its scores, which is exact; others are normalised and clipped to [1e-7, 1 - 1e-7].
    """
    y_true, y_pred = align(y_true, y_pred)
    classes = static_shape(y_pred)[axis]
    if classes == 1:
        raise ShapeError(
            "categorical_crossentropy needs at least 2 classes, but there is 1 column: the loss "
            "would always be 0. For two classes use 1 unit with activation='sigmoid' and "
            "loss='binary_crossentropy'."
        )
    if label_smoothing:
        if classes is None:
            raise ShapeError("label_smoothing needs a known number of classes.")
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / classes
    logits, softmax = (y_pred, False) if from_logits else _logits(y_pred)
    if logits is not None:
        logits, y_true = swap_to_last(logits, axis), swap_to_last(y_true, axis)
        loss, probabilities = ops.softmax_crossentropy(logits, y_true)
        if softmax:
            y_pred.trace.replace(y_pred, probabilities)
        return loss
    y_pred = y_pred / ops.sum(y_pred, axis, keepdims=True)
    y_pred = ops.clip(y_pred, epsilon(), 1.0 - epsilon())
    return -ops.sum(y_true * ops.log(y_pred), axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Returns -log(y_pred[class]).

    Args:
        y_true: class numbers from 0, of the shape of y_pred without the class axis, or with a
            last axis of size 1.
        y_pred: probabilities (..., classes), or scores if `from_logits`.
        from_logits: whether y_pred was not passed through softmax.
        axis: the class axis.

    Returns:
        One loss for each sample.
    """
    true_shape, pred_shape = static_shape(y_true), static_shape(y_pred)
    if len(true_shape) == len(pred_shape) and true_shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    elif len(true_shape) == len(pred_shape):
        raise ShapeError(
            f"sparse_categorical_crossentropy wants class numbers, but the targets have shape "
            f"{true_shape} like the predictions {pred_shape}. If they are one-hot, use "
            "loss='categorical_crossentropy'."
        )
    if pred_shape[axis] == 1:
        raise ShapeError(
            "sparse_categorical_crossentropy needs one output for each class, but the last layer "
            "has 1 unit. For two classes use loss='binary_crossentropy' with activation='sigmoid'."
        )
    expected = [n for i, n in enumerate(pred_shape) if i != axis % len(pred_shape)]
    check_same_shape(static_shape(y_true), tuple(expected))
    logits, softmax = (y_pred, False) if from_logits else _logits(y_pred)
    if logits is None:
        # The logarithms of probabilities are scores; the softmax inside normalises them.
        logits = ops.log(ops.clip(y_pred, epsilon(), 1.0 - epsilon()))
    loss, probabilities = ops.sparse_softmax_crossentropy(swap_to_last(logits, axis), y_true)
    if softmax:
        y_pred.trace.replace(y_pred, probabilities)
    return loss


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0
) -> Any:
    """Returns the mean of -(y log p + (1 - y) log(1 - p)) over the last axis.

    Args:
        y_true: targets in [0, 1].
        y_pred: probabilities of the same shape, or scores if `from_logits`.
        from_logits: whether y_pred was not passed through sigmoid.
        label_smoothing: s in [0, 1]; targets become y * (1 - s) + s / 2.
    """
    logits = y_pred if from_logits else _logits(y_pred)[0]
    y_true, y_pred = align(y_true, y_pred if logits is None else logits)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if logits is not None:
        return ops.sigmoid_crossentropy(y_pred, y_true)
    p = ops.clip(y_pred, epsilon(), 1.0 - epsilon())
    return -ops.mean(y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p), -1)
