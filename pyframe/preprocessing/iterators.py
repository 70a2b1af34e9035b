"""Endless iterators of augmented batches that are made ahead of their use."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe import _core
from pyframe.errors import ConfigurationError, DataError, warn
from pyframe.preprocessing.draws import Source, draw
from pyframe.preprocessing.preview import check_count, draw_sheet, first_pictures
from pyframe.preprocessing.schedule import Schedule
from pyframe.preprocessing.transforms import Parameters
from pyframe.utils.image_utils import array_to_img, check_data_format
from pyframe.utils.prefetch import Prefetcher
from pyframe.utils.random import check_seed
from pyframe.utils.sequence import PyDataset

if TYPE_CHECKING:
    from pyframe.preprocessing.generator import ImageDataGenerator

Array: TypeAlias = NDArray[Any]
MOST_BATCHES = 4  # in work at a time: each takes memory


class Maker(Protocol):
    """Makes batches; called in other threads, so it must not know its iterator."""

    threads: int  # batches that it is worth making at a time

    def prepare(self, index: NDArray[np.int64], source: Source) -> Any:
        """Draws what is random of a batch; called in the order of the batches."""

    def make(self, job: Any, threads: int | None = None) -> Any:
        """Returns the batch of what `prepare` returned; None: in all threads of the engine."""


class _Job:
    def __init__(self, maker: Maker, index: Any, source: Source, after: Schedule) -> None:
        self.maker = maker
        self.prepared = maker.prepare(index, source)
        self.after = after.drawn()

    def run(self, threads: int | None = None) -> tuple[Any, Schedule]:
        return self.maker.make(self.prepared, threads), self.after

    def run_beside_others(self) -> tuple[Any, Schedule]:
        return self.run(1 if self.maker.threads > 1 else None)


def _jobs(schedule: Schedule, maker: Maker, numbers: Iterable[int] | None) -> Iterable[_Job]:
    for index, source, after in schedule.epoch(numbers):
        yield _Job(maker, index, source, after)


class _Ahead(Prefetcher):
    """Hands out batches in their order and tells the iterator how far that got."""

    def __init__(self, iterator: Iterator, numbers: Iterable[int] | None) -> None:
        maker = iterator.maker
        self._iterator = weakref.ref(iterator)  # whose end is that of the threads
        self.process = os.getpid()
        jobs = _jobs(iterator.schedule, maker, numbers)
        super().__init__(
            _Job.run_beside_others, jobs, maker.threads, Iterator.ahead + maker.threads
        )

    def __next__(self) -> Any:
        batch, schedule = super().__next__()
        iterator = self._iterator()
        if iterator is not None:
            iterator.schedule = schedule
        return batch


class Iterator(PyDataset):
    """Base of the iterators over pictures: endless with `next`, numbered batches with `[]`.

    At least two batches are made ahead in other threads while the ones before are used. What
    a batch holds does not depend on that.

    Attributes:
        n: number of samples.
        batch_size: samples in a batch.
        shuffle: whether each epoch has another order.
        seed: of order and changes; None: NumPy's global generator.
    """

    ahead = 2
    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    def __init__(
        self, n: int, batch_size: int, shuffle: bool, seed: int | None, maker: Maker, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigurationError(
                f"`batch_size` must be a positive integer. Received: {batch_size!r}"
            )
        seed = None if seed is None else check_seed(seed)
        self.schedule = Schedule(n, batch_size, bool(shuffle), seed)
        self.maker = maker
        self._made_ahead: _Ahead | None = None

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.schedule.n

    @property
    def batch_size(self) -> int:
        """Samples in a batch; the last one of an epoch may have fewer."""
        return self.schedule.batch_size

    @property
    def shuffle(self) -> bool:
        """Whether each epoch has another order."""
        return self.schedule.shuffle

    @property
    def seed(self) -> int | None:
        """Seed of order and changes."""
        return self.schedule.seed

    @property
    def batch_index(self) -> int:
        """Place of the next batch in its epoch."""
        return self.schedule.batch_index

    @property
    def total_batches_seen(self) -> int:
        """Batches handed out so far."""
        return self.schedule.total_batches_seen

    @property
    def index_array(self) -> NDArray[np.int64] | None:
        """Order of the samples in this epoch."""
        return self.schedule.order

    def __len__(self) -> int:
        return len(self.schedule)

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        ahead = self._made_ahead
        if ahead is None or ahead.process != os.getpid():
            # The child of a fork has the object but not its threads.
            ahead = self._made_ahead = _Ahead(self, None)
        try:
            return next(ahead)
        except StopIteration:  # it was closed after an error
            self._made_ahead = None
            return next(self)
        except Exception:
            self._made_ahead = None
            raise

    def __getitem__(self, index: int) -> Any:
        self._stop()
        after_index = index + len(self) if index < 0 else index
        samples, source, after = self.schedule.at(after_index)
        batch, self.schedule = _Job(self.maker, samples, source, after).run()
        return batch

    def ordered_batches(self, numbers: Iterable[int], workers: int, limit: int) -> Any:
        """Returns an iterator of the batches of some numbers, made ahead.

        Args:
            numbers: of the batches in the epoch.
            workers: has no effect: the threads of the engine make one batch together.
            limit: has no effect.
        """
        del workers, limit
        self._stop()
        return _Ahead(self, numbers)

    def on_epoch_end(self) -> None:
        """Makes the next batch begin with a new order."""
        if self.schedule.order is not None:
            self.schedule = replace(self.schedule, reshuffle=True)

    def reset(self) -> None:
        """Makes `next` begin a new epoch."""
        self._stop()
        self.schedule = replace(self.schedule, batch_index=0)

    def get_state(self) -> dict[str, Any]:
        """Returns where the iterator is, as plain data and arrays."""
        return self.schedule.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned, maybe in another process: the same batches come.

        Raises:
            ConfigurationError: if it belongs to other data.
        """
        self._stop()
        self.schedule = self.schedule.at_state(state)

    def preview(self, n: int = 16, to_file: Any = None, columns: int = 8, dpi: int = 120) -> Any:
        """Draws a sheet of the next pictures with the parameters of each under it.

        The iterator stays where it is.

        Args:
            n: number of pictures.
            to_file: file to save the sheet in.
            columns: pictures in a row.
            dpi: dots per inch of the file.

        Returns:
            The `matplotlib.figure.Figure`.

        Raises:
            ImportError: if matplotlib is missing.
        """
        check_count(n)

        def jobs() -> Any:
            for job in _jobs(self.schedule, self.maker, None):
                batch = self.maker.make(job.prepared)
                x = batch[0] if isinstance(batch, (tuple, list)) else batch
                x = x[0] if isinstance(x, list) else x
                first = getattr(self, "data_format", None) == "channels_first"
                yield x.transpose(0, 2, 3, 1) if first else x, job.prepared[1]

        pictures, texts = first_pictures(jobs(), n)
        return draw_sheet(pictures, texts, columns, to_file, dpi)

    def close(self) -> None:
        """Ends the threads that make batches ahead; the iterator can still be used."""
        self._stop()

    def _stop(self) -> None:
        if self._made_ahead is not None and self._made_ahead.process == os.getpid():
            self._made_ahead.close()
        self._made_ahead = None


class Saver:
    """Writes the pictures of batches to a folder, to look at them."""

    def __init__(self, folder: Any, prefix: str, file_format: str, data_format: str) -> None:
        self.folder = Path(folder)
        self.prefix, self.format, self.data_format = prefix, file_format, data_format
        if not self.folder.is_dir():
            raise ConfigurationError(f"`save_to_dir` is not a folder: {folder}")

    def save(self, batch: Array, index: NDArray[np.int64], numbers: list[int]) -> None:
        """Writes each picture as <prefix>_<sample>_<number>.<format>."""
        for image, sample, number in zip(batch, index, numbers, strict=True):
            picture = array_to_img(image, self.data_format, scale=True)
            name = f"{self.prefix}_{sample}_{number}.{self.format}"
            picture.save(self.folder / name)


def make_saver(folder: Any, prefix: str, file_format: str, data_format: str) -> Saver | None:
    """Returns None if there is no folder to write to."""
    return Saver(folder, prefix, file_format, data_format) if folder else None


class _ArrayMaker:
    """Makes batches from arrays."""

    def __init__(
        self,
        generator: ImageDataGenerator,
        images: Array,
        others: list[Array],
        labels: list[Array],
        saver: Saver | None,
    ) -> None:
        self.generator, self.images = generator, images
        self.others, self.labels, self.saver = others, labels, saver
        # A thread for each batch: threads that share one would wait for each other at its end.
        # But nobody knows whether a function may be called twice at a time.
        alone = generator.preprocessing_function is not None
        self.threads = 1 if alone else min(_core.get_num_threads(), MOST_BATCHES)

    def prepare(self, index: NDArray[np.int64], source: Source) -> Any:
        shape, generator = self.images.shape, self.generator
        height, width = shape[generator.row_axis], shape[generator.col_axis]
        parameters = draw(generator, source, len(index), height, width)
        numbers = [source.randint(10_000) for _ in index] if self.saver is not None else []
        return index, parameters, numbers

    def make(
        self, job: tuple[NDArray[np.int64], Parameters, list[int]], threads: int | None = None
    ) -> Any:
        index, parameters, numbers = job
        batch = self.generator.make_batch(self.images, index, parameters, threads)
        if self.saver is not None:
            self.saver.save(batch, index, numbers)
        x: Any = [batch, *(other[index] for other in self.others)] if self.others else batch
        if not self.labels:
            return x
        return (x, *(array[index] for array in self.labels))


class NumpyArrayIterator(Iterator):
    """Batches of pictures from arrays; see `ImageDataGenerator.flow`.

    Attributes:
        x: the pictures.
        y: their labels or None.
        sample_weight: their weights or None.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
    ) -> None:
        data_format = check_data_format(data_format)
        others: list[Array] = []
        if isinstance(x, (tuple, list)):
            if len(x) != 2:
                raise DataError(f"`x` must be an array or (array, further arrays), not {len(x)}")
            x, rest = x
            others = [np.asarray(part) for part in (rest if isinstance(rest, list) else [rest])]
        images = np.asarray(x)
        if images.dtype not in (np.uint8, np.float32):
            images = images.astype(np.float32 if dtype is None else dtype)
        if images.ndim != 4:
            raise DataError(f"`x` needs 4 dimensions. Received the shape {images.shape}")
        y = None if y is None else np.asarray(y)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        for name, part in (("y", y), ("sample_weight", weight), *(("x[1]", o) for o in others)):
            if part is not None and (not part.ndim or len(part) != len(images)):
                raise DataError(
                    f"`{name}` has the shape {part.shape} and does not fit {len(images)} pictures."
                )
        cut = _subset(subset, image_data_generator, y, len(images), ignore_class_split)
        self.x, self.x_misc = images[cut], [other[cut] for other in others]
        self.y = None if y is None else y[cut]
        self.sample_weight = None if weight is None else weight[cut]
        self.image_data_generator, self.data_format = image_data_generator, data_format
        axis = 3 if data_format == "channels_last" else 1
        if self.x.shape[axis] not in (1, 3, 4):
            warn(
                f"Pictures should have 1, 3 or 4 channels on axis {axis} ({data_format}). "
                f"Received the shape {self.x.shape}"
            )
        if self.sample_weight is not None and self.y is None:
            raise DataError("`sample_weight` needs `y`.")
        labels = [part for part in (self.y, self.sample_weight) if part is not None]
        saver = make_saver(save_to_dir, save_prefix, save_format, data_format)
        maker = _ArrayMaker(image_data_generator, self.x, self.x_misc, labels, saver)
        super().__init__(len(self.x), batch_size, shuffle, seed, maker)


def _subset(
    subset: str | None, generator: ImageDataGenerator, y: Array | None, n: int, ignore: bool
) -> slice:
    """Returns the part of the samples that a subset means; validation comes first."""
    fraction = split_of(generator, subset)
    if fraction is None:
        return slice(0, n)
    split = int(n * generator._validation_split)
    if y is not None and not ignore:
        first, second = (set(np.unique(part).tolist()) for part in (y[:split], y[split:]))
        if first != second:
            raise DataError(
                f"The classes {sorted(first ^ second)} are in one of the subsets only. Shuffle "
                "arrays that are sorted by class, or pass ignore_class_split=True."
            )
    return slice(0, split) if subset == "validation" else slice(split, n)


def split_of(generator: ImageDataGenerator, subset: str | None) -> tuple[float, float] | None:
    """Returns the fractions between which a subset lies; warns if it would be augmented.

    Raises:
        ConfigurationError: for an unknown subset, or one without `validation_split`.
    """
    if subset is None:
        return None
    if subset not in ("training", "validation"):
        raise ConfigurationError(
            f"`subset` must be 'training' or 'validation'. Received: {subset!r}"
        )
    split = generator._validation_split
    if not split:
        raise ConfigurationError(
            f"subset={subset!r} needs a `validation_split` of the ImageDataGenerator."
        )
    if subset == "validation" and generator.changes_at_random:
        warn(
            "The validation subset is augmented as well; take it from a second ImageDataGenerator "
            "with the same `validation_split` and no random changes."
        )
    return (0.0, split) if subset == "validation" else (split, 1.0)
