"""ResNet50, its preprocessing and its classes."""

from __future__ import annotations

from pyframe.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
