"""True and false positives and negatives, precision and recall."""

from __future__ import annotations

from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.metrics.confusion import NEVER, Thresholds, check_thresholds, count, prepare
from pyframe.metrics.metric import Metric, divide, plain
from pyframe.ops.tensor import Variable


class _Count(Metric):
    # One of the four counts, named by `_kind`.
    _kind = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = check_thresholds(thresholds, 0.5)
        self._thresholds = Thresholds(self.thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch into account.

        Args:
            y_true: targets; anything but 0 means yes.
            y_pred: predictions in [0, 1] of the same shape.
            sample_weight: weights (N,) or of the shape of y_true.
        """
        counts = count(*prepare(y_true, y_pred, sample_weight), self._thresholds)
        self.accumulator.assign_add(getattr(counts, self._kind))

    def result(self) -> Any:
        """Returns the number, an array for several thresholds."""
        return plain(self.accumulator.numpy())

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        return super().get_config() | {"thresholds": self.init_thresholds}


class TruePositives(_Count):
    """Number of predictions that rightly say yes.

    Args:
        thresholds: a number in [0, 1] or several; a prediction above it says yes. 0.5 if None.
        name: key in the logs.
        dtype: see `Metric`.
    """

    _kind = "true_positives"


class FalsePositives(_Count):
    """Number of predictions that wrongly say yes; arguments as `TruePositives`."""

    _kind = "false_positives"


class TrueNegatives(_Count):
    """Number of predictions that rightly say no; arguments as `TruePositives`."""

    _kind = "true_negatives"


class FalseNegatives(_Count):
    """Number of predictions that wrongly say no; arguments as `TruePositives`."""

    _kind = "false_negatives"


class _Ratio(Metric):
    # true positives / (true positives + another count).
    _direction = "up"
    _other = ""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        for argument, value, low in (("top_k", top_k, 1), ("class_id", class_id, 0)):
            if value is not None and (
                isinstance(value, bool) or int(value) != value or value < low
            ):
                raise ConfigurationError(
                    f"`{argument}` must be an integer >= {low}. Received: {value!r}"
                )
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = check_thresholds(thresholds, 0.5 if top_k is None else NEVER)
        self._thresholds = Thresholds(self.thresholds)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self._wrong: Variable = self.add_variable(shape, name=self._other)
        setattr(self, self._other, self._wrong)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch into account.

        Args:
            y_true: targets; anything but 0 means yes.
            y_pred: predictions in [0, 1] of the same shape.
            sample_weight: weights (N,) or of the shape of y_true.
        """
        parts = prepare(y_true, y_pred, sample_weight, self.top_k, self.class_id)
        counts = count(*parts, self._thresholds)
        self.true_positives.assign_add(counts.true_positives)
        self._wrong.assign_add(getattr(counts, self._other))

    def result(self) -> Any:
        """Returns the ratio, 0 without positives; an array for several thresholds."""
        right = self.true_positives.numpy()
        return plain(divide(right, right + self._wrong.numpy()))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return super().get_config() | own


class Precision(_Ratio):
    """Part of the predictions that say yes which are right: TP / (TP + FP).

    Args:
        thresholds: a number in [0, 1] or several; a prediction above it says yes. 0.5 if None.
        top_k: only the k highest predictions of each row say yes.
        class_id: look at this column only.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    _other = "false_positives"


class Recall(_Ratio):
    """Part of the true yes that is predicted: TP / (TP + FN).

    Args:
        thresholds: a number in [0, 1] or several; a prediction above it says yes. 0.5 if None.
        top_k: only the k highest predictions of each row say yes.
        class_id: look at this column only.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    _other = "false_negatives"
