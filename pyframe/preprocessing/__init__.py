"""Data on its way to a model: pictures, sequences, time series."""

from pyframe.preprocessing import image, sequence

__all__ = ["image", "sequence"]
