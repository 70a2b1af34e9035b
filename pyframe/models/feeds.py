"""Where batches come from: what all feeds do, and arrays held in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyframe import _core
from pyframe.errors import ConfigurationError
from pyframe.models.data import Batch
from pyframe.models.steps import BatchSpec, Step, Totals
from pyframe.ops.dtypes import Array

StepOf = Callable[[BatchSpec], Step]

# How long the engine runs before Python may redraw a bar or notice Ctrl-C.
_STRETCH_SECONDS = 0.05
# Operations a second of which the slowest machine is thought capable.
_SLOW = 1e9


class Feed(Protocol):
    """Runs a step over its batches."""

    steps: int | None

    @property
    def spec(self) -> BatchSpec:
        """What the step for the next batch takes."""

    def start_epoch(self) -> None:
        """Prepares the batches of the next epoch."""

    def end_epoch(self) -> None:
        """Is told that the epoch is over."""

    def has_more(self) -> bool:
        """Tells whether the epoch has a batch left."""

    def advance(self, step_of: StepOf, single: bool, totals: Totals | None, stop: bool) -> Advance:
        """Runs a batch or, unless `single`, some 50 ms of batches of the epoch.

        Args:
            step_of: gives the traced step for a kind of batch.
            single: whether to run one batch only.
            totals: sums over the epoch so far, None at its beginning.
            stop: whether to end at a loss that is not finite.
        """

    def get_state(self) -> dict[str, Any]:
        """Returns where the epoch is, as plain data and arrays."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned."""

    def close(self) -> None:
        """Is told that the run is over, in good order or not."""


class Advance:
    """What `Feed.advance` did.

    Attributes:
        steps: batches done.
        totals: sums over the epoch so far.
        finite: whether the last loss was finite (known only if asked to stop).
        spec: what the step takes.
        batch: gives the arrays of the last batch done.
    """

    __slots__ = ("batch", "finite", "spec", "steps", "totals")

    def __init__(
        self,
        steps: int,
        totals: Totals,
        finite: bool,
        spec: BatchSpec,
        batch: Callable[[], list[Array]],
    ) -> None:
        self.steps = steps
        self.totals = totals
        self.finite = finite
        self.spec = spec
        self.batch = batch


class Stretch:
    """Learns how many batches fit into one call of the engine of about 50 ms."""

    def __init__(self) -> None:
        self._limit = 0

    def limit(self, plan: _core.Plan) -> int:
        """Returns the number of batches for the next call, a guess if it is the first."""
        if not self._limit:
            self._limit = max(1, int(_STRETCH_SECONDS * _SLOW / max(plan.flops, 1)))
        return self._limit

    def learn(self, steps: int, seconds: float) -> None:
        """Takes into account that `steps` batches took so long."""
        wanted = int(_STRETCH_SECONDS * steps / max(seconds, 1e-7))
        self._limit = max(1, min(wanted, 4 * self._limit))


def run_batches(
    step: Step,
    arrays: list[Array],
    batch_size: int,
    index: NDArray[np.int64] | None,
    start: int,
    steps: int,
    totals: Totals,
    stop: bool,
    stretch: Stretch | None = None,
) -> tuple[int, bool]:
    """Runs batches of one size, adds to the totals; returns how many, and if all were finite.

    At most `steps` batches run, and no more than `stretch` allows.
    """
    plan = step.function.plan(tuple((batch_size, *a.shape[1:]) for a in arrays))
    started = 0.0
    if stretch is not None:
        steps = min(steps, stretch.limit(plan))
        started = time.perf_counter()
    done, sums, last = plan.run_steps(arrays, [None] * step.outputs, index, start, steps, stop)
    if stretch is not None:
        stretch.learn(done, time.perf_counter() - started)
    totals.add(sums, batch_size, done)
    return done, not stop or bool(np.isfinite(last[0]))


class ArrayFeed:
    """Batches of arrays; a whole stretch of them runs in one call of the engine.

    Args:
        batch: the arrays.
        batch_size: rows of a batch; the last one of an epoch may be smaller.
        shuffle: True for a new order each epoch, "batch" to shuffle inside each batch only.
        generator: source of the orders, needed to shuffle.
        steps_per_epoch: batches of an epoch, None for all; the next epoch goes on where this
            one ended.
    """

    def __init__(
        self,
        batch: Batch,
        batch_size: int,
        shuffle: bool | str = False,
        generator: np.random.Generator | None = None,
        steps_per_epoch: int | None = None,
    ) -> None:
        self._batch = batch
        self._arrays = batch.arrays
        self._rows = len(batch)
        self._size = min(batch_size, self._rows)
        self._shuffle = shuffle
        self._generator = generator
        self._all = -(-self._rows // self._size)
        self._partial = steps_per_epoch is not None
        self.steps: int | None = steps_per_epoch or self._all
        self._left = 0
        self._position = self._all
        self._index: NDArray[np.int64] | None = None
        self._order_from: Any = None
        self._stretch = Stretch()

    @property
    def spec(self) -> BatchSpec:
        """What the step for the next batch takes."""
        return self._batch.spec

    def start_epoch(self) -> None:
        """Draws a new order, unless the last epoch stopped before the end of the data."""
        self._left = self.steps or 0
        if not self._partial:
            self._restart()

    def _restart(self) -> None:
        self._position = 0
        if self._shuffle and self._generator is not None:
            self._order_from = self._generator.bit_generator.state
            if self._shuffle == "batch":
                self._index = np.arange(self._rows)
                for begin in range(0, self._rows, self._size):
                    self._generator.shuffle(self._index[begin : begin + self._size])
            else:
                self._index = self._generator.permutation(self._rows)

    def has_more(self) -> bool:
        """Tells whether the epoch has a batch left."""
        return self._left > 0

    def advance(self, step_of: StepOf, single: bool, totals: Totals | None, stop: bool) -> Advance:
        """Runs one or several batches, all of one size."""
        steps = 1 if single else self._left
        if self._position >= self._all:
            self._restart()
        step = step_of(self._batch.spec)
        totals = Totals(step) if totals is None else totals
        full = self._rows // self._size
        start = self._position * self._size
        if self._position < full:
            size, steps = self._size, min(steps, full - self._position)
        else:
            size, steps = self._rows - start, 1
        done, finite = run_batches(
            step, self._arrays, size, self._index, start, steps, totals, stop, self._stretch
        )
        self._position += done
        self._left -= done
        begin = start + (done - 1) * size

        def last() -> list[Array]:
            rows: Any = slice(begin, begin + size)
            return [a[rows if self._index is None else self._index[rows]] for a in self._arrays]

        return Advance(done, totals, finite, self._batch.spec, last)

    def end_epoch(self) -> None:
        """Does nothing: arrays need not know."""

    def get_state(self) -> dict[str, Any]:
        """Returns where the epoch is and the state from which its order was drawn."""
        return {
            "order_from": self._order_from,
            "position": self._position,
            "left": self._left,
            "batches": self._all,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned.

        Raises:
            ConfigurationError: if the data have another number of batches.
        """
        if state["batches"] != self._all:
            raise ConfigurationError(
                f"the data have {self._all} batches, those of the saved state {state['batches']}"
            )
        if self._generator is not None and state["order_from"] is not None:
            self._generator.bit_generator.state = state["order_from"]
            self._restart()
        self._position, self._left = state["position"], state["left"]

    def close(self) -> None:
        """Does nothing."""


def check_batch_size(batch_size: Any, rows: int, steps: int | None = None) -> int:
    """Returns the batch size: 32 if None, or what makes `steps` batches of all rows.

    Raises:
        ConfigurationError: unless it is a positive integer.
    """
    if batch_size is None:
        return -(-rows // steps) if steps else 32
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
        raise ConfigurationError(f"`batch_size` must be an integer. Received: {batch_size!r}")
    if batch_size < 1:
        raise ConfigurationError(f"`batch_size` must be at least 1. Received: {batch_size}")
    return int(batch_size)


def check_count(value: Any, argument: str, low: int) -> int | None:
    """Returns a whole number >= low, or None.

    Raises:
        ConfigurationError: for anything else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise ConfigurationError(f"`{argument}` must be an integer >= {low}. Received: {value!r}")
    return int(value)
