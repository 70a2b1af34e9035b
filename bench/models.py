"""The models of the workloads in Keras's API: `k` is the module keras or pyframe."""

from typing import Any

from bench.workloads import Workload


def mlp_slide(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(100,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(100, activation="relu"),
        layers.Dense(101, activation="softmax"),
    ])  # fmt: skip


def lenet_slide(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(28, 28, 1)),
        layers.Conv2D(6, (5, 5), padding="same", activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(6, (5, 5), activation="relu", kernel_regularizer=k.regularizers.l2(0.01)),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dense(120, activation="relu"),
        layers.Dense(10, activation="softmax", kernel_regularizer=k.regularizers.l1(0.01)),
    ])  # fmt: skip


def autoencoder(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(784,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(32, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(784, activation="sigmoid"),
    ])  # fmt: skip


def mnist_convnet(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(28, 28, 1)),
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def digits(k: Any) -> Any:
    layers = k.layers
    return k.models.Sequential([
        layers.Input(shape=(64,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


_BUILDERS = {f.__name__: f for f in (mlp_slide, lenet_slide, autoencoder, mnist_convnet, digits)}


def build(k: Any, workload: Workload) -> Any:
    return _BUILDERS[workload.model](k)


def optimizer_and_loss(workload: Workload) -> tuple[str, str]:
    if workload.target == "reconstruction":
        return "adam", "binary_crossentropy"
    return "sgd" if workload.model == "mlp_slide" else "adam", "categorical_crossentropy"
