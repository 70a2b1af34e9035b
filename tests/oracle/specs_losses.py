"""Losses on arrays and in training that Keras and pyframe are both put through."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.oracle.specs import TrainCase, dense_net

Make = Callable[..., Any]  # (k, **options) -> loss


@dataclass(frozen=True)
class LossCase:
    """A loss on arrays: values, reductions, sample weights."""

    name: str
    make: Make
    target: str
    prediction: str
    shape: tuple[int, ...] = (6, 4)


def loss(class_name: str, **fixed: Any) -> Make:
    return lambda k, **options: getattr(k.losses, class_name)(**fixed, **options)


# name: (loss, target, prediction, last activation of a network trained with it)
LOSSES: dict[str, tuple[Make, str, str, str | None]] = {
    "binary": (loss("BinaryCrossentropy"), "bits", "unit", "sigmoid"),
    "binary_smoothing": (
        loss("BinaryCrossentropy", label_smoothing=0.3), "bits", "unit", "sigmoid"),
    "binary_logits": (loss("BinaryCrossentropy", from_logits=True), "bits", "real", None),
    "binary_focal": (loss("BinaryFocalCrossentropy"), "bits", "unit", "sigmoid"),
    "binary_focal_balanced": (
        loss("BinaryFocalCrossentropy", apply_class_balancing=True, alpha=0.3, gamma=1.5,
             label_smoothing=0.1), "bits", "unit", "sigmoid"),
    "binary_focal_logits": (
        loss("BinaryFocalCrossentropy", from_logits=True), "bits", "real", None),
    "binary_focal_clipped": (loss("BinaryFocalCrossentropy"), "bits", "unit", "hard_sigmoid"),
    "categorical": (loss("CategoricalCrossentropy"), "one_hot", "soft", "softmax"),
    "categorical_smoothing": (
        loss("CategoricalCrossentropy", label_smoothing=0.2), "one_hot", "soft", "softmax"),
    "categorical_logits": (
        loss("CategoricalCrossentropy", from_logits=True), "one_hot", "real", None),
    "categorical_unnormalised": (loss("CategoricalCrossentropy"), "one_hot", "unit", "softplus"),
    "categorical_focal": (loss("CategoricalFocalCrossentropy"), "one_hot", "soft", "softmax"),
    "categorical_focal_options": (
        loss("CategoricalFocalCrossentropy", alpha=0.4, gamma=1.3, label_smoothing=0.1),
        "one_hot", "soft", "softmax"),
    "categorical_focal_logits": (
        loss("CategoricalFocalCrossentropy", from_logits=True), "one_hot", "real", None),
    "sparse": (loss("SparseCategoricalCrossentropy"), "ids", "soft", "softmax"),
    "sparse_logits": (
        loss("SparseCategoricalCrossentropy", from_logits=True), "ids", "real", None),
    "sparse_ignore": (
        loss("SparseCategoricalCrossentropy", ignore_class=1), "ids", "soft", "softmax"),
    "sparse_ignore_negative": (
        loss("SparseCategoricalCrossentropy", ignore_class=-1, from_logits=True),
        "ids_or_minus_one", "real", None),
    "generalized": (
        loss("CategoricalGeneralizedCrossEntropy", q=0.6), "ids", "soft", "softmax"),
    "mse": (loss("MeanSquaredError"), "real", "real", None),
    "mae": (loss("MeanAbsoluteError"), "real", "real", None),
    "mape": (loss("MeanAbsolutePercentageError"), "positive", "real", None),
    "msle": (loss("MeanSquaredLogarithmicError"), "positive", "real", "softplus"),
    "huber": (loss("Huber"), "real", "real", None),
    "huber_delta": (loss("Huber", delta=0.3), "real", "real", None),
    "log_cosh": (loss("LogCosh"), "real", "real", None),
    "hinge_bits": (loss("Hinge"), "bits", "real", None),
    "hinge_signs": (loss("Hinge"), "signs", "real", None),
    "squared_hinge": (loss("SquaredHinge"), "signs", "real", "tanh"),
    "squared_hinge_bits": (loss("SquaredHinge"), "bits", "real", "tanh"),
    "categorical_hinge": (loss("CategoricalHinge"), "one_hot", "real", "softmax"),
    "kl": (loss("KLDivergence"), "soft", "soft", "softmax"),
    "kl_clipped": (loss("KLDivergence"), "one_hot", "unit", "sigmoid"),
    "poisson": (loss("Poisson"), "positive", "positive", "softplus"),
    "cosine": (loss("CosineSimilarity"), "real", "real", None),
    "dice": (loss("Dice"), "bits", "unit", "sigmoid"),
    "tversky": (loss("Tversky", alpha=0.7, beta=0.3), "bits", "unit", "sigmoid"),
}  # fmt: skip

# Losses that reduce over the class axis, and where this axis lies in images.
IMAGE_LOSSES: dict[str, tuple[Make, str, str, tuple[int, ...]]] = {
    "binary": (loss("BinaryCrossentropy"), "bits", "unit", (2, 3, 2, 4)),
    "binary_axis": (loss("BinaryCrossentropy", axis=1), "bits", "unit", (2, 3, 2, 4)),
    "focal_axis": (loss("BinaryFocalCrossentropy", axis=2), "bits", "unit", (2, 3, 2, 4)),
    "categorical": (loss("CategoricalCrossentropy"), "one_hot", "soft", (2, 3, 2, 4)),
    "sparse": (loss("SparseCategoricalCrossentropy"), "ids", "soft", (2, 3, 2, 4)),
    "sparse_ignore": (
        loss("SparseCategoricalCrossentropy", ignore_class=2), "ids", "soft", (2, 3, 2, 4)),
    "cosine_axis": (loss("CosineSimilarity", axis=1), "real", "real", (3, 4, 2)),
    "dice_axis": (loss("Dice", axis=(1, 2)), "bits", "unit", (3, 4, 2, 1)),
    "tversky_axis": (loss("Tversky", axis=(1, 2, 3)), "bits", "unit", (3, 4, 2, 2)),
    "mse": (loss("MeanSquaredError"), "real", "real", (2, 3, 2, 4)),
}  # fmt: skip

LOSS_CASES = [
    *(LossCase(n, make, t, p) for n, (make, t, p, _) in LOSSES.items()),
    *(LossCase(f"image_{n}", make, t, p, s) for n, (make, t, p, s) in IMAGE_LOSSES.items()),
]


def _training_cases() -> list[TrainCase]:
    cases = []
    for name, (make, target, _, last) in LOSSES.items():
        for weighted in (False, True):
            cases.append(
                TrainCase(
                    f"{'weighted_' if weighted else ''}{name}",
                    loss=make,
                    layers=dense_net(last),
                    target=target,
                    metrics=(),
                    sample_weight=weighted,
                )
            )
    for reduction in ("sum", "mean", "mean_with_sample_weight", "none", None):
        cases.append(
            TrainCase(
                f"reduction_{reduction}",
                optimizer=lambda k: k.optimizers.SGD(learning_rate=0.005),
                loss=lambda k, r=reduction: k.losses.MeanSquaredError(reduction=r),
                layers=dense_net(None),
                target="real",
                metrics=(),
                sample_weight=True,
            )
        )
    return cases


def _adding_layer(k: Any) -> Any:
    class Adding(k.layers.Layer):  # type: ignore[misc, name-defined]
        """Adds a scalar and a vector, whose sum counts."""

        def call(self, inputs: Any) -> Any:
            self.add_loss(0.1 * k.ops.mean(k.ops.square(inputs)))
            self.add_loss(0.01 * k.ops.sum(k.ops.absolute(inputs), axis=-1))
            return inputs

    return Adding()


def _penalized(k: Any) -> list[Any]:
    return [
        k.layers.Dense(7, activation="tanh", activity_regularizer=k.regularizers.L2(0.3)),
        k.layers.Dense(5, activation="relu", activity_regularizer="l1"),
        k.layers.Dense(4, kernel_regularizer="l2"),
    ]


def _with_added_loss(k: Any) -> list[Any]:
    return [k.layers.Dense(7, activation="tanh"), _adding_layer(k), k.layers.Dense(4)]


LOSS_TRAIN_CASES = [
    *_training_cases(),
    *(
        TrainCase(name, loss=loss("MeanSquaredError"), layers=layers, target="real", metrics=(),
                  sample_weight=weighted)
        for name, layers, weighted in (
            ("activity_regularizer", _penalized, False),
            ("activity_regularizer_weighted", _penalized, True),
            ("add_loss", _with_added_loss, False),
        )
    ),
]  # fmt: skip

# Strings that Keras resolves to losses.
LOSS_NAMES = (
    "mse", "MSE", "mean_squared_error", "MeanSquaredError", "mae", "MAE", "mape", "MAPE",
    "mean_absolute_percentage_error", "msle", "MSLE", "mean_squared_logarithmic_error", "huber",
    "Huber", "log_cosh", "LogCosh", "hinge", "Hinge", "squared_hinge", "categorical_hinge", "kld",
    "KLD", "kl_divergence", "KLDivergence", "poisson", "cosine_similarity", "dice", "tversky",
    "bce", "BCE", "binary_crossentropy", "binary_focal_crossentropy",
    "categorical_crossentropy", "categorical_focal_crossentropy",
)  # fmt: skip
