"""Recurrent cells over whole sequences, on inputs that are projected already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe.ops.dispatch import apply_all


def lstm(
    projected: Any,
    recurrent_kernel: Any,
    initial_state: Sequence[Any] | None = None,
    mask: Any = None,
    state_factors: Any = None,
    *,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    go_backwards: bool = False,
    time_order: bool = False,
    zero_output_for_mask: bool = False,
) -> tuple[Any, Any, Any, Any]:
    """Long short-term memory over all time steps (Hochreiter and Schmidhuber 1997).

    With the gates i, f, g, o in this order: c = f c + i g, h = o activation(c).

    Args:
        projected: x W + b of all time steps (batch, steps, 4 * units).
        recurrent_kernel: (units, 4 * units).
        initial_state: h and c (batch, units), zeros if None.
        mask: (batch, steps), 0 for the steps to be skipped: they keep the state and repeat the
            output before them (zero before the first one that counts). None to skip none.
        state_factors: (batch, 4 * units), what h is multiplied with in front of the recurrent
            kernel, for each gate; None for 1. No gradient flows to them.
        activation: name of a function whose derivative follows from its result: "tanh", "relu",
            "sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "linear", "elu", "selu",
            "leaky_relu", "softsign" or "exp".
        recurrent_activation: the same for the gates i, f and o.
        go_backwards: from the last step to the first; the outputs are in the order of processing.
        time_order: the outputs are in the order of the inputs in any case.
        zero_output_for_mask: outputs of skipped steps are zero.

    Returns:
        Outputs (batch, steps, units), the output made last, h and c at the end (batch, units).
    """
    outputs = _scan(
        "lstm", projected, recurrent_kernel, None, initial_state, mask, state_factors,
        {
            "activation": activation,
            "recurrent_activation": recurrent_activation,
            "backwards": int(go_backwards),
            "time_order": int(time_order),
            "zero_output": int(zero_output_for_mask),
        },
    )  # fmt: skip
    return outputs[0], outputs[1], outputs[2], outputs[3]


def gru(
    projected: Any,
    recurrent_kernel: Any,
    recurrent_bias: Any = None,
    initial_state: Sequence[Any] | None = None,
    mask: Any = None,
    state_factors: Any = None,
    *,
    reset_after: bool = True,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    go_backwards: bool = False,
    time_order: bool = False,
    zero_output_for_mask: bool = False,
) -> tuple[Any, Any, Any]:
    """Gated recurrent units over all time steps (Cho et al. 2014).

    With the gates z, r and the candidate in this order: h = z h + (1 - z) candidate.

    Args:
        projected: x W + b of all time steps (batch, steps, 3 * units).
        recurrent_kernel: (units, 3 * units).
        recurrent_bias: (3 * units,) or None; only with `reset_after`.
        initial_state: a list with h (batch, units), zeros if None.
        mask: (batch, steps), 0 for the steps to be skipped, see `lstm`.
        state_factors: (batch, 3 * units), see `lstm`.
        reset_after: whether r multiplies the product of h with the recurrent kernel (as in
            cuDNN), or h itself (as in the paper's first version).
        activation: function of the candidate, see `lstm`.
        recurrent_activation: function of the gates.
        go_backwards: see `lstm`.
        time_order: see `lstm`.
        zero_output_for_mask: see `lstm`.

    Returns:
        Outputs (batch, steps, units), the output made last, h at the end (batch, units).
    """
    outputs = _scan(
        "gru", projected, recurrent_kernel, recurrent_bias, initial_state, mask, state_factors,
        {
            "reset_after": int(reset_after),
            "activation": activation,
            "recurrent_activation": recurrent_activation,
            "backwards": int(go_backwards),
            "time_order": int(time_order),
            "zero_output": int(zero_output_for_mask),
        },
    )  # fmt: skip
    return outputs[0], outputs[1], outputs[2]


def simple_rnn(
    projected: Any,
    recurrent_kernel: Any,
    initial_state: Sequence[Any] | None = None,
    mask: Any = None,
    state_factors: Any = None,
    *,
    activation: str = "tanh",
    go_backwards: bool = False,
    time_order: bool = False,
    zero_output_for_mask: bool = False,
) -> tuple[Any, Any, Any]:
    """The fully recurrent layer over all time steps: h = activation(projected + h U).

    Args:
        projected: x W + b of all time steps (batch, steps, units).
        recurrent_kernel: (units, units).
        initial_state: a list with h (batch, units), zeros if None.
        mask: (batch, steps), 0 for the steps to be skipped, see `lstm`.
        state_factors: (batch, units), see `lstm`.
        activation: see `lstm`.
        go_backwards: see `lstm`.
        time_order: see `lstm`.
        zero_output_for_mask: see `lstm`.

    Returns:
        Outputs (batch, steps, units), the output made last, h at the end (batch, units).
    """
    outputs = _scan(
        "simple_rnn", projected, recurrent_kernel, None, initial_state, mask, state_factors,
        {
            "activation": activation,
            "backwards": int(go_backwards),
            "time_order": int(time_order),
            "zero_output": int(zero_output_for_mask),
        },
    )  # fmt: skip
    return outputs[0], outputs[1], outputs[2]


def _scan(
    name: str,
    projected: Any,
    recurrent_kernel: Any,
    bias: Any,
    initial_state: Sequence[Any] | None,
    mask: Any,
    factors: Any,
    attrs: dict[str, Any],
) -> list[Any]:
    inputs = [projected, recurrent_kernel]
    for flag, given in (
        ("biased", None if bias is None else [bias]),
        ("initial", initial_state),
        ("masked", None if mask is None else [mask]),
        ("dropped", None if factors is None else [factors]),
    ):
        if flag != "biased" or name == "gru":
            attrs[flag] = int(given is not None)
        inputs += given or []
    return apply_all(name, inputs, attrs)
