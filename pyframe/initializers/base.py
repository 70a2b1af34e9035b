"""The base of all initializers, and what their arguments are checked with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe import config
from pyframe.errors import ConfigurationError
from pyframe.utils.identifiers import Configurable

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = Sequence[int]


def finite(name: str, value: float, low: float = -math.inf) -> float:
    """Returns a finite number >= low.

    Raises:
        ConfigurationError: for anything else.
    """
    if not (isinstance(value, (int, float, np.number)) and math.isfinite(value) and value >= low):
        kind = "a finite number" if low == -math.inf else f"a finite number >= {low:g}"
        raise ConfigurationError(f"`{name}` must be {kind}. Received: {value!r}")
    return float(value)


class Initializer(Configurable):
    """Base class: a subclass overrides `__call__` and, if it has arguments, `get_config`."""

    def __call__(self, shape: Shape, dtype: str | None = None) -> Array:
        """Returns a new array.

        Args:
            shape: dimensions, each >= 0.
            dtype: "float32" or "float64"; None means `pyframe.config.floatx()`.
        """
        dtype = np.dtype(dtype or config.floatx()).name
        return np.asarray(self._fill(tuple(int(n) for n in shape), dtype), dtype)

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        # Values of this shape; the dtype may differ, the caller casts.
        raise NotImplementedError(f"{type(self).__name__} must override `__call__`")
