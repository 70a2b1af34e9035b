"""Helpers: random seeds, labels, pictures."""

from pyframe.lookup import (
    custom_object_scope,
    get_custom_objects,
    register_keras_serializable,
)
from pyframe.naming import reset_names as _reset_names
from pyframe.utils import np_utils
from pyframe.utils.image_utils import array_to_img, img_to_array, load_img, save_img
from pyframe.utils.model_plots import model_to_dot, plot_model
from pyframe.utils.numpy_utils import normalize, to_categorical
from pyframe.utils.plots import plot_history, plot_images
from pyframe.utils.random import restart_streams as _restart_streams
from pyframe.utils.random import set_random_seed
from pyframe.utils.sequence import PyDataset, Sequence
from pyframe.utils.sequence_utils import pad_sequences
from pyframe.utils.timeseries import timeseries_dataset_from_array

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "get_file",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "np_utils",
    "pad_sequences",
    "plot_history",
    "plot_images",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
]


def clear_session() -> None:
    """Restarts the numbering of layer names and the random numbers of `set_random_seed`.

    There is nothing else to clear: a model is freed as soon as nothing refers to it.
    """
    _reset_names()
    _restart_streams()


def __getattr__(name: str) -> object:
    # Not every program needs them; the first also needs the kernel for pictures, which stands
    # above this package.
    modules = {"image_dataset_from_directory": "pyframe.preprocessing",
               "get_file": "pyframe.utils.files"}  # fmt: skip
    if name in modules:
        import importlib

        return getattr(importlib.import_module(modules[name]), name)
    raise AttributeError(f"module 'pyframe.utils' has no attribute {name!r}")
