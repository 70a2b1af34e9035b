"""Assignments to variables while a metric is traced, and the number of rows of a batch."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.ops.arithmetic import Arithmetic
from pyframe.ops.dispatch import DeferredTensor, apply, static_shape, to_tensor
from pyframe.ops.shaping import max as reduce_max
from pyframe.ops.shaping import reshape
from pyframe.ops.shaping import sum as reduce_sum
from pyframe.ops.tensor import Tensor, Trace, Variable


class RowCount(DeferredTensor, Arithmetic):
    """The number of rows of a symbolic tensor, possibly times a number and a scalar tensor.

    The caller of a plan knows how many rows a batch has, so counting them needs no operator.

    Args:
        like: the tensor whose first axis is meant.
        factor: a number to multiply by.
        tensor: a scalar tensor to multiply by, or None.
    """

    def __init__(self, like: Tensor, factor: float = 1.0, tensor: Tensor | None = None) -> None:
        self.like = like
        self.factor = factor
        self.tensor = tensor
        self.shape = ()
        self.dtype = like.dtype

    def needs_no_factor(self) -> None:
        """Raises a ConfigurationError if it is not the number of rows itself."""
        if self.factor != 1.0 or self.tensor is not None:
            raise ConfigurationError(
                "The first dimension of a shape can be ops.shape(x)[0], but no multiple of it."
            )

    def __repr__(self) -> str:
        return f"<number of rows of {self.like!r}>"

    def __mul__(self, other: Any) -> RowCount:
        if isinstance(other, Tensor):
            other = other if self.tensor is None else self.tensor * other
            return RowCount(self.like, self.factor, other)
        return RowCount(self.like, self.factor * float(other), self.tensor)

    __rmul__ = __mul__

    def ones(self) -> Any:
        """Returns a one for each row: (rows,), of the dtype of `like`."""
        ones = apply("broadcast_like", 1.0, self.like, dtype=self.like.dtype)
        others = range(1, len(self.like.shape))
        return reduce_max(ones, others) if others else ones

    def to_tensor(self) -> Any:
        """Returns the number as a scalar tensor of the dtype of `like`."""
        count = reduce_sum(self.ones()) * self.factor
        return count if self.tensor is None else count * self.tensor


def row_count(x: Any) -> Any:
    """Returns the length of the first axis: a number, or a RowCount where it is free.

    A tensor without axes counts as one row.
    """
    shape = static_shape(x)
    if not shape:
        return 1
    return RowCount(x, 1.0) if shape[0] is None else shape[0]


@dataclass(frozen=True)
class Term:
    """What one batch adds to a variable: factor * tensor (1 if None), by_rows: * batch size."""

    tensor: Tensor | None
    factor: float = 1.0
    by_rows: bool = False


class StateRecorder(MutableMapping[Variable, Tensor]):
    """Values that variables have after the assignments traced so far.

    Use it as `with trace.assignments(StateRecorder(trace)) as state:`. What is only added to a
    variable is kept apart: as long as nothing reads the sum, it needs no operator.

    Args:
        trace: the trace that is being recorded.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._values: dict[Variable, Tensor] = {}
        self._added: dict[Variable, list[Any]] = {}

    def __contains__(self, variable: object) -> bool:
        return variable in self._values or variable in self._added

    def __getitem__(self, variable: Variable) -> Tensor:
        if variable in self._added:
            total: Any = self._trace.stored(variable)
            for part in self._added.pop(variable):
                total = total + self._tensor(variable, part)
            self._values[variable] = total
        return self._values[variable]

    def __setitem__(self, variable: Variable, value: Tensor) -> None:
        self._added.pop(variable, None)
        self._values[variable] = value

    def __delitem__(self, variable: Variable) -> None:
        self._added.pop(variable, None)
        self._values.pop(variable, None)

    def __iter__(self) -> Iterator[Variable]:
        return iter([*self._values, *self._added])

    def __len__(self) -> int:
        return len(self._values) + len(self._added)

    def add(self, variable: Variable, value: Any) -> None:
        """Notes what is added to a variable: a tensor, an array, a number or a RowCount."""
        if isinstance(value, Variable):
            value = self._trace.variable(value)
        if variable in self._values:
            self._values[variable] = self._values[variable] + self._tensor(variable, value)
        else:
            self._added.setdefault(variable, []).append(value)

    def finish(self) -> list[tuple[Variable, list[Term]]]:
        """Adds the effects to the trace; to be called after the block.

        Returns:
            The sums of single numbers that no operator reads. They need no effect: the caller
            adds them up over the batches.
        """
        sums = []
        for variable, added in self._added.items():
            if variable.size == 1 and not self._trace.reads(variable):
                sums.append((variable, [self._term(part) for part in added]))
                continue
            total: Any = self._tensor(variable, added[0])
            for part in added[1:]:
                total = total + self._tensor(variable, part)
            self._trace.op("accumulate", [self._trace.stored(variable), total], {})
        for variable, value in self._values.items():
            self._trace.op("assign", [self._trace.stored(variable), value], {})
        return sums

    def _term(self, value: Any) -> Term:
        if isinstance(value, RowCount):
            return Term(value.tensor, value.factor, True)
        if isinstance(value, (Tensor, Variable)):
            tensor = to_tensor(self._trace, value)
            return Term(tensor if tensor.shape == () else reshape(tensor, []))
        return Term(None, float(np.asarray(value).reshape(())))

    def _tensor(self, variable: Variable, value: Any) -> Tensor:
        if isinstance(value, RowCount):
            value = value.to_tensor()
        tensor = to_tensor(self._trace, value, variable.dtype)
        if tensor.shape == variable.shape:
            return tensor
        if len(tensor.shape) > len(variable.shape):
            raise ShapeError(
                f"A value of shape {tensor.shape} does not fit variable '{variable.path}' of "
                f"shape {variable.shape}."
            )
        shaped: Tensor = apply(
            "broadcast_to", tensor, dtype=variable.dtype, shape=list(variable.shape)
        )
        return shaped
