"""Loss functions: what training makes small.

A function takes (y_true, y_pred) and returns one loss for each sample; the class of the same name
adds sample weights and the reduction to a number. All are written with `pyframe.ops`, and work on
symbolic tensors and on NumPy arrays alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.lookup import by_name, known_arguments, object_config, split_config
from pyframe.losses.align import align, check_same_shape
from pyframe.losses.classes import (
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
    Tversky,
)
from pyframe.losses.crossentropy import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from pyframe.losses.crossentropy_classes import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
)
from pyframe.losses.loss import Loss, LossFunctionWrapper, reduce_weighted
from pyframe.losses.margins import categorical_hinge, dice, hinge, squared_hinge, tversky
from pyframe.losses.regression import (
    cosine_similarity,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
)

_CLASSES: dict[str, type[Loss]] = {
    cls.__name__: cls
    for cls in (
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CategoricalCrossentropy,
        CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy,
        CategoricalHinge,
        CosineSimilarity,
        Dice,
        Hinge,
        Huber,
        KLDivergence,
        LogCosh,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        Poisson,
        SparseCategoricalCrossentropy,
        SquaredHinge,
        Tversky,
    )
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        binary_crossentropy,
        binary_focal_crossentropy,
        categorical_crossentropy,
        categorical_focal_crossentropy,
        categorical_hinge,
        cosine_similarity,
        dice,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        mean_squared_logarithmic_error,
        poisson,
        sparse_categorical_crossentropy,
        squared_hinge,
        tversky,
    )
}
SHORT_NAMES: dict[str, Callable[..., Any]] = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}
_FUNCTIONS |= SHORT_NAMES | {name.upper(): fn for name, fn in SHORT_NAMES.items()}
# Names of Keras 2.
_FUNCTIONS |= {
    "cosine_proximity": cosine_similarity,
    "kullback_leibler_divergence": kl_divergence,
    "logcosh": log_cosh,
    "huber_loss": huber,
}

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "align",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "check_same_shape",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "reduce_weighted",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def is_known(name: str) -> bool:
    """Tells whether a name stands for one of this module's functions."""
    return name in _FUNCTIONS


def is_loss_function(value: Any) -> bool:
    """Tells whether a function is one of this module's losses, or an object of one."""
    return isinstance(value, Loss) or any(value is fn for fn in _FUNCTIONS.values())


def serialize(loss: Any) -> Any:
    """Returns plain data from which `deserialize` makes an equal loss: a name or a dictionary."""
    return object_config(loss) if isinstance(loss, Loss) else loss.__name__


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns a loss made from what `serialize` returned.

    Args:
        config: a name or {"class_name": ..., "config": ...}.
        custom_objects: further classes and functions by name.

    Raises:
        ConfigurationError: for an unknown name.
    """
    own = custom_objects or {}
    if isinstance(config, str):
        return own[config] if config in own else get(config)
    name, arguments = split_config("loss", config)
    found: Any = by_name("loss", name, {**_CLASSES, **own})
    if isinstance(arguments.get("fn"), str):
        arguments["fn"] = own.get(arguments["fn"]) or get(arguments["fn"])
    return found.from_config(known_arguments(found, arguments))


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
        return deserialize(identifier)
    if isinstance(identifier, str):
        found: Any = by_name("loss", identifier, _CLASSES | _FUNCTIONS)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier):
        return identifier
    raise ConfigurationError(
        f"`loss` must be a name, a Loss or a function (y_true, y_pred). Received: {identifier!r}"
    )
