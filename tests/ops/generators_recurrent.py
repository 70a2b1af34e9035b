"""Inputs for recurrent operators."""

import itertools
from typing import Any

import numpy as np

from tests.ops.generators import SIZES, Case, Cases, normal, rng_for

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}
STATES = {"lstm": 2, "gru": 1, "simple_rnn": 1}


def recurrent_case(
    op: str, shape: tuple[int, int, int], options: tuple[str, ...] = (), **attrs: Any
) -> Case:
    """`options` are flags of the operator; those that announce operands add them."""
    batch, steps, units = shape
    rng = rng_for(41, batch, steps, units, len(options))
    width = GATES[op] * units
    flags = dict.fromkeys(options, 1)
    # Like orthogonal kernels: states neither vanish nor explode.
    kernel = normal(rng, (units, width)) / np.sqrt(units)
    operands = [normal(rng, (batch, steps, width)), kernel]
    wrt = [0, 1]
    if "biased" in options:
        operands.append(normal(rng, (width,)))
        wrt.append(2)
    if "initial" in options:
        for _ in range(STATES[op]):
            wrt.append(len(operands))
            operands.append(normal(rng, (batch, units)))
    if "masked" in options:
        mask = np.asarray(rng.uniform(size=(batch, steps)) < 0.6).astype(np.float64)
        mask[batch // 2] = 0  # a sample of nothing
        operands.append(mask)
    if "dropped" in options:
        operands.append(np.asarray(rng.choice([0.0, 1.5], (batch, width))))
    named = {
        "activation": "tanh",
        **({} if op == "simple_rnn" else {"recurrent_activation": "sigmoid"}),
    }
    if op == "gru":
        named["reset_after"] = 1
    # Every step adds a rounding error, and gradients are sums over steps and samples.
    terms = steps * (units + batch)
    return Case(tuple(operands), {**named, **flags, **attrs}, tuple(wrt), terms)


def recurrent(op: str) -> Cases:
    for i, n in enumerate(SIZES[:-1]):
        yield recurrent_case(op, (3, 4, n), ("initial",) if i % 2 else ())
    yield recurrent_case(op, (1, 9, 5))
    yield recurrent_case(op, (37, 3, 6), ("initial",))  # several blocks of samples
    yield recurrent_case(op, (140, 2, 3), ("masked",))  # the largest blocks
    yield recurrent_case(op, (2, 1, 4))
    yield recurrent_case(op, (3, 0, 4), ("initial",))
    flags = ("initial", "masked", "dropped", "backwards", "time_order", "zero_output")
    for options in itertools.combinations(flags, 3):
        yield recurrent_case(op, (5, 6, 7), options)
    for name in ("hard_sigmoid", "hard_sigmoid_keras2", "softsign", "linear", "elu", "selu"):
        attrs = {"activation": name}
        if op != "simple_rnn":
            attrs = {"recurrent_activation": name if "sigmoid" in name else "sigmoid"} | (
                {} if "sigmoid" in name else attrs
            )
        yield recurrent_case(op, (3, 3, 5), ("initial",), **attrs)
    if op == "gru":
        yield recurrent_case(op, (3, 4, 17), ("biased", "initial"))
        yield recurrent_case(op, (3, 4, 9), ("biased", "initial", "masked", "dropped"))
        for options in itertools.combinations(flags, 3):
            yield recurrent_case(op, (5, 5, 6), options, reset_after=0)
