"""Loss functions: what training makes small.

A function takes (y_true, y_pred) and returns one loss for each sample; the class of the same name
adds sample weights and the reduction to a number. All are written with `pyframe.ops`, and work on
symbolic tensors and on NumPy arrays alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.lookup import by_name, split_config
from pyframe.losses.align import align, check_same_shape
from pyframe.losses.classes import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from pyframe.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from pyframe.losses.loss import Loss, LossFunctionWrapper, reduce_weighted

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "align",
    "binary_crossentropy",
    "categorical_crossentropy",
    "check_same_shape",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "reduce_weighted",
    "sparse_categorical_crossentropy",
]

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
