"""Helpers: random seeds, labels, pictures."""

from pyframe.naming import reset_names as _reset_names
from pyframe.utils import np_utils
from pyframe.utils.numpy_utils import normalize, to_categorical
from pyframe.utils.plots import plot_history, plot_images
from pyframe.utils.random import restart_streams as _restart_streams
from pyframe.utils.random import set_random_seed

__all__ = [
    "clear_session",
    "normalize",
    "np_utils",
    "plot_history",
    "plot_images",
    "set_random_seed",
    "to_categorical",
]


def clear_session() -> None:
    """Restarts the numbering of layer names and the random numbers of `set_random_seed`.

    There is nothing else to clear: a model is freed as soon as nothing refers to it.
    """
    _reset_names()
    _restart_streams()
