"""The base of loss classes: sample weights and the reduction to a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.losses.align import divide_no_nan, same_rank
from pyframe.naming import auto_name
from pyframe.ops.dispatch import float_dtype, rank, static_shape
from pyframe.ops.masks import both, mask_of

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def weights_for(values: Any, sample_weight: Any) -> Any:
    """Returns sample weights with as many axes as the values they multiply.

    Args:
        values: losses (N, ...).
        sample_weight: factors (N,), (N, 1) or of the shape of values; of any shape for a loss
            of the whole batch, which then counts once for each weight.

    Raises:
        ShapeError: if the weights have more axes than the values.
    """
    weight = ops.cast(sample_weight, float_dtype(values))
    if rank(weight) == rank(values) + 1 and static_shape(weight)[-1] == 1:
        weight = ops.squeeze(weight, -1)
    if rank(weight) > rank(values) > 0:
        raise ShapeError(
            f"`sample_weight` of shape {static_shape(weight)} does not fit losses of shape "
            f"{static_shape(values)}: give one weight for each sample, of shape (N,)."
        )
    while rank(weight) < rank(values):
        weight = ops.expand_dims(weight, -1)
    return weight


def reduce_weighted(
    values: Any, sample_weight: Any, reduction: str | None, mask: Any = None
) -> Any:
    """Turns losses of samples into one number.

    Args:
        values: losses (N, ...).
        sample_weight: factors (N,), (N, 1) or of the shape of values; None for ones.
        reduction: "sum_over_batch_size" divides by the number of values (not by the sum of the
            weights), "mean" is the same, "sum" adds up, "mean_with_sample_weight" divides by the
            sum of the weights, "none" or None returns the weighted values.
        mask: 1.0 for values that count, 0.0 for those left out, None if all count. The two
            means divide by the number of values that count.

    Example:
        >>> values, weight = np.array([1.0, 0.0]), np.array([1.0, 3.0])
        >>> float(reduce_weighted(values, weight, "sum_over_batch_size"))  # (1 * 1 + 3 * 0) / 2
        0.5
        >>> float(reduce_weighted(values, weight, "mean_with_sample_weight"))  # 1 / (1 + 3)
        0.25
    """
    weight = None if sample_weight is None else weights_for(values, sample_weight)
    if mask is not None:
        mask = ops.cast(mask, float_dtype(values))
        weight = mask if weight is None else weight * mask
    if weight is not None:
        values = values * weight
    if reduction in (None, "none") or not rank(values):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weight is not None:
        return divide_no_nan(ops.sum(values), ops.sum(ops.ones_like(values) * weight))
    if mask is not None:
        return divide_no_nan(ops.sum(values), ops.sum(mask))
    return ops.mean(values)


class Loss:
    """Base of the loss classes: `call` gives losses of samples, calling the object a number.

    Args:
        name: its name; made from the class name if None.
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
        self.name = name or auto_name(type(self).__name__)
        self.reduction = reduction

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns one loss for each sample. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not define `call`.")

    def mask(self, y_true: Any) -> Any:
        """Returns 1.0 for the losses that count and 0.0 for the others, None if all count."""
        return None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the reduced loss of a batch, without what the mask of y_pred leaves out."""
        mask = both(self.mask(y_true), mask_of(y_pred))
        values = self.call(y_true, y_pred)
        return reduce_weighted(values, sample_weight, self.reduction, mask)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a loss made from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


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
        """Returns fn(y_true, y_pred), after (N,) and (N, 1) were brought to one shape."""
        y_true, y_pred = same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal loss."""
        own = {"fn": self.fn} if type(self) is LossFunctionWrapper else {}
        return super().get_config() | own | self._fn_kwargs
