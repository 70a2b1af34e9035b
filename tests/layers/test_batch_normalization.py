"""Batch normalisation: statistics, freezing, modes."""

from typing import Any

import numpy as np
import pytest

from pyframe import _core, ops
from pyframe.errors import ShapeError
from pyframe.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    ReLU,
    SeparableConv2D,
)
from pyframe.models import Sequential

X = np.random.default_rng(0).normal(2, 3, size=(40, 5, 4, 3)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 2, 40)


def model_with(layer: Layer) -> Any:
    model = Sequential(
        [Input((5, 4, 3)), Conv2D(4, 3), layer, Flatten(), Dense(2, activation="softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_training_mode_normalises_the_batch_and_moves_the_statistics() -> None:
    layer = BatchNormalization(momentum=0.9, epsilon=1e-5)
    y = layer(X, training=True)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var((0, 1, 2)), 1, rtol=1e-4)
    gamma, beta, mean, variance = layer.get_weights()
    assert gamma.tolist() == [1, 1, 1]
    assert beta.tolist() == [0, 0, 0]
    np.testing.assert_allclose(mean, 0.1 * X.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, 0.9 + 0.1 * X.var((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(
        layer(X), (X - mean) / np.sqrt(variance + 1e-5), rtol=1e-4, atol=1e-5
    )
    assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]


def test_values_far_from_zero() -> None:
    """E[x^2] - E[x]^2 in float32 would have no digit left."""
    x = (X / 3 + 3e4).astype(np.float32)
    y, mean, variance = ops.batch_norm(x, np.ones(3), np.zeros(3), 1e-3)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean((0, 1, 2)), rtol=1e-7)
    np.testing.assert_allclose(variance, exact.var((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(y.var((0, 1, 2)), 1, rtol=1e-2)


def test_frozen_layers_keep_their_statistics_to_the_byte() -> None:
    layer = BatchNormalization()
    model = model_with(layer)
    model.fit(X, Y, epochs=1, verbose=0)
    layer.trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = [w.tobytes() for w in layer.get_weights()]
    kernel = model.layers[0].get_weights()[0]
    model.fit(X, Y, epochs=2, verbose=0)
    assert [w.tobytes() for w in layer.get_weights()] == before
    assert not np.array_equal(model.layers[0].get_weights()[0], kernel)
    np.testing.assert_array_equal(layer(X[..., :1] * np.ones(4), training=True),
                                  layer(X[..., :1] * np.ones(4)))  # fmt: skip
    layer.trainable = True
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=1, verbose=0)
    assert all(w.tobytes() != b for w, b in zip(layer.get_weights(), before, strict=True))


def test_a_loss_that_is_not_finite_leaves_the_statistics() -> None:
    layer = BatchNormalization()
    model = model_with(layer)
    model.fit(X, Y, epochs=1, verbose=0)
    before = [w.tobytes() for w in layer.get_weights()]
    bad = X.copy()
    bad[0] = np.nan
    with pytest.raises(Exception, match=r"nan|finite"):
        model.fit(bad, Y, batch_size=40, epochs=1, verbose=0)
    assert [w.tobytes() for w in layer.get_weights()] == before


class Twice(Layer):
    """One normalisation for two inputs of a step."""

    def build(self, input_shape: Any) -> None:
        self.norm = BatchNormalization(momentum=0.5)

    def call(self, inputs: Any) -> Any:
        return self.norm(inputs) + self.norm(inputs * 2.0 + 1.0)


def test_a_shared_layer_moves_once_for_each_call() -> None:
    layer = Twice()
    layer(X, training=True)
    mean = X.mean((0, 1, 2))
    np.testing.assert_allclose(
        layer.norm.get_weights()[2], 0.5 * (0.5 * mean) + 0.5 * (2 * mean + 1), rtol=1e-5
    )


def test_same_bits_for_any_number_of_threads() -> None:
    before = _core.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3, 7):
            _core.set_num_threads(threads)
            layer = BatchNormalization()
            x = np.random.default_rng(3).normal(size=(64, 24, 24, 32)).astype(np.float32)
            results.append((layer(x, training=True).tobytes(), layer.get_weights()[3].tobytes()))
    finally:
        _core.set_num_threads(before)
    assert all(r == results[0] for r in results)


def test_free_channels_are_refused() -> None:
    with pytest.raises(ShapeError, match="axis 3"):
        BatchNormalization(axis=3)(np.ones((2, 3)))


def trained_model() -> Any:
    model = Sequential(
        [
            Input((9, 8, 3)),
            Conv2D(6, 3, padding="same"),
            BatchNormalization(momentum=0.5),
            ReLU(),
            DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
            BatchNormalization(momentum=0.5),
            ReLU(6.0),
            SeparableConv2D(5, 3, use_bias=False),
            BatchNormalization(momentum=0.5),
            GlobalAveragePooling2D(),
            Dense(4),
            BatchNormalization(momentum=0.5),
            Dense(2, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.random.default_rng(4).normal(1, 2, size=(40, 9, 8, 3)).astype(np.float32)
    model.fit(x, Y, epochs=2, verbose=0)
    return model, x


def test_predict_folds_the_normalisations() -> None:
    model, x = trained_model()
    by_layer = x
    for layer in model.layers:
        by_layer = layer(by_layer, training=False)
    np.testing.assert_allclose(model.predict(x, verbose=0), by_layer, rtol=1e-4, atol=1e-6)
    function, _ = model.forward_function([x])
    plan = function.plan_for([x]).describe()
    assert "conv2d" in plan
    assert "fold_kernel" in plan
    assert "batch_norm_inference" not in plan
    # What training changes is folded again.
    before = model.predict(x, verbose=0)
    model.fit(x, Y, epochs=1, verbose=0)
    after = model.predict(x, verbose=0)
    assert not np.allclose(before, after, rtol=1e-3)
    for layer in model.layers:
        x = layer(x, training=False)
    np.testing.assert_allclose(after, x, rtol=1e-4, atol=1e-6)
