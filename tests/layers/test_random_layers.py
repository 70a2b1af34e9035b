"""Layers that are random while training: statistics, seeds, and rest at inference."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyframe import layers, models, ops

NOISES: list[Callable[..., Any]] = [
    lambda **k: layers.GaussianNoise(0.5, **k),
    lambda **k: layers.GaussianDropout(0.3, **k),
    lambda **k: layers.AlphaDropout(0.3, **k),
    lambda **k: layers.AlphaDropout(0.3, noise_shape=(None, 1, None), **k),
    lambda **k: layers.SpatialDropout1D(0.3, **k),
    lambda **k: layers.Dropout(0.3, noise_shape=(None, 1, None), **k),
]


@pytest.mark.parametrize("make", NOISES)
def test_seeds_and_inference(make: Callable[..., Any]) -> None:
    x = np.random.default_rng(0).normal(size=(8, 5, 6)).astype(np.float32)
    layer = make(seed=3)
    np.testing.assert_array_equal(layer(x), x)
    first, second = layer(x, training=True), layer(x, training=True)
    assert not np.array_equal(first, x)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(make(seed=3)(x, training=True), first)
    assert not np.array_equal(make(seed=4)(x, training=True), first)


def test_item_35_whole_channels_are_dropped() -> None:
    x = np.ones((200, 3, 4, 5), np.float32)
    y = layers.SpatialDropout2D(0.4, seed=1)(x, training=True)
    assert (y == y[:, :1, :1]).all()
    assert abs((y == 0).mean() - 0.4) < 0.08
    np.testing.assert_allclose(y[y != 0], 1 / 0.6, rtol=1e-6)
    sequence = layers.SpatialDropout1D(0.4, seed=1)(x[:, 0], training=True)
    assert (sequence == sequence[:, :1]).all()


def test_item_35_noise_has_its_mean_and_deviation() -> None:
    x = np.full((400, 500), 2.0, np.float32)
    noisy = layers.GaussianNoise(0.5, seed=1)(x, training=True) - x
    assert abs(noisy.mean()) < 0.01
    assert abs(noisy.std() - 0.5) < 0.01
    factors = layers.GaussianDropout(0.2, seed=1)(x, training=True) / x
    assert abs(factors.mean() - 1) < 0.01
    assert abs(factors.std() - 0.5) < 0.01  # sqrt(0.2 / 0.8)


def test_item_35_alpha_dropout_keeps_mean_and_variance() -> None:
    x = np.random.default_rng(0).normal(size=(400, 500)).astype(np.float32)
    y = layers.AlphaDropout(0.2, seed=1)(x, training=True)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    limit = -1.6732632423543772 * 1.0507009873554805
    scale = (0.8 * (1 + 0.2 * limit**2)) ** -0.5
    dropped = np.isclose(y, scale * limit * 0.8, rtol=1e-4)
    assert abs(dropped.mean() - 0.2) < 0.01


def test_the_gradient_goes_through_the_same_noise() -> None:
    x = np.random.default_rng(0).normal(size=(6, 4, 3))
    for make in NOISES:
        layer = make(seed=5, dtype="float64")
        _, (dx,) = ops.value_and_grad(lambda t, one=layer: ops.sum(one(t, training=True)), x)
        y = make(seed=5, dtype="float64")(x, training=True)
        if not isinstance(layer, (layers.GaussianNoise, layers.AlphaDropout)):
            np.testing.assert_allclose(dx * x, y, rtol=1e-9, atol=1e-12)


def test_noise_differs_from_step_to_step_of_a_fit() -> None:
    model = models.Sequential([layers.Input((4,)), layers.GaussianNoise(1.0), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.zeros((8, 4), np.float32), np.ones((8, 1), np.float32)
    model.optimizer.learning_rate = 0.0
    losses = {float(model.train_on_batch(x, y)) for _ in range(4)}
    assert len(losses) == 4
