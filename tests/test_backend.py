"""`from pyframe import backend as K`: Keras 2's functions in losses, layers and on arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from pyframe import backend as K
from pyframe.errors import ConfigurationError
from pyframe.layers import Dense, Input, Lambda
from pyframe.models import Sequential

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 2, 4))
P, T = RNG.uniform(0.1, 0.9, (6, 3)), (RNG.random((6, 3)) < 0.5) * 1.0
P /= P.sum(-1, keepdims=True)


def product(subscripts: str, *shapes: tuple[int, ...]) -> tuple[Any, Any, Any]:
    x, y = (RNG.normal(size=shape) for shape in shapes)
    return x, y, np.einsum(subscripts, x, y)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "axes"),
    [
        ("bi,bi->b", ((3, 4), (3, 4)), 1),
        ("bi,bi->b", ((3, 4), (3, 4)), None),
        ("bij,bjk->bik", ((3, 2, 4), (3, 4, 5)), None),
        ("bij,bkj->bik", ((3, 2, 4), (3, 5, 4)), 2),
        ("bij,bik->bjk", ((3, 2, 4), (3, 2, 5)), (1, 1)),
        ("bij,bj->bi", ((3, 2, 4), (3, 4)), (2, 1)),
        ("bi,bij->bj", ((3, 4), (3, 4, 5)), (1, 1)),
    ],
)
def test_batch_dot(subscripts: str, shapes: Any, axes: Any) -> None:
    x, y, expected = product(subscripts, *shapes)
    expected = expected.reshape(3, 1) if expected.ndim == 1 else expected
    np.testing.assert_allclose(K.batch_dot(x, y, axes), expected, 1e-12)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: K.flatten(X), X.ravel()),
        (lambda: K.batch_flatten(X), X.reshape(6, 8)),
        (lambda: K.expand_dims(X), X[..., None]),
        (lambda: K.permute_dimensions(X, (0, 2, 1)), X.transpose(0, 2, 1)),
        (lambda: K.argmax(X), X.argmax(-1)),
        (lambda: K.cast(X > 0, "float32"), X > 0),
        (lambda: K.cast(np.round(X), "bool"), np.round(X) != 0),
        (lambda: K.gather(X, [2, 0]), X[[2, 0]]),
        (lambda: K.dot(X, X[0].T), X @ X[0].T),
        (lambda: K.l2_normalize(X, -1), X / np.linalg.norm(X, axis=-1, keepdims=True)),
        (lambda: K.switch(X > 0, X, lambda: 0 * X), np.maximum(X, 0)),
        (lambda: K.relu(X, 0.1, 1.0), np.minimum(np.where(X > 0, X, 0.1 * X), 1)),
        (lambda: K.hard_sigmoid(X), np.clip(0.2 * X + 0.5, 0, 1)),
        (lambda: K.binary_crossentropy(T, P), -special.xlogy(T, P) - special.xlog1py(1 - T, -P)),
        (lambda: K.categorical_crossentropy(T, P), -(T * np.log(P)).sum(-1)),
        (lambda: K.sparse_categorical_crossentropy(np.arange(6) % 3, P),
         -np.log(P[np.arange(6), np.arange(6) % 3])),
        (lambda: K.constant(2.0, shape=(2, 3)), np.full((2, 3), 2)),
        (lambda: K.eval(K.variable([1.0, 2.0])), [1, 2]),
        (lambda: K.one_hot(np.array([1, 0]), 3), [[0, 1, 0], [1, 0, 0]]),
        (lambda: K.count_params(K.zeros((2, 3))), 6),
        (lambda: K.int_shape(Input((3,))) == (None, 3), True),
        (lambda: K.cast_to_floatx(X).dtype == np.float32, True),
    ],
)  # fmt: skip
def test_values(found: Callable[[], Any], expected: Any) -> None:
    np.testing.assert_allclose(found(), expected, 1e-5, 1e-6)


def test_settings() -> None:
    assert (K.floatx(), K.epsilon(), K.image_data_format()) == ("float32", 1e-7, "channels_last")
    K.set_image_data_format("channels_last")
    with pytest.raises(ConfigurationError, match="channels_first"):
        K.set_image_data_format("channels_first")
    assert all(hasattr(K, name) for name in K.__all__)


def test_losses_and_layers_written_with_it() -> None:
    def loss(y_true: Any, y_pred: Any) -> Any:
        return K.mean(K.square(y_pred - y_true), axis=-1) + K.sum(K.abs(y_pred), axis=-1)

    def dice(y_true: Any, y_pred: Any) -> Any:
        both = K.sum(K.flatten(y_true) * K.flatten(y_pred))
        return (2.0 * both + 1.0) / (K.sum(y_true) + K.sum(y_pred) + 1.0)

    model = Sequential([Input((4,)), Lambda(lambda x: K.l2_normalize(x, axis=1)), Dense(3)])
    model.compile("sgd", loss, metrics=[dice])
    K.set_value(model.optimizer.learning_rate, 0.05)
    x, y = X[:, 0], T
    found = model.test_on_batch(x, y, return_dict=True)
    p = model.predict(x, verbose=0)
    assert found["loss"] == pytest.approx((((p - y) ** 2).mean(-1) + abs(p).sum(-1)).mean(), 1e-5)
    assert found["dice"] == pytest.approx((2 * (y * p).sum() + 1) / ((y + p).sum() + 1), 1e-4)
    model.fit(x, y, verbose=0)
    assert float(K.get_value(model.optimizer.learning_rate)) == pytest.approx(0.05)


@pytest.mark.parametrize("name", ["gradients", "function", "learning_phase", "get_session"])
def test_what_is_no_more(name: str) -> None:
    with pytest.raises(AttributeError, match=f"{name} has no counterpart here"):
        getattr(K, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = K.nothing
