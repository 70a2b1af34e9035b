"""pyframe.random, and tensors whose first dimension is the number of samples."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import ops, random
from pyframe.errors import ConfigurationError
from pyframe.layers import Dense, Input, Lambda, Layer
from pyframe.metrics import Metric
from pyframe.models import Model, Sequential, load_model

X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)


def test_moments_and_ranges() -> None:
    pyframe.utils.set_random_seed(3)
    x = random.normal((200, 300), mean=2.0, stddev=0.5)
    assert x.dtype == np.float32
    assert x.shape == (200, 300)
    assert x.mean() == pytest.approx(2, abs=0.01)
    assert x.std() == pytest.approx(0.5, rel=0.01)
    y = random.uniform((200, 300), -1.0, 3.0)
    assert y.min() >= -1
    assert y.max() < 3
    assert y.mean() == pytest.approx(1, abs=0.02)
    z = random.randint((1000,), 2, 5)
    assert z.dtype == np.int32
    assert sorted(set(z.tolist())) == [2, 3, 4]


def test_seeds() -> None:
    np.testing.assert_array_equal(random.normal((5,), seed=7), random.normal((5,), seed=7))
    one, two = random.SeedGenerator(7), random.SeedGenerator(7)
    first = random.normal((5,), seed=one)
    np.testing.assert_array_equal(first, random.normal((5,), seed=two))
    second = random.normal((5,), seed=one)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(second, random.normal((5,), seed=copy.deepcopy(two)))
    assert not np.array_equal(random.normal((5,)), random.normal((5,)))
    pyframe.utils.set_random_seed(1)
    drawn = random.uniform((5,))
    pyframe.utils.set_random_seed(1)
    np.testing.assert_array_equal(random.uniform((5,)), drawn)


class Sampling(Layer):
    """The layer of Keras's variational autoencoder."""

    def __init__(self, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Any) -> Any:
        mean, log_variance = inputs
        batch, dimension = ops.shape(mean)[0], ops.shape(mean)[1]
        epsilon = random.normal(shape=(batch, dimension), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * epsilon


def sampling_model(seed: int) -> Model:
    inputs = Input((4,))
    return Model(inputs, Sampling(seed)([0.0 * inputs, 0.0 * inputs]))


def test_a_layer_draws_anew_in_every_run(tmp_path: Path) -> None:
    model, same = sampling_model(5), sampling_model(5)
    first, second = (model.predict(X, batch_size=64, verbose=0) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(same.predict(X, batch_size=64, verbose=0), first)
    assert abs(first.mean()) < 0.2
    assert first.std() == pytest.approx(1, abs=0.15)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", custom_objects={"Sampling": Sampling})
    expected = model.predict(X[:3], verbose=0)
    np.testing.assert_array_equal(again.predict(X[:3], verbose=0), expected)


def test_an_autoencoder_with_sampling_learns() -> None:
    pyframe.utils.set_random_seed(0)
    inputs = Input((4,))
    hidden = Dense(16, activation="relu")(inputs)
    code = Sampling()([Dense(4)(hidden), Dense(4)(hidden)])
    model = Model(inputs, Dense(4)(code))
    model.compile(pyframe.optimizers.Adam(0.02), "mse")
    losses = model.fit(X, X, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_integer_seeds_in_layers_repeat() -> None:
    model = Sequential(
        [Input((4,)), Lambda(lambda x: 0 * x + random.uniform(ops.shape(x), seed=2))]
    )
    first = model.predict(X, verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0), first)
    assert first.std() > 0.2


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x + ops.zeros(ops.shape(x)), X),
        (lambda x: x * ops.full((ops.shape(x)[0], 1), 2.0), 2 * X),
        (lambda x: ops.reshape(x, (ops.shape(x)[0], 2, 2)), X.reshape(50, 2, 2)),
        (lambda x: x / ops.cast(ops.shape(x)[0], "float32"), X / 10),
        (lambda x: x * ops.size(x) - ops.shape(x)[0] + 3, X * 40 - 7),
        (lambda x: ops.concatenate([x, ops.ones((ops.shape(x)[0], 2))], 1),
         np.concatenate([X, np.ones((50, 2))], 1)),
        (lambda x: x * ops.ones(ops.shape(x)[0])[:, None], X),
    ],
)  # fmt: skip
def test_the_number_of_samples_inside_layers(function: Callable[..., Any], expected: Any) -> None:
    model = Sequential([Input((4,)), Lambda(function)])
    y = model.predict(X, batch_size=10, verbose=0)
    np.testing.assert_allclose(y, expected, 1e-6)


def test_shapes_of_arrays_and_inputs() -> None:
    assert ops.shape(X) == (50, 4)
    assert ops.ndim(X) == 2
    assert ops.size(X) == 200
    assert ops.shape(Input((4,))) == (None, 4)
    assert ops.zeros((2, 3)).dtype == np.float32
    np.testing.assert_array_equal(ops.arange(2, 5), [2, 3, 4])
    np.testing.assert_allclose(ops.linspace(0, 1, 3), [0, 0.5, 1])
    np.testing.assert_array_equal(ops.eye(2), np.eye(2))
    assert ops.convert_to_tensor([1.0, 2.0]).dtype == np.float32
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.Variable(np.ones(2))), [1, 1])


class HitRate(Metric):
    """As Keras's guides write metrics."""

    def __init__(self, name: str = "hits", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        values = ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.argmax(y_pred, -1)), "float32")
        self.hits.assign_add(ops.sum(values))
        self.count.assign_add(ops.cast(ops.shape(y_true)[0], "float32"))

    def result(self) -> Any:
        return self.hits / self.count

    def reset_state(self) -> None:
        self.hits.assign(0.0)
        self.count.assign(0.0)


def test_a_metric_counts_samples() -> None:
    y = np.arange(50) % 3
    model = Sequential([Input((4,)), Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[HitRate(), "accuracy"])
    _, hits, accuracy = model.evaluate(X, y, batch_size=16, verbose=0)
    assert hits == pytest.approx(accuracy, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: random.normal(ops.shape(Input((4,)))), "write that part as a layer"),
        (lambda: ops.zeros((2, 0.5)), "whole numbers"),
        (lambda: Lambda(lambda x: ops.zeros((2, ops.shape(x)[0])))(Input((4,))), "first one only"),
        (lambda: Lambda(lambda x: ops.zeros((2 * ops.shape(x)[0],)))(Input((4,))), "no multiple"),
        (lambda: random.normal((2,), seed=-1), "`seed`"),
    ],
)
def test_refusals(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        call()
