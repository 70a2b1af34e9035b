"""The state of every optimizer in .keras files, in both directions, with a live Keras.

python -m tests.saving.test_optimizer_files write|read pyframe|keras FOLDER
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda o: o.SGD(0.1),
    "momentum": lambda o: o.SGD(0.1, momentum=0.9, clipnorm=0.5),
    "rmsprop": lambda o: o.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda o: o.Adam(0.01, amsgrad=True),
    "adamw": lambda o: o.AdamW(0.01),
    "adagrad": lambda o: o.Adagrad(0.1),
    "adadelta": lambda o: o.Adadelta(1.0),
    "adamax": lambda o: o.Adamax(0.01),
    "nadam": lambda o: o.Nadam(0.01),
    "ftrl": lambda o: o.Ftrl(0.1),
    "lion": lambda o: o.Lion(0.01),
    "averages": lambda o: o.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda o: o.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
    "schedule": lambda o: o.Adam(o.schedules.ExponentialDecay(0.01, 3, 0.5)),
}
RNG = np.random.RandomState(0)
X, Y = RNG.normal(size=(10, 4)).astype("float32"), RNG.normal(size=(10, 2)).astype("float32")


def train(model: Any, epochs: int) -> None:
    model.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)


def make(k: Any, name: str) -> Any:
    layers = k.layers
    model = k.models.Sequential(
        [layers.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(2)]
    )
    rng = np.random.RandomState(3)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile(OPTIMIZERS[name](k.optimizers), "mse")
    return model


def go_on(k: Any, action: str, folder: Path) -> dict[str, Any]:
    """Weights after training went on, by optimizer."""
    found = {}
    for name in OPTIMIZERS:
        path = str(folder / f"{name}.keras")
        if action == "write":
            model = make(k, name)
            train(model, 1)
            model.save(path)
        else:
            model = k.models.load_model(path)
        train(model, 2)
        found[name] = np.concatenate([w.ravel() for w in model.get_weights()])
    return found


if __name__ == "__main__":
    action, package, where = sys.argv[1:]
    results = go_on(__import__(package), action, Path(where))
    np.savez(Path(where) / ("written.npz" if action == "write" else "read.npz"), **results)
