"""Optimizers: how gradients change weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.lookup import by_name, known_arguments, object_config, split_config
from pyframe.optimizers import schedules
from pyframe.optimizers.adagrad import Adadelta, Adagrad
from pyframe.optimizers.adam import Adam, AdamW
from pyframe.optimizers.adamax import Adamax, Nadam
from pyframe.optimizers.ftrl import Ftrl
from pyframe.optimizers.lion import Lion
from pyframe.optimizers.optimizer import Optimizer
from pyframe.optimizers.rmsprop import RMSprop
from pyframe.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_CLASSES: dict[str, type[Optimizer]] = {
    cls.__name__.lower(): cls
    for cls in (SGD, RMSprop, Adam, AdamW, Adagrad, Adadelta, Adamax, Nadam, Ftrl, Lion)
}


def get(identifier: Any) -> Optimizer:
    """Returns an optimizer.

    Args:
        identifier: a name in any case ("Adam"), an Optimizer (object or class), or
            {"class_name": ..., "config": ...}.

    Raises:
        ConfigurationError: for an unknown name or another type.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return by_name("optimizer", identifier, _CLASSES, ignore_case=True)()
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    raise ConfigurationError(
        f"`optimizer` must be a name or an Optimizer. Received: {identifier!r}"
    )


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Returns {"class_name", "config", ...} of an optimizer."""
    return object_config(optimizer)


def deserialize(
    config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Optimizer:
    """Makes an optimizer from what `serialize` returned.

    Args:
        config: dictionary with the keys `class_name` and `config`.
        custom_objects: further optimizer and schedule classes by name.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    name, arguments = split_config("optimizer", config)
    own = {key.lower(): value for key, value in (custom_objects or {}).items()}
    cls = by_name("optimizer", name, {**_CLASSES, **own}, ignore_case=True)
    rate = arguments.get("learning_rate")
    if isinstance(rate, dict):
        arguments["learning_rate"] = schedules.deserialize(rate, custom_objects)
    made: Optimizer = cls.from_config(known_arguments(cls, arguments))
    return made
