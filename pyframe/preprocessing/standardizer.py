"""What is done to the values of pictures after the random changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe.errors import DataError, warn
from pyframe.preprocessing.transforms import Finish

Array: TypeAlias = NDArray[Any]


class Standardizer:
    """Function, scaling, standardisation and whitening; the base of `ImageDataGenerator`.

    Attributes:
        mean: mean of the data set for `featurewise_center`, of a shape that fits pictures.
        std: standard deviation for `featurewise_std_normalization`.
        zca_whitening_matrix: matrix for `zca_whitening`.
    """

    featurewise_center: bool
    samplewise_center: bool
    featurewise_std_normalization: bool
    samplewise_std_normalization: bool
    zca_whitening: bool
    rescale: float | None
    preprocessing_function: Callable[[Array], Array] | None
    data_format: str
    row_axis: int
    dtype: str
    mean: Array | None = None
    std: Array | None = None
    zca_whitening_matrix: Array | None = None

    def finish(self, shape: tuple[int, ...]) -> Finish | None:
        """Returns what the kernel does at last; None if that is left to `complete`.

        Args:
            shape: of one picture, in the order of `data_format`.
        """
        if self.preprocessing_function is not None:
            return None
        mean = self._statistic("mean") if self.featurewise_center else None
        std = self._statistic("std") if self.featurewise_std_normalization else None
        try:
            tables = [
                None if value is None else self._row_table(np.asarray(value, np.float32), shape)
                for value in (mean, None if std is None else np.asarray(std) + np.float32(1e-6))
            ]
        except ValueError:  # a statistic of another shape: NumPy knows what it means
            return None
        return Finish(
            rescale=self.rescale or None,
            centre=bool(self.samplewise_center),
            std=bool(self.samplewise_std_normalization),
            mean=tables[0],
            deviation=tables[1],
        )

    def complete(self, batch: Array, finish: Finish | None) -> Array:
        """Does what the kernel did not do.

        Args:
            batch: what the kernel made, (N, H, W, C) float32.
            finish: what the kernel did at last, None for nothing.

        Returns:
            The batch in the order of `data_format`, in the generator's dtype.

        Raises:
            DataError: if `preprocessing_function` changes the shape.
        """
        if self.data_format == "channels_first":
            batch = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        if finish is not None:
            batch = self._whiten(batch) if self.zca_whitening else batch
            return batch.astype(self.dtype, copy=False)
        standardized = [self.standardize(image.astype(self.dtype)) for image in batch]
        for image in standardized:
            if np.shape(image) != batch.shape[1:]:
                raise DataError(
                    f"`preprocessing_function` made a picture of shape {np.shape(image)} of one "
                    f"of {batch.shape[1:]}; it must keep the shape."
                )
        return np.asarray(standardized, self.dtype)

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
