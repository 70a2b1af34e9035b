"""Layers that bring raw inputs to a useful range."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, DataError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.ops.dtypes import Array, as_array


class Rescaling(Layer):
    """inputs * scale + offset, e.g. Rescaling(1 / 255) for pixels.

    Args:
        scale: a number, or a sequence of one number a channel.
        offset: likewise.
        **kwargs: name, trainable, dtype, input_shape.
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = self._numbers(scale, "scale")
        self.offset = self._numbers(offset, "offset")

    def _numbers(self, value: Any, argument: str) -> float | list[Any]:
        if isinstance(value, (int, float, np.number)):
            return arguments.finite(value, argument, self.label)
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            array = np.array(np.nan)
        if not np.isfinite(array).all():
            raise ConfigurationError(
                f"{self.label}: `{argument}` must be a number or a sequence of numbers. "
                f"Received: {value!r}"
            )
        return array.tolist()  # type: ignore[no-any-return]

    def call(self, inputs: Any) -> Any:
        """Returns the scaled inputs."""
        scaled = ops.cast(inputs, self.dtype) * np.asarray(self.scale, self.dtype)
        return scaled + np.asarray(self.offset, self.dtype) if np.any(self.offset) else scaled


class Normalization(Layer):
    """(inputs - mean) / sqrt(variance), with numbers that are given or measured by `adapt`.

    Args:
        axis: the axis or axes (the batch counts as axis 0) whose elements have their own mean
            and variance; None for one mean and variance of everything.
        mean: the mean, if known; it broadcasts to the sizes of the axes.
        variance: the variance, if known; of the shape of `mean`.
        invert: whether to undo the normalisation instead: inputs * sqrt(variance) + mean.
        **kwargs: name, trainable, dtype, input_shape.

    Weights:
        mean, variance and count, which training does not change; none if `mean` is given.

    Raises:
        ConfigurationError: if only one of `mean` and `variance` is given or they do not fit.
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.invert = bool(invert)
        if (mean is None) != (variance is None) or np.shape(mean) != np.shape(variance):
            raise ConfigurationError(
                f"{self.label}: `mean` and `variance` must be given together and have the same "
                f"shape. Received: mean={mean!r}, variance={variance!r}"
            )
        if len(np.shape(mean)) > len(self.axis):
            raise ConfigurationError(
                f"{self.label}: `mean` has more dimensions than there are axes: mean={mean!r}, "
                f"axis={axis!r}"
            )
        self.input_mean = None if mean is None else np.asarray(mean)
        self.input_variance = None if variance is None else np.asarray(variance)

    def _kept(self, shape: Sequence[int | None]) -> list[int]:
        # The axes that have their own numbers, counted from 0.
        ndim = len(shape)
        if any(not -ndim <= a < ndim for a in self.axis):
            raise ShapeError(f"{self.label}: axis={self.axis} is outside an input of {ndim} axes.")
        kept = sorted(a % ndim for a in self.axis)
        if any(shape[a] is None for a in kept):
            raise ShapeError(
                f"{self.label}: the size of the kept axes must be known. Received: "
                f"axis={self.axis}, input shape {tuple(shape)}"
            )
        return kept

    def build(self, input_shape: Any) -> None:
        """Makes the weights mean, variance and count unless mean and variance are given."""
        kept = self._kept(input_shape)
        sizes = [input_shape[a] for a in kept]
        self._broadcast = [n if a in kept else 1 for a, n in enumerate(input_shape)]
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(sizes, "zeros", name="mean", trainable=False)
            self.adapt_variance = self.add_weight(sizes, "ones", name="variance", trainable=False)
            self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")
        else:
            assert self.input_variance is not None
            try:
                mean = np.broadcast_to(self.input_mean, sizes)
                variance = np.broadcast_to(self.input_variance, sizes)
            except ValueError:
                raise ShapeError(
                    f"{self.label}: `mean` of shape {self.input_mean.shape} does not fit the axes "
                    f"{self.axis} of an input of shape {tuple(input_shape)}."
                ) from None
            self.mean = mean.reshape(self._broadcast).astype(self.dtype)
            self.variance = variance.reshape(self._broadcast).astype(self.dtype)

    def adapt(self, data: Any) -> None:
        """Measures mean and variance of data and keeps them as weights.

        Args:
            data: an array, or an iterable of batches; of a batch (x, y, ...) x counts.

        Raises:
            ConfigurationError: if `mean` was given to the layer.
            DataError: if there are no data.
            ShapeError: if they do not have the shape that the layer was built for.
        """
        if self.input_mean is not None:
            raise ConfigurationError(f"{self.label} was given `mean`; it cannot be adapted.")
        rows, mean, variance = 0, np.zeros(()), np.zeros(())
        for batch in _batches(data):
            self.ensure_built((None, *batch.shape[1:]) if 0 not in self.axis else batch.shape)
            kept = self._kept(batch.shape)
            if [batch.shape[a] for a in kept] != list(self.adapt_mean.shape):
                raise ShapeError(
                    f"{self.label} was built for an input of shape {tuple(self.input_shape)}; "
                    f"adapt received data of shape {batch.shape}."
                )
            over = tuple(a for a in range(batch.ndim) if a not in kept)
            count = int(np.prod([batch.shape[a] for a in over], dtype=np.int64))
            part = count / (rows + count)
            shift = batch.mean(axis=over, dtype=np.float64) - mean
            spread = batch.var(axis=over, dtype=np.float64)
            # Chan et al. 1979: the variance of two sets put together.
            variance = variance * (1 - part) + spread * part + shift**2 * part * (1 - part)
            mean = mean + shift * part
            rows += count
        if rows == 0:
            raise DataError(f"{self.label}: adapt received no data.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def call(self, inputs: Any) -> Any:
        """Returns the normalised inputs."""
        if self.input_mean is None:
            mean = ops.reshape(self.adapt_mean, self._broadcast)
            scale = ops.reshape(ops.sqrt(self.adapt_variance), self._broadcast)
            scale = ops.maximum(scale, epsilon())
        else:
            mean = self.mean
            scale = np.maximum(np.sqrt(self.variance), np.asarray(epsilon(), self.dtype))
        inputs = ops.cast(inputs, self.dtype)
        return inputs * scale + mean if self.invert else (inputs - mean) / scale

    def get_config(self) -> dict[str, Any]:
        """Returns the layer's arguments."""
        return {
            **super().get_config(),
            "mean": None if self.input_mean is None else self.input_mean.tolist(),
            "variance": None if self.input_variance is None else self.input_variance.tolist(),
        }


def _batches(data: Any) -> Iterable[Array]:
    if isinstance(data, np.ndarray):
        if data.size:
            yield as_array(data, "data")
        return
    for batch in data:
        array = as_array(batch[0] if isinstance(batch, tuple) else batch, "data")
        if array.size:
            yield array
