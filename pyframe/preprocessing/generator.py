"""ImageDataGenerator: what is done to pictures on their way to a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from pyframe.preprocessing.file_iterators import DataFrameIterator, DirectoryIterator
from pyframe.preprocessing.iterators import NumpyArrayIterator
from pyframe.preprocessing.standardizer import Array, Standardizer
from pyframe.preprocessing.transforms import Finish, Parameters, Recipe, check_fill
from pyframe.utils.image_utils import check_data_format


class ImageDataGenerator(Standardizer):
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

    def flow_from_directory(
        self, directory: Any, target_size: tuple[int, int] = (256, 256), color_mode: str = "rgb",
        classes: Sequence[str] | None = None, class_mode: str | None = "categorical",
        batch_size: int = 32, shuffle: bool = True, seed: int | None = None,
        save_to_dir: Any = None, save_prefix: str = "", save_format: str = "png",
        follow_links: bool = False, subset: str | None = None, interpolation: str = "nearest",
        keep_aspect_ratio: bool = False, *, on_error: str = "raise", draft: bool = False,
    ) -> DirectoryIterator:  # fmt: skip
        """Returns an endless iterator of batches from the pictures in a folder's folders.

        Args:
            directory: it has a folder of pictures (png, jpg, jpeg, bmp, ppm, tif, tiff, in its own
                folders too) for each class.
            target_size: (height, width) to which the pictures are resized.
            color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
            classes: names of the folders in the order of their numbers; sorted unless given.
            class_mode: `"categorical"`: labels one-hot; or `"binary"`, `"sparse"` (numbers),
                `"input"` (the pictures themselves), None (no labels).
            batch_size: as in `flow`, like shuffle, seed and save_to_dir to save_format.
            shuffle: take them in another order each epoch.
            seed: of order and changes.
            save_to_dir: folder to write the changed pictures to.
            save_prefix: beginning of the names of these files.
            save_format: their format.
            follow_links: follow links to folders.
            subset: `"training"` or `"validation"`, cut class by class.
            interpolation: see `load_img`.
            keep_aspect_ratio: see `load_img`.
            on_error: `"skip"` leaves pictures that cannot be read out of their batches, with a
                warning for each.
            draft: decode JPEGs faster to about the size that is needed; values differ slightly
                from Keras's.

        Raises:
            ConfigurationError: for an impossible argument.
            DataError: if there is no such folder, or no picture in it.
        """
        return DirectoryIterator(
            directory, self, target_size, color_mode, classes, class_mode, batch_size, shuffle,
            seed, self.data_format, save_to_dir, save_prefix, save_format, follow_links, subset,
            interpolation, keep_aspect_ratio, self.dtype, on_error, draft,
        )  # fmt: skip

    def flow_from_dataframe(
        self, dataframe: Any, directory: Any = None, x_col: str = "filename", y_col: Any = "class",
        weight_col: str | None = None, target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb", classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True,
        seed: int | None = None, save_to_dir: Any = None, save_prefix: str = "",
        save_format: str = "png", subset: str | None = None, interpolation: str = "nearest",
        validate_filenames: bool = True, **options: Any,
    ) -> DataFrameIterator:  # fmt: skip
        """Returns an endless iterator of batches from the pictures that a data frame names.

        What is not named here is as in `flow_from_directory`.

        Args:
            dataframe: pandas.DataFrame with a row for each picture.
            directory: folder that the names begin at; None if they are whole paths.
            x_col: column of the names.
            y_col: column of the labels, or a list of columns.
            weight_col: column of weights.
            target_size: (height, width) to which the pictures are resized.
            color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
            classes: labels in the order of their numbers; rows with others go.
            class_mode: `"categorical"`: labels are texts or lists of texts; `"binary"`,
                `"sparse"`: texts; `"raw"`: the numbers of y_col as they are; `"multi_output"`:
                a list of arrays, one for each column; `"input"`, None.
            batch_size: as in `flow`, like shuffle, seed and save_to_dir to subset.
            shuffle: take them in another order each epoch.
            seed: of order and changes.
            save_to_dir: folder to write the changed pictures to.
            save_prefix: beginning of the names of these files.
            save_format: their format.
            subset: `"training"` or `"validation"`.
            interpolation: see `load_img`.
            validate_filenames: leave rows out whose files do not exist.
            **options: keep_aspect_ratio, on_error and draft.

        Raises:
            ConfigurationError: for an impossible argument.
            DataError: for missing columns, names or labels, or if no picture exists.
        """
        for name in ("has_ext", "sort", "drop_duplicates"):
            if options.pop(name, None) is not None:
                warn(f"`{name}` has no effect since Keras 2.3.", DeprecationWarning)
        if class_mode == "other":
            warn("class_mode='other' is called 'raw' now.", DeprecationWarning)
            class_mode = "raw"
        return DataFrameIterator(
            dataframe, directory, self, x_col, y_col, weight_col, target_size, color_mode, classes,
            class_mode, batch_size, shuffle, seed, self.data_format, save_to_dir, save_prefix,
            save_format, subset, interpolation, dtype=self.dtype,
            validate_filenames=validate_filenames, **options,
        )  # fmt: skip

    def preview(self, n: int, x: ArrayLike, to_file: Any = None, seed: int | None = None) -> Any:
        """Draws a sheet of n augmented samples with the parameters of each under it.

        Args:
            n: number of samples.
            x: pictures to make them of, one (H, W, C) or many.
            to_file: file to save the sheet in.
            seed: None draws from NumPy's global generator.

        Returns:
            The `matplotlib.figure.Figure`.
        """
        images = np.asarray(x)
        images = images[np.newaxis] if images.ndim == 3 else images
        return self.flow(images, seed=seed).preview(n, to_file)

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
        result = self._change(image[np.newaxis], np.arange(1), parameters, Finish())[0]
        if self.data_format == "channels_first":
            result = result.transpose(2, 0, 1)
        return cast_like(result, image.dtype)

    def random_transform(self, x: ArrayLike, seed: int | None = None) -> Array:
        """Returns a randomly changed picture; not standardised.

        Args:
            x: (H, W, C), or (C, H, W) for `"channels_first"`.
            seed: None draws from NumPy's global generator.
        """
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))

    def recipe(
        self, parameters: Parameters, n: int, height: int, width: int, finish: Finish
    ) -> Recipe:
        """Returns what the kernel does to n pictures of one size."""
        return Recipe(
            parameters.geometry(n, height, width), parameters.colours(n),
            self.interpolation_order, self.fill_mode, self.cval, finish,
        )  # fmt: skip

    def _change(
        self, images: Array, index: NDArray[np.int64], parameters: Parameters, finish: Finish,
        threads: int | None = None,
    ) -> Array:  # fmt: skip
        """Returns changed pictures (N, H, W, C) of pictures in the order of `data_format`."""
        if self.data_format == "channels_first":
            images = images.transpose(0, 2, 3, 1)
        height, width = images.shape[1:3]
        recipe = self.recipe(parameters, len(index), height, width, finish)
        return recipe.run(images, index, threads=threads)

    def make_batch(
        self, images: Array, index: NDArray[np.int64], parameters: Parameters,
        threads: int | None = None,
    ) -> Array:  # fmt: skip
        """Returns changed and standardised pictures, as the iterators give them.

        Args:
            images: all pictures, (N, H, W, C) or (N, C, H, W); uint8 and float32 are not copied.
            index: numbers of those of the batch.
            parameters: of each of them.
            threads: pictures in work at a time; None for the threads of the engine.
        """
        finish = self.finish(images.shape[1:])
        changed = self._change(images, index, parameters, finish or Finish(), threads)
        return self.complete(changed, finish)

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
        changed = self._change(images, index, parameters, Finish())
        if self.data_format == "channels_first":
            changed = changed.transpose(0, 3, 1, 2)
        return changed.astype(self.dtype)
