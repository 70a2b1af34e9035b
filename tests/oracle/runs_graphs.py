"""Puts the graphs of specs_graphs.py through one framework."""

import warnings
from typing import Any

import numpy as np

from tests.oracle.specs import Array, rng_for
from tests.oracle.specs_graphs import CLASSES, GraphCase

ROWS, BATCH = 64, 16


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in _leaves(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for entry in value for leaf in _leaves(entry)]
    return [value]


def _map(fn: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _map(fn, entry) for key, entry in value.items()}
    return [_map(fn, entry) for entry in value] if isinstance(value, list) else fn(value)


def run_graph(k: Any, case: GraphCase, seed: int) -> dict[str, Array]:
    """Names of layers and weights, predictions, 20 steps of fit, evaluation, weights."""
    rng = rng_for(case.name, seed)

    def numbers(kind: Any) -> Array:
        if kind in ("ids", "ids2", "one_hot"):
            ids = rng.randint(0, 2 if kind == "ids2" else CLASSES, ROWS)
            return np.eye(CLASSES, dtype=np.float32)[ids] if kind == "one_hot" else ids
        return rng.standard_normal((ROWS, kind)).astype(np.float32)

    # Both frameworks warn of weights on which the loss does not depend.
    warnings.filterwarnings("ignore", ".*(do not exist for|does not depend on).*")
    model = case.model(k)
    values = [0.5 * rng.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()]
    model.set_weights(values)
    arrays = {name: numbers(4) for name in case.inputs}
    x: Any = arrays if case.by_name else list(arrays.values())
    x = x[0] if len(case.inputs) == 1 else x
    y = _map(numbers, case.targets)
    extra: dict[str, Any] = {}
    if case.weights == "all":
        extra["sample_weight"] = rng.uniform(0.2, 2, ROWS).astype(np.float32)
    elif case.weights == "each":
        extra["sample_weight"] = _map(
            lambda _: rng.uniform(0.2, 2, ROWS).astype(np.float32), case.targets
        )
    compiled = {"optimizer": k.optimizers.SGD(learning_rate=0.05), **case.compile(k)}
    model.compile(**compiled)

    names = [layer.name for layer in model.layers]
    results = {
        "layers": np.array(names, dtype=np.str_),
        "shapes": np.array([str(w.shape) for w in model.weights], dtype=np.str_),
        "trainable": np.array([len(model.trainable_weights)]),
    }
    outputs = model.predict(x, batch_size=BATCH, verbose=0)
    results |= {f"predict{i}": np.asarray(v) for i, v in enumerate(_leaves(outputs))}
    history = model.fit(x, y, batch_size=BATCH, epochs=5, shuffle=False, verbose=0,
                        **extra, **case.fit).history  # fmt: skip
    results["keys"] = np.array(list(history), dtype=np.str_)
    results |= {f"history_{n}": np.asarray(v, np.float32) for n, v in history.items()}
    evaluated = model.evaluate(x, y, batch_size=24, verbose=0, **extra)
    results["evaluate"] = np.atleast_1d(np.asarray(evaluated, np.float32))
    logs = model.train_on_batch(x, y, return_dict=True, **extra)
    results |= {f"batch_{n}": np.asarray(logs[n], np.float32) for n in sorted(logs)}
    results |= {f"weight{i}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    return results
