"""Transfer learning on a folder of images: a trained network, a new classifier, fine-tuning.

    python examples/transfer_learning.py
    python examples/transfer_learning.py --folder photos --weights imagenet --size 224 --alpha 1

The folder has a folder for each class in `train`, and the same ones in `validation`:
photos/train/cat/1.jpg, photos/train/dog/1.jpg, ..., photos/validation/cat/100.jpg, ...

Without --folder everything is made from the digits that come with pyframe, and no network is
needed: the network learns to tell 0 to 4 apart, which takes the place of ImageNet; its weights go
to a file; and with that file it is taught 5 to 9, of which there are few images. The steps:

1. `classifier`: the trained network is frozen, only a new classifier on top learns.
2. `fine_tuned`: the last layers of the network learn too, with a small learning rate. Batch
   normalisation stays frozen, since the few images would upset its statistics.
3. `from_scratch`: the same network and images without the trained weights, to compare.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pyframe.applications.mobilenet import MobileNet, preprocess_input
from pyframe.datasets import mnist5k
from pyframe.layers import BatchNormalization, Dense, Dropout
from pyframe.models import Sequential
from pyframe.optimizers import Adam
from pyframe.optimizers.schedules import CosineDecay
from pyframe.preprocessing.image import ImageDataGenerator
from pyframe.utils import set_random_seed

FIRST_TRAINED = "conv_dw_12"  # fine-tuning changes this layer and those after it


def digit_images(x: Any, size: int) -> Any:
    """Digits of 28 x 28 pixels as colour images of another size."""
    rows = np.arange(size) * 28 // size
    return np.repeat(x[:, rows][:, :, rows, None], 3, axis=-1)


def digits_of(classes: range, size: int) -> tuple[Any, Any, Any, Any]:
    """Images and labels of some digits, to learn from and to validate on."""
    (x, y), (x_other, y_other) = mnist5k.load_data()
    keep, keep_other = np.isin(y, classes), np.isin(y_other, classes)
    return (
        digit_images(x[keep], size),
        y[keep] - classes[0],
        digit_images(x_other[keep_other], size),
        y_other[keep_other] - classes[0],
    )


def make_folder(folder: Path, size: int, per_class: int) -> None:
    """Writes a few images of 5 to 9 to learn from, and all others to validate on."""
    x, y, x_other, y_other = digits_of(range(5, 10), size)
    for part, images, labels, count in (
        ("train", x, y, per_class),
        ("validation", x_other, y_other, len(y_other)),
    ):
        for label in range(5):
            target = folder / part / f"digit_{label + 5}"
            target.mkdir(parents=True, exist_ok=True)
            for i, image in enumerate(images[labels == label][:count]):
                Image.fromarray(image).save(target / f"{i:03}.png")


def make_weights(path: Path, size: int, alpha: float, epochs: int) -> None:
    """Trains the network on 0 to 4 and saves its weights without the classifier."""
    x, y, _, _ = digits_of(range(5), size)
    model = network(size, alpha, None, classes=5)
    # A rate that ends at zero: the moving statistics of batch normalisation lag behind the weights.
    rate = CosineDecay(2e-3, decay_steps=epochs * len(x) // 16)
    model.compile(Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(preprocess_input(x), y, epochs=epochs, batch_size=16, verbose=0)
    model.layers[0].save_weights(path)


def network(size: int, alpha: float, weights: Any, classes: int) -> Any:
    """MobileNet without its classifier, and a new one on top."""
    base = MobileNet(
        input_shape=(size, size, 3), alpha=alpha, include_top=False, weights=weights, pooling="avg"
    )
    return Sequential([base, Dropout(0.2), Dense(classes, activation="softmax")])


def train(model: Any, rate: float, training: Any, validation: Any, epochs: int) -> float:
    """Trains what is trainable and returns the accuracy on the validation images."""
    model.compile(Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(training, epochs=epochs, verbose=0)
    return float(model.evaluate(*validation, verbose=0)[1])


def read_images(folder: Path, size: int) -> tuple[Any, Any, list[str]]:
    """Images of one size, labels as rows with a single 1, and the names of the classes."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    images, labels = [], []
    for label, name in enumerate(names):
        for path in sorted((folder / name).iterdir()):
            with Image.open(path) as image:
                images.append(np.asarray(image.convert("RGB").resize((size, size))))
            labels.append(label)
    return np.stack(images), np.eye(len(names), dtype="float32")[labels], names


def images_of(folder: Path, size: int, flip: bool) -> tuple[Any, Any, list[str]]:
    """The images to learn from, each time changed a little, and those to validate on."""
    changed = ImageDataGenerator(
        preprocessing_function=preprocess_input,
        width_shift_range=0.1,
        height_shift_range=0.1,
        horizontal_flip=flip,
    )
    x, y, names = read_images(folder / "train", size)
    x_other, y_other, _ = read_images(folder / "validation", size)
    validation = (preprocess_input(x_other), y_other)
    return changed.flow(x, y, batch_size=25, seed=1), validation, names


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="folder of images; default: made of digits")
    parser.add_argument("--weights", default="imagenet", help="for --folder: a path or imagenet")
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--alpha", type=float, default=0.5, help="width of the network")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each step")
    parser.add_argument("--out", type=Path, default=Path("transfer_learning"), help="for files")
    options = parser.parse_args()
    set_random_seed(1)
    size, alpha, epochs = options.size, options.alpha, options.epochs
    folder, weights = options.folder, options.weights
    if folder is None:
        folder, weights = options.out / "digits", options.out / "digits_0_to_4.h5"
        make_folder(folder, size, per_class=50)
        make_weights(weights, size, alpha, epochs)
    *data, names = images_of(folder, size, flip=options.folder is not None)

    model = network(size, alpha, weights, len(names))
    base = model.layers[0]
    base.trainable = False
    print(f"classifier    {train(model, 1e-2, *data, epochs):.3f}", flush=True)

    base.trainable = True
    first = [layer.name for layer in base.layers].index(FIRST_TRAINED)
    for i, layer in enumerate(base.layers):
        layer.trainable = i >= first and not isinstance(layer, BatchNormalization)
    print(f"fine_tuned    {train(model, 3e-4, *data, epochs):.3f}", flush=True)

    scratch = network(size, alpha, None, len(names))
    print(f"from_scratch  {train(scratch, 2e-3, *data, epochs):.3f}", flush=True)
    model.save(options.out / "fine_tuned.keras")


if __name__ == "__main__":
    main()
