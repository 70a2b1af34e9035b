"""Penalties that layers add to the loss: activity_regularizer and add_loss."""

from typing import Any

import numpy as np
import pytest

from pyframe import ops, regularizers
from pyframe.errors import ConfigurationError
from pyframe.layers import Conv2D, Dense, Layer
from pyframe.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
Y = np.zeros((10, 2), np.float32)


class Adds(Layer):
    def call(self, inputs: Any) -> Any:
        self.add_loss([ops.sum(inputs), ops.mean(inputs, -1)])
        return inputs


@pytest.mark.parametrize("rows", [10, 3])
def test_item_24_activity_regularizer_is_divided_by_the_batch_size(rows: int) -> None:
    x, y = X[:rows], Y[:rows]
    plain = Sequential([Dense(2, input_dim=3)])
    model = Sequential([Dense(2, input_dim=3, activity_regularizer=regularizers.L2(0.1))])
    model.set_weights(plain.get_weights())
    for m in (plain, model):
        m.compile("sgd", "mse")
    penalty = 0.1 * np.square(plain.predict(x, verbose=0)).sum() / rows
    found = model.evaluate(x, y, batch_size=rows, verbose=0)
    assert found == pytest.approx(plain.evaluate(x, y, verbose=0) + penalty, rel=1e-5)


def test_activity_regularizer_of_images() -> None:
    x = np.random.default_rng(1).normal(size=(4, 5, 5, 1)).astype(np.float32)
    layer = Conv2D(2, 3, activity_regularizer="l1", input_shape=(5, 5, 1))
    model = Sequential([layer])
    model.compile("sgd", "mse")
    y = model.predict(x, verbose=0)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(0.01 * np.abs(y).sum() / 4, rel=1e-5)


def test_config() -> None:
    layer = Dense(2, activity_regularizer="l2")
    again = Dense.from_config(layer.get_config())
    assert isinstance(again.activity_regularizer, regularizers.L2)
    assert "activity_regularizer" not in Dense(2).get_config()
    with pytest.raises(ConfigurationError, match="l22"):
        Dense(2, activity_regularizer="l22")


def test_add_loss() -> None:
    model = Sequential([Adds(input_shape=(3,)), Dense(2)])
    model.compile("sgd", "mse")
    plain = Sequential([Dense(2, input_dim=3)])
    plain.set_weights(model.get_weights())
    plain.compile("sgd", "mse")
    added = X.sum() + X.mean(-1).sum()
    expected = plain.evaluate(X, Y, verbose=0) + added
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-4)
    assert model.fit(X, Y, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_add_loss_in_a_model_of_ones_own() -> None:
    class Net(Model):
        def __init__(self) -> None:
            super().__init__()
            self.last = Dense(2)

        def call(self, inputs: Any) -> Any:
            outputs = self.last(inputs)
            self.add_loss(3.0 + 0.0 * ops.sum(outputs))
            return outputs

    model = Net()
    model.compile("sgd", "mse")
    y = model.predict(X, verbose=0)
    assert model.evaluate(X, y, verbose=0) == pytest.approx(3.0)


def test_losses_of_a_layer() -> None:
    model = Sequential([Dense(2, input_dim=3, kernel_regularizer="l2"), Dense(1)])
    (penalty,) = model.losses
    assert float(penalty) == pytest.approx(0.01 * np.square(model.get_weights()[0]).sum())
    model.layers[0].trainable = False
    assert model.losses == []


def test_add_loss_outside_call_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="inside `call`"):
        Dense(2).add_loss(1.0)
