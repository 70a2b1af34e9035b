"""A stack of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyframe.errors import ConfigurationError, NotBuiltError
from pyframe.layers import InputLayer, Layer, deserialize
from pyframe.layers.serialization import serialize
from pyframe.layers.weights import structure_changed
from pyframe.models.model import Model
from pyframe.ops.dtypes import Array
from pyframe.ops.tensor import Shape, Tensor, Trace


class Sequential(Model):
    """A model in which each layer works on the outputs of the one before.

    If the shape of the inputs is known (an Input first, or `input_shape` or `input_dim` on the
    first layer) the weights are made as layers are added; otherwise at the first data.

    Args:
        layers: layers to add.
        trainable: whether training changes the weights.
        name: name of the model.

    Example:
        >>> model = Sequential([Input((784,)), Dense(64, activation="relu"), Dense(10)])
    """

    def __init__(
        self, layers: Iterable[Layer] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(trainable=trainable, name=name)
        self._input: InputLayer | None = None
        self._layers: list[Layer] = []
        # Shape and dtype of the outputs of each layer whose inputs are known.
        self._specs: list[tuple[Shape, str]] = []
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Adds a layer on top.

        Args:
            layer: the layer.

        Raises:
            ConfigurationError: if it is no layer, or its name is taken.
            ShapeError: if the layer cannot work on the outputs of the one below.
        """
        if not isinstance(layer, Layer):
            hint = " Add an object: model.add(Dense(10))." if isinstance(layer, type) else ""
            raise ConfigurationError(
                f"Only layers can be added to a Sequential model. Received: {layer!r}.{hint}"
            )
        if isinstance(layer, InputLayer):
            if self._layers or self._input is not None:
                raise ConfigurationError(
                    f"{self.label} already has layers; an Input can only come first, and once."
                )
            self._input = layer
            self._build_shape = layer.batch_shape
            return
        if any(other.name == layer.name and other is not layer for other in self._layers):
            raise ConfigurationError(
                f"{self.label} already has a layer named '{layer.name}'. Names must differ."
            )
        if not self._layers and self._input is None:
            self._input = _input_of(layer)
        self._layers.append(layer)
        if self._input is not None:
            try:
                self._extend()
            except BaseException:
                self._layers.pop()
                raise
        else:
            self.built = False
        structure_changed()

    def pop(self) -> Layer:
        """Removes the last layer and returns it.

        Raises:
            ConfigurationError: if there is none.
        """
        if not self._layers:
            raise ConfigurationError(f"{self.label} has no layers.")
        layer = self._layers.pop()
        del self._specs[len(self._layers) :]
        self.built = bool(self._specs)
        structure_changed()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of all layers for inputs of this shape (with the batch axis).

        Raises:
            ConfigurationError: if there are no layers.
        """
        if not self._layers:
            raise ConfigurationError(f"{self.label} has no layers. Call model.add(layer).")
        if self._input is None:
            if input_shape is None:
                raise ConfigurationError("build needs `input_shape`, e.g. (None, 784).")
            batch_shape = (None, *tuple(input_shape)[1:])
            self._input = InputLayer(batch_shape=batch_shape, dtype=self._layers[0].dtype)
        self._extend()

    def _extend(self) -> None:
        # Builds the layers that are not, each on the output shape of the one below.
        assert self._input is not None
        below = self._specs[-1] if self._specs else (self._input.batch_shape, self._input.dtype)
        for layer in self._layers[len(self._specs) :]:
            with Trace(False, self.random_state()) as trace:
                outputs = layer(trace.input("x", *below))
            if not isinstance(outputs, Tensor):
                raise ConfigurationError(
                    f"{layer.label} has several outputs and cannot be part of a Sequential model."
                )
            below = (outputs.shape, outputs.dtype)
            self._specs.append(below)
        self._build_shape = self._input.batch_shape
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Applies all layers, one after the other."""
        for layer in self._layers:
            inputs = layer(inputs)
        return inputs

    def array_dtype(self, array: Array) -> str:
        """Returns the dtype of the model's input."""
        return super().array_dtype(array) if self._input is None else self._input.dtype

    @property
    def layers(self) -> list[Any]:
        """The layers that were added, without the Input."""
        return list(self._layers)

    @property
    def output_shape(self) -> Any:
        """Shape of the outputs, None for the batch axis.

        Raises:
            NotBuiltError: if the shape of the inputs is unknown.
        """
        if not self._specs:
            raise NotBuiltError(f"{self.label} does not know its input shape yet.")
        return self._specs[-1][0]

    def get_config(self) -> dict[str, Any]:
        """Returns the layers as plain data."""
        first = [self._input] if self._input is not None else []
        return {
            "name": self.name,
            "trainable": self._trainable,
            "layers": [serialize(layer) for layer in [*first, *self._layers]],
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """Returns a model made from what `get_config` returned; its weights start anew."""
        layers = [deserialize(layer, custom_objects) for layer in config["layers"]]
        return cls(layers, config.get("trainable", True), config.get("name"))


def _input_of(layer: Layer) -> InputLayer | None:
    shape = layer._input_shape_argument
    if shape is None and isinstance(layer, Model) and layer._build_shape is not None:
        shape = tuple(layer._build_shape)[1:]
    return None if shape is None else InputLayer(shape, dtype=layer.dtype)
