"""Operators that change variables; they run at the end of a plan and have no result.

They can only be recorded, i.e. used while a model is traced. Optimizers are written with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe.errors import ShapeError, SymbolicTensorError
from pyframe.ops.dispatch import to_tensor, trace_of
from pyframe.ops.elementwise import add, cast
from pyframe.ops.state import RowCount, StateRecorder
from pyframe.ops.tensor import Trace, Variable


def _trace(values: Sequence[Any]) -> Trace:
    trace = trace_of(values)
    if trace is None:
        raise SymbolicTensorError(
            "This operator changes a variable inside a plan; use variable.assign(array) to "
            "change it at once."
        )
    return trace


def assign(variable: Variable, value: Any) -> None:
    """Replaces the variable by the value at the end of the run.

    Raises:
        ShapeError: if the value has another shape.
    """
    trace = _trace([variable, value])
    tensor = to_tensor(trace, value, variable.dtype)
    if len(tensor.shape) != len(variable.shape) or any(
        n not in (None, size) for n, size in zip(tensor.shape, variable.shape, strict=True)
    ):
        raise ShapeError(
            f"Variable '{variable.path}' has shape {variable.shape}; a value of shape "
            f"{tensor.shape} cannot be assigned to it."
        )
    trace.assign(variable, tensor)


def assign_add(variable: Variable, value: Any) -> None:
    """Adds a number or a tensor to the variable at the end of the run."""
    trace = _trace([variable, value])
    if trace.collects_assignments or not isinstance(value, (int, float)):
        accumulate(variable, value)
    else:
        trace.op("assign_add", [trace.stored(variable)], {"value": float(value)})


def accumulate(variable: Variable, value: Any) -> None:
    """Adds a tensor to the variable at the end of the run."""
    trace = _trace([variable, value])
    collector = trace.collector
    if isinstance(collector, StateRecorder):
        collector.add(variable, value)
        return
    if isinstance(value, RowCount):
        value = value.to_tensor()
    if collector is not None:
        assign(variable, add(variable, cast(value, variable.dtype)))
    else:
        tensors = [trace.stored(variable), to_tensor(trace, value, variable.dtype)]
        trace.op("accumulate", tensors, {})


def moving_average(pairs: Sequence[tuple[Variable, Any]], momentum: float) -> None:
    """Moves variables towards values: variable = momentum * variable + (1 - momentum) * value.

    Args:
        pairs: (variable, value) of one shape.
        momentum: what is kept, in [0, 1].
    """
    flat = [x for pair in pairs for x in pair]
    trace = _trace(flat)
    tensors = [
        trace.stored(x) if i % 2 == 0 else to_tensor(trace, x, flat[i - 1].dtype)
        for i, x in enumerate(flat)
    ]
    trace.op("moving_average", tensors, {"momentum": float(momentum)})


def _update(
    name: str, scalars: Sequence[Any], groups: Sequence[Sequence[Any]], **attrs: Any
) -> None:
    flat = [*scalars, *(tensor for group in groups for tensor in group)]
    trace = _trace(flat)
    trace.op(name, [to_tensor(trace, x) for x in flat], attrs)


def sgd_update(
    learning_rate: Any, groups: Sequence[Sequence[Any]], momentum: float, nesterov: bool
) -> None:
    """Takes a step of stochastic gradient descent.

    Args:
        learning_rate: scalar tensor or variable.
        groups: (weight, gradient), with momentum (weight, gradient, velocity).
        momentum: factor in [0, 1].
        nesterov: whether to look ahead.
    """
    _update("sgd_update", [learning_rate], groups, momentum=momentum, nesterov=nesterov)


def rmsprop_update(
    learning_rate: Any,
    groups: Sequence[Sequence[Any]],
    rho: float,
    momentum: float,
    epsilon: float,
    centered: bool,
) -> None:
    """Takes a step of RMSprop; groups are (weight, gradient, velocity[, average][, momentum])."""
    _update(
        "rmsprop_update",
        [learning_rate],
        groups,
        rho=rho,
        momentum=momentum,
        epsilon=epsilon,
        centered=centered,
    )


def adam_update(
    learning_rate: Any,
    iterations: Any,
    groups: Sequence[Sequence[Any]],
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Takes a step of Adam; groups are (weight, gradient, momentum, velocity).

    `iterations` is a float64 scalar, the number of steps done before this one.
    """
    _update(
        "adam_update",
        [learning_rate, iterations],
        groups,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
    )
