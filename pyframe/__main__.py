"""`python -m pyframe`: trains a small convolutional network on real digits and shows the result."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyframe._version import __version__
from pyframe.callbacks import LambdaCallback
from pyframe.datasets import mnist5k
from pyframe.layers import Conv2D, Dense, Flatten, MaxPooling2D
from pyframe.models import Sequential
from pyframe.regularizers import l1, l2
from pyframe.utils import plot_history, plot_images, set_random_seed

_SHEET = 32  # most digits on the sheet of errors
# The learning rate falls from the first to the last number, by the same factor in every epoch.
_LEARNING_RATES = (3e-3, 6e-5)


def build_model() -> Any:
    """Returns a network in the manner of LeNet for 28x28 grey images and 10 classes."""
    model = Sequential(name="digits")
    model.add(Conv2D(6, (5, 5), padding="same", activation="relu", input_shape=(28, 28, 1)))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Conv2D(6, (5, 5), activation="relu", kernel_regularizer=l2(0.01)))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(120, activation="relu"))
    model.add(Dense(10, activation="softmax", kernel_regularizer=l1(0.01)))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: Any, x: Any, y: Any, validation_data: Any, epochs: int) -> Any:
    """Trains in batches of 32 and returns the history."""

    def set_learning_rate(epoch: int, logs: Any) -> None:
        first, last = _LEARNING_RATES
        model.optimizer.learning_rate = first * (last / first) ** (epoch / max(epochs - 1, 1))

    return model.fit(
        x,
        y,
        batch_size=32,
        epochs=epochs,
        validation_data=validation_data,
        callbacks=[LambdaCallback(on_epoch_begin=set_learning_rate)],
    )


def save_pictures(
    folder: Path,
    history: Any,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    predicted: NDArray[np.int64],
) -> list[Path]:
    """Saves the training curves, and the digits that were taken for another one.

    Args:
        folder: where to save; it is made if needed.
        history: what `fit` returned.
        images: test images (N, 28, 28).
        labels: their digits (N,).
        predicted: the digits that the model sees in them (N,).

    Returns:
        The files written.

    Raises:
        ImportError: if matplotlib is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "curves.png"]
    plot_history(history, to_file=files[0])
    wrong = np.flatnonzero(labels != predicted)[:_SHEET]
    if wrong.size:
        files.append(folder / "misclassified.png")
        titles = [f"{labels[i]}, seen as {predicted[i]}" for i in wrong]
        plot_images(images[wrong], titles, to_file=files[1])
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the job.

    Args:
        arguments: command line; None means that of the process.

    Returns:
        0.
    """
    parser = argparse.ArgumentParser(prog="python -m pyframe", description=__doc__)
    parser.add_argument("--epochs", type=int, default=30, help="passes over the digits (30)")
    parser.add_argument("--out", type=Path, default=Path("pyframe-output"), help="picture folder")
    parser.add_argument("--seed", type=int, default=1, help="seed of all random numbers (1)")
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")

    set_random_seed(options.seed)
    (x_train, y_train), (x_test, y_test) = mnist5k.load_data()
    x_train, x_new = (x[..., np.newaxis] / np.float32(255) for x in (x_train, x_test))
    print(f"pyframe {__version__}: {len(x_train)} digits to learn from, {len(x_new)} to test with")
    model = build_model()
    model.summary()

    start = time.perf_counter()
    history = train(model, x_train, y_train, (x_new, y_test), options.epochs)
    seconds = time.perf_counter() - start
    predicted = model.predict(x_new, verbose=0).argmax(axis=-1)
    right = int((predicted == y_test).sum())
    print(f"Test accuracy: {right / len(y_test):.1%} ({right} of {len(y_test)} digits)")
    print(f"Training time: {seconds:.1f} s, {seconds / options.epochs:.2f} s an epoch")
    try:
        files = save_pictures(options.out, history, x_test, y_test, predicted)
    except ImportError as error:
        print(f"No pictures were made. {error}")
    else:
        print("Pictures: " + ", ".join(map(str, files)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
