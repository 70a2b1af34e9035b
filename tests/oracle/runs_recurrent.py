"""Puts the cases of specs_recurrent.py through one framework."""

from typing import Any

import numpy as np

from tests.oracle.specs import Array, rng_for
from tests.oracle.specs_recurrent import RecurrentCase

ROWS = 5
STEPS = 20


def sequences(case: RecurrentCase, rng: np.random.RandomState) -> Array:
    shape = (ROWS, *case.input_shape)
    low = 1 if case.padded else 0
    if case.ids:
        x = rng.randint(low, case.ids, shape).astype(np.int32)
    else:
        x = rng.standard_normal(shape).astype(np.float32)
    if case.padded:
        # At least one step is left: Keras divides by the length.
        for row, length in zip(x, rng.randint(1, shape[1] + 1, ROWS), strict=True):
            row[length:] = 0
    return np.asarray(x)


def run_recurrent(k: Any, case: RecurrentCase, seed: int) -> dict[str, Array]:
    rng = rng_for(case.name, seed)
    inputs = k.layers.Input(shape=case.input_shape, dtype="int32" if case.ids else "float32")
    outputs = case.call(k.layers, inputs)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    model = k.Model(inputs, outputs if len(outputs) > 1 else outputs[0])
    values = [
        (rng.standard_normal(w.shape) / np.sqrt(max(1, np.prod(w.shape[:-1])))).astype("f4")
        for w in model.get_weights()
    ]
    model.set_weights(
        [
            abs(v) + 0.5 if w.name == "moving_variance" else v
            for w, v in zip(model.weights, values, strict=True)
        ]
    )
    x = sequences(case, rng)
    results = {
        "facts": np.array(
            [f"{tuple(w.shape)} {w.trainable}" for w in model.weights]
            + [f"output {tuple(t.shape)}" for t in outputs]
        )
    }
    predicted = model(x)
    for i, value in enumerate(predicted if len(outputs) > 1 else [predicted]):
        results[f"predict{i}"] = np.asarray(value)
    if not case.trains:
        return results
    if case.loss == "mse":
        y: Any = [rng.standard_normal((ROWS, *t.shape[1:])).astype("f4") for t in outputs]
        y = y if len(y) > 1 else y[0]
    else:
        y = rng.randint(0, outputs[0].shape[-1], (ROWS, *outputs[0].shape[1:-1]))
    losses: Any = [case.loss] * len(outputs) if len(outputs) > 1 else case.loss
    options = {"metrics": list(case.metrics)} if case.metrics else {}
    optimizer = k.optimizers.SGD(learning_rate=case.learning_rate)
    model.compile(optimizer=optimizer, loss=losses, **options)
    extra: dict[str, Any] = {}
    if case.sample_weight:  # Keras takes none for whole samples where there is a mask
        extra["sample_weight"] = rng.uniform(0.2, 2, np.shape(y)).astype("f4")
    logs = [
        np.atleast_1d(np.asarray(model.train_on_batch(x, y, **extra), np.float32)).ravel()
        for _ in range(STEPS)
    ]
    # Of several outputs the whole loss: the losses of outputs of one layer share their names.
    results["train"] = np.array(logs)[:, : 1 if len(outputs) > 1 else None]
    results["weights"] = np.concatenate([np.ravel(w) for w in model.get_weights()])
    return results
