"""Over-fitting, and what helps against it, on a small sample of handwritten digits.

    python examples/overfitting.py                    all experiments, pictures in ./overfitting
    python examples/overfitting.py --epochs 500       shorter
    python examples/overfitting.py --only dropout     one of them

A network with far more weights than there are samples learns the samples by heart: the loss on
them goes to zero, while the loss on other digits falls, and then rises. The experiments:

1. `no_stopping`: all epochs; the validation loss falls, then rises.
2. `stopping`: EarlyStopping without patience stops at the first bump of the validation loss.
3. `patience`: with patience small bumps are passed over, and training stops later.
4. `best_model`: with ModelCheckpoint(save_best_only=True) the best model comes back from its file.
5. `l2`, `l1`, `dropout`: weight decay and dropout against over-fitting.
6. `rate_small`, `rate_right`, `rate_large`: learning rates.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyframe import regularizers
from pyframe.callbacks import EarlyStopping, ModelCheckpoint
from pyframe.datasets import mnist5k
from pyframe.layers import Dense, Dropout, Input
from pyframe.models import Sequential, load_model
from pyframe.optimizers import SGD
from pyframe.utils import plot_history, set_random_seed

SAMPLES, VALIDATION = 100, 500
PATIENCE = 50


@dataclass(frozen=True)
class Result:
    """What became of one experiment."""

    name: str
    epochs: int
    best_epoch: int
    best_loss: float
    loss: float
    accuracy: float


def digits() -> tuple[Any, Any, Any, Any]:
    """A few digits to learn from, and others to validate on."""
    (x, y), (x_other, y_other) = mnist5k.load_data()
    x, x_other = x.reshape(-1, 784) / 255.0, x_other.reshape(-1, 784) / 255.0
    return x[:SAMPLES], y[:SAMPLES], x_other[:VALIDATION], y_other[:VALIDATION]


def network(rate: float = 0.1, decay: Any = None, dropout: float = 0.0) -> Any:
    """784 - 128 - 10 with ReLU and softmax: about 100,000 weights for 100 samples."""
    set_random_seed(1)
    model = Sequential([Input((784,)), Dense(128, activation="relu", kernel_regularizer=decay)])
    if dropout:
        model.add(Dropout(dropout))
    model.add(Dense(10, activation="softmax", kernel_regularizer=decay))
    model.compile(SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: Any, epochs: int, callbacks: Any = ()) -> Any:
    """Trains in batches of 20 and returns the history."""
    x, y, x_other, y_other = digits()
    return model.fit(
        x,
        y,
        batch_size=20,
        epochs=epochs,
        verbose=0,
        validation_data=(x_other, y_other),
        callbacks=list(callbacks),
    )


def finish(name: str, model: Any, history: Any, folder: Path) -> Result:
    """Evaluates the model as it is now and draws its history."""
    _, _, x_other, y_other = digits()
    loss, accuracy = model.evaluate(x_other, y_other, verbose=0)
    values = history.history["val_loss"]
    best = int(np.nanargmin(values))
    plot_history(history, folder / f"{name}.png", title=name)
    return Result(name, len(values), best + 1, values[best], loss, accuracy)


def plain(name: str, epochs: int, folder: Path, **options: Any) -> Result:
    """Trains a network with these options for all epochs."""
    model = network(**options)
    return finish(name, model, train(model, epochs), folder)


def stopping(name: str, epochs: int, folder: Path, patience: int) -> Result:
    """Stops early and keeps the weights of the last epoch."""
    model = network()
    patience = min(patience, epochs - 1)
    return finish(name, model, train(model, epochs, [EarlyStopping(patience=patience)]), folder)


def best_model(name: str, epochs: int, folder: Path) -> Result:
    """Stops early and loads the best model from its file."""
    path = folder / "best.keras"
    model = network()
    patience = min(PATIENCE, epochs - 1)
    callbacks = [EarlyStopping(patience=patience), ModelCheckpoint(path, save_best_only=True)]
    history = train(model, epochs, callbacks)
    return finish(name, load_model(path), history, folder)


EXPERIMENTS: dict[str, Callable[[str, int, Path], Result]] = {
    "no_stopping": plain,
    "stopping": lambda name, epochs, folder: stopping(name, epochs, folder, 0),
    "patience": lambda name, epochs, folder: stopping(name, epochs, folder, PATIENCE),
    "best_model": best_model,
    "l2": lambda *given: plain(*given, decay=regularizers.l2(0.005)),
    "l1": lambda *given: plain(*given, decay=regularizers.l1(0.0005)),
    "dropout": lambda *given: plain(*given, dropout=0.5),
    "rate_small": lambda *given: plain(*given, rate=0.0001),
    "rate_right": lambda *given: plain(*given, rate=0.05),
    "rate_large": lambda *given: plain(*given, rate=2.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Over-fitting, and what helps against it.")
    parser.add_argument("--epochs", type=int, default=3000, help="epochs of each experiment")
    parser.add_argument("--quick", action="store_true", help="20 epochs, to try the script out")
    parser.add_argument("--only", choices=list(EXPERIMENTS), help="run one experiment")
    parser.add_argument("--out", type=Path, default=Path("overfitting"), help="folder of pictures")
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error("--epochs must be at least 2")
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"{'experiment':<12}{'epochs':>8}{'best epoch':>12}{'best loss':>11}", end="")
    print(f"{'loss':>9}{'accuracy':>10}   (of the validation)")
    for name in [options.only] if options.only else EXPERIMENTS:
        result = EXPERIMENTS[name](name, 20 if options.quick else options.epochs, options.out)
        print(f"{name:<12}{result.epochs:>8}{result.best_epoch:>12}", end="")
        print(f"{result.best_loss:>11.3f}{result.loss:>9.3f}{result.accuracy:>10.3f}", flush=True)
    print(f"Pictures: {options.out.resolve()}")


if __name__ == "__main__":
    main()
