"""Layers from and to plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.lookup import custom_object_scope, object_config, split_config, unknown_name
from pyframe.lookup import custom_objects as custom_scope


def serialize_value(value: Any) -> Any:
    """Returns plain data for a constructor argument: names of functions, configs of objects."""
    if isinstance(value, (list, tuple)):
        return type(value)(serialize_value(v) for v in value)
    if hasattr(value, "get_config"):
        return object_config(value)
    if callable(value):
        return value.__name__
    return value


def serialize(layer: Any) -> dict[str, Any]:
    """Returns {"class_name", "config", ...} of a layer."""
    return object_config(layer)


def deserialize_from(
    table: Mapping[str, Any], config: Any, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Makes a layer from what `serialize` returned.

    Args:
        table: known classes by name.
        config: {"class_name": ..., "config": ...}.
        custom_objects: further classes by name; they win over the table's.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    class_name, arguments = split_config("layer", config)
    classes = {**table, **custom_scope(), **(custom_objects or {})}
    if class_name not in classes:
        raise ConfigurationError(
            unknown_name("layer class", class_name, list(classes))
            + ". Pass your own classes as custom_objects={'Name': Class}."
        )
    with custom_object_scope(custom_objects or {}):
        return classes[class_name].from_config(arguments)
