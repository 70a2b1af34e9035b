"""VGG19, its preprocessing and its classes."""

from __future__ import annotations

from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.applications.vgg import VGG19

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessor("caffe")
