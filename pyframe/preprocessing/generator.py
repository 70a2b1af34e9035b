"""ImageDataGenerator: what is done to pictures on their way to a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyframe import config
from pyframe.errors import ConfigurationError, DataError, ShapeError, warn
from pyframe.preprocessing.arguments import (
    cast_like,
    check_number,
    check_pair,
    check_shift,
    check_zoom,
    warn_of_channels,
)
from pyframe.preprocessing.draws import Source, draw
from pyframe.preprocessing.iterators import NumpyArrayIterator
from pyframe.preprocessing.transforms import Finish, Parameters, check_fill, run_kernel
from pyframe.utils.image_utils import check_data_format

Array = NDArray[Any]


class ImageDataGenerator:
    """Makes batches of randomly changed and standardised pictures.

    Each picture is turned, shifted, sheared and zoomed (one interpolation for all), then its
    channels are shifted, it is flipped, its brightness is changed; then follow
    `preprocessing_function`, `rescale`, samplewise and featurewise standardisation and ZCA
    whitening, in this order. Numbers and random draws are those of Keras 3's class.

    Args:
        featurewise_center: subtract the mean of the data set; needs `fit`.
        samplewise_center: subtract each picture's own mean.
        featurewise_std_normalization: divide by the standard deviation of the data set.
        samplewise_std_normalization: divide by each picture's own standard deviation.
        zca_whitening: decorrelate pixels; needs `fit`, and memory for (H W C) squared numbers.
        zca_epsilon: added to the singular values for it.
        rotation_range: turn by up to so many degrees to either side.
        width_shift_range: float: shift by up to this fraction of the width (from 1 on: pixels);
            int n: by 0 ... n - 1 pixels; list: by one of these, with either sign. Keras shifts
            along the rows by what it draws for the width and the other way round; so does this
            class.
        height_shift_range: the same for the height.
        brightness_range: two factors to draw from, 1 leaves a picture as it is; works on whole
            numbers 0..255, so pictures in 0..1 become black.
        shear_range: shear by up to so many degrees.
        zoom_range: float z: zoom by 1 - z to 1 + z; or two factors. Below 1 magnifies; the axes
            are drawn apart.
        channel_shift_range: add up to so much, cut to the smallest and largest value of the
            picture.
        fill_mode: what is outside: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: value for `"constant"`.
        horizontal_flip: flip every other picture.
        vertical_flip: the same upside down.
        rescale: factor for all values, e.g. 1/255; None or 0 for none.
        preprocessing_function: called with each picture (H, W, C) in float after the random
            changes; returns one of the same shape.
        data_format: `"channels_last"` or `"channels_first"`.
        validation_split: fraction of the data that `subset="validation"` takes, from the
            beginning.
        interpolation_order: 0 nearest, 1 bilinear; 2 to 5 splines by SciPy, many times slower.
        dtype: of the batches; computed is in float32.

    Raises:
        ConfigurationError: for an impossible value.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: tuple[float, float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], Array] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
    ) -> None:
        check_fill(fill_mode, cval, interpolation_order)
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = check_number(rotation_range, "rotation_range")
        self.width_shift_range = check_shift(width_shift_range, "width_shift_range")
        self.height_shift_range = check_shift(height_shift_range, "height_shift_range")
        self.shear_range = check_number(shear_range, "shear_range")
        self.zoom_range = check_zoom(zoom_range)
        self.channel_shift_range = check_number(channel_shift_range, "channel_shift_range")
        self.brightness_range = check_pair(brightness_range, "brightness_range")
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = None if rescale is None else check_number(rescale, "rescale")
        self.preprocessing_function = preprocessing_function
        self.data_format = check_data_format(data_format)
        self.channel_axis, self.row_axis, self.col_axis = (
            (1, 2, 3) if self.data_format == "channels_first" else (3, 1, 2)
        )
        if validation_split and not 0 < validation_split < 1:
            raise ConfigurationError(
                f"`validation_split` must lie between 0 and 1. Received: {validation_split!r}"
            )
        self._validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = config.floatx() if dtype is None else str(np.dtype(dtype))
        self.mean: Array | None = None
        self.std: Array | None = None
        self.zca_whitening_matrix: Array | None = None
        self._imply("zca_whitening", "featurewise_center", True)
        self._imply("zca_whitening", "featurewise_std_normalization", False)
        self._imply("featurewise_std_normalization", "featurewise_center", True)
        self._imply("samplewise_std_normalization", "samplewise_center", True)
        if preprocessing_function is not None and self.rescale not in (None, 0, 1):
            warn(
                "Both `preprocessing_function` and `rescale` are given: pictures are scaled after "
                "the function. The preprocess_input of most networks scales by itself."
            )

    def _imply(self, cause: str, name: str, value: bool) -> None:
        if getattr(self, cause) and bool(getattr(self, name)) is not value:
            setattr(self, name, value)
            warn(f"`{cause}` overrides `{name}`: it is set to {value}.")

    @property
    def changes_at_random(self) -> bool:
        """Whether any random change is asked for."""
        shifts = (self.width_shift_range, self.height_shift_range)
        return bool(
            self.rotation_range
            or self.shear_range
            or self.channel_shift_range
            or self.horizontal_flip
            or self.vertical_flip
            or self.brightness_range is not None
            or self.zoom_range != [1, 1]
            or any(np.any(np.asarray(shift)) for shift in shifts)
        )

    def flow(
        self,
        x: Any,
        y: ArrayLike | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Returns an endless iterator of batches from arrays.

        Args:
            x: pictures (N, H, W, C) with 1, 3 or 4 channels, uint8 (which is kept as it is) or
                anything that converts to float; or a pair of it and a list of further arrays
                of length N that go along.
            y: labels of length N.
            batch_size: pictures in a batch; the last one of an epoch may have fewer.
            shuffle: take them in another order each epoch.
            sample_weight: weights of length N.
            seed: of order and changes; None draws from NumPy's global generator.
            save_to_dir: folder to write the changed pictures to.
            save_prefix: beginning of the names of these files.
            save_format: their format.
            ignore_class_split: allow subsets with different classes.
            subset: `"training"` or `"validation"`, if there is a `validation_split`.

        Returns:
            An iterator of x, (x, y) or (x, y, sample_weight).

        Raises:
            DataError: if shapes or lengths do not fit, or classes are missing in a subset.
            ConfigurationError: for an impossible argument.
        """
        return NumpyArrayIterator(
            x, y, self, batch_size=batch_size, shuffle=shuffle, sample_weight=sample_weight,
            seed=seed, data_format=self.data_format, save_to_dir=save_to_dir,
            save_prefix=save_prefix, save_format=save_format, subset=subset,
            ignore_class_split=ignore_class_split, dtype=self.dtype,
        )  # fmt: skip

    def get_random_transform(
        self, img_shape: tuple[int, ...], seed: int | None = None
    ) -> dict[str, Any]:
        """Draws the parameters for one picture.

        Args:
            img_shape: its shape.
            seed: None draws from NumPy's global generator.

        Returns:
            theta (degrees), tx, ty (pixels), shear (degrees), zx, zy, flip_horizontal,
            flip_vertical, channel_shift_intensity and brightness (None: unchanged).
        """
        source: Source = np.random if seed is None else np.random.RandomState(seed)
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        return draw(self, source, 1, height, width).at(0)

    def apply_transform(self, x: ArrayLike, transform_parameters: dict[str, Any]) -> Array:
        """Returns a changed picture; not standardised.

        Args:
            x: (H, W, C), or (C, H, W) for `"channels_first"`.
            transform_parameters: some or all of what `get_random_transform` returns.

        Raises:
            ConfigurationError: for an unknown parameter or a value that is not finite.
            ShapeError: if x has not 3 dimensions.
        """
        image = np.asarray(x)
        if image.ndim != 3:
            raise ShapeError(f"A picture needs 3 dimensions. Received the shape {image.shape}")
        parameters = Parameters.of(transform_parameters)
        result = self.augment(image[np.newaxis], np.arange(1), parameters, Finish())
        return cast_like(result[0], image.dtype)

    def random_transform(self, x: ArrayLike, seed: int | None = None) -> Array:
        """Returns a randomly changed picture; not standardised.

        Args:
            x: (H, W, C), or (C, H, W) for `"channels_first"`.
            seed: None draws from NumPy's global generator.
        """
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))

    def augment(
        self, images: Array, index: NDArray[np.int64], parameters: Parameters, finish: Finish
    ) -> Array:
        """Returns changed pictures (N, H, W, C), or (N, C, H, W), in float32.

        Args:
            images: all pictures; uint8 and float32 are not copied.
            index: numbers of the N wanted ones.
            parameters: of each.
            finish: what follows.
        """
        if images.dtype not in (np.uint8, np.float32):
            images, index = images[index].astype(np.float32), np.arange(len(index))
        first = self.data_format == "channels_first"
        images = images.transpose(0, 2, 3, 1) if first else images
        n, (height, width) = len(index), images.shape[1:3]
        out: Array = run_kernel(
            images, np.ascontiguousarray(index, np.int64), parameters.geometry(n, height, width),
            parameters.colours(n), (height, width), self.interpolation_order, self.fill_mode,
            self.cval, finish,
        )  # fmt: skip
        return np.ascontiguousarray(out.transpose(0, 3, 1, 2)) if first else out

    def make_batch(self, images: Array, index: NDArray[np.int64], parameters: Parameters) -> Array:
        """Returns changed and standardised pictures, as the iterators give them."""
        finish = self._finish(images.shape[1:])
        if self.preprocessing_function is not None or finish is None:
            batch = self.augment(images, index, parameters, Finish())
            standardized = [self.standardize(image.astype(self.dtype)) for image in batch]
            result = np.stack(standardized) if standardized else batch
            if result.shape != batch.shape:
                raise DataError(
                    f"`preprocessing_function` made pictures of shape {result.shape[1:]} of ones "
                    f"of {batch.shape[1:]}; it must keep the shape."
                )
            return result.astype(self.dtype, copy=False)
        batch = self.augment(images, index, parameters, finish)
        if self.zca_whitening:
            batch = self._whiten(batch)
        return batch.astype(self.dtype, copy=False)

    def _finish(self, shape: tuple[int, ...]) -> Finish | None:
        """Returns what the kernel does at last; None if NumPy must do it."""
        mean = self._statistic("mean") if self.featurewise_center else None
        std = self._statistic("std") if self.featurewise_std_normalization else None
        try:
            tables = [
                None if value is None else self._row_table(np.asarray(value, np.float32), shape)
                for value in (mean, None if std is None else np.asarray(std) + np.float32(1e-6))
            ]
        except ValueError:
            return None
        return Finish(
            rescale=self.rescale or None,
            centre=bool(self.samplewise_center),
            std=bool(self.samplewise_std_normalization),
            mean=tables[0],
            deviation=tables[1],
        )

    def _row_table(self, value: Array, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Spreads a statistic over one row, or all rows, of a picture in the kernel's order."""
        value = value.reshape((1,) * (3 - value.ndim) + value.shape)
        rows = shape[self.row_axis - 1] if value.shape[self.row_axis - 1] > 1 else 1
        spread = list(shape)
        spread[self.row_axis - 1] = rows
        table = np.broadcast_to(value, spread)
        if self.data_format == "channels_first":
            table = table.transpose(1, 2, 0)
        return np.ascontiguousarray(table.reshape(rows, -1))

    def _statistic(self, name: str) -> Array | None:
        value: Array | None = getattr(self, name)
        if value is None:
            argument = {
                "mean": "featurewise_center",
                "std": "featurewise_std_normalization",
                "zca_whitening_matrix": "zca_whitening",
            }[name]
            warn(f"`{argument}` has no effect before `fit` was called on training pictures.")
        return value

    def standardize(self, x: Array) -> Array:
        """Applies function, scaling, standardisation and whitening; changes float arrays in place.

        Args:
            x: one picture, or a batch; samplewise statistics are taken over all of it.

        Returns:
            The result, which is `x` itself where that was possible.
        """
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        if self.featurewise_center and (mean := self._statistic("mean")) is not None:
            x -= mean
        if self.featurewise_std_normalization and (std := self._statistic("std")) is not None:
            x /= std + 1e-6
        return self._whiten(x) if self.zca_whitening else x

    def _whiten(self, x: Array) -> Array:
        matrix = self._statistic("zca_whitening_matrix")
        if matrix is None:
            return x
        return np.asarray(np.reshape(x, (-1, math.prod(x.shape[-3:]))) @ matrix).reshape(x.shape)

    def fit(
        self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None
    ) -> None:
        """Computes mean, standard deviation and whitening matrix of training pictures.

        `rescale` is applied before, `preprocessing_function` is not.

        Args:
            x: (N, H, W, C), or (N, C, H, W) for `"channels_first"`.
            augment: use randomly changed pictures instead.
            rounds: of each picture so many.
            seed: of these changes; None draws from NumPy's global generator.

        Raises:
            DataError: if x has not 4 dimensions or is empty.
        """
        images = np.array(x, dtype=self.dtype)
        if images.ndim != 4 or not images.size:
            raise DataError(f"`fit` needs pictures of 4 dimensions. Received: {images.shape}")
        warn_of_channels(images.shape, self.channel_axis, self.data_format)
        if self.rescale:
            images *= self.rescale
        if augment:
            images = self._augmented(images, rounds, seed)
        axes, shape = (0, self.row_axis, self.col_axis), [1, 1, 1]
        shape[self.channel_axis - 1] = images.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = np.mean(images, axis=axes).reshape(shape)
            images -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(images, axis=axes).reshape(shape)
            images /= self.std + 1e-6
        if self.zca_whitening:
            n = len(images)
            u, s, _ = np.linalg.svd(images.reshape(n, -1).T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(n) / (s + self.zca_epsilon))).dot(u.T)

    def _augmented(self, images: Array, rounds: int, seed: int | None) -> Array:
        if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
            raise ConfigurationError(f"`rounds` must be a positive integer. Received: {rounds!r}")
        source: Source = np.random if seed is None else np.random.RandomState(seed)
        height, width = images.shape[self.row_axis], images.shape[self.col_axis]
        index = np.tile(np.arange(len(images)), rounds)
        parameters = draw(self, source, len(index), height, width)
        return self.augment(images, index, parameters, Finish()).astype(self.dtype, copy=False)
