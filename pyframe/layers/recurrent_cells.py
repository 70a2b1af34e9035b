"""Cells of recurrent layers: the weights, and one or all time steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pyframe import activations, constraints, initializers, ops, regularizers
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.random_layer import RandomLayer
from pyframe.ops.tensor import Variable

# Activations whose derivative follows from their result, which the engine's cells need.
ACTIVATIONS = (
    "tanh", "sigmoid", "relu", "linear", "hard_sigmoid", "hard_sigmoid_keras2", "elu", "selu",
    "leaky_relu", "softsign", "exponential",
)  # fmt: skip
_ENGINE_NAMES = {"exponential": "exp"}


@dataclass(frozen=True)
class Walk:
    """How a cell goes through a sequence.

    Attributes:
        training: whether dropout is active.
        mask: (batch, steps), 0 for the steps to skip; None to skip none.
        go_backwards: from the last step to the first.
        time_order: outputs are in the order of the inputs even so.
        zero_output_for_mask: outputs of skipped steps are 0 instead of those before them.
    """

    training: bool = False
    mask: Any = None
    go_backwards: bool = False
    time_order: bool = False
    zero_output_for_mask: bool = False

    def options(self) -> dict[str, bool]:
        """Returns the options of the engine's operators."""
        return {
            "go_backwards": self.go_backwards,
            "time_order": self.time_order,
            "zero_output_for_mask": self.zero_output_for_mask,
        }


class RecurrentCell(RandomLayer):
    """Base of the cells: kernel, recurrent kernel, bias, and what they have in common.

    Args:
        units: number of units, >= 1.
        activation: one of "tanh", "sigmoid", "relu", "linear", "hard_sigmoid", "elu", "selu",
            "leaky_relu", "softsign", "exponential", by name or as the function of
            `pyframe.activations`; None for linear.
        use_bias: whether to add biases.
        kernel_initializer: how the kernel starts.
        recurrent_initializer: how the recurrent kernel starts.
        bias_initializer: how the biases start.
        kernel_regularizer: penalty on the kernel, None for none.
        recurrent_regularizer: penalty on the recurrent kernel, None for none.
        bias_regularizer: penalty on the biases, None for none.
        kernel_constraint: what holds for the kernel after each update, None for nothing.
        recurrent_constraint: what holds for the recurrent kernel.
        bias_constraint: what holds for the biases.
        dropout: part of the inputs that is dropped while training, the same in all steps.
        recurrent_dropout: part of the state that is dropped in front of the recurrent kernel,
            other units for each gate, the same in all steps.
        seed: fixes the random numbers of dropout; None draws from the model's.
        **kwargs: name, trainable, dtype; `implementation` has no effect.

    Raises:
        ConfigurationError: for another activation or an impossible number.
    """

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("implementation", None)
        super().__init__(seed, **kwargs)
        self.units = arguments.positive_integer(units, "units", self.label)
        self.activation = self._function(activation, "activation")
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = arguments.fraction(dropout, "dropout", self.label)
        self.recurrent_dropout = arguments.fraction(
            recurrent_dropout, "recurrent_dropout", self.label
        )
        self.bias: Variable | None = None

    def _function(self, identifier: Any, argument: str) -> Any:
        function = activations.get(identifier)
        name = getattr(function, "__name__", "")
        if name not in ACTIVATIONS or function is not getattr(activations, name):
            raise ConfigurationError(
                f"{self.label}: `{argument}` must be one of {', '.join(ACTIVATIONS)}: the engine "
                f"goes through time with these. Received: {identifier!r}"
            )
        return function

    @property
    def state_size(self) -> int | list[int]:
        """Units of the state, a list if there are several states."""
        return self.units if self.states == 1 else [self.units] * self.states

    @property
    def output_size(self) -> int:
        """Units of the output."""
        return self.units

    def build(self, input_shape: Any) -> None:
        """Makes kernel (inputs, gates * units), recurrent kernel (units, gates * units), bias."""
        inputs = input_shape[-1]
        if inputs is None:
            raise ShapeError(
                f"{self.label} needs to know the number of features of its input {input_shape}."
            )
        self.kernel = self.add_weight(
            (inputs, self.gates * self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel",
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, self.gates * self.units),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            name="recurrent_kernel",
            constraint=self.recurrent_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(),
                self._bias_values(),
                regularizer=self.bias_regularizer,
                name="bias",
                constraint=self.bias_constraint,
            )

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _bias_values(self) -> Any:
        return self.bias_initializer

    def call(  # type: ignore[override]
        self, inputs: Any, states: Any, training: bool = False
    ) -> Any:
        """Makes one time step.

        Args:
            inputs: (batch, features).
            states: the state (batch, units), or a list of the states.
            training: whether dropout is active.

        Returns:
            The output (batch, units) and the new states, nested as the old ones.
        """
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        _, last, after = self.scan(ops.expand_dims(inputs, 1), given, Walk(training))
        return last, after if isinstance(states, (list, tuple)) else after[0]

    def scan(
        self, inputs: Any, states: Sequence[Any] | None, walk: Walk
    ) -> tuple[Any, Any, list[Any]]:
        """Makes all time steps.

        Args:
            inputs: (batch, steps, features).
            states: the states (batch, units) to start from, zeros if None.
            walk: how to go.

        Returns:
            The outputs (batch, steps, units), the last one made, and the states at the end.
        """
        projected = self._projected(inputs, walk.training)
        factors = None
        if walk.training and 0.0 < self.recurrent_dropout < 1.0:
            factors = self._keep(projected, self.recurrent_dropout)
        outputs, last, *after = self._walk(projected, states, factors, walk)
        return outputs, last, after

    def _projected(self, inputs: Any, training: bool) -> Any:
        bias = self._input_bias()
        if not (training and 0.0 < self.dropout < 1.0):
            return ops.dense(inputs, self.kernel, bias)
        shared = (None, 1, None)  # the same units in all steps
        if self.recurrent_dropout == 0.0:
            dropped = ops.dropout(inputs, self.dropout, state=self._state, noise_shape=shared)
            return ops.dense(dropped, self.kernel, bias)
        # As in Keras, together with recurrent dropout other inputs are dropped for each gate.
        kernels = ops.split(self.kernel, self.gates, axis=1)
        biases = [None] * self.gates if bias is None else ops.split(bias, self.gates)
        parts = []
        for kernel, part in zip(kernels, biases, strict=True):
            dropped = ops.dropout(inputs, self.dropout, state=self._state, noise_shape=shared)
            parts.append(ops.dense(dropped, kernel, part))
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, -1)

    def _keep(self, projected: Any, rate: float) -> Any:
        # 0 or 1 / (1 - rate) for each sample and unit of a gate.
        noise = ops.random_uniform(projected, [1], state=self._state)
        return ops.squeeze(ops.greater_equal(noise, rate), 1) * (1.0 / (1.0 - rate))

    def _input_bias(self) -> Any:
        return self.bias

    def _walk(self, projected: Any, states: Any, factors: Any, walk: Walk) -> Sequence[Any]:
        raise NotImplementedError


def engine_name(function: Any) -> str:
    """Returns the engine's name of an activation of a cell."""
    name: str = function.__name__
    return _ENGINE_NAMES.get(name, name)


class SimpleRNNCell(RecurrentCell):
    """Cell of `SimpleRNN`: h = activation(x kernel + h recurrent_kernel + bias).

    Args:
        units: number of units, >= 1.
        activation: see `RecurrentCell`.
        use_bias: whether to add a bias.
        **kwargs: the other arguments of `RecurrentCell`.
    """

    def _walk(self, projected: Any, states: Any, factors: Any, walk: Walk) -> Sequence[Any]:
        made: Sequence[Any] = ops.simple_rnn(
            projected,
            self.recurrent_kernel,
            states,
            walk.mask,
            factors,
            activation=engine_name(self.activation),
            **walk.options(),
        )
        return made


class _GatedCell(RecurrentCell):
    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = self._function(recurrent_activation, "recurrent_activation")


class LSTMCell(_GatedCell):
    """Cell of `LSTM`.

    Args:
        units: number of units, >= 1.
        activation: function of the candidate and of the output, see `RecurrentCell`.
        recurrent_activation: function of the three gates.
        use_bias: whether to add a bias.
        unit_forget_bias: whether the biases of the forget gate start at 1.
        **kwargs: the other arguments of `RecurrentCell`.
    """

    gates = 4
    states = 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, recurrent_activation, use_bias, **kwargs)
        self.unit_forget_bias = bool(unit_forget_bias)

    def _bias_values(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer

        def values(shape: tuple[int, ...], dtype: Any = None) -> Any:
            make: Any = self.bias_initializer
            n = self.units
            parts = [make((n,), dtype=dtype), np.ones(n, dtype), make((2 * n,), dtype=dtype)]
            return np.concatenate(parts)

        return values

    def _walk(self, projected: Any, states: Any, factors: Any, walk: Walk) -> Sequence[Any]:
        made: Sequence[Any] = ops.lstm(
            projected,
            self.recurrent_kernel,
            states,
            walk.mask,
            factors,
            activation=engine_name(self.activation),
            recurrent_activation=engine_name(self.recurrent_activation),
            **walk.options(),
        )
        return made


class GRUCell(_GatedCell):
    """Cell of `GRU`.

    Args:
        units: number of units, >= 1.
        activation: function of the candidate, see `RecurrentCell`.
        recurrent_activation: function of the two gates.
        use_bias: whether to add biases.
        reset_after: whether the reset gate multiplies the product with the recurrent kernel, or
            the state in front of it; in the first case there are two rows of biases.
        **kwargs: the other arguments of `RecurrentCell`.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        reset_after: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, recurrent_activation, use_bias, **kwargs)
        self.reset_after = bool(reset_after)

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _input_bias(self) -> Any:
        if self.bias is None or not self.reset_after:
            return self.bias
        return ops.unstack(self.bias)[0]

    def _walk(self, projected: Any, states: Any, factors: Any, walk: Walk) -> Sequence[Any]:
        both = self.bias is not None and self.reset_after
        made: Sequence[Any] = ops.gru(
            projected,
            self.recurrent_kernel,
            ops.unstack(self.bias)[1] if both else None,
            states,
            walk.mask,
            factors,
            reset_after=self.reset_after,
            activation=engine_name(self.activation),
            recurrent_activation=engine_name(self.recurrent_activation),
            **walk.options(),
        )
        return made
