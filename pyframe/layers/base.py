"""Layer, the base of all layers and models."""

from __future__ import annotations

import copy
import functools
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from pyframe import nest, regularizers
from pyframe.config import floatx
from pyframe.errors import ConfigurationError, NotBuiltError, PyframeError, ShapeError
from pyframe.layers.arguments import shape_argument
from pyframe.layers.connected import Connected
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.masks import mask_of_call, pass_mask
from pyframe.layers.serialization import policy, policy_name, serialize_value
from pyframe.layers.weights import structure_version
from pyframe.lookup import reject_unknown
from pyframe.naming import auto_name
from pyframe.ops.dtypes import Array, as_array, common_float, standardize_dtype
from pyframe.ops.function import Function, trace_function
from pyframe.ops.state import RowCount, row_count
from pyframe.ops.symbolic import SymbolicTensor, record
from pyframe.ops.tensor import Shape, Tensor, Trace, Variable, current_trace
from pyframe.utils.random import next_seed

# Held while a layer is built or traced, so that several threads may use a fresh model at once.
_building = threading.RLock()


@functools.lru_cache(maxsize=1024)
def _call_parameters(call: Callable[..., Any]) -> tuple[bool, int | None]:
    # Whether `call` takes `training`, and where it takes `mask`, counted from the inputs.
    names = list(inspect.signature(call).parameters)[1:]
    return "training" in names, names.index("mask") if "mask" in names else None


def _tensors(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def shapes_in(value: Any) -> tuple[list[Shape], nest.Structure]:
    """Returns the shapes in a structure of shapes, and the structure."""
    if isinstance(value, (list, tuple)) and not any(isinstance(v, (list, tuple)) for v in value):
        return [tuple(value)], None
    keys = sorted(value) if isinstance(value, dict) else range(len(value))
    parts = [shapes_in(value[key]) for key in keys]
    leaves = [leaf for part, _ in parts for leaf in part]
    inner = tuple(structure for _, structure in parts)
    if isinstance(value, dict):
        return leaves, ("dict", tuple(keys), inner)
    return leaves, ("list", (), inner)


def _free_batch(array: Array) -> Shape:
    return (None, *array.shape[1:]) if array.ndim else ()


def _shape_of(value: Any) -> Any:
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


class Layer(Connected):
    """Base of all layers: weights, and a `call` that adds operators to a trace.

    A layer of one's own overrides `build(input_shape)`, where it makes its weights with
    `add_weight`, and `call(inputs)`, which combines inputs and weights with `pyframe.ops`.
    Gradients come by themselves.

    Args:
        trainable: whether training changes the weights.
        name: unique name; made from the class name if None.
        dtype: dtype of weights and computation, "float32" or "float64".
        activity_regularizer: penalty on the output, divided by the batch size and added to the
            loss; a name, an object or a function, None for none.
        input_shape: shape of one sample, for the first layer of a Sequential model.
        input_dim: short for input_shape=(input_dim,).
        batch_input_shape: input_shape with the batch axis in front.

    Raises:
        ConfigurationError: for an unknown argument or an impossible value.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        ...
        ...     def call(self, inputs):
        ...         return inputs * self.factor
    """

    input_spec: InputSpec | None = None
    supports_masking: bool = False
    # Attributes that belong to one process and are made again when needed.
    _transient: ClassVar[frozenset[str]] = frozenset(
        (
            "_functions",
            "_functions_version",
            "_functions_signature",
            "_inbound_nodes",
            "_ready",
        )
    )

    def __init__(
        self,
        *,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
        activity_regularizer: Any = None,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        **unknown: Any,
    ) -> None:
        cls = type(self)
        reject_unknown(cls, unknown)
        if name is not None and not isinstance(name, str):
            raise ConfigurationError(f"`name` must be a string. Received: {name!r}")
        self._init_weights(
            name or auto_name(cls.__name__),
            trainable,
            floatx() if dtype is None else standardize_dtype(policy_name(dtype)),
        )
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._build_shape: Any = None
        self._output_shape: Any = None
        self._random_state: Variable | None = None
        self._input_shape_argument = shape_argument(input_shape, input_dim, batch_input_shape)

    # --- calling -----------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of this shape (with the batch axis)."""

    def call(self, inputs: Any) -> Any:
        """Adds the layer's operators; receives and returns tensors. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not define `call`.")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns the mask of the outputs, or a list of masks; by default that of the inputs.

        It is asked if it is overridden or `supports_masking` is true.

        Args:
            inputs: what the layer was called on.
            previous_mask: masks of the inputs, None without: (batch, steps), 1.0 for the time
                steps that count and 0.0 for the others.
        """
        return previous_mask

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Applies the layer.

        Args:
            inputs: symbolic tensor, array, or a list of them.
            *args: further arguments of `call`.
            training: whether dropout and the like are active.
            **kwargs: further arguments of `call`.

        Returns:
            Symbolic tensors for symbolic inputs, NumPy arrays for arrays.
        """
        if "_own_weights" not in self.__dict__:
            raise ConfigurationError(
                f"{type(self).__name__}.__init__ must call super().__init__() first."
            )
        arguments = nest.flatten((inputs, args, kwargs))
        if any(isinstance(value, SymbolicTensor) for value in arguments):
            return self._record(inputs, args, training, kwargs)
        trace = next((value.trace for value in arguments if isinstance(value, Tensor)), None)
        if trace is not None:
            return self._call_symbolic(trace, inputs, args, training, kwargs)
        return self._call_on_arrays(inputs, args, training, kwargs)

    def _record(
        self, inputs: Any, args: tuple[Any, ...], training: bool | None, kwargs: dict[str, Any]
    ) -> Any:
        if training is not None:
            kwargs["training"] = training
        node = record(self, (inputs, *args), kwargs)
        self.add_node(node)
        return node.outputs

    def _call_symbolic(
        self,
        trace: Trace,
        inputs: Any,
        args: tuple[Any, ...],
        training: bool | None,
        kwargs: dict[str, Any],
    ) -> Any:
        shape = nest.map_leaves(_shape_of, inputs)
        if self.input_spec is not None:
            for value in nest.flatten(inputs):
                self.input_spec.check(self.label, _shape_of(value))
        try:
            self.ensure_built(shape)
            with trace, trace.mode(training):
                takes_training, takes_mask = _call_parameters(type(self).call)
                if takes_training:
                    kwargs["training"] = trace.training
                mask = mask_of_call(trace, inputs, args, kwargs, takes_mask)
                outputs = self.call(inputs, *args, **kwargs)
                pass_mask(self, trace, inputs, mask, outputs)
        except ValueError as error:
            if isinstance(error, PyframeError):
                raise
            raise ShapeError(f"{self.label} on an input of shape {shape}: {error}") from None
        results = nest.flatten(outputs)
        if self.activity_regularizer is not None:
            self._penalize(trace, self.activity_regularizer, results)
        trace.layer_outputs.extend((self.label, t.id) for t in results if isinstance(t, Tensor))
        first = _shape_of(nest.flatten(inputs)[0])
        if first and first[0] is None:
            self._output_shape = nest.map_leaves(_shape_of, outputs)
        return outputs

    def _penalize(self, trace: Trace, penalty: Callable[..., Any], outputs: list[Any]) -> None:
        with trace:
            for output in outputs:
                if isinstance(output, Tensor):
                    rows = row_count(output)
                    rows = rows.to_tensor() if isinstance(rows, RowCount) else float(rows)
                    self.add_loss(penalty(output) / rows)

    def add_loss(self, loss: Any) -> None:
        """Adds a penalty to the loss of `fit` and `evaluate`; to be used inside `call`.

        Args:
            loss: symbolic tensor, whose sum is added, or a list of them.

        Raises:
            ConfigurationError: outside `call`, or for something else than tensors.
        """
        trace = current_trace()
        for tensor in _tensors(loss):
            if trace is None or not isinstance(tensor, Tensor):
                raise ConfigurationError(
                    f"{self.label}: add_loss takes tensors made inside `call`. Received: {tensor!r}"
                )
            trace.losses.append((id(self), tensor.id))

    @property
    def losses(self) -> list[Any]:
        """Penalties on the trainable weights; inside `call` those of `add_loss` in front."""
        trace = current_trace()
        layers = {id(layer) for layer in self.flatten_layers()}
        own = [] if trace is None else [Tensor(trace, t) for i, t in trace.losses if i in layers]
        weights = self.trainable_weights
        return [*own, *(w.regularizer(w) for w in weights if w.regularizer is not None)]

    def _call_on_arrays(
        self, inputs: Any, args: tuple[Any, ...], training: bool | None, kwargs: dict[str, Any]
    ) -> Any:
        arrays = [
            as_array(v.numpy() if isinstance(v, Variable) else v, "inputs")
            for v in nest.flatten(inputs)
        ]
        structure = nest.structure_of(inputs)
        if args or kwargs:
            free = [_free_batch(a) for a in arrays]
            dtypes = self.array_dtypes(arrays)
            function, outputs = self._trace_call(free, dtypes, structure, args, training, kwargs)
            out_structure = nest.structure_of(outputs)
        else:
            function, out_structure = self.forward_function(arrays, structure, bool(training))
        return nest.pack(out_structure, function(*arrays))

    def forward_function(
        self,
        arrays: Sequence[Array],
        structure: nest.Structure = None,
        training: bool = False,
    ) -> tuple[Function, nest.Structure]:
        """Returns the traced forward pass for inputs of these shapes but any batch size.

        Args:
            arrays: the inputs, in a row.
            structure: how `call` takes them.
            training: whether dropout and the like are active.

        Returns:
            The function and how its outputs are nested.
        """
        free = tuple(_free_batch(a) for a in arrays)
        dtypes = tuple(self.array_dtypes(arrays))
        key = ("forward", training, structure, free, dtypes)
        cache = self.functions()
        found: tuple[Function, nest.Structure] | None = cache.get(key)
        if found is None:
            with _building:
                function, outputs = self._trace_call(free, dtypes, structure, (), training, {})
                found = function, nest.structure_of(outputs)
                cache[key] = found
        return found

    def _trace_call(
        self,
        shapes: Sequence[Shape],
        dtypes: Sequence[str],
        structure: nest.Structure,
        args: tuple[Any, ...],
        training: bool | None,
        kwargs: dict[str, Any],
    ) -> tuple[Function, Any]:
        def run(*inputs: Tensor) -> Any:
            return self(nest.pack(structure, inputs), *args, **kwargs)

        return trace_function(run, shapes, dtypes, bool(training), self.random_state())

    def ensure_built(self, input_shape: Any) -> None:
        """Builds the layer unless it is built."""
        if self.built:
            return
        with _building:
            if not self.built:
                self.build(input_shape)
                self.built = True
                self._build_shape = input_shape

    def functions(self) -> dict[Any, Any]:
        """Returns the traced functions of this layer; emptied when its structure changed."""
        version = structure_version()
        if self.__dict__.get("_functions_version") != version:
            # The number counts the changes of all models; the signature is this one's.
            signature = self.structure_signature()
            if self.__dict__.get("_functions_signature") != signature:
                self._functions: dict[Any, Any] = {}
            self._functions_signature = signature
            self._functions_version = version
        return self._functions

    def random_state(self) -> Variable:
        """Returns the float64 variable (seed, counter) behind the layer's random numbers."""
        if self._random_state is None:
            value = np.array([float(next_seed()), 0.0])
            self._random_state = Variable(value, "float64", False, "random_state")
        return self._random_state

    def array_dtype(self, array: Array) -> str:
        """Returns the dtype in which an input array enters the layer."""
        return common_float([self.dtype])

    def array_dtypes(self, arrays: Sequence[Array]) -> list[str]:
        """Returns the dtypes in which input arrays enter the layer."""
        return [self.array_dtype(array) for array in arrays]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the output for an input of this shape.

        Args:
            input_shape: with the batch axis; None for free dimensions.

        Returns:
            A tuple, or a list of tuples for several outputs.
        """
        # Asking for a shape must not build the layer.
        layer = self if self.built else copy.deepcopy(self)
        leaves, structure = shapes_in(input_shape)
        dtypes = [common_float([self.dtype])] * len(leaves)
        outputs = layer._trace_call(leaves, dtypes, structure, (), None, {})[1]
        return nest.map_leaves(_shape_of, outputs)

    @property
    def output_shape(self) -> Any:
        """Shape of the output in the latest trace, None for the batch axis.

        Raises:
            NotBuiltError: if the layer was never called.
        """
        if self._output_shape is None:
            raise NotBuiltError(f"{self.label} was never called; its output shape is unknown.")
        return self._output_shape

    @property
    def input_shape(self) -> Any:
        """Shape of the input that the layer was built for, None for the batch axis.

        Raises:
            NotBuiltError: if the layer is not built.
        """
        if self._build_shape is None:
            raise NotBuiltError(f"{self.label} was never called; its input shape is unknown.")
        return self._build_shape

    # --- configuration and copies ------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments from which `from_config` makes an equal layer.

        Arguments of `__init__` that are kept as attributes of the same name are found by
        themselves; a layer that keeps them otherwise overrides this method.
        """
        config: dict[str, Any] = {}
        for cls in type(self).__mro__:
            if cls is Layer:
                break
            if "__init__" in cls.__dict__:
                for name in inspect.signature(cls.__dict__["__init__"]).parameters:
                    if name in self.__dict__ and name not in config:
                        config[name] = serialize_value(self.__dict__[name])
        config |= {"name": self.name, "trainable": self._trainable, "dtype": policy(self.dtype)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize_value(self.activity_regularizer)
        return config

    def get_build_config(self) -> dict[str, Any] | None:
        """Returns the shape that the weights were made for, None without weights."""
        if self._build_shape is None or not self._own_weights:
            return None
        return {"input_shape": self._build_shape}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a layer made from what `get_config` returned."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in self._transient}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
