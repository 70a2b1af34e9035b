"""Optimizers: how gradients change weights."""

from __future__ import annotations

from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.lookup import by_name, object_config, split_config
from pyframe.optimizers.adam import Adam
from pyframe.optimizers.optimizer import Optimizer
from pyframe.optimizers.rmsprop import RMSprop
from pyframe.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "deserialize", "get", "serialize"]

_CLASSES: dict[str, type[Optimizer]] = {cls.__name__.lower(): cls for cls in (SGD, RMSprop, Adam)}


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
        return by_name("optimizer", identifier, _CLASSES, ignore_case=True)()  # type: ignore[call-arg]
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()  # type: ignore[call-arg]
    raise ConfigurationError(
        f"`optimizer` must be a name or an Optimizer. Received: {identifier!r}"
    )


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Returns {"class_name", "config", ...} of an optimizer."""
    return object_config(optimizer)


def deserialize(config: dict[str, Any]) -> Optimizer:
    """Makes an optimizer from what `serialize` returned.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    name, arguments = split_config("optimizer", config)
    made: Optimizer = by_name("optimizer", name, _CLASSES, True).from_config(arguments)
    return made
