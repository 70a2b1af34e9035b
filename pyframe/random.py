"""Random tensors: outside of models arrays, inside layers other numbers in every run.

The numbers are pyframe's own (`pyframe.ops.random_uniform`), equal for equal seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import config, ops
from pyframe.ops.dispatch import to_tensor
from pyframe.ops.tensor import SymbolicValue, Variable, current_trace
from pyframe.utils.random import check_seed, next_seed

__all__ = ["SeedGenerator", "normal", "randint", "uniform"]


class SeedGenerator(Variable):
    """The state of a stream of random numbers; as an attribute of a layer it is saved with it.

    Args:
        seed: where the stream begins; chosen at random if None.
    """

    __slots__ = ("seed",)

    def __init__(self, seed: int | None = None) -> None:
        self.seed = next_seed() if seed is None else check_seed(seed)
        super().__init__(np.array([float(self.seed), 0.0]), "float64", False, "seed_state")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.seed, self.numpy())


def _restored(seed: int, state: Any) -> SeedGenerator:
    generator = SeedGenerator(seed)
    generator.assign(state)
    return generator


def _drawn(draw: Any, shape: Any, seed: Any) -> Any:
    like = ops.zeros(shape)
    trace = current_trace()
    state = seed
    if isinstance(seed, int) or (seed is None and trace is None):
        state = np.array([float(next_seed() if seed is None else check_seed(seed)), 0.0])
    if trace is not None:
        return draw(to_tensor(trace, like), state=state)
    values = draw(like, state=np.asarray(state), stream=0)
    if isinstance(state, Variable):
        state.assign_add(np.array([0.0, 1.0]))
    return values


def normal(
    shape: Sequence[Any],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
    seed: Any = None,
) -> Any:
    """Returns normal random numbers.

    Args:
        shape: the dimensions; inside a layer the first may be `ops.shape(x)[0]`.
        mean: their mean.
        stddev: their standard deviation.
        dtype: `pyframe.config.floatx()` if None.
        seed: an integer gives the same numbers at every call, a SeedGenerator goes on from call to
            call; None takes the model's stream, or outside of models a new one.
    """
    values = _drawn(ops.random_normal, shape, seed) * stddev + mean
    return ops.convert_to_tensor(values, dtype or config.floatx())


def uniform(
    shape: Sequence[Any],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: str | None = None,
    seed: Any = None,
) -> Any:
    """Returns random numbers, equally distributed in [minval, maxval); see `normal`."""
    values = _drawn(ops.random_uniform, shape, seed) * (maxval - minval) + minval
    return ops.convert_to_tensor(values, dtype or config.floatx())


def randint(
    shape: Sequence[Any], minval: int, maxval: int, dtype: str = "int32", seed: Any = None
) -> Any:
    """Returns random whole numbers in [minval, maxval); see `normal`."""
    values = ops.floor(_drawn(ops.random_uniform, shape, seed) * (maxval - minval)) + minval
    if isinstance(values, SymbolicValue):
        return ops.cast(ops.minimum(values, maxval - 1), dtype)
    return np.minimum(values, maxval - 1).astype(dtype)
