"""Loss functions: what training makes small.

A function takes (y_true, y_pred) and returns one loss for each sample; the class of the same name
adds sample weights and the reduction to a number. All are written with `pyframe.ops`, and work on
symbolic tensors and on NumPy arrays alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe import ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.lookup import by_name, split_config
from pyframe.ops.dispatch import float_dtype, rank, static_shape
from pyframe.ops.shaping import swap_to_last
from pyframe.ops.tensor import Tensor

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


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
            f" The last layer has {pred_shape[-1]} outputs; give it as many units as the targets "
            f"have columns."
        )
    raise ShapeError(
        f"Targets of shape {true_shape} do not fit predictions of shape {pred_shape}.{hint}"
    )


def _logits(y_pred: Any, activation: str) -> Any:
    # The scores before the last softmax or sigmoid: with them the loss is exact and its gradient
    # does not vanish when a probability rounds to 0 or 1.
    if not isinstance(y_pred, Tensor):
        return None
    made = y_pred.trace.producer(y_pred)
    if made is None:
        return None
    name, inputs, output = made
    fused = name.endswith("softmax_crossentropy") and output == 1
    return inputs[0] if name == activation or (fused and activation == "softmax") else None


def _probabilities_known(y_pred: Any, probabilities: Any) -> None:
    if isinstance(y_pred, Tensor):
        y_pred.trace.replace(y_pred, probabilities)


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
        One loss for each sample. Probabilities that come straight from a softmax are replaced by
        its scores, which is exact; others are normalised and clipped to [1e-7, 1 - 1e-7].
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
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / classes
    last = axis % rank(y_pred) == rank(y_pred) - 1
    logits = y_pred if from_logits else (_logits(y_pred, "softmax") if last else None)
    if logits is not None:
        if not last:
            logits, y_true = swap_to_last(logits, axis), swap_to_last(y_true, axis)
        loss, probabilities = ops.softmax_crossentropy(logits, y_true)
        if not from_logits:
            _probabilities_known(y_pred, probabilities)
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
    last = axis % len(pred_shape) == len(pred_shape) - 1
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
    logits = y_pred if from_logits else (_logits(y_pred, "softmax") if last else None)
    exact = logits is not None
    if logits is None:
        # The logarithms of probabilities are scores; the softmax inside normalises them.
        logits = ops.log(ops.clip(y_pred, epsilon(), 1.0 - epsilon()))
    loss, probabilities = ops.sparse_softmax_crossentropy(swap_to_last(logits, axis), y_true)
    if exact and not from_logits:
        _probabilities_known(y_pred, probabilities)
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
    logits = y_pred if from_logits else _logits(y_pred, "sigmoid")
    y_true, y_pred = align(y_true, y_pred if logits is None else logits)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if logits is not None:
        return ops.sigmoid_crossentropy(y_pred, y_true)
    p = ops.clip(y_pred, epsilon(), 1.0 - epsilon())
    return -ops.mean(y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p), -1)


def reduce_weighted(values: Any, sample_weight: Any, reduction: str | None) -> Any:
    """Turns losses of samples into one number.

    Args:
        values: losses (N, ...).
        sample_weight: factors (N,), (N, 1) or of the shape of values; None for ones.
        reduction: "sum_over_batch_size" divides by the number of values (not by the sum of the
            weights), "mean" is the same, "sum" adds up, "mean_with_sample_weight" divides by the
            sum of the weights, "none" or None returns the weighted values.
    """
    weight = None
    if sample_weight is not None:
        weight = ops.cast(sample_weight, float_dtype(values))
        if rank(weight) == rank(values) + 1 and static_shape(weight)[-1] == 1:
            weight = ops.squeeze(weight, -1)
        while rank(weight) < rank(values):
            weight = ops.expand_dims(weight, -1)
        values = values * weight
    if reduction in (None, "none"):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weight is not None:
        return ops.sum(values) / ops.sum(weight + 0.0 * values)
    return ops.mean(values)


class Loss:
    """Base of the loss classes: `call` gives losses of samples, calling the object a number.

    Args:
        name: its name.
        reduction: see `reduce_weighted`.
        dtype: accepted for Keras's sake; a loss is computed in the dtype of the predictions.

    Raises:
        ConfigurationError: for an unknown reduction.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ConfigurationError(
                f"`reduction` must be one of {REDUCTIONS}. Received: {reduction!r}"
            )
        self.name = name or type(self).__name__
        self.reduction = reduction

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns one loss for each sample. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not define `call`.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the reduced loss of a batch."""
        return reduce_weighted(self.call(y_true, y_pred), sample_weight, self.reduction)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a loss made from what `get_config` returned."""
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A loss made of a function (y_true, y_pred, **kwargs)."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns fn(y_true, y_pred)."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal loss."""
        return super().get_config() | self._fn_kwargs


class MeanSquaredError(LossFunctionWrapper):
    """Mean of squared differences."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of absolute differences."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class CategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of one-hot targets; see `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=_smoothing(label_smoothing),
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of class numbers; see `sparse_categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            axis=axis,
        )


class BinaryCrossentropy(LossFunctionWrapper):
    """Crossentropy of independent yes/no targets; see `binary_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=_smoothing(label_smoothing),
        )


def _smoothing(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ConfigurationError(f"`label_smoothing` must be in [0, 1]. Received: {value!r}")
    return float(value)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
    "binary_crossentropy": binary_crossentropy,
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
}
_CLASSES: dict[str, type[Loss]] = {
    cls.__name__: cls
    for cls in (
        MeanSquaredError,
        MeanAbsoluteError,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
        BinaryCrossentropy,
    )
}


def get(identifier: Any) -> Any:
    """Returns a loss.

    Args:
        identifier: name of a function ("mse") or class ("MeanSquaredError"), a Loss, a function
            of (y_true, y_pred), {"class_name": ..., "config": ...}, or None.

    Returns:
        A function or a Loss object; None for None.

    Raises:
        ConfigurationError: for an unknown name or another type.
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, dict):
        name, config = split_config("loss", identifier)
        return by_name("loss", name, _CLASSES).from_config(config)
    if isinstance(identifier, str):
        if identifier in _CLASSES:
            return _CLASSES[identifier]()
        return by_name("loss", identifier, _FUNCTIONS)
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier):
        return identifier
    raise ConfigurationError(
        f"`loss` must be a name, a Loss or a function (y_true, y_pred). Received: {identifier!r}"
    )
