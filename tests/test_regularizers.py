import math
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import layers, ops, regularizers
from pyframe.errors import ConfigurationError, ShapeError

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


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal(mode: str) -> None:
    rows = X if mode == "rows" else X.T
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-7)
    cosines = np.abs(unit @ unit.T)[~np.eye(len(rows), dtype=bool)]
    regularizer = regularizers.OrthogonalRegularizer(0.3, mode)
    assert float(regularizer(X)) == pytest.approx(0.3 * cosines.mean(), rel=1e-6)
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert again.get_config() == {"factor": 0.3, "mode": mode}
    assert float(regularizer(np.eye(3))) == 0.0


def test_orthogonal_refuses() -> None:
    with pytest.raises(ConfigurationError, match="'rows' or 'columns'"):
        regularizers.OrthogonalRegularizer(mode="both")
    with pytest.raises(ConfigurationError, match="`factor`"):
        regularizers.OrthogonalRegularizer(-1)
    with pytest.raises(ShapeError, match="needs a matrix"):
        regularizers.get("orthogonal_regularizer")(np.ones(3))


def test_functions_and_classes_of_ones_own_train() -> None:
    class Sparse(regularizers.Regularizer):
        def __call__(self, x: Any) -> Any:
            return 0.1 * ops.sum(ops.log1p(ops.absolute(x)))

    pyframe.utils.set_random_seed(0)
    x = np.zeros((4, 3))
    for regularizer in (Sparse(), lambda w: 0.05 * ops.sum(ops.square(w))):
        dense = layers.Dense(2, kernel_regularizer=regularizer, input_dim=3)
        model = pyframe.Sequential([dense])
        model.compile(pyframe.optimizers.SGD(0.1), "mse")
        before = dense.kernel.numpy()
        model.train_on_batch(x, np.zeros((4, 2)))
        (slope,) = ops.gradients(regularizer, before)
        np.testing.assert_allclose(dense.kernel.numpy(), before - 0.1 * slope, rtol=1e-5)
