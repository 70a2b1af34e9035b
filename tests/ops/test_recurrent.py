"""What the operator table does not reach: gradients through the other outputs."""

from typing import Any

import numpy as np
import pytest

from pyframe import ops

RNG = np.random.default_rng(5)
MASK = np.array([[1.0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 0]])
OPERATORS = {"lstm": (ops.lstm, 4, 2), "gru": (ops.gru, 3, 1), "simple_rnn": (ops.simple_rnn, 1, 1)}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("zero_output", [False, True])
def test_gradients_through_every_output(name: str, masked: bool, zero_output: bool) -> None:
    operator, gates, states = OPERATORS[name]
    arrays = [RNG.normal(size=(3, 4, gates * 5)), RNG.normal(size=(5, gates * 5)) / 2]
    arrays += [RNG.normal(size=(3, 5)) for _ in range(states)]
    weights = [RNG.normal(size=s) for s in ((3, 4, 5), *((3, 5),) * (1 + states))]

    def loss(z: Any, u: Any, *start: Any) -> Any:
        outputs = operator(
            z, u, initial_state=start, mask=MASK if masked else None,
            zero_output_for_mask=zero_output, go_backwards=True,
        )  # fmt: skip
        parts = [ops.sum(y * w) for y, w in zip(outputs, weights, strict=True)]
        return sum(parts[1:], parts[0])

    value, gradients = ops.value_and_grad(loss, *arrays)
    assert np.isfinite(value)
    for position, gradient in enumerate(gradients):
        direction = RNG.normal(size=gradient.shape)
        ends = []
        for sign in (1, -1):
            moved = list(arrays)
            moved[position] = arrays[position] + sign * 1e-5 * direction
            ends.append(ops.value_and_grad(loss, *moved)[0])
        slope = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-6, atol=1e-8)


def test_masked_steps_are_never_read() -> None:
    z = RNG.normal(size=(3, 4, 20))
    u = RNG.normal(size=(5, 20))
    spoiled = np.where(MASK[:, :, None] == 0, np.nan, z)

    def loss(x: Any, kernel: Any) -> Any:
        outputs = ops.lstm(x, kernel, mask=MASK)
        return ops.sum(outputs[0]) + ops.sum(outputs[3])

    clean, (dz, du) = ops.value_and_grad(loss, z, u)
    found, (dz_spoiled, du_spoiled) = ops.value_and_grad(loss, spoiled, u)
    assert found == clean
    np.testing.assert_array_equal(dz_spoiled, dz)
    np.testing.assert_array_equal(du_spoiled, du)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"activation": "gelu"}, "activation 'gelu' is not supported"),
        ({"initial_state": [np.zeros((3, 4))] * 2}, "an initial state"),
        ({"initial_state": [np.zeros((3, 5))]}, "needs 4 inputs"),
        ({"mask": np.zeros((3, 3))}, "the mask must have the shape"),
        ({"state_factors": np.zeros((3, 5))}, "the factors of the state"),
    ],
)
def test_errors(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ops.lstm(np.zeros((3, 4, 20)), np.zeros((5, 20)), **arguments)
