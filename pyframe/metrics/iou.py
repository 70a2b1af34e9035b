"""Intersection over union of predicted and true areas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.losses.align import fraction
from pyframe.metrics.metric import Metric
from pyframe.metrics.reductions import as_value
from pyframe.ops.dispatch import float_dtype, rank, static_shape


class IoU(Metric):
    """Mean of |true and predicted| / |true or predicted| over some classes.

    Classes that occur nowhere are left out. Weights are used as they are given, also fractions,
    which Keras cuts off unless `dtype` is a float.

    Args:
        num_classes: number of classes; class numbers outside [0, num_classes) do not count.
        target_class_ids: classes of the mean.
        name: key in the logs.
        dtype: see `Metric`.
        ignore_class: a true class number that does not count, None for none.
        sparse_y_true: whether targets are class numbers, not one-hot.
        sparse_y_pred: whether predictions are class numbers, not scores of the classes.
        axis: the class axis of what is not sparse.

    Raises:
        ConfigurationError: for a class outside the range.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(None if dtype in ("int", "int32", "int64") else dtype, name)
        ids = [int(i) for i in target_class_ids]
        if num_classes < 1 or not ids or not all(0 <= i < num_classes for i in ids):
            raise ConfigurationError(
                f"`target_class_ids` must be class numbers in [0, {num_classes}). Received: "
                f"{list(target_class_ids)!r}"
            )
        self.num_classes = int(num_classes)
        self.target_class_ids = ids
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        shape = (self.num_classes, self.num_classes)
        self.total_cm = self.add_variable(shape, name="total_confusion_matrix")

    def _ids(self, y: Any, sparse: bool) -> Any:
        y = y if sparse else ops.argmax(y, self.axis)
        return ops.reshape(ops.cast(y, "int32"), [-1])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch into account.

        Args:
            y_true: class numbers (N, ...), or one-hot if not `sparse_y_true`.
            y_pred: class numbers (N, ...), or scores if not `sparse_y_pred`.
            sample_weight: weights (N,) or of the shape of the class numbers.

        Raises:
            ShapeError: if there are not as many predictions as targets.
        """
        y_true, y_pred = as_value(y_true, "y_true"), as_value(y_pred, "y_pred")
        true_shape = static_shape(y_true)
        true, pred = self._ids(y_true, self.sparse_y_true), self._ids(y_pred, self.sparse_y_pred)
        sizes = (static_shape(true)[0], static_shape(pred)[0])
        if sizes[0] != sizes[1] and None not in sizes:
            hint = " Are they scores of the classes? Then use sparse_y_pred=False."
            raise ShapeError(
                f"Targets of shape {true_shape} do not fit predictions of shape "
                f"{static_shape(y_pred)}." + (hint if self.sparse_y_pred else "")
            )
        rows = ops.one_hot(true, self.num_classes)
        columns = ops.one_hot(pred, self.num_classes)
        if self.ignore_class is not None:
            rows = rows * ops.expand_dims(ops.not_equal(true, self.ignore_class), -1)
        if sample_weight is not None:
            weight = as_value(sample_weight, "sample_weight")
            weight = ops.cast(weight, float_dtype(weight))
            if rank(weight):
                wanted = rank(y_true) - (0 if self.sparse_y_true else 1)
                while rank(weight) < wanted:
                    weight = ops.expand_dims(weight, -1)
                ones = ops.ones_like(ops.cast(y_true, "float32"))
                if not self.sparse_y_true:
                    ones = ops.max(ones, self.axis)
                weight = ops.reshape(ones * weight, [-1, 1])
            columns = columns * weight
        self.total_cm.assign_add(ops.matmul(ops.transpose(rows), columns))

    def result(self) -> Any:
        """Returns the mean of the classes."""
        matrix = self.total_cm.numpy()
        both = np.diag(matrix)
        either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
        both, either = both[self.target_class_ids], either[self.target_class_ids]
        valid = either > 1e-9
        ratios = np.where(valid, both / (either + epsilon()), 0.0)
        return float(ratios.sum() / (valid.sum() + epsilon()))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        names = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true")
        own = {n: getattr(self, n) for n in (*names, "sparse_y_pred", "axis")}
        return super().get_config() | own


class BinaryIoU(IoU):
    """Intersection over union of yes/no areas.

    Args:
        target_class_ids: (0,), (1,) or both, of which the mean is taken.
        threshold: a prediction of at least this says yes.
        name: key in the logs.
        dtype: see `Metric`.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = fraction(threshold, "threshold")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes targets 0 or 1 and predictions in [0, 1] into account; see `IoU`."""
        said = ops.greater_equal(as_value(y_pred, "y_pred"), self.threshold)
        super().update_state(y_true, said, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        own = {"target_class_ids": self.target_class_ids, "threshold": self.threshold}
        return Metric.get_config(self) | own


class MeanIoU(IoU):
    """Mean intersection over union of all classes.

    Args:
        num_classes: number of classes.
        name: key in the logs.
        dtype: see `Metric`.
        ignore_class: a true class number that does not count, None for none.
        sparse_y_true: whether targets are class numbers, not one-hot.
        sparse_y_pred: whether predictions are class numbers, not scores of the classes.
        axis: the class axis of what is not sparse.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        ids = range(num_classes)
        super().__init__(
            num_classes, ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        config = super().get_config()
        del config["target_class_ids"]
        return config


class OneHotIoU(IoU):
    """Intersection over union with one-hot targets.

    Args:
        num_classes: number of classes.
        target_class_ids: classes of the mean.
        name: key in the logs.
        dtype: see `Metric`.
        ignore_class: a true class number that does not count, None for none.
        sparse_y_pred: whether predictions are class numbers, not scores of the classes.
        axis: the class axis.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class OneHotMeanIoU(MeanIoU):
    """Mean intersection over union of all classes with one-hot targets.

    Args:
        num_classes: number of classes.
        name: key in the logs.
        dtype: see `Metric`.
        ignore_class: a true class number that does not count, None for none.
        sparse_y_pred: whether predictions are class numbers, not scores of the classes.
        axis: the class axis.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config
