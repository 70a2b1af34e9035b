"""Shapes of tensors, and tensors of a shape, where the number of samples may be unknown yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import config
from pyframe.errors import ConfigurationError
from pyframe.ops.dispatch import is_integer, rank, static_shape
from pyframe.ops.dtypes import standardize_dtype
from pyframe.ops.elementwise import cast, zeros_like
from pyframe.ops.shaping import reshape
from pyframe.ops.state import RowCount
from pyframe.ops.tensor import SymbolicValue, Tensor

Dimensions = int | Sequence[Any]


def shape(x: Any) -> tuple[Any, ...]:
    """Returns the dimensions of x.

    Inside a layer, loss or metric the number of samples is not known when the code runs. In its
    place stands an object with which one can compute, and which `zeros`, `reshape` and the
    functions of `pyframe.random` take as the first dimension. On the tensors of `Input` it is None.
    """
    sizes = static_shape(x)
    if not isinstance(x, Tensor) or sizes[:1] != (None,):
        return sizes
    return RowCount(cast(x, "float32") if is_integer(x) else x), *sizes[1:]


def ndim(x: Any) -> int:
    """Returns the number of dimensions of x."""
    return rank(x)


def size(x: Any) -> Any:
    """Returns the number of elements of x, as `shape` returns the number of samples."""
    rows, *others = shape(x) or (1,)
    return rows * math.prod(others)


def full(shape: Dimensions, fill_value: float, dtype: str | None = None) -> Any:
    """Returns an array or tensor with the same number everywhere.

    Args:
        shape: the dimensions; the first one may be that of a tensor, from `ops.shape(x)[0]`.
        fill_value: the number.
        dtype: `pyframe.config.floatx()` if None.

    Raises:
        ConfigurationError: if a dimension is unknown.
    """
    sizes: list[Any] = list(shape) if isinstance(shape, (tuple, list)) else [shape]
    name = config.floatx() if dtype is None else standardize_dtype(dtype)
    rows = sizes[0] if sizes and isinstance(sizes[0], RowCount) else None
    rest: list[Any] = sizes if rows is None else [1, *sizes[1:]]
    if not all(isinstance(n, (int, np.integer)) for n in rest):
        raise ConfigurationError(
            f"A shape must hold whole numbers. Received: {tuple(sizes)}. The number of samples, "
            "ops.shape(x)[0], can be the first one only, and is unknown on tensors of Input: "
            "write that part as a layer."
        )
    array = np.full(rest, fill_value, name)
    if rows is None:
        return array
    rows.needs_no_factor()
    column = reshape(rows.ones(), [-1] + [1] * (len(rest) - 1))
    return cast(zeros_like(column) + array, name)


def zeros(shape: Dimensions, dtype: str | None = None) -> Any:
    """Returns zeros; see `full`."""
    return full(shape, 0, dtype)


def ones(shape: Dimensions, dtype: str | None = None) -> Any:
    """Returns ones; see `full`."""
    return full(shape, 1, dtype)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None) -> Any:
    """Returns the numbers from start to before stop as an array, as np.arange."""
    found = np.arange(0, start, step) if stop is None else np.arange(start, stop, step)
    whole = found.dtype.kind in "iu"
    return found.astype(dtype or ("int32" if whole else config.floatx()))


def linspace(start: Any, stop: Any, num: int = 50, dtype: str | None = None) -> Any:
    """Returns so many numbers at equal distances from start to stop as an array."""
    return np.linspace(start, stop, num).astype(dtype or config.floatx())


def eye(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Any:
    """Returns a matrix (N, M) with ones on its diagonal, k columns to the right, as an array."""
    return np.eye(N, M, k, dtype=dtype or config.floatx())


def convert_to_tensor(x: Any, dtype: str | None = None) -> Any:
    """Returns a tensor as it is, all else as an array; cast if a dtype is given."""
    if isinstance(x, SymbolicValue):
        return x if dtype is None else cast(x, dtype)
    found = np.asarray(x)
    if dtype is None and found.dtype == np.float64 and not hasattr(x, "dtype"):
        dtype = config.floatx()  # Python's numbers
    return found if dtype is None else found.astype(dtype)


def convert_to_numpy(x: Any) -> Any:
    """Returns the numbers of a variable or array.

    Raises:
        SymbolicTensorError: for a tensor, which has no numbers yet.
    """
    return np.asarray(x)
