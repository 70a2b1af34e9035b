"""A finished trace with its most recent plans."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyframe import _core, nest
from pyframe.config import memory_limit
from pyframe.errors import ShapeError
from pyframe.ops.dispatch import float_dtype
from pyframe.ops.dtypes import Array, as_array
from pyframe.ops.shaping import sum as reduce_sum
from pyframe.ops.tensor import Tensor, Trace, Variable

Shapes = tuple[tuple[int, ...], ...]


class Function:
    """A traced computation that runs on arrays; plans are kept for the latest input shapes.

    Args:
        trace: the trace, to which no operator is added any more.
        outputs: tensors that a run returns.
        limit: number of plans (sets of input shapes) kept; the least recently made goes first.
    """

    def __init__(self, trace: Trace, outputs: Sequence[Tensor], limit: int = 4) -> None:
        self.graph = trace.graph
        self.output_ids = [tensor.id for tensor in outputs]
        self.output_shapes = [tensor.shape for tensor in outputs]
        self._limit = limit
        self._plans: OrderedDict[tuple[Shapes, str, int | None], _core.Plan] = OrderedDict()
        self._last: tuple[tuple[Shapes, str, int | None], _core.Plan] | None = None
        self._lock = threading.Lock()

    def plan(self, shapes: Shapes) -> _core.Plan:
        """Returns the plan for these input shapes, lowering the graph if there is none yet."""
        limit = memory_limit()
        key = (shapes, _core.get_conv_algorithm(), limit)
        last = self._last
        if last is not None and last[0] == key:
            return last[1]
        with self._lock:
            plan = self._plans.get(key)
            if plan is None:
                plan = self.graph.compile(self.output_ids, shapes, memory_limit=limit)
                self._plans[key] = plan
                if len(self._plans) > self._limit:
                    self._plans.popitem(last=False)
            else:
                self._plans.move_to_end(key)
            self._last = key, plan
        return plan

    def plan_for(self, arrays: Sequence[Array]) -> _core.Plan:
        """Returns the plan for inputs of exactly these arrays' shapes."""
        return self.plan(tuple([array.shape for array in arrays]))

    def __call__(self, *arrays: Array) -> list[Array]:
        """Runs once on whole arrays and returns the outputs."""
        return self.plan_for(arrays).run(list(arrays))


def trace_function(
    fn: Callable[..., Any],
    shapes: Sequence[Sequence[int | None]],
    dtypes: Sequence[str],
    training: bool = False,
    random_state: Variable | None = None,
) -> tuple[Function, Any]:
    """Records `fn` on symbolic inputs.

    Args:
        fn: function of one tensor for each shape; returns tensors, nested in any way.
        shapes: shapes of the inputs, None for free dimensions.
        dtypes: dtypes of the inputs.
        training: what layers receive as `training`.
        random_state: variable that dropout draws from.

    Returns:
        The function and what `fn` returned.
    """
    with Trace(training, random_state) as trace:
        inputs = [
            trace.input(f"input_{i}", shape, dtype)
            for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
        ]
        result = fn(*inputs)
        outputs = nest.flatten(result)
        trace.advance_random_states()
    return Function(trace, outputs), result


def value_and_grad(fn: Callable[..., Any], *arrays: Any) -> tuple[Array, list[Array]]:
    """Computes a scalar function and its gradient with respect to every argument.

    Args:
        fn: function of as many tensors as arrays are given, written with `pyframe.ops`;
            returns a scalar tensor (wrap it in `ops.sum` if it does not).
        *arrays: where to evaluate; float64 arrays are computed in float64, all others in
            float32.

    Returns:
        The value (0-d array) and a list of gradients, each of its argument's shape.

    Raises:
        ShapeError: if fn does not return a scalar.

    Example:
        >>> value, (dx,) = value_and_grad(lambda x: ops.sum(x * x), np.ones(3))
    """
    values = [as_array(x.numpy() if isinstance(x, Variable) else x) for x in arrays]
    with Trace() as trace:
        inputs = [trace.input(f"x{i}", v.shape, float_dtype(v)) for i, v in enumerate(values)]
        loss = fn(*inputs)
        if not isinstance(loss, Tensor) or loss.shape != ():
            raise ShapeError(
                f"value_and_grad needs a scalar function; it returned {loss!r}. "
                "Reduce the result with ops.sum or ops.mean."
            )
        gradients = trace.gradients(loss, inputs)
        known = [g for g in gradients if g is not None]
        trace.advance_random_states()
    results = Function(trace, [loss, *known])(*values)
    rest = iter(results[1:])
    return results[0], [
        np.zeros(v.shape, float_dtype(v)) if g is None else next(rest)
        for v, g in zip(values, gradients, strict=True)
    ]


def gradients(fn: Callable[..., Any], *arrays: Any) -> list[Array]:
    """Returns the gradients of sum(fn(*arrays)) with respect to every array."""
    return value_and_grad(lambda *xs: reduce_sum(fn(*xs)), *arrays)[1]
