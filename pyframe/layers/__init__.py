"""Layers, the building blocks of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from pyframe.layers.base import Layer
from pyframe.layers.batch_normalization import BatchNormalization
from pyframe.layers.convolution import Conv2D
from pyframe.layers.dense import Dense
from pyframe.layers.depthwise import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from pyframe.layers.dropout import Dropout
from pyframe.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from pyframe.layers.input_layer import Input, InputLayer
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from pyframe.layers.padding import Cropping1D, Cropping2D, ZeroPadding1D, ZeroPadding2D
from pyframe.layers.pooling import AveragePooling2D, AvgPool2D, MaxPool2D, MaxPooling2D
from pyframe.layers.reshaping import Flatten, Permute, Reshape
from pyframe.layers.scaling import Normalization, Rescaling
from pyframe.layers.serialization import deserialize_from, register_class, serialize
from pyframe.layers.upsampling import RepeatVector, UpSampling1D, UpSampling2D

Convolution2D = Conv2D
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "Average",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Convolution2D",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "Softmax",
    "Subtract",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "deserialize",
    "register_class",
    "serialize",
]

_CLASSES: dict[str, type[Layer]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Layer)
}


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a layer from what `serialize` returned.

    Args:
        config: {"class_name": ..., "config": ...}.
        custom_objects: the user's own classes by name.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    return deserialize_from(_CLASSES, config, custom_objects)
