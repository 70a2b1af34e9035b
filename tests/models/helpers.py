"""Small data and models for the tests of models."""

from typing import Any

import numpy as np

import pyframe
from pyframe.layers import Dense, Dropout
from pyframe.models import Sequential

ROWS, FEATURES, CLASSES = 70, 5, 3


def data(rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Features and class numbers that a small network can learn."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    return x, x[:, :CLASSES].argmax(-1)


def classifier(dropout: float = 0.0, **compile_options: Any) -> Sequential:
    """A compiled network for `data`."""
    model = Sequential([Dense(8, activation="relu", input_dim=FEATURES)])
    if dropout:
        model.add(Dropout(dropout))
    model.add(Dense(CLASSES, activation="softmax"))
    options = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"} | compile_options
    model.compile(**options)
    return model


def same_weights(a: Any, b: Any) -> bool:
    """Whether two models have bit-equal weights."""
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def linear(**compile_options: Any) -> Sequential:
    """Linear regression, whose steps can be followed in NumPy."""
    model = Sequential([Dense(1, use_bias=False, input_dim=2)])
    model.set_weights([np.array([[0.5], [-0.25]])])
    model.compile(**({"optimizer": pyframe.optimizers.SGD(0.1), "loss": "mse"} | compile_options))
    return model


def follow(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, batch: int, weight: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """One epoch of linear regression in NumPy: weights and mean loss."""
    weight = np.ones(len(x)) if weight is None else weight
    total = 0.0
    for i in range(0, len(x), batch):
        a, b, c = x[i : i + batch], y[i : i + batch], weight[i : i + batch, None]
        d = a @ w - b
        total += (c * d**2).sum()
        w = w - 0.1 * 2 * a.T @ (c * d) / len(a)
    return w, total / len(x)


def numbers(rows: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 2))
    return x, x @ np.array([[1.0], [2.0]]) + 0.1 * rng.normal(size=(rows, 1))
