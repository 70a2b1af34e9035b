"""The entrance of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.layers.arguments import shape_argument
from pyframe.layers.base import Layer
from pyframe.ops.dtypes import TENSOR_DTYPES, Array


class InputLayer(Layer):
    """Says what one sample looks like; it computes nothing.

    Args:
        shape: shape of one sample, None for free dimensions.
        batch_size: accepted for Keras's sake; any batch size works.
        dtype: dtype of the data; integers narrower than int32 are read as floats.
        name: unique name.
        batch_shape: shape with the batch axis in front, instead of `shape`.

    Raises:
        ConfigurationError: if no shape is given.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("input_shape", None)
        super().__init__(name=name, dtype=_engine_dtype(dtype), **kwargs)
        sample = shape_argument(shape, None, batch_shape)
        if sample is None:
            raise ConfigurationError("Input needs `shape`, e.g. Input(shape=(28, 28, 1)).")
        self.batch_size = batch_size
        self.batch_shape = (None, *sample)
        self.built = True
        self._build_shape = self._output_shape = self.batch_shape

    def call(self, inputs: Any) -> Any:
        """Returns the inputs."""
        return inputs

    def array_dtype(self, array: Array) -> str:
        """Returns the dtype of the data."""
        return self.dtype

    def get_config(self) -> dict[str, Any]:
        """Returns the layer's arguments."""
        return {"batch_shape": self.batch_shape, "dtype": self.dtype, "name": self.name}


def _engine_dtype(dtype: Any) -> Any:
    return dtype if dtype is None or str(dtype) in TENSOR_DTYPES else "float32"


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
) -> InputLayer:
    """Returns the first entry of a Sequential model; see InputLayer for the arguments."""
    return InputLayer(shape, batch_size, dtype, name, batch_shape)
