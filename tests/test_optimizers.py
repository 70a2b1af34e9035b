"""Optimizers: formulas in NumPy, options, live learning rate, refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyframe import Sequential, optimizers
from pyframe.errors import ConfigurationError
from pyframe.layers import Dense

X = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
Y = np.array([[1.0], [-1.0]], np.float32)
START = np.array([[0.3], [-0.2]])
STEPS = 5


def train(optimizer: Any, steps: int = STEPS) -> np.ndarray:
    """Weights after some steps of linear regression without bias."""
    model = Sequential([Dense(1, use_bias=False, input_dim=2)])
    model.set_weights([START])
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return model.get_weights()[0]


def gradient(w: np.ndarray) -> np.ndarray:
    return 2 * X.T @ (X @ w - Y) / len(X)


def follow(step: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> np.ndarray:
    w = START.copy()
    for t in range(STEPS):
        w = step(w, gradient(w), t)
    return w


def check(optimizer: Any, step: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> None:
    np.testing.assert_allclose(train(optimizer), follow(step), rtol=1e-4, atol=1e-6)


def test_sgd() -> None:
    check(optimizers.SGD(0.1), lambda w, g, t: w - 0.1 * g)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(nesterov: bool) -> None:
    m = np.zeros_like(START)

    def step(w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
        nonlocal m
        m = 0.8 * m - 0.05 * g
        return w + (0.8 * m - 0.05 * g if nesterov else m)

    check(optimizers.SGD(0.05, momentum=0.8, nesterov=nesterov), step)


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_rmsprop(centered: bool, momentum: float) -> None:
    v, mg, mom = (np.zeros_like(START) for _ in range(3))

    def step(w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
        nonlocal v, mg, mom
        v = 0.9 * v + 0.1 * g**2
        mg = 0.9 * mg + 0.1 * g
        mom = momentum * mom + 0.01 * g / np.sqrt(v - (mg**2 if centered else 0) + 1e-7)
        return w - mom

    check(optimizers.RMSprop(0.01, momentum=momentum, centered=centered), step)


def adam(rate: Callable[[int], float] = lambda t: 0.02) -> Callable[..., np.ndarray]:
    m, v = np.zeros_like(START), np.zeros_like(START)

    def step(w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
        nonlocal m, v
        m = m + (g - m) * 0.1
        v = v + (g**2 - v) * 0.001
        alpha = rate(t) * np.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
        return w - alpha * m / (np.sqrt(v) + 1e-7)

    return step


def test_adam() -> None:
    check(optimizers.Adam(0.02), adam())


def test_schedule() -> None:
    check(optimizers.Adam(lambda step: 0.02 / (1.0 + step)), adam(lambda t: 0.02 / (1 + t)))


def test_clipping() -> None:
    def limited(w: np.ndarray, g: np.ndarray, t: int) -> np.ndarray:
        return w - 0.1 * g * 0.5 / max(np.linalg.norm(g), 0.5)

    check(optimizers.SGD(0.1, clipnorm=0.5), limited)
    check(optimizers.SGD(0.1, global_clipnorm=0.5), limited)
    check(optimizers.SGD(0.1, clipvalue=0.5), lambda w, g, t: w - 0.1 * np.clip(g, -0.5, 0.5))


def test_global_norm_is_over_all_weights() -> None:
    model = Sequential([Dense(3, input_dim=2), Dense(1)])
    model.compile(optimizers.SGD(1.0, global_clipnorm=0.1), "mse")
    before = model.get_weights()
    model.train_on_batch(X, Y * 100)
    moved = [b - a for a, b in zip(before, model.get_weights(), strict=True)]
    assert np.sqrt(sum((d**2).sum() for d in moved)) == pytest.approx(0.1, rel=1e-3)


def test_weight_decay_comes_first() -> None:
    check(optimizers.SGD(0.1, weight_decay=0.2), lambda w, g, t: w * (1 - 0.1 * 0.2) - 0.1 * g)


def test_keras_2_names() -> None:
    with pytest.warns(UserWarning, match="learning_rate"):
        optimizer = optimizers.SGD(lr=0.1, decay=0.5)
    check(optimizer, lambda w, g, t: w - 0.1 / (1 + 0.5 * t) * g)
    assert float(optimizer.lr) == pytest.approx(0.1)


def test_the_learning_rate_is_live() -> None:
    model = Sequential([Dense(1, use_bias=False, input_dim=2)])
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    model.optimizer.learning_rate = 0
    before = model.get_weights()[0]
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(before, model.get_weights()[0])
    model.optimizer.learning_rate.assign(0.1)
    model.train_on_batch(X, Y)
    np.testing.assert_allclose(model.get_weights()[0], before - 0.1 * gradient(before), rtol=1e-5)
    assert int(model.optimizer.iterations) == 3


def test_a_schedule_cannot_be_set() -> None:
    with pytest.raises(TypeError, match="schedule"):
        optimizers.SGD(lambda step: 0.1 + 0.0 * step).learning_rate = 0.1


def test_variables_are_ordered_by_weight() -> None:
    model = Sequential([Dense(1, input_dim=2, name="d")])
    model.compile("adam", "mse")
    assert len(model.optimizer.variables) == 2
    model.train_on_batch(X, Y)
    assert [v.name for v in model.optimizer.variables] == [
        "iteration",
        "learning_rate",
        "d_kernel_momentum",
        "d_kernel_velocity",
        "d_bias_momentum",
        "d_bias_velocity",
    ]


NAMES = [
    "SGD", "RMSprop", "Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl", "Lion",
]  # fmt: skip


@pytest.mark.parametrize("name", [*NAMES, *(name.lower() for name in NAMES), "ADAM"])
def test_names_in_any_case(name: str) -> None:
    """Semantics 10."""
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.1, momentum=0.5, nesterov=True, clipnorm=1.0),
        optimizers.RMSprop(0.1, rho=0.8, centered=True, weight_decay=0.1),
        optimizers.Adam(0.1, beta_1=0.8, epsilon=1e-6, amsgrad=True, name="mine"),
        optimizers.AdamW(0.1, weight_decay=0.3, global_clipnorm=2.0),
        optimizers.Adagrad(0.1, initial_accumulator_value=0.5, clipvalue=0.5),
        optimizers.Adadelta(1.0, rho=0.5, use_ema=True, ema_overwrite_frequency=3),
        optimizers.Adamax(0.1, beta_2=0.5, loss_scale_factor=4.0),
        optimizers.Nadam(0.1, beta_2=0.5, gradient_accumulation_steps=4),
        optimizers.Ftrl(0.1, learning_rate_power=-0.7, beta=0.1),
        optimizers.Lion(0.1, beta_1=0.5),
    ],
)
def test_config_round_trip(optimizer: optimizers.Optimizer) -> None:
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: optimizers.SGD(-1), "learning_rate"),
        (lambda: optimizers.SGD("fast"), "learning_rate"),
        (lambda: optimizers.SGD(momentum=2), "momentum"),
        (lambda: optimizers.RMSprop(rho=-0.1), "rho"),
        (lambda: optimizers.Adam(epsilon=-1), "epsilon"),
        (lambda: optimizers.Adam(learning_rat=1), "Did you mean `learning_rate`"),
        (lambda: optimizers.SGD(clipnorm=1, clipvalue=1), "Only one"),
        (lambda: optimizers.SGD(clipnorm=-1), "`clipnorm` .* >= 0. Received: -1"),
        (lambda: optimizers.SGD(weight_decay="a"), "`weight_decay`"),
        (lambda: optimizers.SGD(float("nan")), "`learning_rate`"),
        (lambda: optimizers.SGD(float("inf")), "`learning_rate`"),
        (lambda: optimizers.SGD(use_ema=True, ema_momentum=1.1), "`ema_momentum` .* 0 and 1"),
        (lambda: optimizers.SGD(ema_overwrite_frequency=0.5), "`ema_overwrite_frequency`"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), "integer >= 2 or None"),
        (lambda: optimizers.AdamW(weight_decay=None), "`weight_decay` of AdamW"),
        (lambda: optimizers.Lion(beta_1=0), "`beta_1` must be greater than 0"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.5), "`learning_rate_power` .* <= 0"),
        (lambda: optimizers.Ftrl(l1_regularization_strength=-1), "`l1_regularization_strength`"),
        (lambda: optimizers.Adagrad(initial_accumulator_value=-1), "`initial_accumulator_value`"),
        (lambda: optimizers.get("adm"), "Did you mean 'adam'"),
        (lambda: optimizers.get(3), "must be a name"),
    ],
)
def test_refusals(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_integers_are_numbers() -> None:
    assert optimizers.SGD(1, momentum=0).get_config()["learning_rate"] == 1.0
