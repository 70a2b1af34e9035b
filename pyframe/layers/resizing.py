"""Layers that give images another size."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.random_layer import RandomLayer
from pyframe.ops.image import INTERPOLATIONS
from pyframe.ops.random import random_uniform


class ImageSizeLayer(Layer):
    """Base of the layers whose images come out with `height` and `width`."""

    def set_size(self, height: Any, width: Any, data_format: str | None) -> None:
        """Checks and keeps the size."""
        self.height = arguments.positive_integer(height, "height", self.label)
        self.width = arguments.positive_integer(width, "width", self.label)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.input_spec = InputSpec(ndim=4)

    def known_size(self, inputs: Any) -> tuple[int, int]:
        """Returns height and width of the inputs.

        Raises:
            ShapeError: if one of them is unknown.
        """
        height, width = inputs.shape[1:3]
        if height is None or width is None:
            raise ShapeError(
                f"{self.label} needs images of known height and width. Received input shape: "
                f"{tuple(inputs.shape)}"
            )
        return height, width

    def of_same_aspect(self, height: int, width: int) -> tuple[int, int]:
        """Returns height to go with the width, and width to go with the height, as the target's."""
        return int(width * self.height / self.width), int(height * self.width / self.height)

    def crop_to_aspect(self, inputs: Any) -> Any:
        """Returns the largest middle part of the images that has the target's aspect ratio."""
        height, width = self.known_size(inputs)
        fit_height, fit_width = self.of_same_aspect(height, width)
        rows, columns = max(1, min(height, fit_height)), max(1, min(width, fit_width))
        return cut(inputs, (height - rows) // 2, (width - columns) // 2, rows, columns)


def cut(images: Any, top: int, left: int, rows: int, columns: int) -> Any:
    """Returns a part of images of known size."""
    height, width = images.shape[1:3]
    sides = ((-top, top + rows - height), (-left, left + columns - width))
    return ops.pad(images, ((0, 0), *sides, (0, 0)))


class Resizing(ImageSizeLayer):
    """Resizes images.

    Args:
        height: height of the result.
        width: width of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: whether to cut the borders off that do not fit the aspect ratio of
            the result, instead of distorting the image.
        pad_to_aspect_ratio: whether to add borders instead.
        fill_mode: "constant" is the only one.
        fill_value: value of the borders.
        antialias: whether shrinking averages over all pixels that fall together.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, any, any, channels) to (batch, height, width, channels).
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.set_size(height, width, data_format)
        self.interpolation = arguments.choice(
            interpolation, INTERPOLATIONS, "interpolation", self.label
        )
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ConfigurationError(
                f"{self.label}: `crop_to_aspect_ratio` excludes `pad_to_aspect_ratio`."
            )
        self.fill_mode = arguments.choice(fill_mode, ("constant",), "fill_mode", self.label)
        self.fill_value = arguments.finite(fill_value, "fill_value", self.label)
        self.antialias = bool(antialias)

    def call(self, inputs: Any) -> Any:
        """Returns the resized images."""
        images = ops.cast(inputs, self.dtype)
        if self.crop_to_aspect_ratio:
            images = self.crop_to_aspect(images)
        elif self.pad_to_aspect_ratio:
            height, width = self.known_size(images)
            fit_height, fit_width = self.of_same_aspect(height, width)
            vertical = (max(height, fit_height) - height) // 2
            horizontal = (max(width, fit_width) - width) // 2
            widths = ((0, 0), (vertical, vertical), (horizontal, horizontal), (0, 0))
            images = ops.pad(images, widths, constant_values=self.fill_value)
        size = (self.height, self.width)
        return ops.image.resize(images, size, self.interpolation, self.antialias)


class CenterCrop(ImageSizeLayer):
    """Cuts the middle out of images; smaller images are enlarged first.

    Args:
        height: height of the result.
        width: width of the result.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, any, any, channels) to (batch, height, width, channels).
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.set_size(height, width, data_format)

    def call(self, inputs: Any) -> Any:
        """Returns the middle of the images."""
        images = ops.cast(inputs, self.dtype)
        height, width = self.known_size(images)
        top, left = (height - self.height) // 2, (width - self.width) // 2
        if height >= self.height and width >= self.width:
            return cut(images, top, left, self.height, self.width)
        return ops.image.resize(self.crop_to_aspect(images), (self.height, self.width))


class RandomCrop(RandomLayer, ImageSizeLayer):
    """Cuts a part out of images while training, at one random place for the images of a batch.

    Images that are not larger both ways are cut from the middle, and resized if they are too
    small. Otherwise (in `evaluate` and `predict`) the largest middle part that has the aspect
    ratio of the result is resized, as Keras's documentation says; Keras 3.15.1 itself then leaves
    images as they are.

    Args:
        height: height of the result.
        width: width of the result.
        seed: fixes this layer's random numbers; None draws from the model's.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, any, any, channels) to (batch, height, width, channels).
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.set_size(height, width, data_format)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns a part of the images."""
        images = ops.cast(inputs, self.dtype)
        height, width = self.known_size(images)
        size = (self.height, self.width)
        if not training:
            return ops.image.resize(self.crop_to_aspect(images), size)
        if height > self.height and width > self.width:
            moved = self._moved(images, height - self.height, width - self.width)
            return cut(moved, 0, 0, *size)
        fit_height, fit_width = self.of_same_aspect(height, width)
        top, left = (max(0, n - f) // 2 for n, f in ((height, fit_height), (width, fit_width)))
        part = cut(images, top, left, min(size[0], height - top), min(size[1], width - left))
        return part if part.shape[1:3] == size else ops.image.resize(part, size)

    def _moved(self, images: Any, most_down: int, most_right: int) -> Any:
        # A random pixel, at most this far down and right, comes to the upper left corner.
        transform: Any = np.array([1, 0, 0, 0, 1, 0, 0, 0], self.dtype)
        for most, place in ((most_right, 2), (most_down, 5)):
            draw = random_uniform(images, (0, 1, 2, 3), state=self._state)
            steps = ops.floor(ops.reshape(draw, (1,)) * (most + 1))
            transform = transform + steps * np.eye(8, dtype=self.dtype)[place]
        return ops.image.affine_transform(images, transform, "nearest")
