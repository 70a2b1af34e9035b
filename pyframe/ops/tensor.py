"""Symbolic tensors, variables, and the trace that collects operators on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np

from pyframe import _core
from pyframe.errors import ShapeError, SymbolicTensorError
from pyframe.ops.arithmetic import Arithmetic
from pyframe.ops.dtypes import Array, standardize_dtype

Shape = tuple[int | None, ...]


def _updates() -> Any:
    # The operators that change variables are written with this module: bind late.
    from pyframe.ops import updates

    return updates


class SymbolicValue:
    """What has no numbers yet: every attempt to get some ends in an error that says so."""

    __slots__ = ()

    def _no_value(self, what: str) -> SymbolicTensorError:
        return SymbolicTensorError(
            f"{what} needs numbers, but {self!r} is symbolic: it has values only while the "
            "model runs. Use the functions of pyframe.ops instead (ops.mean for np.mean, "
            "arithmetic instead of `if`)."
        )

    def __bool__(self) -> bool:
        raise self._no_value("A condition")

    def __float__(self) -> float:
        raise self._no_value("float()")

    def __int__(self) -> int:
        raise self._no_value("int()")

    def __iter__(self) -> Iterator[Any]:
        raise self._no_value("A loop")

    def __array__(self, *args: Any, **kwargs: Any) -> Array:
        raise self._no_value("NumPy")


class Tensor(SymbolicValue, Arithmetic):
    """A value that is known only when a plan runs.

    Layers, losses and metrics receive such tensors while a model is traced; `pyframe.ops` and
    the usual operators build new ones from them.

    Attributes:
        trace: the trace that the tensor belongs to.
        id: its number in the engine's graph.
        shape: tuple of int, None for a dimension that is free (usually the batch).
        dtype: "float32", "float64" or "int32".
    """

    __slots__ = ("dtype", "id", "shape", "trace")

    def __init__(self, trace: Trace, tensor_id: int) -> None:
        self.trace = trace
        self.id = tensor_id
        self.shape: Shape = tuple(trace.graph.shape(tensor_id))
        self.dtype: str = trace.graph.dtype(tensor_id)

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape} dtype={self.dtype}>"


class Variable(Arithmetic):
    """Numbers that live longer than one run: weights, optimizer slots, counters.

    Args:
        value: initial value, an array or a number; None for zeros, whose memory is not touched yet.
        dtype: "float32", "float64" or "int32"; taken from the value if None (integers other
            than int32 and Python numbers become float32).
        trainable: whether gradients change it.
        name: e.g. "kernel".
        path: name with its layer, e.g. "dense/kernel".
        regularizer: function of the variable that gives a scalar added to the loss, or None.
        constraint: function of the variable that gives the value it takes after each update, or
            None.
        shape: shape of the zeros if `value` is None.
    """

    __slots__ = ("__weakref__", "_core", "constraint", "name", "path", "regularizer", "trainable")

    def __init__(
        self,
        value: Any,
        dtype: str | None = None,
        trainable: bool = True,
        name: str = "variable",
        path: str | None = None,
        regularizer: Any = None,
        constraint: Any = None,
        shape: tuple[int, ...] = (),
    ) -> None:
        array = None if value is None else np.asarray(value)
        if dtype is None and array is not None:
            known = isinstance(value, np.ndarray) and array.dtype.name in ("float64", "int32")
            dtype = array.dtype.name if known else "float32"
        self.name = name
        self.path = path or name
        self.trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint
        shape = shape if array is None else array.shape
        self._core = _core.Variable(shape, standardize_dtype(dtype or "float32"), self.path)
        if array is not None:
            self._core.assign(array)

    @property
    def core(self) -> _core.Variable:
        """The engine's storage."""
        return self._core

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, all dimensions known."""
        return tuple(self._core.shape)

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self._core.dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def value(self) -> Array:
        """A copy of the numbers, as `numpy()`."""
        return self._core.numpy()

    def numpy(self) -> Array:
        """Returns a copy of the numbers."""
        return self._core.numpy()

    @contextmanager
    def storage(self) -> Iterator[Array]:
        """Gives the engine's own memory to a block that fills it, without a copy.

        Yields:
            A writable array; it must not be used after the block, nor while the variable is in
            use.
        """
        try:
            yield self._core.memory()
        finally:
            self._core.touch()

    def assign(self, value: Any) -> None:
        """Replaces the numbers: at once, or in every run if the value is symbolic.

        Args:
            value: array, number or tensor of exactly this variable's shape.

        Raises:
            ShapeError: if the shape differs.
        """
        trace = current_trace()
        if trace is not None and (trace.collects_assignments or isinstance(value, Tensor)):
            _updates().assign(self, value)
            return
        array = np.asarray(value)
        if array.shape != self.shape:
            raise ShapeError(
                f"Variable '{self.path}' has shape {self.shape}; a value of shape {array.shape} "
                "cannot be assigned to it."
            )
        self._core.assign(array)

    def assign_add(self, value: Any) -> None:
        """Adds to the numbers: at once, or in every run while a model or metric is traced.

        Args:
            value: array, number or tensor that broadcasts to this variable's shape.
        """
        trace = current_trace()
        if trace is not None:
            _updates().accumulate(self, value)
            return
        self._core.assign(self._core.numpy() + np.asarray(value))

    def assign_sub(self, value: Any) -> None:
        """Subtracts from the numbers; see `assign_add`."""
        self.assign_add(-value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self._core.numpy()
        return array if dtype is None else array.astype(dtype)

    def __float__(self) -> float:
        return self._core.item()

    def __int__(self) -> int:
        return int(self._core.item())

    def __repr__(self) -> str:
        return f"<Variable path={self.path} shape={self.shape} dtype={self.dtype}>"

    def __reduce__(self) -> tuple[Any, ...]:
        state = (self.numpy(), self.dtype, self.trainable, self.name, self.path)
        return Variable, (*state, self.regularizer, self.constraint)


_active = threading.local()


def current_trace() -> Trace | None:
    """Returns the trace that is being recorded in this thread, if any."""
    stack: list[Trace] = getattr(_active, "stack", [])
    return stack[-1] if stack else None


class Trace:
    """Operators recorded while Python code runs once on symbolic tensors.

    Args:
        training: value that layers receive as `training` unless they are called with another.
        random_state: float64 variable (seed, counter) that dropout layers without a seed of
            their own draw from.

    A trace is used as a context manager so that functions of variables alone know their graph.
    It keeps only numbers of tensors, never Tensor objects, and so is freed by reference count.
    """

    def __init__(self, training: bool = False, random_state: Variable | None = None) -> None:
        self.graph = _core.Graph()
        self.training = training
        self.batch_size: int | None = None  # where the Input of a graph was told it
        self.layer_outputs: list[tuple[str, int]] = []
        self.losses: list[tuple[int, int]] = []  # id of a layer, number of a tensor
        self._random_state = random_state
        self._random_used: list[Variable] = []
        self._streams = 0
        self._variables: dict[Variable, int] = {}
        self._producers: dict[int, tuple[str, tuple[int, ...], int]] = {}
        self._replaced: dict[int, int] = {}
        self._masks: dict[int, int] = {}
        self._assigned: list[MutableMapping[Variable, Tensor]] = []

    def __enter__(self) -> Trace:
        if not hasattr(_active, "stack"):
            _active.stack = []
        _active.stack.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _active.stack.pop()

    @contextmanager
    def mode(self, training: bool | None) -> Iterator[None]:
        """Sets `training` for the layers called inside the block; None leaves it as it is."""
        before = self.training
        if training is not None:
            self.training = bool(training)
        try:
            yield
        finally:
            self.training = before

    def input(self, name: str, shape: Sequence[int | None], dtype: str) -> Tensor:
        """Adds an input; runs pass one array for each, in the order of these calls."""
        return Tensor(self, self.graph.input(name, tuple(shape), dtype))

    def constant(self, value: Any, dtype: str) -> Tensor:
        """Adds a fixed array."""
        return Tensor(self, self.graph.constant(np.asarray(value, dtype=dtype)))

    def variable(self, variable: Variable) -> Tensor:
        """Returns the tensor that reads a variable.

        It is the value before the run, or, inside an `assignments` block, the latest one assigned.
        """
        for values in reversed(self._assigned):
            if variable in values:
                return values[variable]
        return self.stored(variable)

    def stored(self, variable: Variable) -> Tensor:
        """Returns the tensor that reads a variable's storage; the same one at every call."""
        tensor_id = self._variables.get(variable)
        if tensor_id is None:
            tensor_id = self.graph.variable(variable.core)
            self._variables[variable] = tensor_id
        return Tensor(self, tensor_id)

    @contextmanager
    def assignments(
        self, values: MutableMapping[Variable, Tensor] | None = None
    ) -> Iterator[MutableMapping[Variable, Tensor]]:
        """Collects assignments instead of recording them as effects.

        Inside the block a variable reads as the value assigned last, as in a program that runs
        line by line. Yields the values by variable; the caller assigns what it wants to keep.

        Args:
            values: where to collect them, a new dictionary if None.
        """
        values = {} if values is None else values
        self._assigned.append(values)
        try:
            yield values
        finally:
            self._assigned.pop()

    def assign(self, variable: Variable, value: Tensor) -> None:
        """Replaces a variable at the end of the run, or notes it in the `assignments` block."""
        if self._assigned:
            self._assigned[-1][variable] = value
        else:
            self.op("assign", [self.stored(variable), value], {})

    @property
    def collects_assignments(self) -> bool:
        """Whether an `assignments` block is open."""
        return bool(self._assigned)

    @property
    def collector(self) -> MutableMapping[Variable, Tensor] | None:
        """What collects the assignments of the innermost `assignments` block."""
        return self._assigned[-1] if self._assigned else None

    def reads(self, variable: Variable) -> bool:
        """Tells whether an operator may read the variable."""
        return variable in self._variables

    def op(self, name: str, inputs: Sequence[Tensor], attrs: Mapping[str, Any]) -> list[Tensor]:
        """Adds an operator and returns its outputs."""
        ids = tuple(t.id for t in inputs)
        outputs = self.graph.op(name, ids, attrs)
        for index, output in enumerate(outputs):
            self._producers[output] = (name, ids, index)
        return [Tensor(self, output) for output in outputs]

    def gradients(self, loss: Tensor, wrt: Sequence[Tensor]) -> list[Tensor | None]:
        """Returns d loss / d wrt[i]; None where the loss does not depend on wrt[i]."""
        ids = self.graph.gradients(loss.id, [t.id for t in wrt])
        return [None if i is None else Tensor(self, i) for i in ids]

    def producer(self, tensor: Tensor) -> tuple[str, tuple[Tensor, ...], int] | None:
        """Returns (operator, its inputs, output number) that made a tensor, None for inputs."""
        found = self._producers.get(self._replaced.get(tensor.id, tensor.id))
        if found is None:
            return None
        name, ids, index = found
        return name, tuple(Tensor(self, i) for i in ids), index

    def replace(self, tensor: Tensor, other: Tensor) -> None:
        """Notes that `other` has the same value as `tensor` and is computed anyway."""
        self._replaced[tensor.id] = other.id
        if tensor.id in self._masks:
            self._masks[other.id] = self._masks[tensor.id]

    def resolve(self, tensor: Tensor) -> Tensor:
        """Returns the tensor that `replace` put in the place of this one, else itself."""
        other = self._replaced.get(tensor.id)
        return tensor if other is None else Tensor(self, other)

    def set_mask(self, tensor: Tensor, mask: Tensor) -> None:
        """Notes which time steps of a tensor count: mask (batch, steps) of 1.0 and 0.0."""
        self._masks[tensor.id] = mask.id

    def mask_of(self, value: Any) -> Tensor | None:
        """Returns the mask of a tensor of this trace, None if it or the value has none."""
        found = self._masks.get(value.id) if isinstance(value, Tensor) else None
        return None if found is None else Tensor(self, found)

    def use_random_state(self, state: Variable | None = None) -> Variable:
        """Returns the variable (seed, counter) to draw from; its counter advances each run."""
        if state is None:
            if self._random_state is None:
                self._random_state = Variable(np.zeros(2), "float64", False, "random_state")
            state = self._random_state
        if all(state is not used for used in self._random_used):
            self._random_used.append(state)
        return state

    def next_stream(self) -> int:
        """Returns a number that separates this random operator from the others of the trace."""
        self._streams += 1
        return self._streams - 1

    def advance_random_states(self) -> None:
        """Adds the effects that make the next run draw other numbers."""
        for state in self._random_used:
            step = self.constant([0.0, 1.0], "float64")
            self.op("accumulate", [self.variable(state), step], {})
