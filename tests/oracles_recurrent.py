"""Recurrent operators written as the formulas say, one sample and one step at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.ops.graphs import Array
from tests.oracles import UNARY

State = list[Array]
Step = Callable[[Array, State], State]


def function(name: str) -> Callable[[Array], Array]:
    if name == "linear":
        return lambda x: x
    if name == "leaky_relu":
        return lambda x: UNARY[name](x, 0.2)
    return lambda x: UNARY[name](x, 1.0) if name == "elu" else UNARY[name](x)


def arguments(
    operands: Sequence[Array], attrs: dict[str, Any], states: int
) -> tuple[Array | None, State | None, Array | None, Array | None]:
    rest = list(operands)
    bias = rest.pop(0) if attrs.get("biased") else None
    initial = [rest.pop(0) for _ in range(states)] if attrs.get("initial") else None
    mask = rest.pop(0) if attrs.get("masked") else None
    factors = rest.pop(0) if attrs.get("dropped") else None
    assert not rest
    return bias, initial, mask, factors


def walk(
    make_step: Callable[[Array], Step],
    projected: Array,
    units: int,
    initial: State | None,
    mask: Array | None,
    factors: Array | None,
    states: int,
    attrs: dict[str, Any],
) -> tuple[Array, ...]:
    batch, steps, width = projected.shape
    outputs = np.zeros((batch, steps, units))
    last = np.zeros((batch, units))
    final = [np.zeros((batch, units)) for _ in range(states)]
    for n in range(batch):
        step = make_step(np.ones(width) if factors is None else factors[n])
        state = [np.zeros(units) if initial is None else initial[i][n] for i in range(states)]
        output = np.zeros(units)
        for number in range(steps):
            t = steps - 1 - number if attrs.get("backwards") else number
            if mask is None or mask[n, t] != 0:
                state = step(projected[n, t], state)
                shown = output = state[0]
            else:
                shown = np.zeros(units) if attrs.get("zero_output") else output
            outputs[n, t if attrs.get("time_order") else number] = shown
            last[n] = shown
        for i in range(states):
            final[i][n] = state[i]
    return (outputs, last, *final)


def lstm(projected: Array, u: Array, *rest: Array, **attrs: Any) -> tuple[Array, ...]:
    _, initial, mask, factors = arguments(rest, attrs, 2)
    f, r = function(attrs["activation"]), function(attrs["recurrent_activation"])

    def make_step(m: Array) -> Step:
        parts = list(zip(np.split(u, 4, axis=1), np.split(m, 4), strict=True))

        def step(x: Array, state: State) -> State:
            h, c = state
            i, forget, g, o = (
                x_part + (h * m_part) @ u_part
                for x_part, (u_part, m_part) in zip(np.split(x, 4), parts, strict=True)
            )
            c = r(forget) * c + r(i) * f(g)
            return [r(o) * f(c), c]

        return step

    return walk(make_step, projected, len(u), initial, mask, factors, 2, attrs)


def gru(projected: Array, u: Array, *rest: Array, **attrs: Any) -> tuple[Array, ...]:
    bias, initial, mask, factors = arguments(rest, attrs, 1)
    f, r = function(attrs["activation"]), function(attrs["recurrent_activation"])
    u_z, u_r, u_h = np.split(u, 3, axis=1)
    b_z, b_r, b_h = np.split(np.zeros(u.shape[1]) if bias is None else bias, 3)

    def make_step(m: Array) -> Step:
        m_z, m_r, m_h = np.split(m, 3)

        def step(x: Array, state: State) -> State:
            (h,) = state
            x_z, x_r, x_h = np.split(x, 3)
            z = r(x_z + (h * m_z) @ u_z + b_z)
            reset = r(x_r + (h * m_r) @ u_r + b_r)
            if attrs["reset_after"]:
                candidate = f(x_h + reset * ((h * m_h) @ u_h + b_h))
            else:
                candidate = f(x_h + (reset * h * m_h) @ u_h)
            return [z * h + (1 - z) * candidate]

        return step

    return walk(make_step, projected, len(u), initial, mask, factors, 1, attrs)


def simple_rnn(projected: Array, u: Array, *rest: Array, **attrs: Any) -> tuple[Array, ...]:
    _, initial, mask, factors = arguments(rest, attrs, 1)
    f = function(attrs["activation"])

    def make_step(m: Array) -> Step:
        return lambda x, state: [f(x + (state[0] * m) @ u)]

    return walk(make_step, projected, len(u), initial, mask, factors, 1, attrs)
