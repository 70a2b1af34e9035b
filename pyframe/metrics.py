"""Metrics: what is reported besides the loss.

A metric is traced into the same plan as the model. For each batch it yields a few scalars that
are added up over the batches (`terms`); `result_of` makes the reported number from the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyframe import losses, ops
from pyframe.errors import ConfigurationError
from pyframe.lookup import by_name, split_config
from pyframe.ops.dispatch import float_dtype, rank, static_shape

MEAN = "mean"
SUM = "sum"
Terms = list[tuple[str, Any]]


class Metric:
    """Base of metrics: the mean of `call` over all samples, weighted if weights are given.

    Args:
        name: key in the logs; the class name in snake case if None.
        dtype: accepted for Keras's sake.
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or type(self).__name__
        self._totals: list[float] = []
        self._samples = 0.0

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns values (N, ...) whose mean is the metric. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not define `call`.")

    def terms(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Terms:
        """Returns the scalars of one batch.

        Returns:
            Pairs of kind and value: "sum" values are added over the batches, "mean" values are
            multiplied by the batch size first.
        """
        values = self.call(y_true, y_pred)
        if sample_weight is None:
            return [(MEAN, ops.mean(values))]
        weight = ops.cast(sample_weight, float_dtype(values))
        if rank(weight) > rank(values) and static_shape(weight)[-1] == 1:
            weight = ops.squeeze(weight, -1)
        if rank(values) > rank(weight):
            values = ops.mean(values, tuple(range(rank(weight), rank(values))))
        return [(SUM, ops.sum(values * weight)), (SUM, ops.sum(weight))]

    def result_of(self, totals: Sequence[float], samples: float) -> float:
        """Returns the metric.

        Args:
            totals: the sums of the terms over all batches.
            samples: number of samples seen.
        """
        divisor = samples if len(totals) == 1 else totals[1]
        return totals[0] / divisor if divisor else 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch of arrays into account."""
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        batch = max(len(y_pred) if y_pred.ndim else 1, 1)
        terms = self.terms(y_true, y_pred, sample_weight)
        if not self._totals:
            self._totals = [0.0] * len(terms)
        for i, (kind, value) in enumerate(terms):
            self._totals[i] += float(value) * (batch if kind == MEAN else 1)
        self._samples += batch

    def result(self) -> float:
        """Returns the metric of all batches since the last reset; 0 if there were none."""
        return float(self.result_of(self._totals, self._samples)) if self._totals else 0.0

    def reset_state(self) -> None:
        """Forgets all batches."""
        self._totals = []
        self._samples = 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Takes a batch into account and returns the metric so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a metric made from what `get_config` returned."""
        return cls(**config)


class MeanMetricWrapper(Metric):
    """The mean of a function (y_true, y_pred, **kwargs)."""

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns fn(y_true, y_pred)."""
        return self._fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        return super().get_config() | self._fn_kwargs


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns 1 where y_true equals y_pred exactly, else 0."""
    return ops.equal(*losses.align(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Returns 1 where (y_pred > threshold) equals y_true, else 0."""
    y_true, y_pred = losses.align(y_true, y_pred)
    return ops.equal(y_true, ops.greater(y_pred, threshold))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns 1 where the largest column of the one-hot y_true is that of y_pred, else 0."""
    y_true, y_pred = losses.align(y_true, y_pred)
    return ops.equal(ops.argmax(y_true, -1), ops.argmax(y_pred, -1))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Returns 1 where y_pred is largest at the class number y_true, else 0."""
    if rank(y_true) == rank(y_pred) and static_shape(y_true)[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    predicted = ops.argmax(y_pred, -1)
    losses.check_same_shape(static_shape(y_true), static_shape(predicted))
    return ops.equal(ops.cast(y_true, "int32"), predicted)


class Accuracy(MeanMetricWrapper):
    """Part of the predictions that equal the targets exactly."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """Part of the yes/no predictions that are right.

    Args:
        name: key in the logs.
        dtype: accepted for Keras's sake.
        threshold: a prediction above it means yes.
    """

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """Part of the samples whose most likely class is that of the one-hot target."""

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Part of the samples whose most likely class is the target's class number."""

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class MeanSquaredError(MeanMetricWrapper):
    """Mean of squared differences."""

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of absolute differences."""

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """Crossentropy of yes/no targets; see `losses.binary_crossentropy`."""

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """Crossentropy of one-hot targets; see `losses.categorical_crossentropy`."""

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Crossentropy of class numbers; see `losses.sparse_categorical_crossentropy`."""

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            axis=axis,
        )


_CLASSES: dict[str, type[Metric]] = {
    cls.__name__: cls
    for cls in (
        Accuracy,
        BinaryAccuracy,
        CategoricalAccuracy,
        SparseCategoricalAccuracy,
        MeanSquaredError,
        MeanAbsoluteError,
        BinaryCrossentropy,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
    )
}
_BY_NAME: dict[str, type[Metric]] = {
    **_CLASSES,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}


def get(identifier: Any) -> Any:
    """Returns a metric.

    Args:
        identifier: a name, a Metric, a function of (y_true, y_pred), or
            {"class_name": ..., "config": ...}. "accuracy" is resolved by `compile`, which knows
            the shapes.

    Returns:
        A Metric, or the function.

    Raises:
        ConfigurationError: for an unknown name or another type.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, dict):
        name, config = split_config("metric", identifier)
        return by_name("metric", name, _CLASSES).from_config(config)
    if isinstance(identifier, str):
        return by_name("metric", identifier, {"accuracy": Accuracy, "acc": Accuracy} | _BY_NAME)()
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if callable(identifier):
        return identifier
    raise ConfigurationError(
        f"A metric must be a name, a Metric or a function (y_true, y_pred). "
        f"Received: {identifier!r}"
    )
