"""Data on its way to a model: pictures, sequences, time series."""

from pyframe.preprocessing import image, sequence
from pyframe.preprocessing.image_dataset import image_dataset_from_directory
from pyframe.utils.timeseries import timeseries_dataset_from_array

__all__ = ["image", "image_dataset_from_directory", "sequence", "timeseries_dataset_from_array"]
