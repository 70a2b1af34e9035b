"""Constraints: values, names, configurations, refusals, and inside training."""

from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import constraints, layers, ops
from pyframe.errors import ConfigurationError, ShapeError

W = np.array([[3.0, 0.1], [-4.0, 0.2]], np.float32)


def test_norms_are_taken_over_axis_0() -> None:
    """Semantics 25: w * wanted / (epsilon + norm)."""
    norms = np.sqrt((W**2).sum(axis=0))
    np.testing.assert_allclose(constraints.MaxNorm(2)(W), W * np.minimum(norms, 2) / norms, 1e-5)
    np.testing.assert_allclose(constraints.UnitNorm()(W), W / norms, 1e-5)
    np.testing.assert_allclose(
        constraints.MinMaxNorm(1, 2)(W), W * np.clip(norms, 1, 2) / norms, 1e-5
    )
    assert constraints.NonNeg()(W).tolist() == np.maximum(W, 0).tolist()


def test_a_zero_weight_stays_zero() -> None:
    for constraint in (constraints.MaxNorm(), constraints.UnitNorm(), constraints.MinMaxNorm(0.5)):
        np.testing.assert_array_equal(constraint(np.zeros((3, 2))), np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("max_norm", constraints.MaxNorm),
        ("MaxNorm", constraints.MaxNorm),
        ("maxnorm", constraints.MaxNorm),
        ("unit_norm", constraints.UnitNorm),
        ("min_max_norm", constraints.MinMaxNorm),
        ("MinMaxNorm", constraints.MinMaxNorm),
        ("non_neg", constraints.NonNeg),
        ("nonneg", constraints.NonNeg),
    ],
)
def test_names(name: str, cls: type) -> None:
    assert type(constraints.get(name)) is cls


def test_aliases_and_functions() -> None:
    assert constraints.max_norm is constraints.MaxNorm
    assert constraints.get(None) is None
    assert constraints.get(ops.tanh) is ops.tanh
    assert isinstance(constraints.get(constraints.NonNeg), constraints.NonNeg)
    assert constraints.Constraint()(W) is W


@pytest.mark.parametrize(
    "constraint",
    [
        constraints.MaxNorm(3, axis=[0, 1]),
        constraints.UnitNorm(1),
        constraints.MinMaxNorm(0.5, 1.5, 0.7),
        constraints.NonNeg(),
    ],
)
def test_config_round_trip(constraint: Any) -> None:
    config = constraints.serialize(constraint)
    for again in (constraints.deserialize(config), constraints.get(config)):
        assert type(again) is type(constraint)
        assert again.get_config() == constraint.get_config()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: constraints.MaxNorm(-1), "`max_value` must be a finite number >= 0"),
        (lambda: constraints.MaxNorm("2"), "max_value"),
        (lambda: constraints.MaxNorm(axis=0.5), "`axis` must be an integer"),
        (lambda: constraints.MinMaxNorm(2, 1), "`min_value` must not be above `max_value`"),
        (lambda: constraints.MinMaxNorm(rate=2), "`rate` must be a number between 0 and 1"),
        (lambda: constraints.get("max_nrm"), "Did you mean 'max_norm'"),
        (lambda: constraints.get(3), "`constraint` must be a name"),
        (lambda: layers.Dense(2, kernel_constraint="unitt_norm"), "Unknown constraint"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


def trained(constraint: Any, optimizer: Any = "sgd", **kwargs: Any) -> Any:
    dense = layers.Dense(3, kernel_constraint=constraint, input_dim=4, **kwargs)
    model = pyframe.Sequential([dense])
    model.compile(optimizer, "mse")
    rng = np.random.RandomState(0)
    model.fit(rng.randn(20, 4), 5 * rng.randn(20, 3), epochs=2, verbose=0)
    return dense


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adagrad", "nadam"])
def test_training_keeps_to_them(optimizer: str) -> None:
    dense = trained("unit_norm", optimizer, bias_constraint="non_neg")
    norms = np.linalg.norm(dense.kernel.numpy(), axis=0)
    np.testing.assert_allclose(norms, 1, rtol=1e-5)
    assert (dense.bias.numpy() >= 0).all()


def test_a_function_of_ones_own() -> None:
    dense = trained(lambda w: ops.clip(w, -0.01, 0.01))
    assert np.abs(dense.kernel.numpy()).max() == np.float32(0.01)


def test_a_class_of_ones_own() -> None:
    class Symmetric(constraints.Constraint):
        def __call__(self, w: Any) -> Any:
            return (w + ops.transpose(w)) / 2

    dense = layers.Dense(4, kernel_constraint=Symmetric(), input_dim=4)
    model = pyframe.Sequential([dense])
    model.compile("adam", "mse")
    model.train_on_batch(np.random.RandomState(0).randn(8, 4), np.ones((8, 4)))
    kernel = dense.kernel.numpy()
    np.testing.assert_array_equal(kernel, kernel.T)


def test_a_wrong_shape_is_refused_before_training() -> None:
    with pytest.raises(ShapeError, match=r"kernel' has shape \(4, 3\)"):
        trained(lambda w: ops.sum(w, axis=0))


def test_add_weight_takes_one() -> None:
    layer = layers.Layer()
    assert layer.add_weight((2,), constraint="non_neg").constraint is not None
    assert layer.add_weight((2,)).constraint is None


def test_layers_keep_theirs_in_the_config() -> None:
    dense = layers.Dense(2, kernel_constraint=constraints.MaxNorm(3), bias_constraint="non_neg")
    again = layers.Dense.from_config(dense.get_config())
    assert again.kernel_constraint.get_config() == {"max_value": 3, "axis": 0}
    assert isinstance(again.bias_constraint, constraints.NonNeg)
