"""Small models and training runs that Keras and pyframe are both put through.

Everything takes `k`, the namespace to build with: the module `keras` or the module `pyframe`.
Data and weights come from a seed, so that both sides compute with the same numbers.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Layers = Callable[[Any], list[Any]]


def rng_for(name: str, seed: int) -> np.random.RandomState:
    return np.random.RandomState([zlib.crc32(name.encode()), seed])


@dataclass(frozen=True)
class LayerCase:
    """A few layers at inference."""

    name: str
    input_shape: tuple[int, ...]
    layers: Layers


@dataclass(frozen=True)
class TrainCase:
    """A model, compiled and trained for some steps."""

    name: str
    optimizer: Callable[[Any], Any] = lambda k: k.optimizers.SGD(learning_rate=0.05)
    loss: Callable[[Any], Any] = lambda k: "categorical_crossentropy"
    layers: Layers | None = None  # None: the small dense classifier
    input_shape: tuple[int, ...] = (6,)
    target: str = "one_hot"
    classes: int = 4
    metrics: tuple[str, ...] = ("accuracy",)
    sample_weight: bool = False
    class_weight: bool = False


@dataclass(frozen=True)
class FitCase:
    """A call of fit; `arguments` go to it as they are."""

    name: str
    train: TrainCase
    rows: int = 50
    arguments: dict[str, Any] = field(default_factory=dict)
    validation_rows: int = 0
    validation_weights: bool = False


# -- layers --------------------------------------------------------------------------------------

ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh", "softplus",
    "softsign", "gelu", "silu", "exponential", "softmax", "log_softmax",
)  # fmt: skip


def single(name: str, shape: tuple[int, ...], make: Callable[[Any], Any]) -> LayerCase:
    return LayerCase(name, shape, lambda k: [make(k.layers)])


def conv(name: str, shape: tuple[int, int, int], *args: Any, **kwargs: Any) -> LayerCase:
    return single(f"conv2d_{name}", shape, lambda layers: layers.Conv2D(*args, **kwargs))


def pools(name: str, shape: tuple[int, int, int], *args: Any, **kwargs: Any) -> list[LayerCase]:
    return [
        single(f"max_pool_{name}", shape, lambda layers: layers.MaxPooling2D(*args, **kwargs)),
        single(f"avg_pool_{name}", shape, lambda layers: layers.AveragePooling2D(*args, **kwargs)),
    ]


def _make(layer: str, layers: Any, **kwargs: Any) -> Any:
    return getattr(layers, layer)(**kwargs)


def activation_cases() -> list[LayerCase]:
    cases = []
    for name in ACTIVATIONS:
        dense = partial(_make, "Dense", units=9, activation=name)
        cases.append(single(f"dense_{name}", (7,), dense))
        activation = partial(_make, "Activation", activation=name)
        cases.append(single(f"activation_{name}", (3, 5), activation))
    return cases


LAYER_CASES = [
    *activation_cases(),
    single("dense_no_bias", (7,), lambda la: la.Dense(9, use_bias=False)),
    single("dense_of_sequence", (5, 7), lambda la: la.Dense(3, activation="tanh")),
    single("dense_of_image", (2, 3, 4), lambda la: la.Dense(5)),
    conv("valid", (7, 8, 3), 4, 3),
    conv("same", (7, 8, 3), 4, (3, 3), padding="same", activation="relu"),
    conv("same_even_kernel", (6, 7, 2), 3, (2, 4), padding="same"),
    conv("strides_same", (8, 7, 3), 4, 3, strides=2, padding="same"),
    conv("strides_valid", (9, 8, 3), 4, (3, 2), strides=(2, 3), padding="valid"),
    conv("dilation", (9, 9, 2), 4, 3, dilation_rate=2),
    conv("dilation_same", (9, 8, 2), 4, 3, dilation_rate=(2, 3), padding="same"),
    conv("groups", (6, 6, 6), 9, 3, groups=3, padding="same"),
    conv("depthwise_groups", (6, 6, 4), 4, 3, groups=4),
    conv("no_bias", (5, 5, 1), 6, 5, padding="same", use_bias=False),
    conv("pointwise", (5, 5, 7), 3, 1, activation="tanh"),
    *pools("default", (7, 8, 3), 2),
    *pools("same", (7, 9, 3), 2, padding="same"),
    *pools("overlap", (8, 9, 2), (3, 3), strides=(2, 2)),
    *pools("overlap_same", (8, 9, 2), (3, 2), strides=(2, 3), padding="same"),
    *pools("gaps", (9, 9, 2), (2, 2), strides=(3, 3)),
    single("flatten", (3, 4, 2), lambda la: la.Flatten()),
    single("reshape", (12,), lambda la: la.Reshape((3, 4))),
    single("reshape_unknown", (3, 8), lambda la: la.Reshape((-1, 2, 2))),
    single("permute", (3, 4, 2), lambda la: la.Permute((3, 1, 2))),
    single("dropout_at_inference", (9,), lambda la: la.Dropout(0.5)),
    single("relu_layer", (9,), lambda la: la.ReLU()),
    single("relu_layer_capped", (9,), lambda la: la.ReLU(max_value=1.0)),
    single("leaky_relu_layer", (9,), lambda la: la.LeakyReLU()),
    single("leaky_relu_slope", (9,), lambda la: la.LeakyReLU(negative_slope=0.1)),
    single("elu_layer", (9,), lambda la: la.ELU()),
    single("elu_alpha", (9,), lambda la: la.ELU(alpha=0.5)),
    single("softmax_layer", (3, 5), lambda la: la.Softmax()),
    LayerCase(
        "lenet",
        (12, 12, 1),
        lambda k: [
            k.layers.Conv2D(3, (5, 5), padding="same", activation="relu"),
            k.layers.MaxPooling2D(pool_size=(2, 2)),
            k.layers.Conv2D(3, (3, 3), activation="relu"),
            k.layers.AveragePooling2D(pool_size=(2, 2)),
            k.layers.Flatten(),
            k.layers.Dense(8, activation="relu"),
            k.layers.Dropout(0.5),
            k.layers.Dense(5, activation="softmax"),
        ],
    ),
]

# -- training ------------------------------------------------------------------------------------


def dense_net(last: str | None, units: int = 4) -> Layers:
    return lambda k: [
        k.layers.Dense(7, activation="tanh"),
        k.layers.Dense(units, activation=last),
    ]


def conv_net(k: Any) -> list[Any]:
    return [
        k.layers.Conv2D(3, 3, activation="relu", padding="same"),
        k.layers.MaxPooling2D(2),
        k.layers.Conv2D(4, 3, activation="elu", strides=2, padding="same"),
        k.layers.AveragePooling2D(2, strides=1, padding="same"),
        k.layers.Flatten(),
        k.layers.Dense(4, activation="softmax"),
    ]


def dense_with(**kwargs: Callable[[Any], Any]) -> Layers:
    """The dense classifier with regularizers: each argument is made from `k`."""
    return lambda k: [
        k.layers.Dense(7, activation="tanh", **{n: f(k) for n, f in kwargs.items()}),
        k.layers.Dense(4, activation="softmax", **{n: f(k) for n, f in kwargs.items()}),
    ]


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda k: k.optimizers.SGD(learning_rate=0.05),
    "sgd_momentum": lambda k: k.optimizers.SGD(learning_rate=0.02, momentum=0.9),
    "sgd_nesterov": lambda k: k.optimizers.SGD(learning_rate=0.02, momentum=0.9, nesterov=True),
    "rmsprop": lambda k: k.optimizers.RMSprop(learning_rate=0.005),
    "rmsprop_momentum": lambda k: k.optimizers.RMSprop(
        learning_rate=0.003, rho=0.8, momentum=0.7, epsilon=1e-5
    ),
    "rmsprop_centered": lambda k: k.optimizers.RMSprop(learning_rate=0.005, centered=True),
    "rmsprop_centered_momentum": lambda k: k.optimizers.RMSprop(
        learning_rate=0.003, momentum=0.5, centered=True
    ),
    "adam": lambda k: k.optimizers.Adam(learning_rate=0.01),
    "adam_betas": lambda k: k.optimizers.Adam(0.01, beta_1=0.7, beta_2=0.9, epsilon=1e-4),
    "by_name_sgd": lambda k: "sgd",
    "by_name_rmsprop": lambda k: "rmsprop",
    "by_name_adam": lambda k: "Adam",
}

# name: (loss, last activation, target)
LOSSES: dict[str, tuple[Callable[[Any], Any], str | None, str]] = {
    "categorical": (lambda k: "categorical_crossentropy", "softmax", "one_hot"),
    "categorical_soft": (lambda k: "categorical_crossentropy", "softmax", "soft"),
    "categorical_logits": (
        lambda k: k.losses.CategoricalCrossentropy(from_logits=True), None, "one_hot"),
    "categorical_smoothing": (
        lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.1), "softmax", "one_hot"),
    "categorical_of_sigmoid": (lambda k: "categorical_crossentropy", "sigmoid", "one_hot"),
    "sparse": (lambda k: "sparse_categorical_crossentropy", "softmax", "ids"),
    "sparse_column": (lambda k: "sparse_categorical_crossentropy", "softmax", "id_column"),
    "sparse_logits": (
        lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True), None, "ids"),
    "sparse_of_sigmoid": (lambda k: "sparse_categorical_crossentropy", "sigmoid", "ids"),
    "binary": (lambda k: "binary_crossentropy", "sigmoid", "bits"),
    "binary_logits": (lambda k: k.losses.BinaryCrossentropy(from_logits=True), None, "bits"),
    "binary_smoothing": (
        lambda k: k.losses.BinaryCrossentropy(label_smoothing=0.2), "sigmoid", "bits"),
    # Neither of these two hands its logits on: the losses see probabilities, and clip them.
    "categorical_of_hard_sigmoid": (
        lambda k: "categorical_crossentropy", "hard_sigmoid", "one_hot"),
    "sparse_of_hard_sigmoid": (
        lambda k: "sparse_categorical_crossentropy", "hard_sigmoid", "ids"),
    "binary_of_hard_sigmoid": (lambda k: "binary_crossentropy", "hard_sigmoid", "bits"),
    "binary_of_softmax": (lambda k: "binary_crossentropy", "softmax", "one_hot"),
    "mse": (lambda k: "mse", None, "real"),
    "mse_object": (lambda k: k.losses.MeanSquaredError(), "tanh", "real"),
    "mae": (lambda k: "mae", None, "real"),
    "mse_function": (lambda k: k.losses.mean_squared_error, "sigmoid", "real"),
}  # fmt: skip

REGULARIZERS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "l1": {"kernel_regularizer": lambda k: k.regularizers.l1(0.01)},
    "l2": {"kernel_regularizer": lambda k: k.regularizers.l2(0.01)},
    "l1_l2": {"kernel_regularizer": lambda k: k.regularizers.l1_l2(l1=0.005, l2=0.02)},
    "by_name": {"kernel_regularizer": lambda k: "l2"},
    "bias": {
        "kernel_regularizer": lambda k: k.regularizers.L2(0.01),
        "bias_regularizer": lambda k: k.regularizers.L1(0.02),
    },
}


def train_cases() -> list[TrainCase]:
    cases = []
    for name, optimizer in OPTIMIZERS.items():
        cases.append(TrainCase(f"dense_{name}", optimizer, layers=dense_net("softmax")))
    for name in ("sgd_momentum", "rmsprop", "adam"):
        cases.append(TrainCase(f"conv_{name}", OPTIMIZERS[name], layers=conv_net,
                               input_shape=(8, 8, 2)))  # fmt: skip
    for name, (loss, last, target) in LOSSES.items():
        net = dense_net(last)
        cases.append(TrainCase(f"loss_{name}", loss=loss, layers=net, target=target))
        if "_" not in name:
            cases.append(TrainCase(f"weighted_{name}", OPTIMIZERS["adam"], loss, net,
                                   target=target, sample_weight=True))  # fmt: skip
    # Predictions of exactly 0 and above 1 are clipped. Next to 0 the slope is 1 / prediction:
    # with larger steps two float32 programs soon part.
    cases.append(TrainCase("loss_binary_of_relu", lambda k: k.optimizers.SGD(learning_rate=1e-4),
                           LOSSES["binary"][0], dense_net("relu"), target="bits"))  # fmt: skip
    for name, arguments in REGULARIZERS.items():
        cases.append(TrainCase(f"regularizer_{name}", layers=dense_with(**arguments)))
    for target, base in (("one_hot", "categorical"), ("ids", "sparse"), ("id_column", "sparse")):
        cases.append(TrainCase(f"class_weight_{target}", loss=LOSSES[base][0], target=target,
                               class_weight=True))  # fmt: skip
    one_unit = dense_net("sigmoid", 1)
    binary = LOSSES["binary"][0]
    for target in ("bit_column", "bit_vector"):
        cases.append(TrainCase(f"accuracy_{target}", loss=binary, layers=one_unit, target=target,
                               metrics=("acc",)))  # fmt: skip
    cases.append(TrainCase("accuracy_multi_label", loss=binary, layers=dense_net("sigmoid"),
                           target="bits"))  # fmt: skip
    cases.append(TrainCase("accuracy_one_linear_unit", loss=LOSSES["mse"][0],
                           layers=dense_net(None, 1), target="bit_column"))  # fmt: skip
    cases.append(TrainCase("metrics_mse_mae", loss=LOSSES["mse"][0], layers=dense_net(None),
                           target="real", metrics=("mae", "mse")))  # fmt: skip
    cases.append(TrainCase("no_metrics", metrics=()))
    return cases


TRAIN_CASES = train_cases()

_SPARSE = TrainCase("", OPTIMIZERS["adam"], LOSSES["sparse"][0], target="ids")
_REGULARIZED = TrainCase("", layers=dense_with(**REGULARIZERS["l2"]), metrics=("accuracy", "mse"))
_CONV = TrainCase("", OPTIMIZERS["rmsprop"], layers=conv_net, input_shape=(8, 8, 2))

# Without shuffling: the order of a shuffled epoch is each framework's own.
FIT_CASES = [
    FitCase("validation_split", _SPARSE, 50,
            {"epochs": 3, "batch_size": 16, "validation_split": 0.3}),
    FitCase("validation_data", _REGULARIZED, 50, {"epochs": 3, "batch_size": 16},
            validation_rows=21),
    FitCase("validation_weights", _SPARSE, 40, {"epochs": 2, "batch_size": 12},
            validation_rows=21, validation_weights=True),
    FitCase("default_batch", _SPARSE, 70, {"epochs": 2}),
    FitCase("initial_epoch", _REGULARIZED, 33, {"epochs": 5, "initial_epoch": 2}),
    FitCase("class_weight", _SPARSE, 37,
            {"epochs": 2, "batch_size": 8, "class_weight": {0: 1.0, 1: 2.0, 2: 0.5, 3: 3.0},
             "validation_split": 0.2}),
    FitCase("convolution", _CONV, 45, {"epochs": 2, "batch_size": 10, "validation_split": 0.25}),
    FitCase("validation_freq", _SPARSE, 30, {"epochs": 4, "validation_freq": 2},
            validation_rows=10),
]  # fmt: skip
