"""Batches of generators, iterables and numbered data sets."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from pyframe.errors import DataError, warn
from pyframe.models.data import Batch
from pyframe.models.feeds import Advance, StepOf, run_batches
from pyframe.models.steps import BatchSpec, Totals
from pyframe.utils.prefetch import Prefetcher
from pyframe.utils.sequence import PyDataset, ordered_batches


class IterableFeed:
    """Batches of a generator, an iterable, or an object with `__len__` and `__getitem__`.

    Args:
        data: the source.
        check: turns (x, y, sample_weight) of a batch into checked arrays; None if `advance` is
            not used.
        steps_per_epoch: batches of an epoch; None for all that a pass over the source gives.
        generator: source of the order in which an indexable object's batches are taken, None
            for their own order.
        workers: number of threads that fetch batches of an indexable object ahead; None for
            what the object says.
        max_queue_size: number of batches fetched ahead; None for what the object says.
    """

    def __init__(
        self,
        data: Any,
        check: Callable[..., Batch] | None,
        steps_per_epoch: int | None = None,
        generator: np.random.Generator | None = None,
        workers: int | None = None,
        max_queue_size: int | None = None,
    ) -> None:
        self._data = data
        self._check = check
        self._generator = generator
        self._length = _length(data)
        self._indexable = is_indexable(data)
        self.steps = self._length if steps_per_epoch is None else steps_per_epoch
        self._endless = steps_per_epoch is not None
        self._workers = int(getattr(data, "workers", 1) if workers is None else workers)
        self._ahead = int(
            getattr(data, "max_queue_size", 10) if max_queue_size is None else max_queue_size
        )
        self._iterator: Iterator[Any] | None = None
        self._order_from: Any = None
        self._taken = 0
        self._left: int | None = None
        self._next: Any = None

    @property
    def spec(self) -> BatchSpec:
        """What the step for the next batch takes; fetches the batch.

        Raises:
            DataError: if there is none.
        """
        if self._check is None or not self.has_more():
            raise DataError("The data gave no batches.")
        return self._check(*split_item(self._next)).spec

    def _batches(self, skip: int = 0) -> Iterator[Any]:
        data = self._data
        self._taken = skip
        if not self._indexable:
            return iter(data)
        order: Iterable[int] = itertools.count(skip)
        if self._length is not None:
            numbers: Any = range(self._length)
            if self._generator is not None:
                self._order_from = self._generator.bit_generator.state
                numbers = self._generator.permutation(self._length)
            order = (int(i) for i in numbers[skip:])
        self.close()
        if isinstance(data, PyDataset):
            return data.ordered_batches(order, self._workers, self._ahead)
        return ordered_batches(data, order, self._workers, self._ahead)

    def start_epoch(self) -> None:
        """Goes on in the source, or starts it again if an epoch is a whole pass."""
        self._left, self._next = self.steps, None
        if hasattr(self._data, "on_epoch_begin"):
            self._data.on_epoch_begin()
        if self._iterator is None or not self._endless:
            self._iterator = self._batches()

    def end_epoch(self) -> None:
        """Tells the source that the epoch is over."""
        if hasattr(self._data, "on_epoch_end"):
            self._data.on_epoch_end()

    def has_more(self) -> bool:
        """Tells whether the epoch has a batch left; fetches it."""
        if self._next is None and self._left != 0 and self._iterator is not None:
            self._next = next(self._iterator, None)
            if self._next is None and self._endless and self._starts_again():
                self._iterator = self._batches()
                self._next = next(self._iterator, None)
            if self._next is None and self._left:
                warn(
                    f"Your input ran out of data {self._left} batches before the end of the "
                    "epoch; it should give `steps_per_epoch * epochs` batches."
                )
        return self._next is not None

    def _starts_again(self) -> bool:
        return self._indexable or iter(self._data) is not self._data

    def take(self) -> Any:
        """Returns the batch that `has_more` fetched, as the source gave it."""
        item, self._next = self._next, None
        self._taken += 1
        if self._left is not None:
            self._left -= 1
        return item

    def advance(self, step_of: StepOf, single: bool, totals: Totals | None, stop: bool) -> Advance:
        """Runs the next batch."""
        assert self._check is not None
        batch = self._check(*split_item(self.take()))
        step = step_of(batch.spec)
        totals = Totals(step) if totals is None else totals
        totals.step = step
        _, finite = run_batches(step, batch.arrays, len(batch), None, 0, 1, totals, stop)
        return Advance(1, totals, finite, batch.spec, lambda: batch.arrays)

    def get_state(self) -> dict[str, Any]:
        """Returns where the epoch is; of a generator, only how many batches are left."""
        state = {"order_from": self._order_from, "taken": self._taken, "left": self._left}
        if isinstance(self._data, PyDataset):
            state["data"] = self._data.get_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned; a generator starts anew."""
        if not self._indexable:
            self._iterator = self._batches() if self._endless or state["left"] else None
        else:
            if self._generator is not None and state["order_from"] is not None:
                self._generator.bit_generator.state = state["order_from"]
            if isinstance(self._data, PyDataset) and state.get("data"):
                self._data.set_state(state["data"])
            begun = self._endless or state["taken"] or state["left"]
            self._iterator = self._batches(state["taken"]) if begun else None
        self._left, self._next = state["left"], None

    def close(self) -> None:
        """Ends the threads that fetch batches."""
        if isinstance(self._iterator, Prefetcher):
            self._iterator.close()


def _length(data: Any) -> int | None:
    if hasattr(data, "num_batches"):
        count: int | None = data.num_batches
        return count
    return len(data) if hasattr(data, "__len__") else None


def is_indexable(data: Any) -> bool:
    """Tells whether data is a Sequence or PyDataset: numbered batches."""
    return (
        hasattr(data, "__getitem__")
        and (hasattr(data, "__len__") or hasattr(data, "num_batches"))
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
