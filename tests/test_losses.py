"""Losses as functions and objects, their reductions and their refusals."""

import doctest
from typing import Any

import numpy as np
import pytest

from pyframe import losses, metrics, ops
from pyframe.errors import ConfigurationError, ShapeError

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 4))
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
IDS = RNG.integers(0, 4, 6)
ONE_HOT = np.eye(4)[IDS]
BINARY = RNG.integers(0, 2, (6, 4)).astype(float)
SIGMOIDS = 1 / (1 + np.exp(-LOGITS))


def test_values_on_arrays() -> None:
    crossentropy = -np.log((PROBABILITIES * ONE_HOT).sum(-1))
    np.testing.assert_allclose(
        losses.categorical_crossentropy(ONE_HOT, PROBABILITIES), crossentropy, rtol=1e-6
    )
    np.testing.assert_allclose(
        losses.categorical_crossentropy(ONE_HOT, LOGITS, from_logits=True), crossentropy
    )
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy(IDS, PROBABILITIES), crossentropy, rtol=1e-6
    )
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy(IDS[:, None], LOGITS, from_logits=True), crossentropy
    )
    binary = -(BINARY * np.log(SIGMOIDS) + (1 - BINARY) * np.log(1 - SIGMOIDS)).mean(-1)
    np.testing.assert_allclose(losses.binary_crossentropy(BINARY, SIGMOIDS), binary, rtol=1e-6)
    np.testing.assert_allclose(losses.binary_crossentropy(BINARY, LOGITS, from_logits=True), binary)
    np.testing.assert_allclose(
        losses.mean_squared_error(ONE_HOT, LOGITS), ((ONE_HOT - LOGITS) ** 2).mean(-1)
    )
    np.testing.assert_allclose(
        losses.mean_absolute_error(ONE_HOT, LOGITS), np.abs(ONE_HOT - LOGITS).mean(-1)
    )


def test_class_axis_in_the_middle() -> None:
    logits = RNG.normal(size=(2, 4, 3))
    ids = RNG.integers(0, 4, (2, 3))
    one_hot = np.moveaxis(np.eye(4)[ids], -1, 1)
    dense = losses.categorical_crossentropy(one_hot, logits, from_logits=True, axis=1)
    sparse = losses.sparse_categorical_crossentropy(ids, logits, from_logits=True, axis=1)
    assert dense.shape == (2, 3)
    np.testing.assert_allclose(dense, sparse)


def test_label_smoothing() -> None:
    smooth = ONE_HOT * 0.8 + 0.2 / 4
    np.testing.assert_allclose(
        losses.categorical_crossentropy(ONE_HOT, PROBABILITIES, label_smoothing=0.2),
        losses.categorical_crossentropy(smooth, PROBABILITIES),
    )
    np.testing.assert_allclose(
        losses.binary_crossentropy(BINARY, SIGMOIDS, label_smoothing=0.2),
        losses.binary_crossentropy(BINARY * 0.8 + 0.1, SIGMOIDS),
    )
    with pytest.raises(ConfigurationError, match="label_smoothing"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)


def gradient_of(loss: Any, activation: Any, logits: np.ndarray, target: np.ndarray) -> np.ndarray:
    result = ops.value_and_grad(
        lambda z: ops.sum(loss(target, activation(z))), logits.astype(np.float32)
    )
    return result[1][0]


@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_activation_and_crossentropy_are_fused(scale: float) -> None:
    """Even where a probability rounds to 0 or 1 the gradient is prediction minus target."""
    z = LOGITS * scale
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    dense = gradient_of(losses.categorical_crossentropy, ops.softmax, z, ONE_HOT)
    np.testing.assert_allclose(dense, p - ONE_HOT, atol=1e-5)
    sparse = gradient_of(losses.sparse_categorical_crossentropy, ops.softmax, z, IDS)
    np.testing.assert_allclose(sparse, p - ONE_HOT, atol=1e-5)
    with np.errstate(over="ignore"):
        s = 1 / (1 + np.exp(-z))
    binary = gradient_of(losses.binary_crossentropy, ops.sigmoid, z, BINARY)
    np.testing.assert_allclose(binary, (s - BINARY) / 4, atol=1e-5)


def test_align_repairs_only_a_last_axis_of_one() -> None:
    assert losses.mean_squared_error(np.ones(3), np.ones((3, 1))).shape == (3,)
    assert losses.mean_squared_error(np.ones((3, 1)), np.ones(3)).shape == (3,)
    assert losses.mean_squared_error(np.ones((3, 2)), np.ones((3, 2, 1))).shape == (3,)
    for y, p in [((3, 1), (3, 2)), ((3,), (4,)), ((3,), (3, 2)), ((3, 2), (3, 1)), ((1,), (3, 1))]:
        with pytest.raises(ShapeError, match="do not fit predictions"):
            losses.mean_squared_error(np.ones(y), np.ones(p))


def test_usual_causes_are_named() -> None:
    with pytest.raises(ShapeError, match="sparse_categorical_crossentropy"):
        losses.categorical_crossentropy(IDS, PROBABILITIES)
    with pytest.raises(ShapeError, match="loss='categorical_crossentropy'"):
        losses.sparse_categorical_crossentropy(ONE_HOT, PROBABILITIES)
    with pytest.raises(ShapeError, match="binary_crossentropy"):
        losses.categorical_crossentropy(np.ones((3, 1)), np.ones((3, 1)))
    with pytest.raises(ShapeError, match="binary_crossentropy"):
        losses.sparse_categorical_crossentropy(np.ones(3), np.ones((3, 1)))


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum_over_batch_size", 0.75),
        ("mean", 0.75),
        ("sum", 1.5),
        ("mean_with_sample_weight", 1.0),
    ],
)
def test_reductions_with_weights(reduction: str, expected: float) -> None:
    loss = losses.MeanSquaredError(reduction=reduction)
    value = loss(np.zeros((2, 1)), np.ones((2, 1)), sample_weight=np.array([1.0, 0.5]))
    assert float(value) == pytest.approx(expected)


def test_item_15_weights_are_not_part_of_the_divisor() -> None:
    """keras#19740: the loss divides by the number of samples, a metric by the sum of weights."""
    y, p, weight = np.zeros((2, 1)), np.array([[1.0], [0.0]]), np.array([1.0, 3.0])
    mean = losses.MeanSquaredError()
    weighted = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert float(mean(y, p, weight)) == 0.5
    assert float(weighted(y, p, weight)) == 0.25
    assert metrics.MeanSquaredError()(y, p, weight) == 0.25
    assert float(weighted(y, p, np.zeros(2))) == 0.0


def test_item_15_ignored_positions_are_not_part_of_the_divisor() -> None:
    z, ids = np.zeros((4, 3)), np.array([0, 1, 2, 2])
    options: dict[str, Any] = {"ignore_class": 2, "from_logits": True}
    loss = losses.SparseCategoricalCrossentropy(**options)
    assert float(loss(ids, z)) == pytest.approx(np.log(3))
    assert float(loss(ids, z, np.array([2.0, 0.0, 9.0, 9.0]))) == pytest.approx(np.log(3))
    assert float(loss(np.full(4, 2), z)) == 0.0
    summed = losses.SparseCategoricalCrossentropy(reduction="sum", **options)
    assert float(summed(ids, z)) == pytest.approx(2 * np.log(3))
    values = losses.sparse_categorical_crossentropy(ids[:, None], z, **options)
    np.testing.assert_allclose(values, np.log(3) * np.array([1, 1, 0, 0]))


def test_item_16_only_a_last_axis_of_one_is_repaired_for_functions() -> None:
    def gap(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.absolute(y_true - y_pred), -1)

    value = losses.LossFunctionWrapper(gap)(np.arange(3.0), np.zeros((3, 1)))
    assert float(value) == pytest.approx(1.0)


def test_item_19_formulas_at_their_limits() -> None:
    zero, one = np.zeros((1, 2)), np.ones((1, 2))
    assert losses.mean_absolute_percentage_error(zero, one)[0] == pytest.approx(1e9)
    assert losses.mean_squared_logarithmic_error(-one, -one)[0] == 0.0
    assert losses.kl_divergence(zero, one)[0] == pytest.approx(2e-7 * np.log(1e-7))
    assert losses.poisson(one, zero)[0] == pytest.approx(-np.log(1e-7))
    assert losses.cosine_similarity(zero, one)[0] == 0.0
    assert losses.cosine_similarity(one, one)[0] == pytest.approx(-1.0)
    assert losses.log_cosh(zero, 1000 * one)[0] == pytest.approx(1000 - np.log(2))
    assert losses.log_cosh(zero, -1000 * one)[0] == pytest.approx(1000 - np.log(2))
    assert losses.huber(zero, 3 * one, delta=2.0)[0] == pytest.approx(2 * 3 - 2)
    assert losses.hinge(zero, zero)[0] == pytest.approx(1.0)
    # Labels 0 and 1 turn into -1 and 1 unless there is any other one in the batch.
    bits, other = np.array([[0.0, 1.0]]), np.array([[0.0, 1.0], [0.5, 1.0]])
    assert losses.hinge(bits, one)[0] == pytest.approx(1.0)
    assert losses.hinge(other, np.ones((2, 2)))[0] == pytest.approx(0.5)


def test_item_20_names_and_batch_losses() -> None:
    assert losses.Huber().name == "huber_loss"
    assert losses.LogCosh().name == "log_cosh"
    assert losses.get("logcosh") is losses.log_cosh
    assert losses.dice(BINARY, SIGMOIDS).shape == ()
    weighted = losses.Dice()(BINARY, SIGMOIDS, np.full(6, 0.5))
    assert float(weighted) == pytest.approx(0.5 * float(losses.dice(BINARY, SIGMOIDS)))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: losses.Huber(delta=0), "`delta` must be a number > 0. Received: 0"),
        (lambda: losses.BinaryFocalCrossentropy(gamma=-1), "`gamma` must be a number >= 0"),
        (lambda: losses.BinaryFocalCrossentropy(alpha="a"), "`alpha` must be a number in"),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=True), "`label_smoothing`"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.0), "`q` must be between 0 and 1"),
        (lambda: losses.Dice(reduction="avg"), "`reduction` must be one of"),
        (lambda: losses.get("hubr"), "Did you mean 'huber'"),
    ],
)
def test_bad_arguments(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_weights_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="one weight for each sample"):
        losses.MeanSquaredError()(np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 2)))


def test_class_axis_in_the_middle_of_images() -> None:
    logits = RNG.normal(size=(2, 4, 3, 5))
    ids = RNG.integers(0, 4, (2, 3, 5))
    one_hot = np.moveaxis(np.eye(4)[ids], -1, 1)
    last = losses.sparse_categorical_crossentropy(ids, np.moveaxis(logits, 1, -1), True)
    dense = losses.categorical_crossentropy(one_hot, logits, from_logits=True, axis=1)
    np.testing.assert_allclose(dense, last)
    np.testing.assert_allclose(
        losses.sparse_categorical_crossentropy(ids, logits, from_logits=True, axis=1), last
    )


def test_the_example_of_weighted_means() -> None:
    globs = {"np": np, "reduce_weighted": losses.reduce_weighted}
    (example,) = doctest.DocTestFinder().find(losses.reduce_weighted, globs=globs)
    assert len(example.examples) == 3
    assert doctest.DocTestRunner().run(example).failed == 0


def test_no_reduction() -> None:
    loss = losses.MeanSquaredError(reduction="none")
    assert loss(np.zeros((2, 1)), np.ones((2, 1)), np.array([[1.0], [0.5]])).tolist() == [1, 0.5]


def test_weights_of_samples_spread_over_positions() -> None:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    values = loss(np.zeros((2, 3)), np.zeros((2, 3, 4)), np.array([1.0, 2.0]))
    np.testing.assert_allclose(values, np.log(4) * np.array([[1.0], [2.0]]) * np.ones((2, 3)))


def test_get() -> None:
    assert losses.get("mse") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert losses.get(None) is None
    smooth = losses.CategoricalCrossentropy(label_smoothing=0.1)
    assert losses.get(smooth) is smooth
    config = {"class_name": "CategoricalCrossentropy", "config": smooth.get_config()}
    assert losses.get(config).get_config() == smooth.get_config()
    assert isinstance(losses.get(losses.MeanAbsoluteError), losses.MeanAbsoluteError)
    with pytest.raises(ConfigurationError, match="Did you mean 'mse'"):
        losses.get("msee")
    with pytest.raises(ConfigurationError, match="must be a name"):
        losses.get(3)
    with pytest.raises(ConfigurationError, match="reduction"):
        losses.MeanSquaredError(reduction="average")
