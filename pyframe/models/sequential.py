"""A stack of layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyframe.errors import ConfigurationError, NotBuiltError
from pyframe.layers import InputLayer, Layer, deserialize
from pyframe.layers.serialization import policy, serialize
from pyframe.layers.weights import structure_changed
from pyframe.models.layer_graph import LayerGraph
from pyframe.models.model import Model
from pyframe.ops.symbolic import SymbolicTensor


class Sequential(Model):
    """A model in which each layer works on the outputs of the one before.

    If the shape of the inputs is known (an Input first, or `input_shape` or `input_dim` on the
    first layer) the weights are made as layers are added; otherwise at the first data.

    Args:
        layers: layers to add.
        trainable: whether training changes the weights.
        name: name of the model.

    Attributes:
        has_one_input: always true: a list of arrays is a list of samples.

    Example:
        >>> model = Sequential([Input((784,)), Dense(64, activation="relu"), Dense(10)])
    """

    has_one_input = True
    _transient = Model._transient | {"_tensors"}

    def __init__(
        self, layers: Iterable[Layer] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(trainable=trainable, name=name)
        self._input: InputLayer | None = None
        self._layers: list[Layer] = []
        # The input and the output of each layer, as far as their shapes are known.
        self._tensors: list[SymbolicTensor] = []
        for layer in layers or ():
            self.add(layer)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._tensors = []
        if self.graph is not None:
            made = [node.output(0) for node in self.graph.nodes]
            self._tensors = [*self.graph.inputs, *made]
        elif self._input is not None:
            self._tensors = [self._input.tensor()]

    def add(self, layer: Any) -> None:
        """Adds a layer on top.

        Args:
            layer: the layer.

        Raises:
            ConfigurationError: if it is no layer, or its name is taken.
            ShapeError: if the layer cannot work on the outputs of the one below.
        """
        if isinstance(layer, SymbolicTensor) and layer.node.is_input:
            layer = layer.node.operation
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
            self._start(layer)
            return
        if any(other.name == layer.name and other is not layer for other in self._layers):
            raise ConfigurationError(
                f"{self.label} already has a layer named '{layer.name}'. Names must differ."
            )
        if not self._layers and self._input is None:
            first = _input_of(layer)
            if first is not None:
                self._start(first)
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
        del self._tensors[len(self._layers) + 1 :]
        self.graph = None
        if len(self._tensors) > 1:
            self._finish()
        else:
            self.built = False
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
            self._start(InputLayer(batch_shape=batch_shape, dtype=self._layers[0].dtype))
        self._extend()

    def _start(self, layer: InputLayer) -> None:
        self._input = layer
        self._tensors = [layer.tensor()]
        self._build_shape = layer.batch_shape

    def _extend(self) -> None:
        # Builds the layers that are not, each on the output of the one below.
        for layer in self._layers[len(self._tensors) - 1 :]:
            output = layer(self._tensors[-1])
            if not isinstance(output, SymbolicTensor):
                raise ConfigurationError(
                    f"{layer.label} has several outputs and cannot be part of a Sequential model."
                )
            self._tensors.append(output)
        self._finish()

    def _finish(self) -> None:
        self.set_graph(LayerGraph(self._tensors[0], self._tensors[-1]))

    def call(self, inputs: Any) -> Any:
        """Applies all layers, one after the other."""
        for layer in self._layers:
            inputs = layer(inputs)
        return inputs

    @property
    def layers(self) -> list[Any]:
        """The layers that were added, without the Input."""
        return list(self._layers)

    @property
    def operations(self) -> list[Any]:
        """The same as `layers`."""
        return self.layers

    def sublayers(self) -> Iterator[Any]:
        """Yields the layers that were added."""
        yield from dict.fromkeys(self._layers)

    @property
    def output_shape(self) -> Any:
        """Shape of the outputs, None for the batch axis.

        Raises:
            NotBuiltError: if the shape of the inputs is unknown.
        """
        if len(self._tensors) < 2:
            raise NotBuiltError(f"{self.label} does not know its input shape yet.")
        return self._tensors[-1].shape

    def get_config(self) -> dict[str, Any]:
        """Returns the layers as plain data."""
        first = [self._input] if self._input is not None else []
        return {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": policy(self.dtype),
            "layers": [serialize(layer) for layer in [*first, *self._layers]],
            **({} if self._input is None else {"build_input_shape": self._input.batch_shape}),
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
