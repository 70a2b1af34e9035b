"""Models: stacks of layers that can be trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyframe.layers import register_class
from pyframe.lookup import split_config
from pyframe.models.functional import Functional
from pyframe.models.model import Model
from pyframe.models.sequential import Sequential
from pyframe.saving import load_model, register_model_class, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

for _cls in (Functional, Sequential):
    register_class(_cls)
    register_model_class(_cls)


def clone_model(model: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Returns a model of the same architecture with new initial weights.

    Args:
        model: the model to imitate.
        custom_objects: classes of its own layers by name.
    """
    if isinstance(model, Sequential):
        return type(model).from_config(model.get_config(), custom_objects)
    return type(model).from_config(model.get_config())


def model_from_json(text: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Returns a model made from what `Model.to_json` returned, with new initial weights.

    Args:
        text: the JSON text; no code is run from it.
        custom_objects: the user's own classes by name.

    Raises:
        ConfigurationError: if a class is unknown.
    """
    from pyframe.lookup import by_name

    name, config = split_config("model", json.loads(text))
    classes = {
        "Functional": Functional,
        "Model": Functional,
        "Sequential": Sequential,
        **(custom_objects or {}),
    }
    cls = by_name("model class", name, classes)
    if issubclass(cls, (Functional, Sequential)):
        return cls.from_config(config, custom_objects)
    return cls.from_config(config)
