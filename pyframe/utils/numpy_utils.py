"""Small helpers for labels and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyframe.errors import DataError


def to_categorical(
    x: ArrayLike, num_classes: int | None = None, dtype: str = "float32"
) -> NDArray[Any]:
    """Turns class ids into one-hot rows.

    Args:
        x: whole numbers from 0, of any shape; a last dimension of 1 is dropped.
        num_classes: number of classes; by default the largest id + 1.
        dtype: dtype of the result.

    Returns:
        Array of shape `x.shape + (num_classes,)`: 1 at the class, 0 elsewhere.

    Raises:
        DataError: if there is an id that is not whole, negative or not below `num_classes`.
    """
    values = np.asarray(x)
    if values.ndim > 1 and values.shape[-1] == 1:
        values = values[..., 0]
    ids = values.astype(np.int64)
    if num_classes is None:
        if not ids.size:
            raise DataError("to_categorical needs `num_classes` when there are no labels")
        num_classes = int(ids.max()) + 1
    wrong = (ids < 0) | (ids >= num_classes) | (ids != values)
    if wrong.any():
        position = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"Class ids must be whole numbers from 0 to {num_classes - 1}. Received: "
            f"{values[position]} at position {position[0] if len(position) == 1 else position}"
        )
    result = np.zeros((ids.size, num_classes), dtype)
    result[np.arange(ids.size), ids.reshape(-1)] = 1
    return result.reshape(*ids.shape, num_classes)


def normalize(x: ArrayLike, axis: int = -1, order: float = 2) -> NDArray[Any]:
    """Divides by the norm along an axis; vectors of norm 0 stay as they are.

    Args:
        x: array.
        axis: axis along which the norm is taken.
        order: order of the norm, e.g. 2 for the Euclidean length.
    """
    values = np.asarray(x)
    norm = np.linalg.norm(values, order, axis, keepdims=True)
    return np.asarray(values / np.where(norm == 0, 1, norm))
