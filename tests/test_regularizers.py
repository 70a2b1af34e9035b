import math
from typing import Any

import numpy as np
import pytest

from pyframe import ops, regularizers
from pyframe.errors import ConfigurationError

X = np.array([[1.0, -2.0, 0.0], [0.5, -0.25, 3.0]])
ABS, SQUARES = np.abs(X).sum(), (X**2).sum()

CASES = [
    (regularizers.L1(0.1), 0.1, 0.0),
    (regularizers.L2(0.3), 0.0, 0.3),
    (regularizers.L1L2(0.1, 0.3), 0.1, 0.3),
    (regularizers.L1L2(l1=0.1), 0.1, 0.0),
    (regularizers.L1L2(l2=0.3), 0.0, 0.3),
    (regularizers.L1L2(), 0.0, 0.0),
    (regularizers.l1(0.2), 0.2, 0.0),
    (regularizers.l2(0.2), 0.0, 0.2),
    (regularizers.l1_l2(), 0.01, 0.01),
    (regularizers.l1_l2(l1=0.5), 0.5, 0.01),
    (regularizers.get("l1"), 0.01, 0.0),
    (regularizers.get("l2"), 0.0, 0.01),
    (regularizers.get("L2"), 0.0, 0.01),
    (regularizers.get("l1_l2"), 0.01, 0.01),
    (regularizers.get(regularizers.l2), 0.0, 0.01),
    (regularizers.get(regularizers.L2), 0.0, 0.01),
]


@pytest.mark.parametrize(("regularizer", "l1", "l2"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_and_gradient(regularizer: Any, l1: float, l2: float, dtype: str) -> None:
    x = X.astype(dtype)
    value = np.asarray(regularizer(x))
    assert value.shape == ()
    assert float(value) == pytest.approx(l1 * ABS + l2 * SQUARES, rel=1e-6)
    (gradient,) = ops.gradients(regularizer, x)
    np.testing.assert_allclose(gradient, l1 * np.sign(X) + 2 * l2 * X, rtol=1e-6, atol=1e-9)


def test_factors_are_attributes() -> None:
    assert regularizers.l1(0.2).l1 == 0.2
    assert regularizers.l2(0.2).l2 == 0.2
    both = regularizers.l1_l2(0.1, 0.2)
    assert (both.l1, both.l2) == (0.1, 0.2)


@pytest.mark.parametrize(("regularizer", "l1", "l2"), CASES[:6])
def test_config_builds_an_equal_regularizer(regularizer: Any, l1: float, l2: float) -> None:
    config = regularizers.serialize(regularizer)
    makers: list[Any] = [regularizers.deserialize, regularizers.get]
    for again in (make(config) for make in makers):
        assert type(again) is type(regularizer)
        assert again.get_config() == regularizer.get_config()
    assert regularizer.get_config().get("l1", 0.0) == l1
    assert regularizer.get_config().get("l2", 0.0) == l2


def test_functions_and_none_pass_through() -> None:
    def penalty(x: Any) -> Any:
        return ops.l2_penalty(x, 1.0)

    assert regularizers.get(penalty) is penalty
    assert regularizers.get(None) is None


@pytest.mark.parametrize("factor", [-1, "x", math.inf, math.nan, None, True])
def test_impossible_factors(factor: Any) -> None:
    for make in (regularizers.L1, regularizers.L2, regularizers.L1L2):
        with pytest.raises(ConfigurationError, match="finite number >= 0"):
            make(factor)


def test_unknown_names() -> None:
    with pytest.raises(ConfigurationError, match="Unknown regularizer: 'l3'"):
        regularizers.get("l3")
    with pytest.raises(ConfigurationError, match="must be a name"):
        regularizers.get(3)
