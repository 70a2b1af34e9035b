"""A model whose files have all that is odd in files of Keras 2: `python -m tests.saving.wild_files
tf_keras FOLDER` writes it with the real one.

Names with "/", one name inside another, a frozen nested model with batch normalisation, `groups: 1`
in a depthwise convolution, hard_sigmoid as Keras 2 has it, a loss and a metric of one's own.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

FILES = ("wild.h5", "wild.keras", "wild_weights.h5", "wild.weights.h5")


def cubic(y_true: Any, y_pred: Any) -> Any:
    return abs(y_true - y_pred) ** 3.0


def model(k: Any, activation: Any = "hard_sigmoid") -> Any:
    layers = k.layers
    image = layers.Input((6, 6, 2), name="image")
    x = layers.Conv2D(3, 3, name="stem/conv")(image)
    x = layers.BatchNormalization(name="stem/conv/norm")(x)
    base = k.models.Model(image, layers.Conv2D(2, 1, name="stem")(x), name="base/net")
    base.trainable = False
    inputs = layers.Input((6, 6, 2), name="in")
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="a/dw")(base(inputs))
    x = layers.BatchNormalization(name="a")(layers.SeparableConv2D(3, 2, name="a/sep")(x))
    x = layers.Flatten(name="b")(layers.AveragePooling2D(2, name="b/pool")(x))
    return k.models.Model(inputs, layers.Dense(2, activation=activation, name="a/b/c")(x))


def images() -> Any:
    return np.random.RandomState(1).normal(size=(4, 6, 6, 2)).astype("float32")


def write(k: Any, folder: Path) -> None:
    made = model(k)
    rng = np.random.RandomState(2)
    values = [rng.uniform(0.1, 0.9, w.shape) - 0.4 * (w.ndim > 1) for w in made.get_weights()]
    made.set_weights([v.astype("float32") for v in values])
    made.compile("adam", cubic, metrics=[cubic])
    made.fit(images(), np.ones((4, 2)), verbose=0)
    for file in FILES:
        (made.save_weights if "weights" in file else made.save)(str(folder / file))
    np.savez(folder / "wild.npz", y=made.predict(images(), verbose=0))


if __name__ == "__main__":
    write(__import__(sys.argv[1]), Path(sys.argv[2]))
