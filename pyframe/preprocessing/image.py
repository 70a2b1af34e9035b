"""Pictures: augmentation, iterators, files. Keras 2 place and names."""

from pyframe.preprocessing.file_iterators import DataFrameIterator, DirectoryIterator
from pyframe.preprocessing.functions import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
from pyframe.preprocessing.generator import ImageDataGenerator
from pyframe.preprocessing.iterators import Iterator, NumpyArrayIterator
from pyframe.utils.image_utils import array_to_img, img_to_array, load_img, save_img

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
]
