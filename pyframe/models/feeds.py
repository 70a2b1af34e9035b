"""Where batches come from: arrays held in memory, or an iterable of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import ConfigurationError, DataError, warn
from pyframe.models.data import Batch
from pyframe.models.steps import BatchSpec, Step, Totals
from pyframe.ops.dtypes import Array

StepOf = Callable[[BatchSpec], Step]


class Feed(Protocol):
    """Runs a step over its batches."""

    steps: int | None

    def start_epoch(self) -> None:
        """Prepares the batches of the next epoch."""

    def has_more(self) -> bool:
        """Tells whether the epoch has a batch left."""

    def advance(self, step_of: StepOf, limit: int, totals: Totals | None, stop: bool) -> Advance:
        """Runs 1 to `limit` batches of the epoch; `stop` ends at a loss that is not finite."""


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


def _run(
    step: Step,
    arrays: list[Array],
    batch_size: int,
    index: NDArray[np.int64] | None,
    start: int,
    steps: int,
    totals: Totals,
    stop: bool,
) -> tuple[int, bool]:
    plan = step.function.plan(tuple((batch_size, *a.shape[1:]) for a in arrays))
    done, sums, last = plan.run_steps(arrays, [None] * len(step.kinds), index, start, steps, stop)
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

    def start_epoch(self) -> None:
        """Draws a new order, unless the last epoch stopped before the end of the data."""
        self._left = self.steps or 0
        if not self._partial:
            self._restart()

    def _restart(self) -> None:
        self._position = 0
        if self._shuffle and self._generator is not None:
            if self._shuffle == "batch":
                self._index = np.arange(self._rows)
                for begin in range(0, self._rows, self._size):
                    self._generator.shuffle(self._index[begin : begin + self._size])
            else:
                self._index = self._generator.permutation(self._rows)

    def has_more(self) -> bool:
        """Tells whether the epoch has a batch left."""
        return self._left > 0

    def advance(self, step_of: StepOf, limit: int, totals: Totals | None, stop: bool) -> Advance:
        """Runs at most `limit` batches, all of one size."""
        steps = min(limit, self._left)
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
        done, finite = _run(step, self._arrays, size, self._index, start, steps, totals, stop)
        self._position += done
        self._left -= done
        begin = start + (done - 1) * size

        def last() -> list[Array]:
            rows: Any = slice(begin, begin + size)
            return [a[rows if self._index is None else self._index[rows]] for a in self._arrays]

        return Advance(done, totals, finite, self._batch.spec, last)


class IterableFeed:
    """Batches of a generator, an iterable, or an object with `__len__` and `__getitem__`.

    Args:
        data: the source.
        check: turns (x, y, sample_weight) of a batch into checked arrays; None if `advance` is
            not used.
        steps_per_epoch: batches of an epoch; None for all that a pass over the source gives.
        generator: source of the order in which an indexable object's batches are taken, None
            for their own order.
    """

    def __init__(
        self,
        data: Any,
        check: Callable[..., Batch] | None,
        steps_per_epoch: int | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        self._data = data
        self._check = check
        self._generator = generator
        length = len(data) if hasattr(data, "__len__") else None
        self.steps = length if steps_per_epoch is None else steps_per_epoch
        self._endless = steps_per_epoch is not None
        self._iterator: Iterator[Any] | None = None
        self._left: int | None = None
        self._next: Any = None

    def _batches(self) -> Iterator[Any]:
        data = self._data
        if not is_indexable(data):
            return iter(data)
        count = len(data)
        order = range(count) if self._generator is None else self._generator.permutation(count)
        return (data[int(i)] for i in order)

    def start_epoch(self) -> None:
        """Goes on in the source, or starts it again if an epoch is a whole pass."""
        self._left, self._next = self.steps, None
        if self._iterator is None or not self._endless:
            if self._iterator is not None and hasattr(self._data, "on_epoch_end"):
                self._data.on_epoch_end()
            self._iterator = self._batches()

    def has_more(self) -> bool:
        """Tells whether the epoch has a batch left; fetches it."""
        if self._next is None and self._left != 0 and self._iterator is not None:
            self._next = next(self._iterator, None)
            if self._next is None and self._endless and iter(self._data) is not self._data:
                self._iterator = self._batches()
                self._next = next(self._iterator, None)
            if self._next is None and self._left:
                warn(
                    f"The data ran out {self._left} batches before the end of the epoch; it "
                    "should give `steps_per_epoch * epochs` batches."
                )
        return self._next is not None

    def take(self) -> Any:
        """Returns the batch that `has_more` fetched, as the source gave it."""
        item, self._next = self._next, None
        if self._left is not None:
            self._left -= 1
        return item

    def advance(self, step_of: StepOf, limit: int, totals: Totals | None, stop: bool) -> Advance:
        """Runs the next batch."""
        assert self._check is not None
        batch = self._check(*split_item(self.take()))
        step = step_of(batch.spec)
        totals = Totals(step) if totals is None else totals
        totals.step = step
        _, finite = _run(step, batch.arrays, len(batch), None, 0, 1, totals, stop)
        return Advance(1, totals, finite, batch.spec, lambda: batch.arrays)


def is_indexable(data: Any) -> bool:
    """Tells whether data is a Sequence or PyDataset: numbered batches of known count."""
    return (
        hasattr(data, "__getitem__")
        and hasattr(data, "__len__")
        and not isinstance(data, (list, tuple, Mapping))
        and not hasattr(data, "__array__")
    )


def is_batch_source(data: Any) -> bool:
    """Tells whether data yields batches instead of being the data itself."""
    if isinstance(data, (list, tuple, Mapping, str)) or hasattr(data, "__array__"):
        return False
    return isinstance(data, Iterable) or is_indexable(data)


def split_item(item: Any) -> tuple[Any, Any, Any]:
    """Returns (x, y, sample_weight) of what a source of batches yields.

    Raises:
        DataError: if it is no tuple of one to three parts.
    """
    if isinstance(item, list):
        item = tuple(item)
    if not isinstance(item, tuple):
        return item, None, None
    if not 1 <= len(item) <= 3:
        raise DataError(
            f"A generator must yield (x, y) or (x, y, sample_weight). Received {len(item)} parts."
        )
    x, y, weight = (*item, None, None)[:3]
    return x, y, weight


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
