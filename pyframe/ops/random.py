"""Random numbers in plans: a pure function of (seed, counter), a stream and the position.

The numbers change from run to run because the counter of the state advances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.ops.dispatch import apply_all, float_dtype, trace_of
from pyframe.ops.elementwise import cos, log, sqrt
from pyframe.ops.tensor import Variable


def random_arguments(x: Any, state: Any, stream: int | None) -> tuple[Any, int]:
    """Returns the state to draw from and a stream of its own for one operator.

    Args:
        x: an operand; if it is symbolic and no state is given, that of the model is taken.
        state: float64 variable or array (seed, counter), or None.
        stream: number that separates the operator from others of the same state, or None.

    Raises:
        ConfigurationError: if x is an array and there is no state.
    """
    trace = trace_of([x])
    if trace is not None and (state is None or isinstance(state, Variable)):
        state = trace.use_random_state(state)
        stream = trace.next_stream() if stream is None else stream
    if state is None:
        raise ConfigurationError(
            "Random numbers for arrays need `state`, an array (seed, counter)."
        )
    return state, int(stream or 0)


def random_uniform(
    like: Any, axes: Sequence[int] = (), *, state: Any = None, stream: int | None = None
) -> Any:
    """Returns random numbers, equally distributed in [0, 1).

    Args:
        like: what gives shape and dtype.
        axes: axes that get size 1 in the result, because the numbers are shared along them.
        state: float64 variable or array (seed, counter); inside a trace the model's own if None.
        stream: number that separates this call from others of the same state.
    """
    state, stream = random_arguments(like, state, stream)
    attrs = {"axes": [int(a) for a in axes], "stream": stream}
    return apply_all("random_uniform", [state, like], attrs, ["float64", float_dtype(like)])[0]


def random_normal(
    like: Any, axes: Sequence[int] = (), *, state: Any = None, stream: int | None = None
) -> Any:
    """Returns normal random numbers of mean 0 and deviation 1 (Box & Muller 1958).

    Args:
        like: what gives shape and dtype.
        axes: axes that get size 1 in the result.
        state: as for `random_uniform`.
        stream: as for `random_uniform`; the next number is used as well.
    """
    state, stream = random_arguments(like, state, stream)
    trace = trace_of([like])
    second = stream + 1 if trace is None else trace.next_stream()
    radius = random_uniform(like, axes, state=state, stream=stream)
    angle = random_uniform(like, axes, state=state, stream=second)
    return sqrt(-2.0 * log(1.0 - radius)) * cos(2.0 * math.pi * angle)
