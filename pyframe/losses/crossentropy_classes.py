"""Classes of the crossentropies."""

from __future__ import annotations

from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.losses.align import fraction, positive
from pyframe.losses.crossentropy import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
    valid_classes,
)
from pyframe.losses.loss import LossFunctionWrapper


class BinaryCrossentropy(LossFunctionWrapper):
    """Crossentropy of independent yes/no targets; see `binary_crossentropy`.

    Args:
        from_logits: whether the predictions are scores, not probabilities.
        label_smoothing: in [0, 1], see the function.
        axis: the axis of the mean.
        reduction: see `reduce_weighted`.
        name: name of the loss.
        dtype: accepted for Keras's sake.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
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
            label_smoothing=fraction(label_smoothing, "label_smoothing"),
            axis=axis,
        )


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Focal crossentropy of yes/no targets; see `binary_focal_crossentropy`.

    Args:
        apply_class_balancing: whether to weigh the classes with alpha.
        alpha: weight of the positive class, in [0, 1].
        gamma: how much well classified samples are discounted, >= 0.
        from_logits: whether the predictions are scores, not probabilities.
        label_smoothing: in [0, 1], see the function.
        axis: the axis of the mean.
        reduction: see `reduce_weighted`.
        name: name of the loss.
        dtype: accepted for Keras's sake.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=fraction(alpha, "alpha"),
            gamma=positive(gamma, "gamma", zero=True),
            from_logits=from_logits,
            label_smoothing=fraction(label_smoothing, "label_smoothing"),
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of one-hot targets; see `categorical_crossentropy`.

    Args:
        from_logits: whether the predictions are scores, not probabilities.
        label_smoothing: in [0, 1], see the function.
        axis: the class axis.
        reduction: see `reduce_weighted`.
        name: name of the loss.
        dtype: accepted for Keras's sake.

    Raises:
        ConfigurationError: for a value outside its range.
    """

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
            label_smoothing=fraction(label_smoothing, "label_smoothing"),
            axis=axis,
        )


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Focal crossentropy of one-hot targets; see `categorical_focal_crossentropy`.

    Args:
        alpha: weight, a number or one for each class.
        gamma: how much well classified samples are discounted, >= 0.
        from_logits: whether the predictions are scores, not probabilities.
        label_smoothing: in [0, 1], see the function.
        axis: the class axis.
        reduction: see `reduce_weighted`.
        name: name of the loss.
        dtype: accepted for Keras's sake.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=positive(gamma, "gamma", zero=True),
            from_logits=from_logits,
            label_smoothing=fraction(label_smoothing, "label_smoothing"),
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of class numbers; see `sparse_categorical_crossentropy`.

    Args:
        from_logits: whether the predictions are scores, not probabilities.
        ignore_class: class number whose positions do not count, None for none.
        axis: the class axis.
        reduction: see `reduce_weighted`.
        name: name of the loss.
        dtype: accepted for Keras's sake.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.ignore_class = ignore_class

    def mask(self, y_true: Any) -> Any:
        """Returns 1.0 where the class counts, None if all do."""
        return None if self.ignore_class is None else valid_classes(y_true, self.ignore_class)


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """(1 - p^q) / q of the true class; see `categorical_generalized_cross_entropy`.

    Args:
        q: in (0, 1).
        reduction: see `reduce_weighted`.
        name: name of the loss.
        dtype: accepted for Keras's sake.

    Raises:
        ConfigurationError: for a value outside its range.
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0.0 < q < 1.0:
            raise ConfigurationError(f"`q` must be between 0 and 1. Received: {q!r}")
        super().__init__(
            categorical_generalized_cross_entropy,
            reduction,
            name,
            dtype,
            q=q,
        )
