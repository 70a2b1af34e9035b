"""A model with two inputs and two outputs.

Two pictures of digits go through the same convolutions. One output says whether they show the
same digit, the other one which digits they are, as a number of two figures.

    python examples/functional.py --epochs 10
"""

import argparse

import numpy as np

import pyframe
from pyframe.datasets import mnist5k
from pyframe.layers import Concatenate, Conv2D, Dense, Flatten, Input, MaxPooling2D
from pyframe.models import Model


def encoder() -> Model:
    """A picture to 32 numbers."""
    picture = Input((28, 28, 1), name="picture")
    x = Conv2D(8, 5, strides=2, activation="relu")(picture)
    x = MaxPooling2D()(x)
    x = Conv2D(16, 3, activation="relu")(x)
    return Model(picture, Dense(32, activation="relu")(Flatten()(x)), name="encoder")


def network() -> Model:
    """Two pictures to "same" (a probability) and "number" (0 to 99)."""
    left, right = Input((28, 28, 1), name="left"), Input((28, 28, 1), name="right")
    shared = encoder()
    a, b = shared(left), shared(right)
    difference = abs(a - b)
    same = Dense(1, activation="sigmoid", name="same")(Dense(16, activation="relu")(difference))
    number = Dense(100, activation="softmax", name="number")(Concatenate()([a, b]))
    return Model([left, right], {"same": same, "number": number}, name="pairs")


def pairs(x: np.ndarray, y: np.ndarray, count: int, seed: int) -> tuple[dict, dict]:
    """Pairs of pictures by input name and their targets by output name; half show one digit."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(x), count)
    second = rng.integers(0, len(x), count)
    for i in range(0, count, 2):
        second[i] = rng.choice(np.flatnonzero(y == y[first[i]]))
    inputs = {"left": x[first, ..., None] / 255.0, "right": x[second, ..., None] / 255.0}
    same = (y[first] == y[second]).astype("float32")
    return inputs, {"same": same, "number": 10 * y[first] + y[second]}


def main() -> None:
    """Trains the network and the part of it that knows single digits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=8000)
    options = parser.parse_args()

    pyframe.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = mnist5k.load_data()
    train = pairs(x_train, y_train, options.pairs, seed=1)
    test = pairs(x_test, y_test, 1000, seed=2)

    model = network()
    model.summary()
    model.compile(
        optimizer="adam",
        loss={"same": "binary_crossentropy", "number": "sparse_categorical_crossentropy"},
        loss_weights={"same": 1.0, "number": 0.5},
        metrics={"same": ["accuracy"], "number": ["accuracy"]},
    )
    model.fit(*train, epochs=options.epochs, validation_data=test, verbose=2)
    for name, value in model.evaluate(*test, verbose=0, return_dict=True).items():
        print(f"{name:20} {value:.4f}")

    # What the shared layers have learnt is a model of its own.
    features = model.get_layer("encoder").predict(test[0]["left"], verbose=0)
    print("features", features.shape)


if __name__ == "__main__":
    main()
