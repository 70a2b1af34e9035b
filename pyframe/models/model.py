"""Model, the base of Sequential and of models of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pyframe import nest
from pyframe.errors import ConfigurationError, NotBuiltError
from pyframe.layers.base import shapes_in
from pyframe.layers.serialization import serialize
from pyframe.layers.weights import structure_changed
from pyframe.lookup import plain
from pyframe.models.fitting import Trainer
from pyframe.models.layer_graph import LayerGraph
from pyframe.models.outputs import Outputs
from pyframe.ops.dtypes import Array, common_float
from pyframe.ops.symbolic import SymbolicTensor
from pyframe.ops.tensor import SymbolicValue, Trace
from pyframe.saving import LoadReport, load_weights, save_model, save_weights


class Model(Trainer):
    """Layers with training and prediction.

    There are two ways to make one. `Model(inputs, outputs)` takes what lies between tensors of
    `Input` and tensors that layers made from them; several inputs or outputs are given as lists,
    tuples or dictionaries. A subclass makes its layers in `__init__` and combines them in
    `call(inputs)` or `call(inputs, training)`. Either is traced once and then runs as one plan.

    A `training` that a layer of the graph was called with stays, whatever the model does:
    `base(x, training=False)` keeps batch normalisation from adapting. (Keras 3.15.1 documents
    this, but lets the mode of `fit` and `predict` win.)

    Args:
        inputs: tensors of `Input`, or tensors of another model's graph.
        outputs: tensors that depend on nothing but the inputs.
        trainable: whether training changes the weights.
        name: name of the model.
        dtype: "float32" or "float64".

    Attributes:
        graph: what lies between inputs and outputs; None for a subclass with `call`.
        has_one_input: whether a list of arrays cannot mean several inputs.

    Raises:
        ConfigurationError: for inputs and outputs that are no such tensors or not connected.

    Example:
        >>> inputs = Input((784,))
        >>> hidden = Dense(64, activation="relu")(inputs)
        >>> model = Model(inputs, Dense(10, activation="softmax")(hidden))

        >>> class Net(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = Dense(32, activation="relu")
        ...         self.last = Dense(10, activation="softmax")
        ...
        ...     def call(self, inputs):
        ...         return self.last(self.hidden(inputs))
    """

    graph: LayerGraph | None = None
    has_one_input: bool = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Returns a Functional for `Model(inputs, outputs)`."""
        if cls is Model and (len(args) > 1 or "outputs" in kwargs or "output" in kwargs):
            from pyframe.models.functional import Functional

            return super().__new__(Functional)
        return super().__new__(cls)

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        *,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
        **unknown: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype, **unknown)
        if (inputs is None) != (outputs is None):
            raise ConfigurationError(f"{self.label} needs both `inputs` and `outputs`, or neither.")
        if inputs is not None:
            self.set_graph(LayerGraph.between(inputs, outputs))

    def set_graph(self, graph: LayerGraph) -> None:
        """Makes the model what lies between the inputs and outputs of a graph."""
        self.graph = graph
        for tensor in graph.inputs:
            tensor.node.operation.add_model(self)
        shapes = [tensor.shape for tensor in graph.inputs]
        self._build_shape = shapes[0] if len(shapes) == 1 else shapes
        self.built = True
        structure_changed()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for tensor in self.graph.inputs if self.graph is not None else ():
            tensor.node.operation.add_model(self)

    def _graph(self) -> LayerGraph:
        if self.graph is None:
            raise NotBuiltError(
                f"{self.label} is no graph between tensors of Input: its inputs and outputs are "
                "known only when it is called."
            )
        return self.graph

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The input tensors in a row."""
        return list(self._graph().inputs)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The output tensors in a row."""
        return list(self._graph().outputs)

    @property
    def input(self) -> Any:
        """The input tensors, nested as they were given."""
        return self._graph().input_struct

    @property
    def output(self) -> Any:
        """The output tensors, nested as they were given."""
        return self._graph().output_struct

    @property
    def input_names(self) -> list[str]:
        """Names by which dictionaries give the inputs."""
        return self._graph().input_names

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that made the outputs."""
        return [tensor.name for tensor in self._graph().outputs]

    @property
    def layers(self) -> list[Any]:
        """The layers of the model: in the order of the graph, or as they were made."""
        return list(self.sublayers())

    def sublayers(self) -> Iterator[Any]:
        """Yields the layers of the graph and those held by attributes."""
        if self.graph is None:
            yield from super().sublayers()
            return
        layers = self.graph.layers
        yield from layers
        known = set(map(id, layers))
        yield from (layer for layer in super().sublayers() if id(layer) not in known)

    @property
    def operations(self) -> list[Any]:
        """The layers and, in a graph, the operators between them."""
        if self.graph is None:
            return self.layers
        return list(self.graph.operations)

    @property
    def connections(self) -> dict[str, str] | None:
        """Where the operations of a graph get their inputs, None for a plain stack of layers."""
        return None if self.graph is None else self.graph.connections

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Returns a layer.

        Args:
            name: its name; "outer/inner" is the layer "inner" of the nested model "outer".
            index: its position in `layers`, instead of a name.

        Raises:
            ConfigurationError: if there is none.
        """
        if (name is None) == (index is None):
            raise ConfigurationError("get_layer needs either `name` or `index`.")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ConfigurationError(
                    f"There is no layer {index}: the model has {len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        for layer in layers:
            if isinstance(layer, Model) and str(name).startswith(f"{layer.name}/"):
                return layer.get_layer(str(name)[len(layer.name) + 1 :])
        raise ConfigurationError(
            f"There is no layer {name!r}. Layers: {', '.join(layer.name for layer in layers)}"
        )

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Applies the model to arrays (as one batch) or to symbolic tensors.

        Args:
            inputs: arrays or tensors, nested as the model's inputs; also a list in their order
                or a dictionary by their names.
            *args: further arguments of `call`.
            training: whether dropout and the like are active.
            **kwargs: further arguments of `call`.

        Returns:
            NumPy arrays for arrays, tensors for tensors.
        """
        # Arrays are looked at by `check_inputs`; they may be lists of numbers.
        graph = None if type(inputs) is np.ndarray else self.graph
        if graph and any(isinstance(value, SymbolicValue) for value in nest.flatten(inputs)):
            inputs = graph.arrange(inputs, self.label)
        return super().__call__(inputs, *args, training=training, **kwargs)

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Repeats the graph on other tensors; a subclass without a graph overrides this."""
        if self.graph is None:
            raise NotImplementedError(f"{type(self).__name__} does not define `call`.")
        return self.graph.run(nest.flatten(inputs))

    def array_dtypes(self, arrays: Sequence[Array]) -> list[str]:
        """Returns the dtypes of the model's inputs."""
        if self.graph is None:
            return super().array_dtypes(arrays)
        return [tensor.dtype for tensor in self.graph.inputs]

    @property
    def output_shape(self) -> Any:
        """Shape of the output, None for the batch axis; a list of shapes for several outputs.

        Raises:
            NotBuiltError: if the model is no graph and was never called.
        """
        if self.graph is None:
            return super().output_shape
        shapes = [tensor.shape for tensor in self.graph.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def outputs_spec(self) -> Outputs:
        """Names, shapes and nesting of the outputs.

        Raises:
            NotBuiltError: if the model is no graph and was never called.
        """
        if self.graph is not None:
            return self.graph.outputs_spec
        return super().outputs_spec

    def build(self, input_shape: Any) -> None:
        """Makes the weights of all layers by tracing `call` for inputs of this shape."""
        if self.graph is not None:
            return
        dtype = common_float([self.dtype])
        with Trace(False, self.random_state()) as trace:
            shapes, structure = shapes_in(input_shape)
            tensors = [trace.input(f"x{i}", shape, dtype) for i, shape in enumerate(shapes)]
            outputs = self.call(nest.pack(structure, tensors))
        self._output_shape = nest.map_leaves(lambda tensor: tensor.shape, outputs)
        self.built = True
        self._build_shape = nest.pack(structure, shapes)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints a table of the layers; that of a graph also says what is connected to what.

        Args:
            line_length: width in characters, None for what the terminal has.
            positions: right edges of the columns as parts of the width.
            print_fn: what is called with the text, `print` if None.
            expand_nested: whether to list the layers of nested models.
            show_trainable: whether to add a column that says which layers are trained.
            layer_range: names (regular expressions) of the first and last layer to show.

        Raises:
            ConfigurationError: for an impossible `positions` or `layer_range`.
        """
        from pyframe.utils.summary import format_summary

        table = format_summary(
            self, line_length, show_trainable, expand_nested, positions, layer_range
        )
        (print_fn or print)(table)

    def to_json(self, **options: Any) -> str:
        """Returns the architecture as JSON, without weights; `options` go to json.dumps."""
        return json.dumps(plain(serialize(self)), **options)

    def save(
        self,
        filepath: Any,
        overwrite: bool = True,
        include_optimizer: bool = True,
        **kwargs: Any,
    ) -> None:
        """Saves architecture, weights, compile arguments and optimizer; see `saving.save_model`."""
        save_model(self, filepath, overwrite, include_optimizer, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Saves the weights and the optimizer's state; see `saving.save_weights`."""
        save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False
    ) -> LoadReport:
        """Reads weights from a file and reports what was loaded; see `saving.load_weights`."""
        return load_weights(self, filepath, skip_mismatch, by_name)

    def get_build_config(self) -> dict[str, Any] | None:
        """Returns the shape that the model is built for, None before."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns what `compile` was given as plain data, None before compile."""
        return None if self._compiled is None else self._compiled.get_config()
