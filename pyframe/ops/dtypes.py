"""Dtypes of the engine and how arrays of other dtypes enter it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import ConfigurationError, DataError

Array = NDArray[Any]

FLOATS = ("float32", "float64")
TENSOR_DTYPES = ("float32", "float64", "int32")
# Dtypes that the engine casts itself while it gathers a batch.
_GATHERED = frozenset(
    np.dtype(name) for name in ("bool", "uint8", "int32", "int64", "float32", "float64")
)


def standardize_dtype(dtype: Any, argument: str = "dtype") -> str:
    """Returns the name of a tensor dtype: float32, float64 or int32.

    Args:
        dtype: a name, a NumPy dtype or a Python type.
        argument: name of the argument, for the error text.

    Raises:
        ConfigurationError: if no tensor can have this dtype.
    """
    try:
        name = str(np.dtype(dtype).name)
    except TypeError:
        name = str(dtype)
    if name not in TENSOR_DTYPES:
        raise ConfigurationError(
            f"`{argument}` must be one of {TENSOR_DTYPES}. Received: {dtype!r}"
        )
    return name


def common_float(dtypes: Iterable[str]) -> str:
    """Returns float64 if one of the dtypes is float64, else float32."""
    return "float64" if "float64" in dtypes else "float32"


def as_array(value: Any, argument: str = "x") -> Array:
    """Turns a value into a C-contiguous array of a dtype that the engine can read.

    float16 becomes float32, the rare integer types become int64, and foreign byte order native;
    bool, uint8, int32, int64, float32 and float64 pass without a copy.

    Raises:
        DataError: for strings, objects, complex numbers, dates.
    """
    array = np.asarray(value, order="C")
    if array.dtype in _GATHERED:
        return array
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    raise DataError(
        f"`{argument}` has dtype {array.dtype}, which is not numeric"
        + (
            "; are its rows of different lengths, or is it a table with text columns?"
            if array.dtype.kind == "O"
            else "."
        )
        + f" Convert it first, e.g. np.asarray({argument}, dtype='float32')."
    )
