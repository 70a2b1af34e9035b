"""Recurrent layers: a cell, applied to all steps of a sequence."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pyframe import nest, ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.recurrent_cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell, Walk
from pyframe.layers.stacked_cells import StackedRNNCells
from pyframe.ops.tensor import Variable, current_trace


class RNN(Layer):
    """Applies a cell to the steps of a sequence, one after the other.

    The cells of pyframe go through all steps in one operator of the engine. A cell of one's own is
    a layer with `state_size` (a number or a list) and `call(inputs, states)` that returns the
    output and the new states; it is called for each step, so the number of steps must be known.

    Args:
        cell: a cell, or a list of cells on top of each other.
        return_sequences: whether to return the outputs of all steps or the last one.
        return_state: whether to return the states at the end as well.
        go_backwards: whether to start at the last step; the outputs are in the order of processing.
        stateful: whether sample i of a batch goes on from the states of sample i in the batch
            before. The batch size must be known: `batch_shape` of the Input, or
            `batch_input_shape` of the first layer.
        unroll: accepted for Keras's sake.
        zero_output_for_mask: whether outputs of steps that a mask leaves out are 0 instead of
            those of the step before.
        **kwargs: name, trainable, dtype, activity_regularizer, input_shape, batch_input_shape;
            input_dim and input_length of Keras 1.

    Call arguments:
        sequences: (batch, steps, ...).
        initial_state: the states to start from, zeros if None.
        mask: (batch, steps), 0 for the steps to leave out: they change no state.
        time_order: whether the outputs are in the order of the inputs also with `go_backwards`.

    Shapes:
        (batch, steps, features) to (batch, units), or (batch, steps, units) with
        `return_sequences`; the states (batch, units) each.

    Raises:
        ConfigurationError: for something else than a cell.
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs = _sequence_arguments(type(self), kwargs)
        self._batch_size = (kwargs.get("batch_input_shape") or (None,))[0]
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not isinstance(cell, Layer) or not hasattr(cell, "state_size"):
            raise ConfigurationError(
                f"{self.label}: `cell` must be a layer with `state_size` and "
                f"`call(inputs, states)`. Received: {cell!r}"
            )
        self.cell = cell
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self._carried: list[Variable] = []

    @property
    def state_size(self) -> Any:
        """Units of the state, or of each state."""
        return self.cell.state_size

    @property
    def states(self) -> list[Variable] | None:
        """What a stateful layer carries from batch to batch, None before it is built."""
        return list(self._carried) or None

    def build(self, input_shape: Any) -> None:
        """Builds the cell, and the states that are carried from batch to batch."""
        first = tuple(input_shape)
        self.cell._above = f"{self._above}{self.name}/"
        self.cell.ensure_built((first[0], *first[2:]))
        if not self.stateful:
            return
        trace = current_trace()
        told = None if trace is None else trace.batch_size
        batch = next((n for n in (self._batch_size, told, first[0]) if n is not None), None)
        if batch is None:
            raise ShapeError(
                f"{self.label} is stateful and needs to know the batch size: use "
                "Input(batch_shape=(batch, steps, features)) or `batch_input_shape`."
            )
        self._carried = [
            Variable(np.zeros((batch, size)), self.dtype, False, "rnn_state")
            for size in nest.flatten(self.state_size)
        ]

    def reset_state(self) -> None:
        """Makes the states of a stateful layer zero."""
        for variable in self._carried:
            variable.assign(np.zeros(variable.shape))

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Applies the layer; a list of inputs holds the initial states behind the sequences."""
        if isinstance(inputs, (list, tuple)) and all(hasattr(value, "shape") for value in inputs):
            inputs, *states = inputs
            if states:
                kwargs["initial_state"] = states
        return super().__call__(inputs, *args, training=training, **kwargs)

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
        time_order: bool = False,
    ) -> Any:
        """Returns the last output or all outputs, and with `return_state` the states behind it."""
        given = None if initial_state is None else nest.flatten(initial_state)
        if given is None and self.stateful:
            given = list(self._carried)
        sizes = nest.flatten(self.state_size)
        if given is not None and len(given) != len(sizes):
            raise ShapeError(
                f"{self.label} has {len(sizes)} states, `initial_state` holds {len(given)}."
            )
        masks = [m for m in nest.flatten(mask) if m is not None]
        walk = Walk(
            training,
            masks[0] if masks else None,
            self.go_backwards,
            time_order,
            self.zero_output_for_mask,
        )
        scan = getattr(self.cell, "scan", None)
        if scan is None:
            outputs, last, states = self._step_by_step(sequences, given, walk)
        else:
            outputs, last, states = scan(sequences, given, walk)
        if self.stateful:
            self._check_batch(sequences)
            for variable, state in zip(self._carried, nest.flatten(states), strict=True):
                variable.assign(state)
        output = outputs if self.return_sequences else last
        if not self.return_state:
            return output
        return (output, *nest.pack(self._state_structure(), nest.flatten(states)))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns the mask of the inputs for all outputs together, None for the last one."""
        masks = [m for m in nest.flatten(previous_mask) if m is not None]
        return masks[0] if masks and self.return_sequences else None

    def _state_structure(self) -> nest.Structure:
        size = self.state_size
        return nest.structure_of(list(size) if isinstance(size, (list, tuple)) else [size])

    def _check_batch(self, sequences: Any) -> None:
        batch, size = sequences.shape[0], self._carried[0].shape[0]
        if batch not in (None, size):
            raise ShapeError(
                f"{self.label} is stateful with batches of {size} samples. Received: {batch}"
            )

    def _step_by_step(
        self, sequences: Any, states: list[Any] | None, walk: Walk
    ) -> tuple[Any, Any, list[Any]]:
        # A cell of one's own, called for each step.
        steps = sequences.shape[1]
        if steps is None:
            raise ShapeError(
                f"{self.label}: a cell of one's own needs a known number of steps. Received an "
                f"input of shape {tuple(sequences.shape)}."
            )
        structure = self._state_structure()
        inputs = ops.unstack(sequences, axis=1)
        masks = [None] * steps if walk.mask is None else ops.unstack(walk.mask, steps, axis=1)
        if states is None:
            first = ops.reshape(inputs[0], (-1, int(np.prod(inputs[0].shape[1:]))))
            zero = ops.zeros_like(ops.max(first, -1, keepdims=True))
            states = [zero * np.ones(size) for size in nest.flatten(self.state_size)]
        made: dict[int, Any] = {}
        previous: Any = None
        order = range(steps)[::-1] if walk.go_backwards else range(steps)
        for number, t in enumerate(order):
            output, after = self.cell(
                inputs[t], nest.pack(structure, states), **self._cell_arguments(walk)
            )
            after = nest.flatten(after)
            counts = masks[t]
            if counts is not None:
                counts = ops.expand_dims(counts, -1)
                after = [ops.where(counts, a, b) for a, b in zip(after, states, strict=True)]
                empty = ops.zeros_like(output)
                kept = empty if previous is None else previous
                shown = ops.where(counts, output, empty if walk.zero_output_for_mask else kept)
                previous = ops.where(counts, output, kept)
                output = shown
            states = after
            made[t if walk.time_order else number] = output
        return ops.stack([made[i] for i in range(steps)], 1), output, states

    def _cell_arguments(self, walk: Walk) -> dict[str, Any]:
        takes = "training" in inspect.signature(type(self.cell).call).parameters
        return {"training": walk.training} if takes else {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a layer made from what `get_config` returned."""
        from pyframe.layers import deserialize

        cell = config.get("cell")
        return cls(**{**config, "cell": deserialize(cell) if isinstance(cell, Mapping) else cell})


# Arguments of recurrent layers that are not their cells'.
_LAYER_ARGUMENTS = (
    "name", "activity_regularizer", "input_shape", "input_dim", "batch_input_shape", "batch_shape",
    "input_length", "time_major", "return_sequences", "return_state", "go_backwards", "stateful",
    "unroll", "zero_output_for_mask",
)  # fmt: skip


class _BuiltInRNN(RNN):
    """Base of the layers with a cell of pyframe: its arguments are those of the layer."""

    cell_class: ClassVar[type[RecurrentCell]]
    cell_name: ClassVar[str]
    own: ClassVar[tuple[str, ...]] = ()

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        if kwargs.pop("use_cudnn", "auto") not in ("auto", True, False):
            raise ConfigurationError(f"{type(self).__name__}: `use_cudnn` must be 'auto' or bool.")
        layer = {name: kwargs.pop(name) for name in _LAYER_ARGUMENTS if name in kwargs}
        shared = {name: kwargs[name] for name in ("trainable", "dtype") if name in kwargs}
        cell = self.cell_class(units, *args, name=self.cell_name, **kwargs)
        super().__init__(cell, **layer, **shared)
        self.input_spec = InputSpec(ndim=3)

    def __getattr__(self, name: str) -> Any:
        # units, activation, kernel_initializer ...: what the cell was made with.
        cell = self.__dict__.get("cell")
        if cell is None or name.startswith("_") or name not in cell.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")
        return getattr(cell, name)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer and of its cell."""
        config = super().get_config()
        del config["cell"]
        return {**self.cell.get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a layer made from what `get_config` returned."""
        return cls(**config)


class SimpleRNN(_BuiltInRNN):
    """The fully recurrent layer: h = activation(x kernel + h recurrent_kernel + bias).

    Args:
        units: number of units, >= 1.
        activation: see `SimpleRNNCell`.
        use_bias: whether to add a bias.
        **kwargs: the other arguments of `SimpleRNNCell` (initializers, regularizers, constraints,
            dropout, recurrent_dropout, seed) and of `RNN` (return_sequences, return_state ...).

    Shapes:
        (batch, steps, features) to (batch, units) or (batch, steps, units); kernel (features,
        units), recurrent kernel (units, units), bias (units,).

    Example:
        >>> layer = SimpleRNN(8, return_sequences=True)
    """

    cell_class = SimpleRNNCell
    cell_name = "simple_rnn_cell"


class LSTM(_BuiltInRNN):
    """Long short-term memory.

    With the gates i, f, g, o, each `units` columns of the weights, in this order:
    i, f, o = recurrent_activation(x kernel + h recurrent_kernel + bias), g = activation(...),
    c = f c + i g, h = o activation(c); h is the output.

    Args:
        units: number of units, >= 1.
        activation: function of the candidate and of the output, see `LSTMCell`.
        recurrent_activation: function of the gates.
        use_bias: whether to add a bias.
        unit_forget_bias: whether the biases of the forget gate start at 1.
        **kwargs: the other arguments of `LSTMCell` (initializers, regularizers, constraints,
            dropout, recurrent_dropout, seed) and of `RNN` (return_sequences, return_state ...).

    Shapes:
        (batch, steps, features) to (batch, units) or (batch, steps, units); kernel (features,
        4 * units), recurrent kernel (units, 4 * units), bias (4 * units,). The states are h and c.

    References:
        Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735

    Example:
        >>> model = Sequential([Input((20, 3)), LSTM(32), Dense(1)])
    """

    cell_class = LSTMCell
    cell_name = "lstm_cell"


class GRU(_BuiltInRNN):
    """Gated recurrent units.

    With the gates z, r and the candidate, each `units` columns of the weights, in this order:
    z, r = recurrent_activation(x kernel + h recurrent_kernel + bias),
    candidate = activation(x kernel + r (h recurrent_kernel + bias)),
    h = z h + (1 - z) candidate.

    Args:
        units: number of units, >= 1.
        activation: function of the candidate, see `GRUCell`.
        recurrent_activation: function of the gates.
        use_bias: whether to add biases.
        reset_after: False puts r in front of the product: (r h) recurrent_kernel.
        **kwargs: the other arguments of `GRUCell` (initializers, regularizers, constraints,
            dropout, recurrent_dropout, seed) and of `RNN` (return_sequences, return_state ...).

    Shapes:
        (batch, steps, features) to (batch, units) or (batch, steps, units); kernel (features,
        3 * units), recurrent kernel (units, 3 * units), bias (2, 3 * units): of the inputs and of
        the state; (3 * units,) without `reset_after`.

    References:
        Cho et al. 2014, https://arxiv.org/abs/1406.1078

    Example:
        >>> model = Sequential([Input((20, 3)), GRU(32), Dense(1)])
    """

    cell_class = GRUCell
    cell_name = "gru_cell"


def _sequence_arguments(cls: type, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    # Arguments of older versions: an input given by its features and its length.
    found = dict(kwargs)
    if found.pop("time_major", False):
        raise ConfigurationError(
            f"{cls.__name__}: `time_major` must be False: the axes are (batch, steps, features). "
            "Put Permute in front of the layer, or transpose the data."
        )
    length = found.pop("input_length", None)
    features = found.pop("input_dim", None)
    if features is not None:
        found.setdefault("input_shape", (length, features))
    if "batch_shape" in found:
        found["batch_input_shape"] = found.pop("batch_shape")
    return found
