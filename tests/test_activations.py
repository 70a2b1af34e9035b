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
        ("mish", X * np.tanh(np.log1p(np.exp(X)))),
        ("exponential", np.exp(X)),
        ("softmax", np.exp(X) / np.exp(X).sum()),
        ("log_softmax", X - np.log(np.exp(X).sum())),
    ],
)
def test_values(name: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(activations.get(name)(X), expected, rtol=1e-12, atol=1e-12)


def test_relu_options() -> None:
    np.testing.assert_allclose(
        activations.relu(X, negative_slope=0.1, max_value=6.0, threshold=1.0),
        [-0.8, -0.2, -0.1, -0.05, 6.0],
    )
    np.testing.assert_allclose(activations.relu(X, negative_slope=0.5), [-3.5, -0.5, 0, 0.5, 8])


def test_get() -> None:
    assert activations.get(None) is activations.linear
    assert activations.get(np.tanh) is np.tanh
    assert activations.serialize(activations.relu) == "relu"
    with pytest.raises(ConfigurationError, match="Did you mean 'relu'"):
        activations.get("rellu")
    with pytest.raises(ConfigurationError, match="must be a name"):
        activations.get(3)
