"""Metric, the base of all metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import initializers
from pyframe.config import floatx
from pyframe.errors import ConfigurationError
from pyframe.naming import auto_name
from pyframe.ops.dtypes import Array, standardize_dtype
from pyframe.ops.tensor import Variable


class Metric:
    """Base of metrics: numbers that are collected over batches, and a result made from them.

    The numbers are variables. `update_state`, written with `pyframe.ops`, changes them with
    `assign` and `assign_add`; it works on arrays at once, and inside `fit` and `evaluate` it
    becomes a part of the plan. `result` reads them, with NumPy or `pyframe.ops`.

    Args:
        dtype: "float32" or "float64", kept as an attribute; None for `config.floatx()`.
        name: key in the logs; made from the class name if None.

    Example:
        >>> class Bias(Metric):
        ...     def __init__(self, name="bias"):
        ...         super().__init__(name=name)
        ...         self.total = self.add_variable((), "zeros", name="total")
        ...         self.count = self.add_variable((), "zeros", name="count")
        ...
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.total.assign_add(ops.sum(y_pred - y_true))
        ...         self.count.assign_add(ops.sum(ops.ones_like(y_pred)))
        ...
        ...     def result(self):
        ...         return self.total / self.count
    """

    # "up" if larger is better, "down" if smaller is, None if nobody knows.
    _direction: str | None = None

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise ConfigurationError(f"`name` must be a string or None. Received: {name!r}")
        self.name = name or auto_name(type(self).__name__)
        self._dtype = floatx() if dtype is None else standardize_dtype(dtype)
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        """The dtype given, "float32" by default."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The numbers collected, those of metrics kept as attributes included."""
        inner = [m for m in vars(self).values() if isinstance(m, Metric)]
        return [*self._variables, *(v for metric in inner for v in metric.variables)]

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Makes a variable.

        Args:
            shape: its shape.
            initializer: name or object, "zeros" if None.
            dtype: None for "float64", so that millions of samples are counted exactly.
            aggregation: accepted for Keras's sake.
            name: e.g. "total".

        Returns:
            The variable, to be kept as an attribute.
        """
        if "_variables" not in self.__dict__:
            raise ConfigurationError(
                f"{type(self).__name__}.__init__ must call super().__init__() first."
            )
        kind = "float64" if dtype is None else standardize_dtype(dtype)
        make = initializers.get(initializer) or initializers.get("zeros")
        assert make is not None
        name = name or f"variable_{len(self._variables)}"
        value = np.asarray(make(tuple(shape), dtype=kind if kind != "int32" else "float64"))
        variable = Variable(value, kind, False, name, f"{self.name}/{name}")
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Makes a variable; the older name of `add_variable`."""
        if isinstance(shape, str):
            # Keras 2 order: add_weight(name, shape, ...).
            shape, name = (), shape
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Takes a batch into account: (y_true, y_pred, sample_weight=None). To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not define `update_state`.")

    def result(self) -> Any:
        """Returns the metric of all batches since the last reset. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not define `result`.")

    def reset_state(self) -> None:
        """Forgets all batches: every variable becomes zero."""
        for variable in self.variables:
            variable.core.fill(0.0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Takes a batch into account and returns the metric so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal metric."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a metric made from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def divide(a: Any, b: Any) -> Array:
    """Returns a / b of arrays, and 0 where b is 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    result: Array = np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)
    return result


def plain(value: Any) -> Any:
    """Returns a float for an array of one element, else the array."""
    array = np.asarray(value)
    return float(array.reshape(())) if array.size == 1 else array
