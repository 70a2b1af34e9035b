"""Kernels of convolutions as Keras 1 and Theano kept them, in today's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyframe.layers import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose
from pyframe.ops.dtypes import Array
from pyframe.ops.tensor import Variable
from pyframe.saving.hdf5 import Dataset, Group
from pyframe.saving.matching import Converted, Stored

_FLIPPED = (Conv1D, Conv2D, Conv1DTranspose, Conv2DTranspose)


def owners(layer: Any) -> dict[int, Any]:
    """Returns the layer that made each weight of a layer or model, by the weight's `id`."""
    return {id(w): part for part in layer.flatten_layers() for w in part._own_weights}


def from_theano(group: Group) -> bool:
    """Tells whether Theano wrote the weights: its convolution turns kernels by 180 degrees."""
    return group.text("backend") == "theano"


def in_order(layer: Any, weight: Variable, dataset: Dataset, keras1: bool, theano: bool) -> Stored:
    """Returns an array of a file as the layer keeps it.

    Args:
        layer: the layer that made the weight.
        weight: the weight.
        dataset: the array in the file.
        keras1: whether Keras 1 wrote it.
        theano: whether it belongs to Theano's convolution.
    """
    if weight.name != "kernel" or not isinstance(layer, _FLIPPED):
        return dataset
    changes: list[Callable[[Array], Array]] = []
    shape = dataset.shape
    if keras1 and isinstance(layer, Conv1D) and len(shape) == 4 and 1 in (shape[1], shape[3]):
        if (shape[0], shape[1], shape[3]) != (weight.shape[0], 1, weight.shape[2]):
            # Before Keras 1.2 (filters, channels, length, 1).
            changes.append(lambda array: array.transpose(2, 3, 1, 0))
        changes.append(lambda array: array[:, 0])
    elif keras1 and isinstance(layer, Conv2DTranspose) and len(shape) == 4:
        changes.append(lambda array: array.swapaxes(2, 3))
    if theano:
        changes.append(lambda array: np.flip(array, tuple(range(array.ndim - 2))))
    return Converted(dataset, changes) if changes else dataset
