"""Models: stacks of layers that can be trained."""

from __future__ import annotations

import json
from typing import Any

from pyframe.models.cloning import clone_model
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
    "model_from_config",
    "model_from_json",
    "save_model",
]


def model_from_config(config: Any, custom_objects: Any = None) -> Any:
    """Makes a model with new weights from the dictionary that `Model.to_json` writes as text.

    Args:
        config: {"class_name": ..., "config": ...}.
        custom_objects: the user's own classes and functions by name.

    Raises:
        ModelFileError: if it names an unknown class, or is no configuration of a model.
    """
    return model_from_json(json.dumps(config), custom_objects)


for _cls in (Functional, Model, Sequential):
    register_model_class(_cls)
