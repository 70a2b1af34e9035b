"""Activation functions by name and value."""

import numpy as np
import pytest

from pyframe import activations
from pyframe.errors import ConfigurationError

X = np.array([-7.0, -1.0, 0.0, 0.5, 8.0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", X),
        ("relu", np.maximum(X, 0)),
        ("relu6", np.clip(X, 0, 6)),
        ("leaky_relu", np.where(X > 0, X, 0.2 * X)),
        ("elu", np.where(X > 0, X, np.expm1(X))),
        ("sigmoid", 1 / (1 + np.exp(-X))),
        ("hard_sigmoid", np.clip(X / 6 + 0.5, 0, 1)),
        ("tanh", np.tanh(X)),
        ("softplus", np.log1p(np.exp(X))),
        ("softsign", X / (1 + np.abs(X))),
        ("silu", X / (1 + np.exp(-X))),
        ("swish", X / (1 + np.exp(-X))),
        ("hard_silu", X * np.clip(X / 6 + 0.5, 0, 1)),
        ("celu", np.where(X > 0, X, np.expm1(X))),
        ("hard_shrink", [-7, -1, 0, 0, 8]),
        ("hard_swish", X * np.clip(X / 6 + 0.5, 0, 1)),
        ("hard_tanh", np.clip(X, -1, 1)),
        ("log_sigmoid", -np.log1p(np.exp(-X))),
        ("soft_shrink", [-6.5, -0.5, 0, 0, 7.5]),
        ("sparse_plus", [0, 0, 0.25, 0.5625, 8]),
        ("sparse_sigmoid", [0, 0, 0.5, 0.75, 1]),
        ("squareplus", (X + np.sqrt(X**2 + 4)) / 2),
        ("tanh_shrink", X - np.tanh(X)),
        ("mish", X * np.tanh(np.log1p(np.exp(X)))),
        ("exponential", np.exp(X)),
        ("softmax", np.exp(X) / np.exp(X).sum()),
        ("log_softmax", X - np.log(np.exp(X).sum())),
    ],
)
def test_values(name: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(activations.get(name)(X), expected, rtol=1e-12, atol=1e-12)


def test_activations_with_arguments() -> None:
    a, b = np.array([[1.0, 2.0]]), np.array([[0.0, 3.0]])
    np.testing.assert_allclose(
        activations.glu(np.concatenate([a, b], 1)), a / (1 + np.exp(-b)), rtol=1e-6
    )
    np.testing.assert_allclose(activations.threshold(X, 0.4, -2.0), [-2, -2, -2, 0.5, 8])
    np.testing.assert_allclose(activations.celu(X, 2.0)[1], 2 * np.expm1(-0.5))


def test_relu_options() -> None:
    np.testing.assert_allclose(
        activations.relu(X, negative_slope=0.1, max_value=6.0, threshold=1.0),
        [-0.8, -0.2, -0.1, -0.05, 6.0],
    )
    np.testing.assert_allclose(activations.relu(X, negative_slope=0.5), [-3.5, -0.5, 0, 0.5, 8])
    np.testing.assert_allclose(activations.relu(X, max_value=6.0), [0, 0, 0, 0.5, 6])


def test_get() -> None:
    assert activations.get(None) is activations.linear
    assert activations.get(np.tanh) is np.tanh
    assert activations.serialize(activations.relu) == "relu"
    with pytest.raises(ConfigurationError, match="Did you mean 'relu'"):
        activations.get("rellu")
    with pytest.raises(ConfigurationError, match="must be a name"):
        activations.get(3)
