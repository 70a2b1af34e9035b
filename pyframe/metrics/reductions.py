"""Sums and means of numbers, and of functions of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe import losses, ops
from pyframe.losses.align import same_rank
from pyframe.losses.loss import weights_for
from pyframe.metrics.metric import Metric
from pyframe.ops.dispatch import float_dtype, rank, static_shape
from pyframe.ops.dtypes import as_array
from pyframe.ops.masks import both, mask_of
from pyframe.ops.state import row_count
from pyframe.ops.tensor import Tensor, Variable

Reduce = Callable[..., Any]


def as_value(x: Any, argument: str = "values") -> Any:
    """Returns tensors and variables as they are, everything else as an array.

    Raises:
        DataError: if it is not numeric.
    """
    return x if isinstance(x, (Tensor, Variable)) else as_array(x, argument)


def by_sample(values: Any, sample_weight: Any, reduce: Reduce) -> tuple[Any, Any]:
    """Returns weighted values and weights without the axes behind the first.

    Args:
        values: numbers (N, ...).
        sample_weight: factors (N,), (N, 1), of the shape of values, or one number; None for ones.
        reduce: `ops.mean` or `ops.sum`.
    """
    values = as_value(values)
    values = ops.cast(values, float_dtype(values))
    weight = None
    if sample_weight is not None:
        weight = ops.cast(as_value(sample_weight, "sample_weight"), float_dtype(values))
        values, weight = same_rank(values, weight)
        if rank(values) > rank(weight):
            values = reduce(values, tuple(range(rank(weight), rank(values))))
        if static_shape(weight) != static_shape(values):
            weight = ops.ones_like(values) * weight
        values = values * weight
        if rank(weight) > 1:
            weight = reduce(weight, tuple(range(1, rank(weight))))
    return values, weight


class Sum(Metric):
    """The (weighted) sum of values.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values (N, ...), weighted by (N,) or the shape of values."""
        values, _ = by_sample(values, sample_weight, ops.sum)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Any:
        """Returns the sum."""
        return float(self.total)


class Mean(Metric):
    """The (weighted) mean of values; 0 if there were none.

    Args:
        name: key in the logs.
        dtype: see `Metric`.
    """

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Takes values (N, ...) into account, weighted by (N,) or the shape of values."""
        values, weight = by_sample(values, sample_weight, ops.mean)
        if weight is None:
            rows = row_count(values)
            self.total.assign_add(rows * ops.mean(values))
            self.count.assign_add(rows)
            return
        if rank(values) > 1:
            values = ops.mean(values, tuple(range(1, rank(values))))
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(ops.sum(weight))

    def result(self) -> Any:
        """Returns the mean."""
        count = float(self.count)
        return float(self.total) / count if count else 0.0


class MeanMetricWrapper(Mean):
    """The (weighted) mean of a function over all samples.

    Args:
        fn: function (y_true, y_pred, **kwargs) that returns one value for each sample.
        name: key in the logs; the function's name if None.
        dtype: see `Metric`.
        **kwargs: further arguments of the function.
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None) or type(fn).__name__, dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if type(self)._direction is None and losses.is_loss_function(fn):
            self._direction = "down"

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Takes a batch into account.

        Args:
            y_true: targets (N, ...).
            y_pred: predictions (N, ...).
            sample_weight: weight of each sample (N,), or of each value of the function; what the
                mask of y_pred leaves out has none.
        """
        mask = mask_of(y_pred)
        if mask is not None and sample_weight is not None:
            sample_weight = weights_for(mask, sample_weight)
        y_true, y_pred = same_rank(as_value(y_true, "y_true"), as_value(y_pred, "y_pred"))
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        super().update_state(values, both(sample_weight, mask))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        own = {"fn": self._fn} if type(self) is MeanMetricWrapper else {}
        return super().get_config() | own | self._fn_kwargs
