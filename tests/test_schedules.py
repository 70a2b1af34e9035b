"""Learning rate schedules: values, inside the plan, own ones, configurations, refusals."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyframe import Sequential, Variable, ops, optimizers
from pyframe.errors import ConfigurationError
from pyframe.layers import Dense
from pyframe.optimizers import schedules

ALL = [
    schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    schedules.PiecewiseConstantDecay([2, 5], [0.1, 0.05, 0.01]),
    schedules.PolynomialDecay(0.1, 20, cycle=True),
    schedules.InverseTimeDecay(0.1, 5, 0.5),
    schedules.CosineDecay(0.01, 20, warmup_target=0.1, warmup_steps=4),
    schedules.CosineDecayRestarts(0.1, 7, m_mul=0.9),
]


def rates_in_a_plan(schedule: Any, steps: int) -> list[float]:
    """The rates that SGD really uses: how far a weight moves under the gradient 1."""
    w = Variable(0.0, "float64")
    optimizer = optimizers.SGD(schedule)
    moved = [0.0]
    for _ in range(steps):
        optimizer.apply([np.array(1.0)], [w])
        moved.append(-float(w))
    return np.diff(moved).tolist()


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: type(s).__name__)
def test_numbers_arrays_and_plans_agree(schedule: Any) -> None:
    one_by_one = [schedule(step) for step in range(30)]
    assert all(type(rate) is float for rate in one_by_one)
    np.testing.assert_array_equal(schedule(np.arange(30)), one_by_one)
    np.testing.assert_allclose(rates_in_a_plan(schedule, 30), one_by_one, rtol=1e-12)


def test_boundaries_belong_to_the_value_on_their_left() -> None:
    """Semantics 12: values[0] up to and including the first boundary."""
    schedule = schedules.PiecewiseConstantDecay([2, 5], [0.3, 0.2, 0.1])
    assert [schedule(s) for s in (0, 2, 3, 5, 6)] == [0.3, 0.3, 0.2, 0.2, 0.1]


def test_polynomial_cycles_start_after_their_last_step() -> None:
    schedule = schedules.PolynomialDecay(0.1, 10, 0.0, cycle=True)
    expected = [0.1, 0.1 * 0.9, 0.0, 0.1 * (1 - 11 / 20)]
    np.testing.assert_allclose([schedule(s) for s in (0, 1, 10, 11)], expected, atol=1e-15)


def test_warm_up_ends_at_the_target() -> None:
    schedule = schedules.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=4)
    expected = [0.0, 0.05, 0.1, 0.05, 0.0, 0.0]
    np.testing.assert_allclose([schedule(s) for s in (0, 2, 4, 9, 14, 99)], expected, atol=1e-16)


@pytest.mark.parametrize("growth", [1.0, 1.5, 2.0, 3.0, 10.0])
def test_restarts_begin_at_the_full_rate(growth: float) -> None:
    """Also where the logarithms of the step and of t_mul are not exact."""
    schedule = schedules.CosineDecayRestarts(0.1, 64, t_mul=growth, m_mul=0.5)
    begin, length = 0.0, 64.0
    for period in range(6):
        assert schedule(begin) == pytest.approx(0.1 * 0.5**period, rel=1e-9)
        assert schedule(begin + length / 2) == pytest.approx(0.05 * 0.5**period, rel=1e-9)
        begin, length = begin + length, length * growth


def test_steps_beyond_float32() -> None:
    schedule = schedules.ExponentialDecay(1.0, 1, 0.5)
    assert schedules.PiecewiseConstantDecay([2**24], [0.2, 0.1])(2**24 + 1) == 0.1
    assert schedule(40) == 0.5**40


class Mine(schedules.LearningRateSchedule):
    def __init__(self, top: float) -> None:
        self.top = top

    def __call__(self, step: Any) -> Any:
        return self.top * ops.where(ops.less(step, 3.0), (step + 1) / 3, 1 / ops.sqrt(step))

    def get_config(self) -> dict[str, Any]:
        return {"top": self.top}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Mine(0.3), [0.1, 0.2, 0.3, 0.3 / math.sqrt(3)]),
        (lambda step: 0.1 / (1 + step), [0.1, 0.05, 0.1 / 3, 0.025]),
        (lambda step: 0.1, [0.1] * 4),
        (lambda: 0.1, [0.1] * 4),
    ],
    ids=["class", "function", "constant", "without_argument"],
)
def test_schedules_of_ones_own(schedule: Any, expected: list[float]) -> None:
    np.testing.assert_allclose(rates_in_a_plan(schedule, 4), expected, rtol=1e-6)


def test_the_present_rate_can_be_read_but_not_set() -> None:
    """Semantics 11."""
    optimizer = optimizers.SGD(schedules.InverseTimeDecay(0.1, 1, 1.0))
    w = Variable(np.zeros(2))
    for step in range(3):
        assert float(optimizer.learning_rate) == pytest.approx(0.1 / (1 + step))
        assert float(optimizer.learning_rate.numpy()) == pytest.approx(0.1 / (1 + step))
        optimizer.apply([np.ones(2)], [w])
    with pytest.raises(TypeError, match="follows a schedule"):
        optimizer.learning_rate = 0.1
    assert [v.name for v in optimizer.variables] == ["iteration"]


def test_a_schedule_instead_of_a_number() -> None:
    optimizer = optimizers.SGD(0.1)
    optimizer.learning_rate = schedules.CosineDecay(0.5, 10)
    assert float(optimizer.learning_rate) == pytest.approx(0.5)
    optimizer = optimizers.SGD(0.1)
    optimizer.apply([np.ones(2)], [Variable(np.zeros(2))])
    with pytest.raises(ConfigurationError, match="only before the first step"):
        optimizer.learning_rate = schedules.CosineDecay(0.5, 10)


def test_inside_fit() -> None:
    model = Sequential([Dense(1, input_dim=2)])
    schedule = schedules.PiecewiseConstantDecay([1], [0.1, 0.0])
    model.compile(optimizers.Adam(schedule), "mse")
    x, y = np.ones((8, 2)), np.ones((8, 1))
    model.fit(x, y, batch_size=4, verbose=0)
    before = model.get_weights()[0]
    model.fit(x, y, batch_size=4, verbose=0)
    np.testing.assert_array_equal(before, model.get_weights()[0])
    assert float(model.optimizer.learning_rate) == 0.0


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: type(s).__name__)
def test_config_round_trip(schedule: Any) -> None:
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    optimizer = optimizers.deserialize(optimizers.serialize(optimizers.Adam(schedule)))
    assert optimizer.get_config()["learning_rate"] == schedules.serialize(schedule)


def test_config_of_ones_own() -> None:
    config = optimizers.serialize(optimizers.SGD(Mine(0.3)))
    again = optimizers.deserialize(config, {"Mine": Mine})
    assert float(again.learning_rate) == pytest.approx(0.1)
    with pytest.raises(ConfigurationError, match="Unknown schedule: 'Mine'"):
        optimizers.deserialize(config)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "`decay_steps` must be greater than 0"),
        (lambda: schedules.ExponentialDecay(-0.1, 5, 0.5), "`initial_learning_rate` .* >= 0"),
        (lambda: schedules.InverseTimeDecay(0.1, -5, 0.5), "`decay_steps`"),
        (lambda: schedules.InverseTimeDecay(0.1, 5, math.nan), "`decay_rate`"),
        (lambda: schedules.PolynomialDecay(0.1, 5, power=-1), "`power`"),
        (lambda: schedules.CosineDecay(0.1, 5, warmup_target="x"), "`warmup_target`"),
        (lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=0.5), "`t_mul` .* >= 1"),
        (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "one number more"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 1, 1]), "`boundaries` must increase"),
        (lambda: schedules.deserialize({"class_name": "CosinDecay"}), "mean 'CosineDecay'"),
    ],
)
def test_refusals(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (lambda step: math.nan + 0 * step, "step 0 it gave nan"),
        (lambda step: -0.1 + 0 * step, "finite number >= 0"),
        (lambda step: 0.1 / step, "it gave inf"),
        (lambda step: np.ones(3) + step, "must give one number"),
    ],
    ids=["nan", "negative", "infinite", "array"],
)
def test_bad_rates_are_refused_before_the_first_step(schedule: Any, text: str) -> None:
    optimizer = optimizers.SGD(schedule)
    w = Variable(np.ones(2))
    with pytest.raises(ConfigurationError, match=text):
        optimizer.apply([np.ones(2)], [w])
    assert w.numpy().tolist() == [1, 1]


def test_the_base_class_asks_to_be_overridden() -> None:
    with pytest.raises(NotImplementedError, match="__call__"):
        schedules.LearningRateSchedule()(0)
    with pytest.raises(NotImplementedError, match="get_config"):
        schedules.LearningRateSchedule().get_config()
