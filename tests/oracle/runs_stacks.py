"""Puts the cases of specs_stacks.py through one framework."""

import json
from typing import Any

import numpy as np

from tests.oracle.specs import Array, rng_for
from tests.oracle.specs_stacks import StackCase

ROWS = 3
STEPS = 3
# What both sides write in their own way; initializers and the like have tests of their own.
_OWN_WORDS = ("name", "dtype", "activation", "_initializer", "_regularizer", "_constraint",
              "quantization_config")  # fmt: skip


def plain(value: Any) -> Any:
    """Tuples as lists, whole numbers as floats, -0 as 0: 6 and 6.0 mean the same."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) + 0.0 if number else value


def config_lines(layer: Any) -> list[str]:
    config = layer.get_config()
    kept = sorted(key for key in config if not key.endswith(_OWN_WORDS))
    return [f"{key}={json.dumps(plain(config[key]))}" for key in kept]


def run_stack(k: Any, case: StackCase, seed: int) -> dict[str, Array]:
    """Dense layers in front carry the gradient of the inputs, one behind makes the loss."""
    rng = rng_for(case.name, seed)
    layer = case.make(k.layers)
    inputs = [
        k.layers.Input(shape=s, dtype="int32" if case.ids else "float32") for s in case.input_shapes
    ]
    before = inputs if case.ids else [k.layers.Dense(t.shape[-1])(t) for t in inputs]
    middle = layer(before if len(before) > 1 else before[0])
    model = k.Model(inputs, k.layers.Dense(3)(k.layers.Flatten()(middle)))
    for weight in model.trainable_weights:
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        weight.assign((rng.standard_normal(weight.shape) / np.sqrt(fan_in)).astype(np.float32))
    x: list[Array] = [
        rng.randint(0, case.ids, (ROWS, *s)).astype(np.int32)
        if case.ids
        else rng.standard_normal((ROWS, *s)).astype(np.float32)
        for s in case.input_shapes
    ]
    y = rng.standard_normal((ROWS, 3)).astype(np.float32)
    alone = k.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))
    results = {
        "predict": np.asarray(alone.predict(x if len(x) > 1 else x[0], verbose=0)),
        **({"training": np.asarray(layer(x[0], training=True))} if case.training else {}),
        "facts": np.array(
            [
                f"output {tuple(alone.output_shape)}",
                f"weights {[tuple(w.shape) for w in layer.get_weights()]}",
                *config_lines(layer),
            ]
        ),
    }
    if case.trains:
        model.compile(optimizer=k.optimizers.SGD(learning_rate=0.01), loss="mse")
        losses = [float(model.train_on_batch(x if len(x) > 1 else x[0], y)) for _ in range(STEPS)]
        results["loss"] = np.array(losses, np.float32)
        # In one array: thousands of small ones would be a large file.
        results["weights"] = np.concatenate([np.ravel(w) for w in model.get_weights()])
    return results
