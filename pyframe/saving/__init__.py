"""Saving and loading of models, weights and training states."""

from pyframe.lookup import custom_object_scope
from pyframe.saving.model_file import (
    load_model,
    load_weights,
    register_model_class,
    save_model,
    save_weights,
)
from pyframe.saving.variables import LoadReport

__all__ = [
    "LoadReport",
    "custom_object_scope",
    "load_model",
    "load_weights",
    "register_model_class",
    "save_model",
    "save_weights",
]
