"""Which pictures make the next batch, and the random numbers for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import ConfigurationError, DataError
from pyframe.preprocessing.draws import Source


@dataclass(frozen=True)
class Schedule:
    """Where an iterator is: everything that the next batch depends on, never changed in place.

    With a seed, batch number t since the iterator was made draws from a generator of its own,
    seeded with seed + t like Keras's: so a batch depends on the seed, the epoch and its place
    alone, not on workers, prefetching, or other users of random numbers. Without a seed the
    numbers come from NumPy's global generator, in the order of the batches.

    Attributes:
        n: number of samples.
        batch_size: samples in a batch.
        shuffle: whether each epoch has another order.
        seed: None for NumPy's global generator.
        batch_index: place of the next batch of `next` in its epoch.
        total_batches_seen: batches made so far.
        order: samples of this epoch in their order; None before the first batch.
        source: generator of the batch before; the next order is drawn from it.
        reshuffle: whether an epoch has ended, so that the next batch begins with a new order.
        global_state: without a seed, the state of NumPy's global generator after the batch before.
    """

    n: int
    batch_size: int
    shuffle: bool
    seed: int | None
    batch_index: int = 0
    total_batches_seen: int = 0
    order: NDArray[np.int64] | None = None
    source: Any = None
    reshuffle: bool = False
    global_state: Any = None

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def _begin(self) -> Source:
        if self.seed is None:
            return np.random
        return np.random.RandomState((self.seed + self.total_batches_seen) % 2**32)

    def _new_order(self, source: Source) -> NDArray[np.int64]:
        if self.shuffle:
            return np.asarray(source.permutation(self.n), np.int64)
        return np.arange(self.n, dtype=np.int64)

    def next(self) -> tuple[NDArray[np.int64], Source, Schedule]:
        """Returns samples and generator of the next batch of `next`, and the state after it.

        Raises:
            DataError: if there are no samples.
        """
        if not self.n:
            raise DataError("There are no pictures to make a batch of.")
        source = self._begin()
        order = self.order
        if self.batch_index == 0 or order is None:
            order = self._new_order(source)
        first = self.batch_index * self.batch_size
        last = first + self.batch_size >= self.n
        after = replace(
            self,
            batch_index=0 if last else self.batch_index + 1,
            total_batches_seen=self.total_batches_seen + 1,
            order=order,
            source=source,
            reshuffle=False,
        )
        return order[first : first + self.batch_size], source, after

    def at(self, number: int) -> tuple[NDArray[np.int64], Source, Schedule]:
        """Returns the same for the batch of a number in the epoch.

        Raises:
            IndexError: if the number is not below `len`.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"Batch {number} was asked for; there are {len(self)}.")
        order = self.order
        if self.reshuffle:  # Keras does it at the end of the epoch: before the next seed is set
            order = self._new_order(_copy(self.source))
        source = self._begin()
        if order is None:
            order = self._new_order(source)
        after = replace(
            self,
            total_batches_seen=self.total_batches_seen + 1,
            order=order,
            source=source,
            reshuffle=False,
        )
        first = number * self.batch_size
        return order[first : first + self.batch_size], source, after

    def drawn(self) -> Schedule:
        """Returns the same with the state of the global generator, if batches draw from that."""
        if self.seed is not None:
            return self
        return replace(self, global_state=np.random.get_state(legacy=False))  # noqa: NPY002

    def get_state(self) -> dict[str, Any]:
        """Returns what another process needs to go on, as plain data and arrays."""
        seeded = isinstance(self.source, np.random.RandomState)
        return {
            "n": self.n,
            "batch_size": self.batch_size,
            "batch_index": self.batch_index,
            "total_batches_seen": self.total_batches_seen,
            "order": self.order,
            "source": self.source.get_state(legacy=False) if seeded else None,
            "reshuffle": self.reshuffle,
            "global_state": self.global_state,
        }

    def at_state(self, state: dict[str, Any]) -> Schedule:
        """Returns the schedule at what `get_state` returned; sets NumPy's global generator if used.

        Raises:
            ConfigurationError: if it belongs to other data.
        """
        if (state["n"], state["batch_size"]) != (self.n, self.batch_size):
            raise ConfigurationError(
                f"there are {self.n} samples in batches of {self.batch_size}, in the saved state "
                f"{state['n']} in batches of {state['batch_size']}"
            )
        source = None if state["source"] is None else np.random.RandomState()
        if source is not None:
            source.set_state(state["source"])
        if state["global_state"] is not None and self.seed is None:
            np.random.set_state(state["global_state"])  # noqa: NPY002
        order = None if state["order"] is None else np.asarray(state["order"], np.int64)
        return replace(
            self,
            batch_index=state["batch_index"],
            total_batches_seen=state["total_batches_seen"],
            order=order,
            source=source,
            reshuffle=bool(state["reshuffle"]),
        )

    def epoch(self, numbers: Iterable[int] | None) -> Iterator[Any]:
        """Yields what `at` returns for each number, or without numbers what `next` does."""
        state = self
        if numbers is None:
            while True:
                index, source, state = state.next()
                yield index, source, state
        for number in numbers:
            index, source, state = state.at(number)
            yield index, source, state


def _copy(source: Any) -> Source:
    """A batch may be drawn again after prefetched ones were thrown away: nothing is used up."""
    if not isinstance(source, np.random.RandomState):
        return np.random
    copy = np.random.RandomState()
    copy.set_state(source.get_state())
    return copy
