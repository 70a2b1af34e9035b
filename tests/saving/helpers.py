"""Models for the tests of files."""

from typing import Any

import numpy as np

from pyframe.layers import Dense, Dropout
from pyframe.models import Sequential


def small_model(units: int = 5, **arguments: Any) -> Any:
    model = Sequential(
        [
            Dense(units, activation="relu", input_dim=4, kernel_regularizer="l2"),
            Dropout(0.5),
            Dense(3, activation="softmax"),
        ]
    )
    options = {"optimizer": "adam", "loss": "categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**(options | arguments))
    return model


def small_data(rows: int = 30) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)).astype("float32"), np.eye(3)[np.arange(rows) % 3]


def trained_model(**arguments: Any) -> Any:
    model = small_model(**arguments)
    model.fit(*small_data(), epochs=2, verbose=0)
    return model


def equal(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
