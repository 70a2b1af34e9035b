"""Models of the same architecture with weights of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyframe import nest
from pyframe.errors import ConfigurationError
from pyframe.layers import InputLayer, Layer
from pyframe.lookup import custom_object_scope
from pyframe.models.functional import Functional
from pyframe.models.model import Model
from pyframe.models.sequential import Sequential
from pyframe.ops.symbolic import SymbolicTensor


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    custom_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Returns a model of the same architecture with new initial weights.

    Args:
        model: a built or unbuilt model.
        input_tensors: tensors of `Input` that the copy starts from, nested as the model's inputs;
            new ones if None.
        clone_function: gives the layer that takes the place of a layer; by default a copy made
            from its configuration. Inputs and, unless `recursive`, nested models are copied
            without it.
        call_function: calls a layer of the copy, as call_function(layer, *args, **kwargs).
        recursive: whether `clone_function` and `call_function` are used inside nested models.
        custom_objects: the user's own classes by name.

    Raises:
        ConfigurationError: if these arguments are given for a subclass with `call`, or
            `clone_function` returns no layer.
    """
    with custom_object_scope(custom_objects or {}):
        if input_tensors is None and clone_function is None and call_function is None:
            return type(model).from_config(model.get_config())
        copier = _Copier(clone_function, call_function, recursive)
        if isinstance(model, Sequential):
            return copier.stack(model, input_tensors)
        if model.graph is None:
            raise ConfigurationError(
                f"{model.label} is no graph between tensors: `input_tensors`, `clone_function` "
                "and `call_function` are for Functional and Sequential models."
            )
        return copier.graph(model, input_tensors)


class _Copier:
    def __init__(
        self,
        clone: Callable[[Any], Any] | None,
        call: Callable[..., Any] | None,
        recursive: bool,
    ) -> None:
        self._clone = clone or _copy
        self._call = call or (lambda layer, *args, **kwargs: layer(*args, **kwargs))
        self._recursive = recursive

    def layer(self, layer: Any) -> Any:
        """Returns what takes the place of a layer."""
        if isinstance(layer, Model) and layer.graph is not None:
            if not self._recursive:
                return _copy(layer)
            if isinstance(layer, Sequential):
                return self.stack(layer, None)
            return self.graph(layer, None)
        copied = _copy(layer) if isinstance(layer, InputLayer) else self._clone(layer)
        if not isinstance(copied, Layer):
            raise ConfigurationError(
                f"`clone_function` must return a layer. For {layer.label} it gave: {copied!r}"
            )
        return copied

    def stack(self, model: Sequential, input_tensors: Any) -> Sequential:
        """Returns a copy of a Sequential model."""
        first: list[Any] = []
        if input_tensors is not None:
            first = nest.flatten(input_tensors)
        elif model.graph is not None:
            first = [_copy(model.inputs[0].node.operation)]
        layers = [*first, *(self.layer(layer) for layer in model.layers)]
        return Sequential(layers, model.trainable, model.name)

    def graph(self, model: Any, input_tensors: Any) -> Functional:
        """Returns a copy of a model that is a graph."""
        graph = model.graph
        if input_tensors is None:
            entries = [_copy(tensor.node.operation).tensor() for tensor in graph.inputs]
        else:
            entries = nest.flatten(graph.arrange(input_tensors, model.label))
        made: dict[int, Any] = {}

        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(operation, Layer):
                return operation(*args, **kwargs)
            if id(operation) not in made:
                made[id(operation)] = self.layer(operation)
            return self._call(made[id(operation)], *args, **kwargs)

        outputs = graph.run(entries, call)
        for tensor in entries:
            if not isinstance(tensor, SymbolicTensor):
                raise ConfigurationError(f"`input_tensors` must come from Input: {tensor!r}")
        inputs = nest.pack(graph.input_structure, entries)
        return Functional(inputs, outputs, model.name, model.trainable)


def _copy(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())
