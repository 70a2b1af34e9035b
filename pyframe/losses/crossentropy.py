"""Crossentropies: (y_true, y_pred) to one loss for each sample."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.losses.align import align, axis_to_last, check_same_shape
from pyframe.ops.dispatch import float_dtype, static_shape
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


def _clip(probabilities: Any) -> Any:
    return ops.clip(probabilities, epsilon(), 1.0 - epsilon())


def _smooth_classes(y_true: Any, classes: int | None, label_smoothing: float) -> Any:
    if not label_smoothing:
        return y_true
    if classes is None:
        raise ShapeError("label_smoothing needs a known number of classes.")
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def _several_classes(loss: str, classes: int | None) -> None:
    if classes == 1:
        raise ShapeError(
            f"{loss} needs at least 2 classes, but there is 1 column: the loss would always be "
            "0. For two classes use 1 unit with activation='sigmoid' and "
            "loss='binary_crossentropy'."
        )


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

    Raises:
        ShapeError: if the shapes differ, or for a single class.
    """
    y_true, y_pred = align(y_true, y_pred)
    classes = static_shape(y_pred)[axis]
    _several_classes("categorical_crossentropy", classes)
    y_true = _smooth_classes(y_true, classes, label_smoothing)
    logits, softmax = (y_pred, False) if from_logits else _logits(y_pred)
    if logits is not None:
        logits, y_true = axis_to_last(logits, axis), axis_to_last(y_true, axis)
        loss, probabilities = ops.softmax_crossentropy(logits, y_true)
        if softmax:
            y_pred.trace.replace(y_pred, probabilities)
        return loss
    y_pred = _clip(y_pred / ops.sum(y_pred, axis, keepdims=True))
    return -ops.sum(y_true * ops.log(y_pred), axis)


def valid_classes(y_true: Any, ignore_class: int) -> Any:
    """Returns 1.0 where the class number is not `ignore_class`, else 0.0."""
    shape = static_shape(y_true)
    if len(shape) > 1 and shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return ops.not_equal(ops.cast(y_true, "int32"), ignore_class)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """Returns -log(y_pred[class]).

    Args:
        y_true: class numbers from 0, of the shape of y_pred without the class axis, or with a
            last axis of size 1.
        y_pred: probabilities (..., classes), or scores if `from_logits`.
        from_logits: whether y_pred was not passed through softmax.
        ignore_class: a class number whose positions have the loss 0, None for none. The class
            `SparseCategoricalCrossentropy` leaves them out of the mean as well.
        axis: the class axis.

    Returns:
        One loss for each sample.

    Raises:
        ShapeError: if the shapes do not fit, or for a single class.
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
    valid = None
    if ignore_class is not None:
        valid = valid_classes(y_true, ignore_class)
        y_true = ops.cast(ops.where(valid, ops.cast(y_true, "float32"), 0.0), "int32")
    logits, softmax = (y_pred, False) if from_logits else _logits(y_pred)
    if logits is None:
        # The logarithms of probabilities are scores; the softmax inside normalises them.
        logits = ops.log(_clip(y_pred))
    loss, probabilities = ops.sparse_softmax_crossentropy(axis_to_last(logits, axis), y_true)
    if softmax:
        y_pred.trace.replace(y_pred, probabilities)
    return loss if valid is None else ops.where(ops.cast(valid, loss.dtype), loss, 0.0)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Returns the mean of -(y log p + (1 - y) log(1 - p)) over an axis.

    Args:
        y_true: targets in [0, 1].
        y_pred: probabilities of the same shape, or scores if `from_logits`.
        from_logits: whether y_pred was not passed through sigmoid.
        label_smoothing: s in [0, 1]; targets become y * (1 - s) + s / 2.
        axis: the axis of the mean.

    Raises:
        ShapeError: if the shapes differ.
    """
    logits = y_pred if from_logits else _logits(y_pred)[0]
    y_true, y_pred = align(y_true, y_pred if logits is None else logits)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if logits is not None:
        return ops.sigmoid_crossentropy(axis_to_last(y_pred, axis), axis_to_last(y_true, axis))
    return -ops.mean(_log_likelihood(y_true, _clip(y_pred)), axis)


def _log_likelihood(y: Any, p: Any) -> Any:
    return y * ops.log(p) + (1.0 - y) * ops.log(1.0 - p)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Returns the mean of -(1 - q)^gamma log q over an axis (Lin et al. 2017, eq. 4).

    q is the probability given to what is true: y * p + (1 - y) * (1 - p).

    Args:
        y_true: targets in [0, 1].
        y_pred: probabilities p of the same shape, or scores if `from_logits`.
        apply_class_balancing: whether to weigh with alpha where y is 1, 1 - alpha where it is 0.
        alpha: weight of the positive class in [0, 1].
        gamma: how much well classified samples are discounted, >= 0.
        from_logits: whether y_pred was not passed through sigmoid.
        label_smoothing: s in [0, 1]; targets become y * (1 - s) + s / 2.
        axis: the axis of the mean.

    Raises:
        ShapeError: if the shapes differ.
    """
    scores = None if from_logits else _logits(y_pred)[0]
    y_true, y_pred = align(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    if scores is not None and static_shape(scores) == static_shape(y_pred):
        # softplus(z) - y * z is the crossentropy of sigmoid(z), exact for any z.
        crossentropy = ops.softplus(scores) - y_true * scores
    else:
        crossentropy = -_log_likelihood(y_true, _clip(y_pred))
    q = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    loss = ops.power(1.0 - q, gamma) * crossentropy if gamma else crossentropy
    if apply_class_balancing:
        loss = loss * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(loss, axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Returns -sum(alpha * (1 - p)^gamma * y * log p) over the class axis (Lin et al. 2017).

    Args:
        y_true: one-hot targets (..., classes).
        y_pred: probabilities p (..., classes), or scores if `from_logits`.
        alpha: weight, a number or one for each class.
        gamma: how much well classified samples are discounted, >= 0.
        from_logits: whether y_pred was not passed through softmax.
        label_smoothing: s in [0, 1]; targets become y * (1 - s) + s / classes.
        axis: the class axis.

    Raises:
        ShapeError: if the shapes differ, or for a single class.
    """
    y_true, y_pred = align(y_true, y_pred)
    classes = static_shape(y_pred)[axis]
    _several_classes("categorical_focal_crossentropy", classes)
    y_true = _smooth_classes(y_true, classes, label_smoothing)
    if from_logits:
        y_pred = ops.softmax(y_pred, axis)
    p = _clip(y_pred / ops.sum(y_pred, axis, keepdims=True))
    loss = -(y_true * ops.log(p))
    if gamma:
        loss = ops.power(1.0 - p, gamma) * loss
    return ops.sum(loss * alpha, axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """Returns (1 - p^q) / q for the probability p of the true class (Zhang & Sabuncu 2018).

    Args:
        y_true: class numbers (...) or (..., 1).
        y_pred: probabilities (..., classes).
        q: in (0, 1); near 0 it is the crossentropy, near 1 the absolute error.

    Raises:
        ConfigurationError: if q is outside (0, 1).
        ShapeError: if the shapes do not fit.
    """
    if not 0.0 < q < 1.0:
        raise ConfigurationError(f"`q` must be between 0 and 1. Received: {q!r}")
    true_shape, pred_shape = static_shape(y_true), static_shape(y_pred)
    if len(true_shape) == len(pred_shape) and true_shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    check_same_shape(static_shape(y_true), pred_shape[:-1])
    classes = pred_shape[-1]
    if classes is None:
        raise ShapeError("The number of classes, the last axis of y_pred, must be known.")
    p = ops.sum(y_pred * ops.cast(ops.one_hot(y_true, classes), float_dtype(y_pred)), -1)
    return (1.0 - ops.power(p, q)) / q
