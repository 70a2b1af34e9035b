"""The entrance of a model."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.layers.arguments import shape_argument
from pyframe.layers.base import Layer
from pyframe.ops.dtypes import TENSOR_DTYPES, Array
from pyframe.ops.symbolic import Node, SymbolicTensor


class InputLayer(Layer):
    """Says what one sample looks like; it computes nothing.

    Args:
        shape: shape of one sample, None for free dimensions.
        batch_size: number of samples in a batch, for stateful recurrent layers; other layers take
            any batch.
        dtype: dtype of the data; integers narrower than int32 are read as floats.
        name: unique name.
        batch_shape: shape with the batch axis in front, instead of `shape`.
        sparse: must be False, as the next.
        ragged: there are only dense tensors.
        optional: must be False; every input is needed.

    Raises:
        ConfigurationError: if no shape is given.
    """

    _transient = Layer._transient | {"_models"}

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        optional: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("input_shape", None)
        for argument, value in (("sparse", sparse), ("ragged", ragged), ("optional", optional)):
            if value:
                raise ConfigurationError(
                    f"Input: `{argument}`={value!r} is not available; inputs are dense arrays."
                )
        super().__init__(name=name, dtype=_engine_dtype(dtype), **kwargs)
        sample = shape_argument(shape, None, batch_shape)
        if sample is None:
            raise ConfigurationError("Input needs `shape`, e.g. Input(shape=(28, 28, 1)).")
        self.batch_size = batch_size if batch_shape is None else next(iter(batch_shape), None)
        self.batch_shape = (None, *sample)
        self.built = True
        self._build_shape = self._output_shape = self.batch_shape

    @property
    def models(self) -> Iterable[Any]:
        """The models of which this is an input."""
        return list(self.__dict__.get("_models", ()))

    def add_model(self, model: Any) -> None:
        """Notes that this is an input of a model."""
        self.__dict__.setdefault("_models", weakref.WeakSet()).add(model)

    def call(self, inputs: Any) -> Any:
        """Returns the inputs."""
        return inputs

    def tensor(self) -> SymbolicTensor:
        """Returns the tensor that stands for the data; the same one at every call."""
        nodes = self.inbound_nodes
        if nodes:
            return nodes[0].output(0)
        node = Node(self, (), {}, None, [(self.batch_shape, self.dtype)])
        self.add_node(node)
        return node.output(0)

    def array_dtype(self, array: Array) -> str:
        """Returns the dtype of the data."""
        return self.dtype

    def get_config(self) -> dict[str, Any]:
        """Returns the layer's arguments."""
        return {
            "batch_shape": (self.batch_size, *self.batch_shape[1:]),
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def _engine_dtype(dtype: Any) -> Any:
    return dtype if dtype is None or str(dtype) in TENSOR_DTYPES else "float32"


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: SymbolicTensor | None = None,
    optional: bool = False,
) -> SymbolicTensor:
    """Returns a tensor that stands for the data, from which a graph of layers starts.

    It may also come first in a Sequential model.

    Args:
        shape: shape of one sample, None for free dimensions.
        batch_size: number of samples in a batch, for stateful recurrent layers; other layers take
            any batch.
        dtype: dtype of the data; integers narrower than int32 are read as floats.
        sparse: must be False or None, as the next.
        ragged: there are only dense tensors.
        batch_shape: shape with the batch axis in front, instead of `shape`.
        name: unique name; the key of this input in dictionaries of arrays.
        tensor: a tensor of the graph that is to be returned as it is.
        optional: must be False.

    Raises:
        ConfigurationError: if no shape is given.

    Example:
        >>> inputs = Input((784,))
        >>> model = Model(inputs, Dense(10, activation="softmax")(inputs))
    """
    if tensor is not None:
        return tensor
    layer = InputLayer(
        shape, batch_size, dtype, name, batch_shape, sparse=sparse, ragged=ragged, optional=optional
    )
    return layer.tensor()
