"""The one helper behind every operator function: symbolic, or on NumPy arrays at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe.errors import SymbolicTensorError
from pyframe.ops.dtypes import FLOATS, as_array, common_float
from pyframe.ops.eager import Attrs, run_operator
from pyframe.ops.tensor import SymbolicValue, Tensor, Trace, Variable, current_trace


class DeferredTensor:
    """What becomes a tensor where an operator needs one; other uses may do without."""

    def to_tensor(self) -> Any:
        """Returns the tensor."""
        raise NotImplementedError


def trace_of(values: Sequence[Any]) -> Trace | None:
    """Returns the trace of the first symbolic value; variables belong to the current trace.

    Raises:
        SymbolicTensorError: if two values belong to different traces.
    """
    found: Trace | None = None
    for value in values:
        if isinstance(value, Tensor):
            if found is not None and value.trace is not found:
                raise SymbolicTensorError(
                    "Tensors of two different traces were mixed. A layer must not keep a tensor "
                    "of an earlier call as an attribute; keep numbers in `add_weight` variables."
                )
            found = value.trace
    if found is None and any(isinstance(value, Variable) for value in values):
        return current_trace()
    return found


def is_symbolic(*values: Any) -> bool:
    """Tells whether operators on these values are recorded instead of computed."""
    return any(isinstance(v, SymbolicValue) for v in values) or trace_of(values) is not None


def _strong_dtypes(values: Sequence[Any]) -> list[str]:
    # Numbers, lists and integer arrays follow the other operands; these dtypes lead.
    symbolic = [v.dtype for v in values if isinstance(v, (Tensor, Variable))]
    return symbolic or [v.dtype.name for v in values if isinstance(v, np.ndarray)]


def float_dtype(*values: Any) -> str:
    """Returns the float dtype in which an operator on these values works."""
    return common_float(_strong_dtypes(values))


def to_tensor(trace: Trace, value: Any, dtype: str | None = None) -> Tensor:
    """Brings a tensor, variable, array or number into a trace, cast to dtype if given."""
    if isinstance(value, DeferredTensor):
        value = value.to_tensor()
    if isinstance(value, Variable):
        value = trace.variable(value)
    if not isinstance(value, Tensor):
        array = as_array(value, "value")
        if dtype is None:
            dtype = array.dtype.name if array.dtype.name in ("float64", "int32") else "float32"
        return trace.constant(array, dtype)
    if dtype is not None and value.dtype != dtype:
        return trace.op("cast", [value], {"dtype": dtype})[0]
    return value


def apply_all(
    name: str,
    inputs: Sequence[Any],
    attrs: Attrs | None = None,
    dtypes: Sequence[str] | None = None,
) -> list[Any]:
    """Applies an operator of the engine.

    Args:
        name: operator name.
        inputs: tensors, variables, arrays or numbers. If one is symbolic the operator is
            recorded, else it is computed.
        attrs: attributes of the operator.
        dtypes: dtype of each input; by default all get their common float dtype.

    Returns:
        One symbolic tensor or array for each output.
    """
    attrs = {} if attrs is None else attrs
    inputs = [x.to_tensor() if isinstance(x, DeferredTensor) else x for x in inputs]
    if dtypes is None:
        dtypes = [float_dtype(*inputs)] * len(inputs)
    trace = trace_of(inputs)
    if trace is None:
        arrays = [as_array(x.numpy() if isinstance(x, Variable) else x) for x in inputs]
        return list(run_operator(name, arrays, dtypes, attrs))
    tensors = [to_tensor(trace, x, d) for x, d in zip(inputs, dtypes, strict=True)]
    return list(trace.op(name, tensors, attrs))


def apply(name: str, *inputs: Any, dtype: str | None = None, **attrs: Any) -> Any:
    """Applies an operator that has one output; `dtype` is that of all its inputs."""
    dtypes = None if dtype is None else [dtype] * len(inputs)
    return apply_all(name, inputs, attrs, dtypes)[0]


def move_dtype(x: Any) -> str:
    """Returns the dtype in which an operator that only moves elements works on x."""
    if isinstance(x, (Tensor, Variable)):
        return x.dtype
    return float_dtype(x)


def is_integer(x: Any) -> bool:
    """Tells whether x holds whole numbers (int tensors, bool and int arrays)."""
    if isinstance(x, (Tensor, Variable)):
        return x.dtype not in FLOATS
    return np.asarray(x).dtype.kind in "biu"


def rank(x: Any) -> int:
    """Returns the number of dimensions of a tensor, variable, array or number."""
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


def static_shape(x: Any) -> tuple[int | None, ...]:
    """Returns the shape, with None for free dimensions of a symbolic tensor."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
