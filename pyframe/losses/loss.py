"""The base of loss classes: sample weights and the reduction to a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError
from pyframe.ops.dispatch import float_dtype, rank, static_shape

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


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
