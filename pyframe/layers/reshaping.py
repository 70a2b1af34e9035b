"""Layers that only rearrange elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec


class Flatten(Layer):
    """Puts all axes but the batch into one: (batch, ...) to (batch, product).

    Args:
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """Returns the flattened samples; (batch,) becomes (batch, 1)."""
        return ops.expand_dims(inputs, -1) if inputs.ndim == 1 else ops.flatten(inputs)


class Identity(Layer):
    """Returns its inputs: a place in a network that has a name.

    Args:
        **kwargs: name, trainable, dtype, input_shape.
    """

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Returns the inputs."""
        return inputs


class Reshape(Layer):
    """Gives each sample another shape.

    Args:
        target_shape: shape of one sample; one dimension may be -1, it is computed.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, ...) to (batch, *target_shape).

    Raises:
        ShapeError: when called, if the number of elements differs.
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        shape = target_shape if isinstance(target_shape, (list, tuple)) else (target_shape,)
        whole = all(isinstance(n, (int, np.integer)) for n in shape)
        self.target_shape = tuple(int(n) for n in shape) if whole else ()
        if (
            not whole
            or self.target_shape.count(-1) > 1
            or any(n < 1 and n != -1 for n in self.target_shape)
        ):
            raise ConfigurationError(
                f"{self.label}: `target_shape` must hold positive integers and at most one -1. "
                f"Received: {target_shape}"
            )

    def call(self, inputs: Any) -> Any:
        """Returns the samples in their new shape."""
        sizes = inputs.shape[1:]
        if None in sizes:
            return ops.reshape(inputs, (-1, *self.target_shape))
        elements = math.prod(sizes)
        known = math.prod(n for n in self.target_shape if n != -1)
        wrong = elements % known if -1 in self.target_shape else elements != known
        if wrong:
            raise ShapeError(
                f"{self.label} cannot turn samples of shape {tuple(sizes)} ({elements} elements) "
                f"into {self.target_shape}."
            )
        target = [elements // known if n == -1 else n for n in self.target_shape]
        return ops.reshape(inputs, (-1, *target))


class Permute(Layer):
    """Permutes the axes of each sample.

    Args:
        dims: for each axis of the result the axis of the sample it comes from, from 1.
        **kwargs: name, trainable, dtype, input_shape.

    Raises:
        ConfigurationError: if `dims` is no permutation of 1, 2, ...
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims) if isinstance(dims, (list, tuple)) else (dims,)
        if set(self.dims) != set(range(1, len(self.dims) + 1)):
            raise ConfigurationError(
                f"{self.label}: `dims` must be a permutation of 1 ... {len(self.dims)} (the batch "
                f"axis 0 stays). Received: {dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        """Returns the samples with permuted axes."""
        return ops.transpose(inputs, (0, *self.dims))
