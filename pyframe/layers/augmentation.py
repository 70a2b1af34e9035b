"""Random changes of images while training, different for each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.random_layer import RandomLayer
from pyframe.ops.random import random_uniform

Factor = float | Sequence[float]


class _ImageLayer(RandomLayer):
    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.input_spec = InputSpec(ndim=4)

    def factor_range(
        self, factor: Any, argument: str, low: float = -1.0, high: float = 1.0
    ) -> tuple[float, float]:
        """Returns the limits of a factor that is a number, for -number to number, or two.

        Raises:
            ConfigurationError: if a limit is outside [low, high].
        """
        pair = factor if isinstance(factor, (tuple, list)) else (factor,)
        numbers = [arguments.finite(n, argument, self.label) for n in pair]
        if len(numbers) not in (1, 2) or any(not low <= n <= high for n in numbers):
            raise ConfigurationError(
                f"{self.label}: `{argument}` must be a number or two in [{low:g}, {high:g}]. "
                f"Received: {factor!r}"
            )
        if len(numbers) == 1:
            return max(low, -abs(numbers[0])), abs(numbers[0])
        return min(numbers), max(numbers)

    def draw(self, images: Any, low: float, high: float) -> Any:
        """Returns one random number in [low, high) for each image: (batch, 1)."""
        numbers = random_uniform(images, (1, 2, 3), state=self._state)
        return ops.reshape(numbers, (-1, 1)) * (high - low) + low

    def change(self, images: Any) -> Any:
        """Returns the images changed at random."""
        raise NotImplementedError

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the images, changed at random if `training`."""
        images = ops.cast(inputs, self.dtype)
        return self.change(images) if training else images


class _Transform(_ImageLayer):
    fill_mode = "constant"
    interpolation = "nearest"
    fill_value = 0.0

    def set_sampling(self, fill_mode: str, interpolation: str, fill_value: float) -> None:
        """Checks and keeps how pixels are found."""
        modes = ("reflect", "wrap", "constant", "nearest")
        self.fill_mode = arguments.choice(fill_mode, modes, "fill_mode", self.label)
        self.interpolation = arguments.choice(
            interpolation, ("nearest", "bilinear"), "interpolation", self.label
        )
        self.fill_value = arguments.finite(fill_value, "fill_value", self.label)

    def size_of(self, images: Any) -> tuple[int, int]:
        """Returns height and width.

        Raises:
            ShapeError: if one of them is unknown.
        """
        height, width = images.shape[1:3]
        if height is None or width is None:
            raise ShapeError(
                f"{self.label} needs images of known height and width. Received input shape: "
                f"{tuple(images.shape)}"
            )
        return height, width

    def transform(self, images: Any, *terms: tuple[Any, Sequence[float]]) -> Any:
        """Moves pixels: the eight numbers of each image are the sum of number * row.

        Args:
            images: (batch, height, width, channels).
            *terms: pairs of one number an image, (batch, 1), or the number 1, and eight numbers.
        """
        transforms: Any = 0.0
        for number, row in terms:
            transforms = transforms + number * np.array([row], self.dtype)
        return ops.image.affine_transform(
            images, transforms, self.interpolation, self.fill_mode, self.fill_value
        )


class RandomFlip(_Transform):
    """Mirrors half of the images while training.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical"; with the last one an image is
            mirrored both ways or not at all, as in Keras.
        seed: fixes this layer's random numbers; None draws from the model's.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.
    """

    _modes: ClassVar[tuple[str, ...]] = ("horizontal_and_vertical", "horizontal", "vertical")

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.mode = arguments.choice(mode, self._modes, "mode", self.label)
        self.data_format = arguments.channels_last(data_format, self.label)

    def change(self, images: Any) -> Any:
        """Returns the images, some of them mirrored."""
        height, width = self.size_of(images)
        flip = ops.less_equal(self.draw(images, 0.0, 1.0), 0.5)
        x, y = "horizontal" in self.mode, "vertical" in self.mode
        change = [-2 * x, 0, (width - 1) * x, 0, -2 * y, (height - 1) * y, 0, 0]
        return self.transform(images, (flip, change), (1.0, _IDENTITY))


_IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0)


class RandomRotation(_Transform):
    """Turns images about their centre while training.

    Args:
        factor: part of a full turn: at most this much either way, or (least, most); positive is
            counter-clockwise.
        fill_mode: what lies outside the image: "reflect" (d c b a | a b c d | d c b a), "wrap",
            "nearest" or "constant".
        interpolation: "bilinear" or "nearest".
        seed: fixes this layer's random numbers; None draws from the model's.
        fill_value: value outside for "constant".
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.factor = self.factor_range(factor, "factor")
        self.set_sampling(fill_mode, interpolation, fill_value)
        self.data_format = arguments.channels_last(data_format, self.label)

    def change(self, images: Any) -> Any:
        """Returns the turned images."""
        height, width = self.size_of(images)
        x, y = (width - 1) / 2, (height - 1) / 2
        angle = self.draw(images, *(2 * np.pi * f for f in self.factor))
        return self.transform(
            images,
            (ops.cos(angle), (1, 0, -x, 0, 1, -y, 0, 0)),
            (ops.sin(angle), (0, -1, y, 1, 0, -x, 0, 0)),
            (1.0, (0, 0, x, 0, 0, y, 0, 0)),
        )


class _TwoFactors(_Transform):
    least: ClassVar[float] = -1.0

    def _set_factors(self, height_factor: Any, width_factor: Any) -> None:
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._height_range = self.factor_range(height_factor, "height_factor", self.least)
        self._width_range = None
        if width_factor is not None:
            self._width_range = self.factor_range(width_factor, "width_factor", self.least)


class RandomZoom(_TwoFactors):
    """Makes images smaller or larger about their centre while training.

    Args:
        height_factor: change of height, e.g. 0.2 for up to 20 % either way, or (least, most):
            positive numbers show more (the image becomes smaller), negative ones less.
        width_factor: likewise; None for the same as the height.
        fill_mode: what lies outside the image: "reflect", "wrap", "nearest" or "constant".
        interpolation: "bilinear" or "nearest".
        seed: fixes this layer's random numbers; None draws from the model's.
        fill_value: value outside for "constant".
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.
    """

    least = -0.9999999

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self._set_factors(height_factor, width_factor)
        self.set_sampling(fill_mode, interpolation, fill_value)
        self.data_format = arguments.channels_last(data_format, self.label)

    def change(self, images: Any) -> Any:
        """Returns the zoomed images."""
        height, width = self.size_of(images)
        x, y = (width - 1) / 2, (height - 1) / 2
        rows = columns = self.draw(images, *(1 + f for f in self._height_range))
        if self._width_range is not None:
            columns = self.draw(images, *(1 + f for f in self._width_range))
        return self.transform(
            images,
            (columns, (1, 0, -x, 0, 0, 0, 0, 0)),
            (rows, (0, 0, 0, 0, 1, -y, 0, 0)),
            (1.0, (0, 0, x, 0, 0, y, 0, 0)),
        )


class RandomTranslation(_TwoFactors):
    """Moves images while training.

    Args:
        height_factor: part of the height to move by: at most this much either way, or
            (least, most); positive is down.
        width_factor: part of the width to move by; positive is to the right.
        fill_mode: what lies outside the image: "reflect", "wrap", "nearest" or "constant".
        interpolation: "bilinear" or "nearest".
        seed: fixes this layer's random numbers; None draws from the model's.
        fill_value: value outside for "constant".
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self._set_factors(height_factor, width_factor)
        self.set_sampling(fill_mode, interpolation, fill_value)
        self.data_format = arguments.channels_last(data_format, self.label)

    def change(self, images: Any) -> Any:
        """Returns the moved images."""
        height, width = self.size_of(images)
        assert self._width_range is not None
        down = self.draw(images, *(height * f for f in self._height_range))
        right = self.draw(images, *(width * f for f in self._width_range))
        return self.transform(
            images,
            (right, (0, 0, -1, 0, 0, 0, 0, 0)),
            (down, (0, 0, 0, 0, 0, -1, 0, 0)),
            (1.0, _IDENTITY),
        )


class RandomContrast(_ImageLayer):
    """Changes the contrast of images while training: (x - mean) * c + mean for each channel.

    Args:
        factor: two numbers (lower, upper) in [0, 1]: c is between 1 - lower and 1 + upper; one
            number f means (0, f), as in Keras.
        value_range: the result is limited to this.
        seed: fixes this layer's random numbers; None draws from the model's.
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.data_format = kwargs.pop("data_format", None)
        super().__init__(seed, **kwargs)
        self.data_format = arguments.channels_last(self.data_format, self.label)
        self.factor = self.factor_range(factor, "factor", low=0.0)
        limits = value_range if isinstance(value_range, (list, tuple)) else ()
        limits = [arguments.finite(n, "value_range", self.label) for n in limits]
        if len(limits) != 2 or limits[0] > limits[1]:
            raise ConfigurationError(
                f"{self.label}: `value_range` must be two numbers (lowest, highest). Received: "
                f"{value_range!r}"
            )
        self.value_range = tuple(value_range)

    def change(self, images: Any) -> Any:
        """Returns the images with other contrasts."""
        contrast = self.draw(images, 1.0 - self.factor[0], 1.0 + self.factor[1])
        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        changed = (images - mean) * ops.reshape(contrast, (-1, 1, 1, 1)) + mean
        return ops.clip(changed, *self.value_range)

    def get_config(self) -> dict[str, Any]:
        """Returns the layer's arguments."""
        return {**super().get_config(), "data_format": self.data_format}
