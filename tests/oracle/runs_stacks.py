"""Puts the cases of specs_stacks.py through one framework."""

import json
from typing import Any

import numpy as np

from tests.oracle.specs import Array, rng_for
from tests.oracle.specs_stacks import StackCase

ROWS = 3
STEPS = 3
# What both sides write in their own way; initializers and the like have tests of their own.
_OWN_WORDS = ("name", "dtype", "activation", "_initializer", "_regularizer", "_constraint")


def plain(value: Any) -> Any:
    """Tuples as lists, whole numbers as floats: 6 and 6.0 mean the same."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def config_lines(layer: Any) -> list[str]:
    config = layer.get_config()
    kept = sorted(key for key in config if not key.endswith(_OWN_WORDS))
    return [f"{key}={json.dumps(plain(config[key]))}" for key in kept]


def run_stack(k: Any, case: StackCase, seed: int) -> dict[str, Array]:
    """A Dense layer in front carries the gradient of the input, one behind makes the loss."""
    rng = rng_for(case.name, seed)
    layer = case.make(k.layers)
    model = k.models.Sequential(
        [
            k.layers.Input(shape=case.input_shape),
            k.layers.Dense(case.input_shape[-1]),
            layer,
            k.layers.Flatten(),
            k.layers.Dense(3),
        ]
    )
    for weight in model.trainable_weights:
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        weight.assign((rng.standard_normal(weight.shape) / np.sqrt(fan_in)).astype(np.float32))
    x = rng.standard_normal((ROWS, *case.input_shape)).astype(np.float32)
    y = rng.standard_normal((ROWS, 3)).astype(np.float32)
    alone = k.models.Sequential([k.layers.Input(shape=case.input_shape), layer])
    results = {
        "predict": np.asarray(alone.predict(x, verbose=0)),
        "shape": np.array(str(tuple(alone.output_shape))),
        "weights": np.array([str(tuple(w.shape)) for w in layer.get_weights()], dtype=np.str_),
        "config": np.array(config_lines(layer), dtype=np.str_),
    }
    if case.trains:
        model.compile(optimizer=k.optimizers.SGD(learning_rate=0.01), loss="mse")
        losses = [float(model.train_on_batch(x, y)) for _ in range(STEPS)]
        results["loss"] = np.array(losses, np.float32)
        results |= {f"weight{i}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    return results
