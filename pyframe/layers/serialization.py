"""Layers from and to plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.lookup import (
    custom_object_scope,
    function_config,
    known_arguments,
    object_config,
    split_config,
    unknown_name,
)
from pyframe.lookup import custom_objects as custom_scope


def serialize_value(value: Any) -> Any:
    """Returns plain data for a constructor argument: names of functions, configs of objects."""
    if isinstance(value, (list, tuple)):
        return type(value)(serialize_value(v) for v in value)
    if hasattr(value, "get_config"):
        return object_config(value)
    if callable(value):
        return function_config(value)
    return value


def policy(dtype: str) -> dict[str, Any]:
    """Returns Keras's dictionary for the dtype of a layer."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": dtype},
        "registered_name": None,
    }


def policy_name(dtype: Any) -> Any:
    """Returns the name in what `policy` returned; anything else unchanged."""
    if isinstance(dtype, Mapping) and isinstance(dtype.get("config"), Mapping):
        return dtype["config"].get("name")
    return dtype


def serialize(layer: Any) -> dict[str, Any]:
    """Returns {"class_name", "config", ...} of a layer."""
    return object_config(layer)


_registered: dict[str, type] = {}


def register_class(cls: Any) -> Any:
    """Adds a class, of a model for instance, to those that configurations may name; returns it."""
    _registered[cls.__name__] = cls
    return cls


def registered_classes() -> dict[str, Any]:
    """Returns the classes of `register_class`, then what custom scopes have added, by name."""
    return {**_registered, **custom_scope()}


def deserialize_from(
    table: Mapping[str, Any], config: Any, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Makes a layer from what `serialize` returned.

    Args:
        table: known classes by name.
        config: {"class_name": ..., "config": ...}, from Keras 2 or 3.
        custom_objects: further classes by name; they win over the table's.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    class_name, arguments = split_config("layer", config)
    classes = {**table, **registered_classes(), **(custom_objects or {})}
    registered = config.get("registered_name")
    cls = classes.get(registered) if registered else None
    cls = cls or classes.get(class_name)
    if cls is None:
        raise ConfigurationError(
            unknown_name("layer class", class_name, list(classes))
            + ". Pass your own classes as custom_objects={'Name': Class}."
        )
    arguments = known_arguments(cls, arguments)
    with custom_object_scope(custom_objects or {}):
        return cls.from_config(arguments)
