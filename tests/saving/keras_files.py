"""Models that pyframe and Keras write and read for each other, one program for all of them.

python -m tests.saving.keras_files write|read pyframe|keras|tf_keras FOLDER
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WHOLE = ("m.keras", "m.h5")
# Keras 3.15.1 gives models of .h5 files an optimizer that knows none of their weights.
NOT_TRAINED = "m.h5"
WEIGHTS = ("m.weights.h5", "w.h5")


def dense(k: Any) -> Any:
    layers = k.layers
    model = k.models.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(
                5, activation="relu", kernel_regularizer="l2", kernel_constraint="max_norm"
            ),
            layers.LeakyReLU(),
            layers.Dense(3, activation="softmax", use_bias=False),
        ]
    )
    model.compile(k.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    return model


def images(k: Any) -> Any:
    layers = k.layers
    model = k.models.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="first"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3, strides=2, dilation_rate=1),
            layers.BatchNormalization(scale=False),
            layers.Flatten(),
            layers.Dropout(0.0),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = k.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    model.compile(optimizer, "binary_crossentropy")
    return model


def graph(k: Any) -> Any:
    layers = k.layers
    inputs = layers.Input((6,), name="in")
    shared = layers.Dense(4, activation="tanh", name="shared")
    a = shared(inputs)
    b = layers.Dense(4, activation="relu")(inputs)
    c = layers.Dense(4)(layers.Concatenate()([a, b]))
    outputs = layers.Dense(2)(layers.Add()([layers.Activation("relu")(c), a]))
    model = k.models.Model(inputs, outputs, name="graph")
    model.compile(k.optimizers.RMSprop(0.01), "mse", metrics=["mae"])
    return model


def transfer(k: Any) -> Any:
    layers = k.layers
    inputs = layers.Input((8, 8, 2))
    x = layers.Conv2D(3, 3, name="c1")(inputs)
    x = layers.BatchNormalization(name="b1")(x)
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(4, 3, name="c2")(x)
    x = layers.BatchNormalization(name="b2")(x)
    base = k.models.Model(inputs, x, name="base")
    base.trainable = False
    model = k.models.Sequential(
        [layers.Input((8, 8, 2)), base, layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    model.compile(k.optimizers.Adam(0.02, amsgrad=True), "categorical_crossentropy")
    return model


def recurrent(k: Any) -> Any:
    layers = k.layers
    model = k.models.Sequential(
        [
            layers.Input((6,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.SimpleRNN(3, return_sequences=True, go_backwards=True),
            layers.GRU(4, return_sequences=True, reset_after=False, name="old"),
            layers.Bidirectional(layers.GRU(4, return_sequences=True), merge_mode="sum"),
            layers.TimeDistributed(layers.Dense(3, activation="tanh")),
            layers.RNN(layers.LSTMCell(2)),
            layers.Dense(1),
        ]
    )
    model.compile(k.optimizers.Adam(0.01), "mse")
    return model


MODELS: dict[str, Callable[[Any], Any]] = {
    "dense": dense, "images": images, "graph": graph, "transfer": transfer,
    "recurrent": recurrent,
}  # fmt: skip


def data(name: str) -> tuple[Any, Any]:
    rng = np.random.RandomState(7)
    if name == "recurrent":
        ids = rng.randint(1, 9, (12, 6))
        ids[np.arange(6) >= rng.randint(1, 7, (12, 1))] = 0
        return ids.astype("int32"), rng.normal(size=(12, 1)).astype("float32")
    shape = (12, 6) if name in ("dense", "graph") else (12, 8, 8, 2)
    x = rng.normal(size=shape).astype("float32")
    if name == "images":
        return x, (np.arange(12) % 2).reshape(-1, 1).astype("float32")
    if name == "graph":
        return x, rng.normal(size=(12, 2)).astype("float32")
    return x, np.eye(3, dtype="float32")[np.arange(12) % 3]


def train(model: Any, name: str) -> None:
    x, y = data(name)
    model.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0)


def fill(model: Any) -> None:
    rng = np.random.RandomState(3)
    values = [rng.uniform(0.1, 0.9, w.shape) - 0.4 * (w.ndim > 1) for w in model.get_weights()]
    model.set_weights([v.astype("float32") for v in values])


def results(model: Any, name: str, prefix: str, found: dict[str, Any]) -> None:
    """Predictions now, and after training has gone on."""
    found[f"{prefix}/now"] = model.predict(data(name)[0], verbose=0)
    if prefix.endswith(NOT_TRAINED) and "keras" in type(model).__module__:
        return
    train(model, name)
    found[f"{prefix}/later"] = model.predict(data(name)[0], verbose=0)


def write(k: Any, folder: Path) -> None:
    found: dict[str, Any] = {}
    for name, make in MODELS.items():
        model = make(k)
        fill(model)
        train(model, name)
        for file in WHOLE:
            model.save(str(folder / f"{name}-{file}"))
        model.save_weights(str(folder / f"{name}-{WEIGHTS[0]}"))
        save_old_weights(k, model, folder / f"{name}-{WEIGHTS[1]}")
        results(model, name, name, found)
    np.savez(folder / "written.npz", **found)


def save_old_weights(k: Any, model: Any, path: Path) -> None:
    if k.__name__ == "keras":  # which reads such files but writes none
        import h5py
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, model)
    else:
        model.save_weights(str(path))


def read(k: Any, folder: Path, whole: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, make in MODELS.items():
        for file in WHOLE if whole else ():
            model = k.models.load_model(str(folder / f"{name}-{file}"))
            results(model, name, f"{name}/{file}", found)
        for file in WEIGHTS if whole else WEIGHTS[1:]:
            model = make(k)
            model.load_weights(str(folder / f"{name}-{file}"))
            results(model, name, f"{name}/{file}", found)
    return found


if __name__ == "__main__":
    action, package, where = sys.argv[1:]
    library = __import__(package)
    if action == "write":
        write(library, Path(where))
    else:
        np.savez(Path(where) / "read.npz", **read(library, Path(where), package != "tf_keras"))
