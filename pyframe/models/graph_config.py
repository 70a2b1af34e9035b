"""Graphs of models to and from plain data, as Keras 2 and 3 write them.

A layer is written with its `inbound_nodes`, one for each call: the arguments, in which a tensor
is named by layer, number of the call and number of the output. Keras counts the making of a
nested Functional as its first call where it names the inputs and outputs of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyframe import nest
from pyframe.errors import ConfigurationError
from pyframe.layers import InputLayer, deserialize
from pyframe.layers.serialization import serialize
from pyframe.models.graph_operations import is_operation, operation_config, operation_from_config
from pyframe.models.layer_graph import LayerGraph
from pyframe.models.model import Model
from pyframe.models.tensorflow_functions import LAYERS, TensorFlowFunction
from pyframe.ops.symbolic import Node, Operation, SymbolicTensor

_TENSOR = "__keras_tensor__"
_ARRAY = "__numpy__"
_SLICE = ("start", "stop", "step")
_CONSTANT = "_CONSTANT_VALUE"  # where Keras 2 writes a layer's name: a value stands in its place


def graph_config(graph: LayerGraph) -> dict[str, Any]:
    """Returns layers, calls, inputs and outputs of a graph as Keras 3 writes them."""
    inputs = [tensor.node for tensor in graph.inputs]
    calls: dict[int, list[Node]] = {id(operation): [] for operation in graph.operations}
    for node in [*inputs, *graph.nodes]:
        calls[id(node.operation)].append(node)
    for operation in graph.operations:
        # Calls are numbered in the order in which they were made, as Keras does.
        order = {id(n): i for i, n in enumerate(getattr(operation, "inbound_nodes", ()))}
        calls[id(operation)].sort(key=lambda n: order.get(id(n), 0))
    numbers = {id(node): i for nodes in calls.values() for i, node in enumerate(nodes)}

    def place(tensor: SymbolicTensor) -> list[Any]:
        node = tensor.node
        number = numbers[id(node)] + is_functional(node.operation)
        return [node.operation.name, number, tensor.index]

    def plain(value: Any) -> Any:
        if isinstance(value, SymbolicTensor):
            history = [value.node.operation.name, numbers[id(value.node)], value.index]
            config = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": history}
            return {"class_name": _TENSOR, "config": config}
        if isinstance(value, np.ndarray):
            config = {"value": value.tolist(), "dtype": value.dtype.name}
            return {"class_name": _ARRAY, "config": config}
        if isinstance(value, slice):
            config = {name: getattr(value, name) for name in _SLICE}
            return {"class_name": "__slice__", "config": config}
        if value is Ellipsis:
            return {"class_name": "__ellipsis__", "config": {}}
        return value.item() if isinstance(value, np.generic) else value

    layers = []
    for operation in graph.operations:
        nodes = []
        for node in calls[id(operation)]:
            arguments: tuple[Any, Any] = (node.args, node.kwargs)
            if isinstance(operation, Operation):
                entry, *arguments = operation_config(node)  # type: ignore[assignment]
            args, kwargs = nest.map_leaves(plain, list(arguments))
            if not node.is_input:
                nodes.append({"args": list(args), "kwargs": kwargs})
        if not isinstance(operation, Operation):
            entry = serialize(operation)
        layers.append({**entry, "name": operation.name, "inbound_nodes": nodes})
    return {
        "layers": layers,
        "input_layers": nest.map_leaves(place, graph.input_struct),
        "output_layers": nest.map_leaves(place, graph.output_struct),
    }


def is_functional(operation: Any) -> bool:
    """Tells whether an operation is a model that was made of a graph."""
    return isinstance(operation, Model) and operation.graph is not None


def graph_from_config(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> tuple[Any, Any]:
    """Makes new layers and calls them as a configuration says.

    Args:
        config: `layers`, `input_layers` and `output_layers`, as Keras 2 or 3 writes them.
        custom_objects: the user's own classes by name.

    Returns:
        The inputs and outputs.

    Raises:
        ConfigurationError: if the layers are not connected, or a class is unknown.
    """
    reader = _GraphReader()
    try:
        for entry in config["layers"]:
            reader.add(entry, custom_objects)
        reader.connect()
        return reader.tensors(config["input_layers"]), reader.tensors(config["output_layers"])
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ConfigurationError(
            f"The configuration of the model '{config.get('name')}' is incomplete or damaged: "
            f"{type(error).__name__}: {error}"
        ) from error


class _Missing(Exception):
    # A call refers to the output of one that was not made yet.
    pass


class _GraphReader:
    def __init__(self) -> None:
        self._operations: dict[str, Any] = {}
        self._calls: dict[str, list[list[SymbolicTensor]]] = {}  # their outputs
        self._pending: dict[str, list[Any]] = {}
        self._options: dict[str, dict[str, Any]] = {}
        self._old = False

    def add(self, entry: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> None:
        """Makes a layer; its calls wait."""
        arguments = {k: v for k, v in entry.items() if k not in ("name", "inbound_nodes")}
        operation: Any
        if is_operation(entry):
            operation, options = operation_from_config(arguments)
            self._options[operation.name] = options
        elif entry.get("class_name") in LAYERS:
            operation = TensorFlowFunction(entry["config"])
        else:
            operation = deserialize(arguments, custom_objects)
        # Keras leaves the name out of the configuration of a class of one's own.
        name = str(entry.get("name") or operation.name)
        if name in self._operations:
            raise ConfigurationError(f"The configuration has two layers named '{name}'.")
        self._operations[name] = operation
        self._calls[name] = []
        nodes = list(entry.get("inbound_nodes") or ())
        self._pending[name] = nodes
        self._old = self._old or any(isinstance(node, list) for node in nodes)
        if isinstance(operation, InputLayer):
            self._calls[name] = [[operation.tensor()]]

    def connect(self) -> None:
        """Makes all calls, each after those whose outputs it needs.

        Raises:
            ConfigurationError: if some of them need what never comes.
        """
        waiting = [name for name, nodes in self._pending.items() if nodes]
        while waiting:
            progress = False
            for name in waiting:
                nodes = self._pending[name]
                while nodes:
                    try:
                        made = self._call(name, nodes[0])
                    except _Missing:
                        break
                    self._calls[name].append(made)
                    nodes.pop(0)
                    progress = True
            waiting = [name for name in waiting if self._pending[name]]
            if not progress:
                raise ConfigurationError(
                    f"The configuration has loops or missing layers: {waiting[:5]} cannot be "
                    "connected."
                )

    def _call(self, name: str, data: Any) -> list[SymbolicTensor]:
        args, kwargs = self._old_arguments(data) if isinstance(data, list) else self._new(data)
        operation = self._operations[name]
        kwargs = {k: v for k, v in kwargs.items() if not (k == "mask" and v is None)}
        if isinstance(operation, Operation):
            kwargs = {**self._options[name], **kwargs}
            if operation.function.__name__ == "get_item" and isinstance(args[1], list):
                args[1] = tuple(args[1])  # JSON knows lists only
        return nest.flatten(operation(*args, **kwargs))

    def _new(self, data: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        return self._filled(list(data["args"])), self._filled(dict(data["kwargs"]))

    def _filled(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            kind, config = value.get("class_name"), value.get("config")
            if kind == _TENSOR and isinstance(config, Mapping):
                return self._tensor(config["keras_history"])
            if kind == _ARRAY and isinstance(config, Mapping):
                return np.asarray(config["value"], dtype=str(config["dtype"]))
            if kind == "__slice__" and isinstance(config, Mapping):
                return slice(*(config[name] for name in _SLICE))
            if kind == "__ellipsis__":
                return Ellipsis
            return {key: self._filled(entry) for key, entry in value.items()}
        return [self._filled(entry) for entry in value] if isinstance(value, list) else value

    def _old_arguments(self, data: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        # Keras 2: [[layer, call, output, {arguments by name}], ...], one entry for each tensor.
        entries = [data] if data and isinstance(data[0], str) else data
        tensors = [self._old_filled(entry[:3]) for entry in entries]
        kwargs: dict[str, Any] = {}
        for entry in entries:
            for key, value in (entry[3] if len(entry) > 3 else {}).items():
                kwargs[key] = self._old_filled(value)
        return [tensors[0] if len(tensors) == 1 else tensors], kwargs

    def _old_filled(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if len(value) == 3 and isinstance(value[0], str):
            return value[2] if value[0] == _CONSTANT else self._tensor(value, counts_making=True)
        return [self._old_filled(entry) for entry in value]

    def _tensor(self, place: Sequence[Any], counts_making: bool = False) -> SymbolicTensor:
        name, call, output = place
        if name not in self._operations:
            raise ConfigurationError(f"The configuration refers to a missing layer '{name}'.")
        made, operation = self._calls[name], self._operations[name]
        # Keras 2 does so for nested Sequential models too.
        if counts_making and (
            isinstance(operation, Model) if self._old else is_functional(operation)
        ):
            call = max(call - 1, 0)
        if not 0 <= call < len(made):
            raise _Missing
        tensor: SymbolicTensor = made[call][output]
        return tensor

    def tensors(self, places: Any) -> Any:
        """Returns the tensors that the inputs or outputs of the model name."""
        if isinstance(places, Mapping):
            return {key: self.tensors(place) for key, place in places.items()}
        if len(places) == 3 and isinstance(places[0], str):
            try:
                return self._tensor(places, counts_making=True)
            except _Missing:
                raise ConfigurationError(
                    f"The configuration names an output that is not there: {list(places)}"
                ) from None
        return [self.tensors(place) for place in places]
