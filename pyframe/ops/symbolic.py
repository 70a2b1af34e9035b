"""The tensors that `Input` gives, and the record of what was done with them.

A call of a layer or of a function of `pyframe.ops` on such a tensor computes nothing: it is
recorded as a `Node`, from which models replay it in their traces. A node holds its inputs and
they hold the nodes that made them, never the other way round, so that a graph is freed by
reference count as soon as no model and no tensor needs it.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyframe import nest
from pyframe.errors import SymbolicTensorError
from pyframe.naming import auto_name
from pyframe.ops.arithmetic import Arithmetic
from pyframe.ops.tensor import Shape, SymbolicValue, Tensor, Trace

Key = tuple[int, int]


class SymbolicTensor(SymbolicValue, Arithmetic):
    """The output of `Input` or of a layer or operator called on such a tensor.

    Attributes:
        shape: tuple of int, None for a dimension that is free (usually the batch).
        dtype: "float32", "float64" or "int32".
        node: the call that made it.
        index: its number among the outputs of that call.
    """

    __slots__ = ("__weakref__", "dtype", "index", "node", "shape")

    def __init__(self, node: Node, index: int, shape: Shape, dtype: str) -> None:
        self.node = node
        self.index = index
        self.shape = shape
        self.dtype = dtype

    @property
    def key(self) -> Key:
        """What two tensors have in common that stand for the same output."""
        return id(self.node), self.index

    @property
    def name(self) -> str:
        """Name of the Input, layer or operator that made the tensor."""
        name: str = self.node.operation.name
        return name

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape} dtype={self.dtype} name={self.name}>"


class Node:
    """One call of a layer or operator.

    Args:
        operation: what was called.
        args: its arguments, with tensors in them.
        kwargs: its arguments by name.
        structure: how the outputs are nested.
        specs: shape and dtype of each output.

    Attributes:
        inputs: the tensors among the arguments, in order.
        batch_size: number of samples that the Input in front of it was told, or None.
    """

    __slots__ = ("__weakref__", "_alive", "args", "batch_size", "inputs", "kwargs", "operation",
                 "specs", "structure")  # fmt: skip

    def __init__(
        self,
        operation: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        structure: nest.Structure,
        specs: Sequence[tuple[Shape, str]],
    ) -> None:
        self.operation = operation
        self.args = tuple(args)
        self.kwargs = dict(kwargs)
        self.inputs: list[SymbolicTensor] = symbolic_tensors(self.args, self.kwargs)
        known = [tensor.node.batch_size for tensor in self.inputs]
        self.batch_size: int | None = next(
            (size for size in known if size is not None), getattr(operation, "batch_size", None)
        )
        self.structure = structure
        self.specs = list(specs)
        self._alive: weakref.WeakValueDictionary[int, SymbolicTensor] = (
            weakref.WeakValueDictionary()
        )

    @property
    def is_input(self) -> bool:
        """Whether it is the node of an Input."""
        return not self.inputs

    def output(self, index: int) -> SymbolicTensor:
        """Returns an output; the same object as long as somebody holds it."""
        tensor = self._alive.get(index)
        if tensor is None:
            tensor = SymbolicTensor(self, index, *self.specs[index])
            self._alive[index] = tensor
        return tensor

    @property
    def outputs(self) -> Any:
        """The outputs, nested as the call returned them."""
        return nest.pack(self.structure, [self.output(i) for i in range(len(self.specs))])

    def call(self, values: Mapping[Key, Any], call: Callable[..., Any] | None = None) -> list[Any]:
        """Repeats the call on other values and returns the outputs in a row.

        Args:
            values: what stands for each tensor of `inputs`, by its key.
            call: called as call(operation, *args, **kwargs) instead of the operation.
        """

        def value_of(leaf: Any) -> Any:
            return values[leaf.key] if isinstance(leaf, SymbolicTensor) else leaf

        args, kwargs = nest.map_leaves(value_of, (self.args, self.kwargs))
        if call is not None:
            return nest.flatten(call(self.operation, *args, **kwargs))
        return nest.flatten(self.operation(*args, **kwargs))


class Operation:
    """A function of `pyframe.ops` as the operation of a node.

    Args:
        function: the function.
        name: unique name; made from the function's if None.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or auto_name(function.__name__)
        self.output_shape: Any = None

    @property
    def class_name(self) -> str:
        """The function's name as Keras calls the class of such a node: ExpandDims."""
        return "".join(part.title() for part in self.function.__name__.split("_"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function; records the call if it is on tensors of `Input`."""
        if symbolic_tensors(args, kwargs):
            node = record(self, args, kwargs)
            shapes = [shape for shape, _ in node.specs]
            self.output_shape = nest.pack(node.structure, shapes)
            return node.outputs
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"


def symbolic_tensors(*values: Any) -> list[SymbolicTensor]:
    """Returns the tensors of `Input` in a structure of arguments."""
    return [leaf for leaf in nest.flatten(values) if isinstance(leaf, SymbolicTensor)]


def record(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Node:
    """Records a call; shapes and dtypes of the outputs are those that a trace of it gives.

    Args:
        operation: a layer or an Operation.
        args: its arguments, at least one tensor among them.
        kwargs: its arguments by name.

    Raises:
        SymbolicTensorError: if the call returns something else than tensors.
    """
    with Trace() as trace:
        known = [tensor.node.batch_size for tensor in symbolic_tensors(args, kwargs)]
        trace.batch_size = next((size for size in known if size is not None), None)
        values: dict[Any, Tensor] = {}

        def stand_in(leaf: Any) -> Any:
            if not isinstance(leaf, SymbolicTensor):
                return leaf
            if leaf.key not in values:
                values[leaf.key] = trace.input(f"x{len(values)}", leaf.shape, leaf.dtype)
            return values[leaf.key]

        traced_args = nest.map_leaves(stand_in, tuple(args))
        outputs = operation(*traced_args, **nest.map_leaves(stand_in, dict(kwargs)))
    leaves = nest.flatten(outputs)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise SymbolicTensorError(
                f"'{operation.name}' was called on the tensor of an Input and returned {leaf!r}; "
                "it must return tensors made with pyframe.ops."
            )
    specs = [(leaf.shape, leaf.dtype) for leaf in leaves]
    return Node(operation, args, kwargs, nest.structure_of(outputs), specs)


def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function for which a call on tensors of `Input` is recorded as a node."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()) if kwargs else args:
            if isinstance(value, SymbolicTensor) or (
                isinstance(value, (list, tuple)) and symbolic_tensors(value)
            ):
                return Operation(function)(*args, **kwargs)
        return function(*args, **kwargs)

    return call
