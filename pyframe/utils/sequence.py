"""Data sets made of numbered batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pyframe.errors import ConfigurationError, warn
from pyframe.utils.prefetch import Prefetcher


class PyDataset:
    """A data set whose batches are computed when they are needed; to be subclassed.

    A subclass defines `__getitem__(index)`, which returns a batch (x, y) or (x, y,
    sample_weight), and `__len__`, the number of batches. It may define `on_epoch_begin` and
    `on_epoch_end`.

    Args:
        workers: number of threads that compute batches ahead; 0 and 1 mean that they are
            computed between the training steps.
        use_multiprocessing: workers are threads in any case; NumPy, Pillow and pyframe work in
            parallel in them.
        max_queue_size: number of batches that are computed ahead.

    Raises:
        ConfigurationError: for an impossible value.
    """

    # Of the class, so that a subclass may forget to call `super().__init__()`.
    _workers = 1
    _max_queue_size = 10
    _use_multiprocessing = False

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.max_queue_size = max_queue_size
        self.use_multiprocessing = use_multiprocessing

    @property
    def workers(self) -> int:
        """Number of threads."""
        return self._workers

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = _count(value, "workers", 0)

    @property
    def max_queue_size(self) -> int:
        """Number of batches that are computed ahead."""
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = _count(value, "max_queue_size", 1)

    @property
    def use_multiprocessing(self) -> bool:
        """What the constructor was given; it has no effect."""
        return self._use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        if value:
            warn("`use_multiprocessing` has no effect: the workers are threads.")
        self._use_multiprocessing = bool(value)

    def __getitem__(self, index: int) -> Any:
        """Returns the batch of a number from 0. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not define `__getitem__`.")

    @property
    def num_batches(self) -> int | None:
        """Number of batches, None for a data set without an end."""
        return len(self) if hasattr(self, "__len__") else None

    def __iter__(self) -> Iterator[Any]:
        index = 0
        while self.num_batches is None or index < self.num_batches:
            yield self[index]
            index += 1

    def ordered_batches(self, numbers: Iterable[int], workers: int, limit: int) -> Iterator[Any]:
        """Returns an iterator of the batches of some numbers, in this order.

        Args:
            numbers: of the batches.
            workers: number of threads that compute ahead; below 2: none.
            limit: number of batches that are computed ahead.
        """
        return ordered_batches(self, numbers, workers, limit)

    def get_state(self) -> dict[str, Any]:
        """Returns what else the batches depend on, for `BackupAndRestore`; nothing unless defined.

        It may hold dictionaries, lists, numbers, strings and arrays.
        """
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned."""

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset


def ordered_batches(data: Any, numbers: Iterable[int], workers: int, limit: int) -> Iterator[Any]:
    """Returns an iterator of `data[number]`; see `PyDataset.ordered_batches`."""
    if workers > 1:
        return Prefetcher(data.__getitem__, numbers, workers, limit)
    return (data[number] for number in numbers)


def _count(value: Any, argument: str, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigurationError(f"`{argument}` must be an integer >= {low}. Received: {value!r}")
    return value
