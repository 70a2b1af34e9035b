"""Iterators over picture files: of a folder, of a data frame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyframe import config
from pyframe.errors import ConfigurationError, DataError, warn
from pyframe.preprocessing.decoding import Decoder, Failures, for_each_file
from pyframe.preprocessing.draws import Source, draw
from pyframe.preprocessing.files import check_folder, class_folders, list_files
from pyframe.preprocessing.frames import FrameColumns
from pyframe.preprocessing.iterators import Array, Iterator, Saver, make_saver, split_of
from pyframe.preprocessing.transforms import Finish, Parameters
from pyframe.utils.image_utils import check_data_format

if TYPE_CHECKING:
    from pyframe.preprocessing.generator import ImageDataGenerator


class Labels:
    """What a batch has besides its pictures.

    Args:
        class_mode: `"categorical"`, `"binary"`, `"sparse"`, `"input"`, `"multi_output"`,
            `"raw"` or None.
        values: class of each sample (or several), or for `"raw"` an array, for
            `"multi_output"` several.
        num_classes: number of classes.
        weights: of each sample, or None.
        dtype: of the labels made from classes.
    """

    def __init__(
        self, class_mode: str | None, values: Any, num_classes: int, weights: Any, dtype: str
    ) -> None:
        self.class_mode, self.weights = class_mode, weights
        self.values: Any = values
        if class_mode in ("binary", "sparse"):
            self.values = np.asarray(values, dtype)
        elif class_mode == "categorical":
            self.values = np.zeros((len(values), num_classes), dtype)
            for row, classes in zip(self.values, values, strict=True):
                row[classes] = 1

    def batch(self, x: Array, index: NDArray[np.int64]) -> Any:
        """Returns the batch of these pictures."""
        if self.class_mode is None:
            return x
        y: Any
        if self.class_mode == "input":
            y = x.copy()
        elif self.class_mode == "multi_output":
            y = [values[index] for values in self.values]
        else:
            y = self.values[index]
        return (x, y) if self.weights is None else (x, y, self.weights[index])


class _FileMaker:
    """Makes batches from files."""

    threads = 2  # one batch is decoded while the one before is augmented

    def __init__(
        self,
        generator: ImageDataGenerator,
        paths: Sequence[str],
        decoder: Decoder,
        labels: Labels,
        saver: Saver | None,
        failures: Failures,
    ) -> None:
        self.generator, self.paths, self.decoder = generator, paths, decoder
        self.labels, self.saver, self.failures = labels, saver, failures
        if generator.preprocessing_function is not None:
            self.threads = 1  # nobody knows whether it may be called twice at a time

    def prepare(self, index: NDArray[np.int64], source: Source) -> Any:
        parameters = draw(self.generator, source, len(index), *self.decoder.size)
        numbers = [source.randint(10_000_000) for _ in index] if self.saver is not None else []
        return index, parameters, numbers

    def make(
        self, job: tuple[NDArray[np.int64], Parameters, list[int]], threads: int | None = None
    ) -> Any:
        del threads  # the files of a batch are shared out among those of the pool
        index, parameters, numbers = job
        generator, (height, width), channels = self.generator, *self.decoder.shape
        last = generator.data_format == "channels_last"
        shape = (height, width, channels) if last else (channels, height, width)
        finish = generator.finish(shape)
        recipe = generator.recipe(parameters, len(index), height, width, finish or Finish())
        batch = np.empty((len(index), height, width, channels), np.float32)
        paths = [self.paths[i] for i in index]
        change = recipe.run_each(batch)

        def read(i: int) -> None:  # and change it while it is in the cache
            change(self.decoder(paths[i]), i)

        kept = for_each_file(paths, read, self.failures)
        if len(kept) < len(index):
            batch, index = batch[kept], index[kept]
            numbers = [numbers[i] for i in kept] if numbers else []
        batch = generator.complete(batch, finish)
        if self.saver is not None:
            self.saver.save(batch, index, numbers)
        return self.labels.batch(batch, index)


class _FileIterator(Iterator):
    """What the iterators over files have in common.

    Attributes:
        directory: folder that the files are in.
        filenames: their names in it.
        filepaths: their paths.
        samples: their number.
        class_indices: number of each class by its name.
        classes: number of the class of each sample.
        num_classes: number of classes.
        target_size: (height, width) of the pictures.
        image_shape: their shape.
        skipped: with `on_error="skip"`, the errors by file.
    """

    allowed_class_modes: tuple[str | None, ...] = ()
    directory: str
    filenames: list[str]
    filepaths: list[str]
    class_indices: dict[str, int]
    classes: Any

    def _set(
        self,
        generator: ImageDataGenerator,
        decoder: Decoder,
        data_format: str | None,
        class_mode: str | None,
        dtype: str | None,
    ) -> None:
        if class_mode not in self.allowed_class_modes:
            raise ConfigurationError(
                f"`class_mode` must be one of {self.allowed_class_modes}. Received: {class_mode!r}"
            )
        self.image_data_generator, self.class_mode = generator, class_mode
        self.data_format = check_data_format(data_format)
        self.dtype = config.floatx() if dtype is None else dtype
        self.target_size, self.color_mode = decoder.size, decoder.color_mode
        self.interpolation, self.keep_aspect_ratio = (
            decoder.interpolation,
            decoder.keep_aspect_ratio,
        )
        channels = (decoder.channels,)
        last = self.data_format == "channels_last"
        self.image_shape = decoder.size + channels if last else channels + decoder.size

    def _start(
        self,
        decoder: Decoder,
        labels: Labels,
        options: tuple[int, bool, int | None],
        saving: tuple[Any, str, str],
        on_error: str,
    ) -> None:
        self._weights = labels.weights
        failures = Failures(on_error)
        self.skipped = failures.skipped
        saver = make_saver(*saving, self.data_format)
        maker = _FileMaker(
            self.image_data_generator, self.filepaths, decoder, labels, saver, failures
        )
        super().__init__(len(self.filepaths), *options, maker)

    @property
    def samples(self) -> int:
        """Number of files."""
        return len(self.filepaths)

    @property
    def labels(self) -> Any:
        """Labels of the samples, as `class_mode` wants them."""
        return self.classes

    @property
    def sample_weight(self) -> Any:
        """Weights of the samples, or None."""
        return self._weights


class DirectoryIterator(_FileIterator):
    """Batches of the pictures in the folders of a folder; see `flow_from_directory`."""

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory: Any,
        image_data_generator: ImageDataGenerator,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
        on_error: str = "raise",
        draft: bool = False,
    ) -> None:
        decoder = Decoder.checked(target_size, color_mode, interpolation, keep_aspect_ratio, draft)
        self._set(image_data_generator, decoder, data_format, class_mode, dtype)
        self.directory = check_folder(directory)
        self.split, self.subset = split_of(image_data_generator, subset), subset
        names = list(classes) if classes else class_folders(self.directory, hidden=True)
        if not names:
            raise DataError(
                f"{self.directory} has no folders: the pictures of each class must be in a folder "
                "of its own. For pictures without classes pass classes=['.'], class_mode=None."
            )
        self.num_classes = len(names)
        self.class_indices = {name: i for i, name in enumerate(names)}
        self.filepaths, numbers = [], []
        for name in names:
            folder = check_folder(os.path.join(self.directory, name), "classes")
            files = self._part(list_files(folder, self.white_list_formats, follow_links), name)
            self.filepaths += files
            numbers += [self.class_indices[name]] * len(files)
        if not self.filepaths:
            raise DataError(
                f"{self.directory} holds no pictures ({', '.join(self.white_list_formats)}) in "
                f"its {len(names)} folders: {', '.join(names[:9])}"
            )
        self.filenames = [os.path.relpath(path, self.directory) for path in self.filepaths]
        self.classes = np.array(numbers, np.int32)
        if class_mode == "binary" and len(names) != 2:
            warn(f"class_mode='binary' is for 2 classes; {self.directory} has {len(names)}.")
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        labels = Labels(class_mode, self.classes, len(names), None, self.dtype)
        saving = (save_to_dir, save_prefix, save_format)
        self._start(decoder, labels, (batch_size, shuffle, seed), saving, on_error)

    def _part(self, files: list[str], name: str) -> list[str]:
        """Returns the files of a class that belong to the subset."""
        if not files:
            warn(f"The class {name!r} has no pictures in {self.directory}.")
        if self.split is None:
            return files
        start, stop = (int(fraction * len(files)) for fraction in self.split)
        if files and start == stop:
            warn(
                f"The class {name!r} has {len(files)} pictures, too few for the {self.subset} "
                "subset to have one."
            )
        return files[start:stop]


class DataFrameIterator(_FileIterator):
    """Batches of the pictures named in a data frame; see `flow_from_dataframe`."""

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe: Any,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = "channels_last",
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = "float32",
        validate_filenames: bool = True,
        on_error: str = "raise",
        draft: bool = False,
    ) -> None:
        decoder = Decoder.checked(target_size, color_mode, interpolation, keep_aspect_ratio, draft)
        self._set(image_data_generator, decoder, data_format, class_mode, dtype)
        self.directory = "" if directory is None else check_folder(directory)
        self.split, self.subset = split_of(image_data_generator, subset), subset
        frame = FrameColumns(dataframe, x_col, y_col, weight_col, class_mode, classes)
        if validate_filenames:
            frame.keep_files(self.directory, self.white_list_formats)
        names = frame.class_names()
        if self.split is not None:
            frame.keep_part(*self.split)
        self.num_classes = len(names)
        self.class_indices = {name: i for i, name in enumerate(names)}
        self.filenames = frame.files
        self.filepaths = [os.path.join(self.directory, name) for name in frame.files]
        if not self.filepaths:
            raise DataError(f"The data frame names no pictures that exist in {x_col!r}.")
        values = frame.values(self.class_indices)
        self.classes = values
        kind = "validated" if validate_filenames else "non-validated"
        of_classes = f" belonging to {len(names)} classes" if names else ""
        print(f"Found {self.samples} {kind} image filenames{of_classes}.")
        labels = Labels(class_mode, values, len(names), frame.weights, self.dtype)
        saving = (save_to_dir, save_prefix, save_format)
        self._start(decoder, labels, (batch_size, shuffle, seed), saving, on_error)
