"""Models for the tests of files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe.layers import Dense, Dropout
from pyframe.models import Sequential, load_model
from tests.saving import wild_files


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


def check_wild_file(path: Path, expected: Path) -> None:
    """A file of `wild_files` predicts what it did in Keras 2."""
    if "weights" in path.name:
        model = wild_files.model(pyframe, pyframe.activations.get("hard_sigmoid_keras2"))
        assert len(model.load_weights(path).loaded) == len(model.weights) == 19
    else:
        with pytest.warns(UserWarning, match=r"not compiled, call model\.compile.*cubic"):
            model = load_model(path)
        names = [weight.path for weight in model.trainable_weights]
        assert not any("stem" in name for name in names)
    y = model.predict(wild_files.images(), verbose=0)
    np.testing.assert_allclose(y, np.load(expected)["y"], 1e-5, 1e-6)
