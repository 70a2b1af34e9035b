"""The name under which older programs import `to_categorical` and `normalize`."""

from pyframe.utils.numpy_utils import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]
