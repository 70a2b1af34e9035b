"""Windows that slide over a time series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError, DataError
from pyframe.utils.random import seeded_generator
from pyframe.utils.sequence import PyDataset


class TimeseriesDataset(PyDataset):
    """Batches of windows; made by `timeseries_dataset_from_array`."""

    def __init__(
        self,
        data: Any,
        targets: Any,
        starts: Any,
        steps: Any,
        batch_size: int | None,
        generator: np.random.Generator | None,
    ) -> None:
        super().__init__()
        self._data, self._targets = data, targets
        self._starts, self._steps = starts, steps
        self._batch_size, self._generator = batch_size, generator

    def __len__(self) -> int:
        return -(-len(self._starts) // (self._batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"Batch {index} was asked for; there are {len(self)}.")
        size = self._batch_size or 1
        starts = self._starts[index * size : (index + 1) * size]
        if self._batch_size is None:
            starts = starts[0]
        windows = self._data[np.add.outer(starts, self._steps)]
        return windows if self._targets is None else (windows, self._targets[starts])

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffles, if the data set is to be shuffled."""
        if self._generator is not None:
            self._starts = self._generator.permutation(self._starts)


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str | None = None,
) -> TimeseriesDataset:
    """Returns a data set of windows over a time series.

    Args:
        data: (T, ...): a value for each time.
        targets: `targets[i]` belongs to the window that begins at i; None for none.
        sequence_length: values in a window.
        sequence_stride: distance of the beginnings of windows.
        sampling_rate: distance of the values in a window.
        batch_size: windows in a batch; None gives single windows.
        shuffle: in another order each epoch.
        seed: of the shuffle.
        start_index: first time that is used.
        end_index: time before which the last one lies.
        format: has no effect: the result is a `PyDataset` of NumPy arrays.

    Returns:
        A data set of windows (N, sequence_length, ...), or (windows, targets).

    Raises:
        ConfigurationError: for an impossible argument.
        DataError: if the series is too short for one window.
    """
    del format
    data = np.asarray(data)
    limits = {
        "sequence_length": sequence_length, "sequence_stride": sequence_stride,
        "sampling_rate": sampling_rate, "batch_size": 1 if batch_size is None else batch_size,
    }  # fmt: skip
    for name, value in limits.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ConfigurationError(f"`{name}` must be a positive integer. Received: {value!r}")
    first, last = start_index or 0, len(data) if end_index is None else end_index
    if not 0 <= first < last <= len(data):
        raise ConfigurationError(
            f"`start_index` and `end_index` must lie in this order in 0 ... {len(data)}. "
            f"Received: {start_index}, {end_index}"
        )
    count = last - first - (sequence_length - 1) * sampling_rate
    targets = None if targets is None else np.asarray(targets)[first:]
    if targets is not None:
        count = min(count, len(targets))
    if count < 1:
        raise DataError(
            f"No window of {sequence_length} values at a distance of {sampling_rate} fits into "
            f"{last - first} times" + ("" if targets is None else f" and {len(targets)} targets")
        )
    starts = np.arange(0, count, sequence_stride)
    generator = seeded_generator(seed) if shuffle else None
    if generator is not None:
        starts = generator.permutation(starts)
    steps = np.arange(sequence_length) * sampling_rate
    return TimeseriesDataset(data[first:last], targets, starts, steps, batch_size, generator)
