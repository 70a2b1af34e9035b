"""Models: stacks of layers that can be trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe.models.functional import Functional
from pyframe.models.model import Model
from pyframe.models.sequential import Sequential
from pyframe.saving import load_model, model_from_json, register_model_class, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

for _cls in (Functional, Model, Sequential):
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
