"""Less over-fitting by augmentation: from a folder of pictures to a trained and saved classifier.

Writes some of the bundled digits as PNG files into a folder for each class, trains the same small
network from that folder with and without random changes of the pictures, each until the
validation loss has not fallen for a while, keeps the best weights of each in a file, and draws
the curves. With few training pictures the plain run learns them by heart: its training loss goes
to 0 while its validation loss rises. The augmented run never sees a picture twice.

    python examples/augmentation.py --out augmentation-output
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pyframe
from pyframe.callbacks import EarlyStopping, ModelCheckpoint
from pyframe.datasets import mnist5k
from pyframe.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from pyframe.models import Sequential, load_model
from pyframe.preprocessing.image import ImageDataGenerator
from pyframe.utils import plot_history, save_img

SIZE = (28, 28)


def write_pictures(folder: Path, x: Any, y: Any, per_class: int) -> None:
    """Writes the first pictures of each class as <folder>/<class>/<number>.png."""
    written = dict.fromkeys(range(10), 0)
    for picture, label in zip(x, y, strict=True):
        number = written[int(label)]
        if number < per_class:
            place = folder / str(label)
            place.mkdir(parents=True, exist_ok=True)
            save_img(place / f"{number:04}.png", picture[:, :, None], scale=False)
            written[int(label)] = number + 1


def network() -> Sequential:
    """Returns a small convolutional network."""
    model = Sequential(
        [
            Input((*SIZE, 1)),
            Conv2D(16, 3, activation="relu"),
            MaxPooling2D(),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def train(name: str, generator: Any, folder: Path, out: Path, epochs: int, patience: int) -> Any:
    """Trains from the folder; returns the history and the losses of the best weights."""
    pyframe.utils.set_random_seed(1)
    options = {"target_size": SIZE, "color_mode": "grayscale", "seed": 1}
    training = generator.flow_from_directory(folder / "training", **options)
    plain = ImageDataGenerator(rescale=1 / 255)
    seen = plain.flow_from_directory(folder / "training", **options, shuffle=False)
    unseen = plain.flow_from_directory(folder / "validation", **options, shuffle=False)
    training.preview(16, to_file=out / f"{name}_pictures.png")
    model = network()
    file = out / f"{name}.keras"
    callbacks = [
        EarlyStopping(patience=patience, restore_best_weights=True),
        ModelCheckpoint(file, save_best_only=True),
    ]
    history = model.fit(
        training, validation_data=unseen, epochs=epochs, callbacks=callbacks, verbose=0
    )
    best = load_model(file)
    on_seen, on_unseen = (best.evaluate(data, verbose=0) for data in (seen, unseen))
    plot_history(history, to_file=out / f"{name}.png", title=name)
    print(
        f"{name:10} {len(history.epoch):6} epochs   training loss {on_seen[0]:.3f}   "
        f"validation loss {on_unseen[0]:.3f}   accuracy {on_unseen[1]:.3f}"
    )
    return history, on_seen[0], on_unseen[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("augmentation-output"))
    parser.add_argument("--per-class", type=int, default=20, help="training pictures of a class")
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--patience", type=int, default=15)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    (x_train, y_train), (x_test, y_test) = mnist5k.load_data()
    folder = options.out / "digits"
    write_pictures(folder / "training", x_train, y_train, options.per_class)
    write_pictures(folder / "validation", x_test, y_test, 50)

    plain = ImageDataGenerator(rescale=1 / 255)
    changing = ImageDataGenerator(
        rescale=1 / 255, rotation_range=15, width_shift_range=0.1, height_shift_range=0.1,
        zoom_range=0.15, shear_range=10,
    )  # fmt: skip
    for name, generator in (("plain", plain), ("augmented", changing)):
        train(name, generator, folder, options.out, options.epochs, options.patience)


if __name__ == "__main__":
    main()
