"""The layers and operators between the inputs and outputs of a model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyframe import nest, ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import Input, Layer
from pyframe.models.outputs import Outputs
from pyframe.ops.symbolic import Key, Node, SymbolicTensor


class LayerGraph:
    """What leads from input tensors to output tensors; it can be repeated on other tensors.

    Args:
        inputs: tensors of `Input`, or of any other place in a graph, nested as the model takes
            them.
        outputs: tensors that were made from them, nested as the model returns them.

    Attributes:
        inputs: the input tensors in a row.
        outputs: the output tensors in a row.
        nodes: all calls between them, each after those whose outputs it needs.
        operations: layers and operators, each once, in the order of their distance from the
            outputs; Keras orders layers and weights like this.
        outputs_spec: names, shapes and nesting of the outputs.

    Raises:
        ConfigurationError: if something else than such tensors is given, an output does not
            depend on the inputs alone, or two layers have one name.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.input_struct, self.output_struct = inputs, outputs
        self.inputs = _tensors(inputs, "inputs")
        self.outputs = _tensors(outputs, "outputs")
        self._given = {tensor.key for tensor in self.inputs}
        if len(self._given) < len(self.inputs):
            raise ConfigurationError("`inputs` holds the same tensor twice.")
        # An Input of a nested model stands for the tensor on which that was called first.
        self._aliases: dict[Key, SymbolicTensor] = {}
        self.nodes: list[Node] = []
        self._first_visit: dict[int, int] = {}
        self._sort()
        self.operations = self._in_order()
        self._check_names()
        self.input_structure = nest.structure_of(inputs)
        self.output_structure = nest.structure_of(outputs)
        names, shapes = [t.name for t in self.outputs], [t.shape for t in self.outputs]
        self.outputs_spec = Outputs.of(self.output_structure, names, shapes)

    @classmethod
    def between(cls, inputs: Any, outputs: Any) -> LayerGraph:
        """Returns the graph of a model; each input that is no `Input` is replaced by one."""
        graph = cls(inputs, outputs)
        if graph.is_plain:
            return graph
        names = [operation.name for operation in graph.operations]
        entries = []
        for tensor in graph.inputs:
            if not tensor.node.is_input:
                name = tensor.name if tensor.name not in names else None
                tensor = Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
            entries.append(tensor)
        return cls(nest.pack(graph.input_structure, entries), graph.run(entries))

    @functools.cached_property
    def value_checks(self) -> list[tuple[int, Callable[[Any], None]]]:
        """What looks at arrays before a run: the number of an input, and a method of a layer."""
        numbers = {tensor.key: i for i, tensor in enumerate(self.inputs)}
        found: list[tuple[int, Callable[[Any], None]]] = []
        for node in self.nodes:
            places = [numbers.get(self._resolve(tensor).key) for tensor in node.inputs]
            inner = getattr(node.operation, "graph", None)
            if hasattr(node.operation, "check_values"):
                found += [(i, node.operation.check_values) for i in places if i is not None]
            elif isinstance(inner, LayerGraph):
                found += [
                    (i, check)
                    for number, check in inner.value_checks
                    if (i := places[number]) is not None
                ]
        return found

    # --- making ------------------------------------------------------------------------------

    def _sort(self) -> None:
        # Depth first from the outputs, without recursion: graphs are thousands of layers deep.
        finished: set[int] = set()
        for output in self.outputs:
            stack = [(node, False) for node in self._sources([output])]
            while stack:
                node, inputs_done = stack.pop()
                if id(node) in finished:
                    continue
                if inputs_done:
                    finished.add(id(node))
                    if not node.is_input:
                        self.nodes.append(node)
                    continue
                self._first_visit.setdefault(id(node.operation), len(self._first_visit))
                stack.append((node, True))
                sources = self._sources(node.inputs)
                stack.extend((n, False) for n in reversed(sources) if id(n) not in finished)

    def _sources(self, tensors: Sequence[SymbolicTensor]) -> list[Node]:
        # The calls that made the tensors, without those outside the graph.
        found = [self._resolve(tensor) for tensor in tensors]
        return [t.node for t in found if t.node.is_input or t.key not in self._given]

    def _resolve(self, tensor: SymbolicTensor) -> SymbolicTensor:
        # The tensor itself, or, for the Input of a nested model, what the model was called on.
        while tensor.node.is_input and tensor.key not in self._given:
            tensor = self._outside(tensor)
        return tensor

    def _outside(self, tensor: SymbolicTensor) -> SymbolicTensor:
        known = self._aliases.get(tensor.key)
        if known is not None:
            return known
        connected = [t for t in _called_on(tensor) if self._depends_on_inputs(t)]
        if not connected:
            raise ConfigurationError(
                f"The graph is disconnected: the outputs depend on the Input '{tensor.name}', "
                "which is not among `inputs`, nor part of a nested model that was called on what "
                "comes from them."
            )
        self._aliases[tensor.key] = connected[0]
        return connected[0]

    def _depends_on_inputs(self, tensor: SymbolicTensor) -> bool:
        seen: set[Key] = set()
        stack = [tensor]
        while stack:
            tensor = stack.pop()
            if tensor.key in self._given:
                return True
            if tensor.key not in seen:
                seen.add(tensor.key)
                stack.extend(_called_on(tensor) if tensor.node.is_input else tensor.node.inputs)
        return False

    def _in_order(self) -> list[Any]:
        node_depths: dict[int, int] = {}
        depths: dict[int, int] = {}
        operations: dict[int, Any] = {}

        inputs = [t.node for t in self.inputs if t.node.is_input]
        for node in [*reversed(self.nodes), *inputs]:
            key = id(node.operation)
            depth = max(node_depths.get(id(node), 0), depths.get(key, 0))
            operations[key], depths[key] = node.operation, depth
            for source in self._sources(node.inputs):
                node_depths[id(source)] = max(depth + 1, node_depths.get(id(source), 0))
        visits = self._first_visit
        return sorted(operations.values(), key=lambda o: (-depths[id(o)], visits.get(id(o), -1)))

    def _check_names(self) -> None:
        names: dict[str, Any] = {}
        for operation in self.operations:
            if names.setdefault(operation.name, operation) is not operation:
                raise ConfigurationError(
                    f"The name '{operation.name}' is used twice in the model: "
                    f"{names[operation.name]!r} and {operation!r}. Names must differ."
                )

    # --- copies ------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # A row of calls that refer to each other by number: recursion would be as deep as the
        # graph, and what lies outside of it stays behind.
        keys: dict[Key, _Place] = {t.key: _Place(-1, i) for i, t in enumerate(self.inputs)}

        def place(leaf: Any) -> Any:
            return keys[leaf.key] if isinstance(leaf, SymbolicTensor) else leaf

        calls = []
        for number, node in enumerate(self.nodes):
            args, kwargs = nest.map_leaves(place, (node.args, node.kwargs))
            calls.append((node.operation, args, kwargs, node.structure, node.specs))
            keys.update({(id(node), i): _Place(number, i) for i in range(len(node.specs))})
        return {
            "inputs": [tensor.node.operation for tensor in self.inputs],
            "input_structure": self.input_structure,
            "calls": calls,
            "outputs": nest.map_leaves(place, self.output_struct),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        inputs = [layer.tensor() for layer in state["inputs"]]
        nodes: list[Node] = []

        def tensor(leaf: Any) -> Any:
            if not isinstance(leaf, _Place):
                return leaf
            return inputs[leaf.index] if leaf.call < 0 else nodes[leaf.call].output(leaf.index)

        for operation, args, kwargs, structure, specs in state["calls"]:
            args, kwargs = nest.map_leaves(tensor, (args, kwargs))
            nodes.append(Node(operation, args, kwargs, structure, specs))
            if isinstance(operation, Layer):
                operation.add_node(nodes[-1])
        outputs = nest.map_leaves(tensor, state["outputs"])
        LayerGraph.__init__(self, nest.pack(state["input_structure"], inputs), outputs)

    # --- using -------------------------------------------------------------------------------

    @property
    def is_plain(self) -> bool:
        """Whether all inputs are tensors of `Input` and no call is inside a nested model."""
        return not self._aliases and all(tensor.node.is_input for tensor in self.inputs)

    @property
    def input_names(self) -> list[str]:
        """Names by which dictionaries give the inputs: their keys or the names of the Inputs."""
        given = self.input_struct
        if isinstance(given, dict) and len(given) == len(self.inputs):
            return sorted(given)
        return [tensor.name for tensor in self.inputs]

    def arrange(self, values: Any, label: str) -> Any:
        """Returns values, given as a list or a dictionary, nested as the inputs are.

        Raises:
            ConfigurationError: if there are more or fewer than inputs, or a name is missing.
        """
        names = self.input_names
        if isinstance(values, dict) and all(name in values for name in names):
            leaves = [values[name] for name in names]
        else:
            leaves = nest.flatten(values)
        if len(leaves) != len(names):
            raise ConfigurationError(
                f"{label} has {len(names)} inputs: {', '.join(names)}. Give a list in this order "
                f"or a dictionary by these names. Received: {values!r}"
            )
        return nest.pack(self.input_structure, leaves)

    @property
    def layers(self) -> list[Any]:
        """The layers among the operations."""
        return [operation for operation in self.operations if isinstance(operation, Layer)]

    @property
    def connections(self) -> dict[str, str] | None:
        """Where each operation gets its inputs: `name[call][output], ...`; None for a plain stack.

        A stack calls each layer once, on the output of the one before.
        """
        calls: dict[int, list[Node]] = {}
        for node in [*(tensor.node for tensor in self.inputs), *self.nodes]:
            calls.setdefault(id(node.operation), []).append(node)
        stack = len(self.inputs) == 1 and len(calls) == len(self.nodes) + 1
        before = self.inputs[0].node
        for node in self.nodes:
            stack = stack and len(node.inputs) == 1 and node.inputs[0].node is before
            before = node
        if stack:
            return None
        numbers = {id(node): i for nodes in calls.values() for i, node in enumerate(nodes)}
        return {
            operation.name: ", ".join(
                f"{tensor.name}[{numbers[id(tensor.node)]}][{tensor.index}]"
                for node in calls[id(operation)]
                for tensor in node.inputs
            )
            or "-"
            for operation in self.operations
        }

    def run(self, values: Sequence[Any], call: Callable[..., Any] | None = None) -> Any:
        """Repeats all calls on other tensors; returns the outputs nested as they were given.

        Args:
            values: tensors of a trace or of another graph, one for each of `inputs`.
            call: called as call(operation, *args, **kwargs) instead of the operation.
        """
        known: dict[Key, Any] = {
            tensor.key: _fitted(value, tensor)
            for tensor, value in zip(self.inputs, values, strict=True)
        }
        for node in self.nodes:
            for tensor in node.inputs:
                if tensor.key not in known:
                    known[tensor.key] = known[self._resolve(tensor).key]
            for index, output in enumerate(node.call(known, call)):
                known[id(node), index] = output
        return nest.pack(self.output_structure, [known[t.key] for t in self.outputs])


@dataclass(frozen=True)
class _Place:
    # An output of a call, or an input (call -1), in a graph that is copied.
    call: int
    index: int


def _called_on(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    # What the models were called on of which this is an Input.
    found = []
    for model in tensor.node.operation.models:
        position = [t.key for t in model.inputs].index(tensor.key)
        found += [node.inputs[position] for node in model.inbound_nodes]
    return found


def _tensors(value: Any, argument: str) -> list[SymbolicTensor]:
    found = nest.flatten(value)
    if not found:
        raise ConfigurationError(f"`{argument}` is empty.")
    for tensor in found:
        if not isinstance(tensor, SymbolicTensor):
            raise ConfigurationError(
                f"`{argument}` must be tensors made by `Input`, or by layers called on these. "
                f"Received: {tensor!r}"
            )
    return found


def _fitted(value: Any, tensor: SymbolicTensor) -> Any:
    # A last axis of size 1 may be missing or superfluous, and integers may come as floats.
    shape, wanted = value.shape, tensor.shape
    if len(shape) == len(wanted) + 1 and shape[-1] == 1:
        value = ops.squeeze(value, -1)
    elif len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        value = ops.expand_dims(value, -1)
    if len(value.shape) != len(wanted) or any(
        None not in (n, w) and n != w for n, w in zip(value.shape, wanted, strict=True)
    ):
        raise ShapeError(
            f"The input '{tensor.name}' has shape {wanted} (None: batch or free), but received "
            f"shape {shape}."
        )
    return value if value.dtype == tensor.dtype else ops.cast(value, tensor.dtype)
