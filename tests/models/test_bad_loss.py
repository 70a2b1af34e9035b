"""A loss that becomes NaN or infinite is noticed in its batch and explained."""

from typing import Any

import numpy as np
import pytest

from pyframe import ops
from pyframe.errors import NonFiniteError
from pyframe.layers import Activation, Dense
from pyframe.models import Sequential
from pyframe.optimizers import SGD


def exploding(rate: float = 1e30) -> Sequential:
    model = Sequential([Dense(4, input_dim=3, name="first"), Dense(1, name="last")])
    model.compile(SGD(rate), "mse")
    return model


X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = np.ones((40, 1), np.float32)


def test_warn_goes_on() -> None:
    model = exploding()
    with pytest.warns(RuntimeWarning, match="NaN or infinite in batch 2 of epoch 1") as caught:
        history = model.fit(X, Y, batch_size=10, epochs=3, verbose=0)
    assert len(caught) == 1
    assert "learning rate 1e+30" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert len(history.history["loss"]) == 3
    assert not np.isfinite(history.history["loss"][0])
    assert model.last_bad_batch is not None
    assert [a.shape for a in model.last_bad_batch] == [(10, 3), (10, 1)]


def test_stop() -> None:
    model = exploding()
    with pytest.warns(RuntimeWarning, match="NaN or infinite"):
        history = model.fit(X, Y, batch_size=10, epochs=3, verbose=0, on_nan="stop")
    assert history.epoch == [0]


def test_raise_keeps_the_weights_before_the_bad_step() -> None:
    model = exploding(1e3)
    with pytest.raises(NonFiniteError, match=r"clipnorm.*model\.last_bad_batch"):
        model.fit(X, Y, batch_size=10, epochs=30, verbose=0, on_nan="raise")
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_the_first_layer_is_named() -> None:
    model = Sequential([Dense(4, input_dim=3, name="first")])
    model.add(Activation(lambda x: ops.log(x - 100.0), name="root"))
    model.add(Dense(1, name="last"))
    model.compile("sgd", "mse")
    with pytest.raises(NonFiniteError, match=r"The first layer .* is Activation 'root'; its input"):
        model.fit(X, Y, verbose=0, on_nan="raise")


def test_a_bad_loss_of_good_predictions() -> None:
    def loss(y_true: Any, y_pred: Any) -> Any:
        return ops.log(ops.square(y_pred - y_true) * 0.0)

    model = Sequential([Dense(1, input_dim=3)])
    model.compile("sgd", loss)
    with pytest.raises(NonFiniteError, match="the loss itself is not finite"):
        model.fit(X, Y, verbose=0, on_nan="raise")


def test_nan_in_the_inputs() -> None:
    x = X.copy()
    x[37, 1] = np.nan
    with pytest.raises(NonFiniteError, match=r"batch 4 of epoch 1 .* inputs `x`"):
        exploding(1e-3).fit(x, Y, batch_size=10, shuffle=False, verbose=0, on_nan="raise")


def test_infinite_targets() -> None:
    y = Y.copy()
    y[0] = np.inf
    with pytest.raises(NonFiniteError, match="targets or weights"):
        exploding(1e-3).fit(X, y, verbose=0, on_nan="raise")


def test_broken_weights() -> None:
    model = exploding(1e-3)
    weights = model.get_weights()
    weights[0][0, 0] = np.nan
    model.set_weights(weights)
    with pytest.raises(
        NonFiniteError, match=r"weights are not finite any more, e\.g\. 'first/kernel'"
    ):
        model.fit(X, Y, verbose=0, on_nan="raise")


def test_batches_of_a_generator() -> None:
    x = X.copy()
    x[12, 0] = np.inf
    batches = ((x[i : i + 10], Y[i : i + 10]) for i in range(0, 40, 10))
    with pytest.raises(NonFiniteError, match="batch 2 of epoch 1"):
        exploding(1e-3).fit(batches, verbose=0, on_nan="raise")
