"""Data sets of the pictures in a folder."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import ConfigurationError, DataError
from pyframe.preprocessing.decoding import Failures, for_each_file
from pyframe.preprocessing.files import check_folder, class_folders, list_files
from pyframe.preprocessing.jpeg import decoded
from pyframe.preprocessing.resizing import METHODS, crop_to_aspect, resize, resize_with_pad
from pyframe.utils.image_utils import (
    check_color_mode,
    check_data_format,
    check_size,
    img_to_array,
    load_img,
    read_file,
)
from pyframe.utils.prefetch import Prefetcher
from pyframe.utils.random import check_seed
from pyframe.utils.sequence import PyDataset

ENDINGS = ("bmp", "gif", "jpeg", "jpg", "png")


class ImageDataset(PyDataset):
    """Batches of the pictures in a folder; made by `image_dataset_from_directory`.

    Iterating gives one epoch. The batches are made ahead in other threads.

    Attributes:
        file_paths: the files, in the order of the first shuffle.
        class_names: names of the classes, or None.
    """

    def __init__(
        self,
        file_paths: list[str],
        labels: Any,
        class_names: list[str] | None,
        batch_size: int | None,
        read: Callable[[str], Any],
        seed: int | None,
        on_error: str,
    ) -> None:
        super().__init__()
        self.file_paths, self.class_names = file_paths, class_names
        self._labels, self._batch_size, self._read = labels, batch_size, read
        self._seed, self._epoch = seed, 0
        self._failures = Failures(on_error)
        self._functions: list[Callable[..., Any]] = []

    def __len__(self) -> int:
        return -(-len(self.file_paths) // (self._batch_size or 1))

    def _order(self) -> Any:
        if self._seed is None:
            return np.arange(len(self.file_paths))
        key = np.array([self._seed, self._epoch], np.uint64)
        generator = np.random.Generator(np.random.Philox(key=key))
        return generator.permutation(len(self.file_paths))

    def _batch(self, index: Any) -> Any:
        arrays: list[Any] = [None] * len(index)
        paths = [self.file_paths[i] for i in index]

        def read(i: int) -> None:
            arrays[i] = self._read(paths[i])

        kept = for_each_file(paths, read, self._failures)
        x = np.stack([arrays[i] for i in kept])
        batch = (x,) if self._labels is None else (x, self._labels[index[kept]])
        if self._batch_size is None:
            batch = tuple(part[0] for part in batch)
        for function in self._functions:
            result = function(*batch)
            batch = result if isinstance(result, tuple) else (result,)
        return batch if len(batch) > 1 else batch[0]

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"Batch {index} was asked for; there are {len(self)}.")
        size = self._batch_size or 1
        return self._batch(self._order()[index * size : (index + 1) * size])

    def ordered_batches(self, numbers: Iterable[int], workers: int, limit: int) -> Iterator[Any]:
        """Returns an iterator of the batches of some numbers, made ahead."""
        del workers, limit
        size, order = self._batch_size or 1, self._order()
        parts = (order[i * size : (i + 1) * size] for i in numbers)
        return Prefetcher(self._batch, parts, 1 if self._functions else 2, 4)

    def __iter__(self) -> Iterator[Any]:
        yield from self.ordered_batches(range(len(self)), 1, 1)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffles, if the data set is to be shuffled."""
        self._epoch += 1

    def get_state(self) -> dict[str, Any]:
        """Returns the number of the epoch, on which with the seed the order depends."""
        return {"epoch": self._epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self._epoch = state["epoch"]

    def _copy(self) -> ImageDataset:
        copy = ImageDataset.__new__(type(self))
        copy.__dict__.update(self.__dict__, _functions=list(self._functions))
        return copy

    def map(self, function: Callable[..., Any]) -> ImageDataset:
        """Returns a data set whose batches go through a function, `function(x, y)`."""
        copy = self._copy()
        copy._functions.append(function)
        return copy

    def take(self, count: int) -> Iterator[Any]:
        """Yields the first batches of an epoch."""
        yield from self.ordered_batches(range(min(count, len(self))), 1, 1)

    def prefetch(self, buffer_size: Any = None) -> ImageDataset:
        """Returns the data set itself, which makes batches ahead in any case."""
        del buffer_size
        return self


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str | None = None,
    verbose: bool = True,
    on_error: str = "raise",
) -> Any:
    """Returns a data set of the pictures (bmp, gif, jpeg, jpg, png) in a folder.

    Args:
        directory: with `labels="inferred"` it has a folder of pictures for each class.
        labels: `"inferred"`, None, or the classes of the files in the order of their paths.
        label_mode: `"int"` (int32 numbers), `"binary"` (float32, (N, 1)), `"categorical"`
            (float32 one-hot) or None.
        class_names: names of the folders in the order of their numbers.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
        batch_size: pictures in a batch; None gives single pictures.
        image_size: (height, width) to which they are resized.
        shuffle: in another order each epoch; otherwise in that of their paths.
        seed: of the shuffle; needed to split shuffled files.
        validation_split: fraction that the validation subset takes from the end.
        subset: `"training"`, `"validation"` or `"both"`.
        interpolation: one of `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`,
            `"lanczos5"`, `"gaussian"`, `"mitchellcubic"`, as in tf.image.resize.
        follow_links: follow links to folders.
        crop_to_aspect_ratio: cut instead of distorting.
        pad_to_aspect_ratio: put zeros beside the picture instead of distorting it.
        data_format: `"channels_last"` or `"channels_first"`.
        format: has no effect: the result is a `PyDataset` of NumPy arrays.
        verbose: print how many files there are.
        on_error: `"skip"` leaves pictures that cannot be read out, with a warning for each.

    Returns:
        An `ImageDataset` of float32 pictures with values 0..255 and their labels; for
        `subset="both"` a list of two.

    Raises:
        ConfigurationError: for an impossible argument.
        DataError: if there is no such folder, no picture, or labels of another number.
    """
    del format
    if label_mode not in ("int", "categorical", "binary", None):
        raise ConfigurationError(
            f"`label_mode` must be 'int', 'categorical', 'binary' or None. Received: {label_mode!r}"
        )
    label_mode = None if labels is None else label_mode
    labels = None if label_mode is None else labels
    interpolation = interpolation.lower()
    if interpolation not in METHODS:
        raise ConfigurationError(
            f"`interpolation` must be one of {METHODS}. Received: {interpolation!r}"
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ConfigurationError(
            "`crop_to_aspect_ratio` and `pad_to_aspect_ratio` exclude another."
        )
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise ConfigurationError(
            f"`batch_size` must be a positive integer or None. Received: {batch_size!r}"
        )
    check_color_mode(color_mode)
    size = check_size(
        (image_size,) * 2 if isinstance(image_size, int) else image_size, "image_size"
    )
    last = check_data_format(data_format) == "channels_last"
    _check_split(validation_split, subset, shuffle, seed)
    seed = check_seed(secrets.randbits(20) if seed is None else seed)
    files, numbers, names = _index(check_folder(directory), labels, class_names, follow_links)
    if verbose:
        print(
            f"Found {len(files)} files" + (f" belonging to {len(names)} classes." if names else ".")
        )
    if label_mode == "binary" and len(names or []) != 2:
        raise ConfigurationError(f"label_mode='binary' needs 2 classes. There are: {names}")
    if shuffle:  # both with one seed, as Keras does it
        np.random.RandomState(seed).shuffle(files)
        if numbers is not None:
            np.random.RandomState(seed).shuffle(numbers)

    def read(path: str) -> Any:
        image = _pixels(path, color_mode)
        if pad_to_aspect_ratio:
            result = resize_with_pad(image, size, interpolation)
        else:
            image = crop_to_aspect(image, size) if crop_to_aspect_ratio else image
            result = resize(image, size, interpolation)
        return result if last else result.transpose(2, 0, 1)

    def dataset(part: slice, kind: str, shuffled: bool) -> ImageDataset:
        if verbose and validation_split:
            print(f"Using {len(files[part])} files for {kind}.")
        if not files[part]:
            raise DataError(f"{directory} has no pictures for {kind}; endings: {ENDINGS}")
        values = None if numbers is None else _labels(numbers[part], label_mode, len(names or []))
        return ImageDataset(
            files[part], values, names, batch_size, read, seed if shuffled else None, on_error
        )

    if not validation_split:
        return dataset(slice(None), "training", shuffle)
    held = int(validation_split * len(files))
    training = slice(0, len(files) - held), "training", shuffle
    validation = slice(len(files) - held, None), "validation", shuffle and subset != "both"
    if subset == "both":
        return [dataset(*training), dataset(*validation)]
    return dataset(*(training if subset == "training" else validation))


def _pixels(path: str, color_mode: str) -> NDArray[Any]:
    """Returns a picture (H, W, C), uint8 or float32; the next one may overwrite it."""
    mode, channels = check_color_mode(color_mode)
    pixels = decoded(read_file(path), mode)
    if pixels is not None:
        return pixels[:, :, :channels]
    image = np.asarray(load_img(path, color_mode))
    image = image if image.dtype == np.uint8 else img_to_array(image)
    return image if image.ndim == 3 else image[:, :, np.newaxis]


def _check_split(split: Any, subset: Any, shuffle: bool, seed: int | None) -> None:
    if split is not None and not 0 < split < 1:
        raise ConfigurationError(f"`validation_split` must lie between 0 and 1. Received: {split}")
    if (split is None) != (subset is None):
        raise ConfigurationError("`validation_split` and `subset` must be given together.")
    if subset not in ("training", "validation", "both", None):
        raise ConfigurationError(
            f"`subset` must be 'training', 'validation' or 'both'. Received: {subset!r}"
        )
    if split and shuffle and seed is None:
        raise ConfigurationError(
            "A `seed` is needed to split shuffled files, or the subsets would overlap."
        )


def _index(
    directory: str, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[str], Any, list[str] | None]:
    """Returns files, their class numbers or None, and the names of the classes or None."""
    if isinstance(labels, str) and labels == "inferred":
        folders = class_folders(directory, hidden=False)
        if class_names is not None:
            missing = sorted(set(class_names) - set(folders))
            if missing:
                raise DataError(f"{directory} has no folders {missing}. There are: {folders}")
            folders = list(class_names)
        parts = [list_files(f"{directory}/{name}", ENDINGS, follow_links) for name in folders]
        numbers = [i for i, part in enumerate(parts) for _ in part]
        return [path for part in parts for path in part], np.array(numbers, np.int32), folders
    if class_names is not None:
        raise ConfigurationError("`class_names` needs labels='inferred'.")
    files = list_files(directory, ENDINGS, follow_links)
    if labels is None:
        return files, None, None
    if isinstance(labels, str) or len(labels) != len(files):
        raise DataError(
            f"`labels` must be 'inferred', None or {len(files)} numbers, one for each file in "
            f"{directory}. Received: {labels if isinstance(labels, str) else len(labels)}"
        )
    values = np.array(labels, np.int32)
    return files, values, [str(value) for value in sorted(set(values.tolist()))]


def _labels(numbers: Any, label_mode: str | None, classes: int) -> Any:
    if label_mode == "binary":
        return numbers.astype(np.float32)[:, np.newaxis]
    if label_mode == "categorical":
        return np.eye(classes, dtype=np.float32)[numbers]
    return numbers
