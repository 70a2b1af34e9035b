"""Saving and loading of models, weights and training states in the formats of Keras."""

from pyframe.errors import (
    IntegrityError,
    ModelFileError,
    ModelFormatError,
    ResourceLimitError,
    UnsafeModelError,
)
from pyframe.layers.serialization import register_class as register_model_class
from pyframe.lookup import (
    custom_object_scope,
    get_custom_objects,
    register_keras_serializable,
)
from pyframe.saving.model_file import (
    load_model,
    load_weights,
    model_from_json,
    save_model,
    save_weights,
)
from pyframe.saving.report import LoadReport

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "IntegrityError",
    "LoadReport",
    "ModelFileError",
    "ModelFormatError",
    "ResourceLimitError",
    "UnsafeModelError",
    "custom_object_scope",
    "get_custom_objects",
    "load_model",
    "load_weights",
    "model_from_json",
    "register_keras_serializable",
    "register_model_class",
    "save_model",
    "save_weights",
]
