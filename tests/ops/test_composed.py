"""Functions that are made of other operators: values against NumPy and SciPy, slopes, errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import Input
from pyframe.models import Model

RNG = np.random.default_rng(0)
X = RNG.uniform(0.2, 2, (3, 4, 5)) * np.where(RNG.random((3, 4, 5)) < 0.5, -1, 1)
P = np.abs(X)
B = np.round(X)  # zeros among other numbers

# name, our function of x, NumPy's, x, whether it has a slope
CASES: list[tuple[str, Callable[..., Any], Callable[..., Any], Any, bool]] = [
    ("hard_silu", ops.hard_silu, lambda x: x * np.clip(x / 6 + 0.5, 0, 1), 3 * X, True),
    ("hard_tanh", ops.hard_tanh, lambda x: np.clip(x, -1, 1), X, True),
    ("log_sigmoid", ops.log_sigmoid, special.log_expit, 9 * X, True),
    ("celu", lambda x: ops.celu(x, 0.7), lambda x: np.maximum(x, 0) + np.minimum(
        0.7 * np.expm1(x / 0.7), 0), X, True),
    ("log2", ops.log2, np.log2, P, True),
    ("log10", ops.log10, np.log10, P, True),
    ("tan", ops.tan, np.tan, 0.5 * X, True),
    ("reciprocal", ops.reciprocal, np.reciprocal, X, True),
    ("floor_divide", lambda x: ops.floor_divide(x, 0.3), lambda x: x // 0.3, X, False),
    ("mod", lambda x: ops.mod(x, -0.7), lambda x: x % -0.7, X, True),
    ("round", lambda x: ops.round(x, 1), lambda x: np.round(x, 1), X, False),
    ("logical_not", ops.logical_not, np.logical_not, B, False),
    ("logical_and", lambda x: ops.logical_and(x, x[::-1]),
     lambda x: np.logical_and(x, x[::-1]), B, False),
    ("logical_or", lambda x: ops.logical_or(x, x[::-1]),
     lambda x: np.logical_or(x, x[::-1]), B, False),
    ("isnan", ops.isnan, np.isnan, np.where(B == 0, np.nan, B), False),
    ("any", lambda x: ops.any(x, 1), lambda x: np.any(x, 1), B, False),
    ("all", lambda x: ops.all(x, (0, 2), True), lambda x: np.all(x, (0, 2), keepdims=True), B,
     False),
    ("var", lambda x: ops.var(x, 1), lambda x: np.var(x, 1), X + 50, True),
    ("var_all", ops.var, np.var, X, True),
    ("std", lambda x: ops.std(x, (0, 2), True),
     lambda x: np.std(x, (0, 2), keepdims=True), X, True),
    ("logsumexp", lambda x: ops.logsumexp(x, 1), lambda x: special.logsumexp(x, 1), 500 * X, True),
    ("logsumexp_all", ops.logsumexp, special.logsumexp, X, True),
    ("logsumexp_kept", lambda x: ops.logsumexp(x, (0, -1), True),
     lambda x: special.logsumexp(x, (0, -1), keepdims=True), X, True),
    ("norm", ops.norm, lambda x: np.sqrt((x * x).sum()), X, True),
    ("norm_1", lambda x: ops.norm(x, 1, 1), lambda x: np.linalg.norm(x, 1, 1), X, True),
    ("norm_2", lambda x: ops.norm(x, 2, -1, True),
     lambda x: np.linalg.norm(x, 2, -1, keepdims=True), X, True),
    ("norm_inf", lambda x: ops.norm(x, np.inf, 1), lambda x: np.linalg.norm(x, np.inf, 1), X, True),
    ("norm_fro", lambda x: ops.norm(x, axis=(1, 2)),
     lambda x: np.linalg.norm(x, axis=(1, 2)), X, True),
    ("normalize", ops.normalize, lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True), X, True),
    ("normalize_1", lambda x: ops.normalize(x, 1, 1),
     lambda x: x / np.abs(x).sum(1, keepdims=True), X, True),
    ("dot", lambda x: ops.dot(x, X[0].T), lambda x: np.dot(x, X[0].T), X, True),
    ("dot_vector", lambda x: ops.dot(x, X[0, 0]), lambda x: np.dot(x, X[0, 0]), X, True),
    ("dot_of_vector", lambda x: ops.dot(x, X[0]), lambda x: np.dot(x, X[0]), X[0, :, 0], True),
    ("dot_number", lambda x: ops.dot(x, 3.0), lambda x: 3 * x, X, True),
    ("ravel", ops.ravel, np.ravel, X, True),
    ("swapaxes", lambda x: ops.swapaxes(x, 0, -1), lambda x: np.swapaxes(x, 0, -1), X, True),
    ("moveaxis", lambda x: ops.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), X, True),
    ("moveaxis_2", lambda x: ops.moveaxis(x, (2, 0), (0, 1)),
     lambda x: np.moveaxis(x, (2, 0), (0, 1)), X, True),
    ("flip", lambda x: ops.flip(x, 1), lambda x: np.flip(x, 1), X, True),
    ("flip_2", lambda x: ops.flip(x, (0, -1)), lambda x: np.flip(x, (0, -1)), X, True),
    ("flip_all", ops.flip, np.flip, X, True),
    ("roll", lambda x: ops.roll(x, -2, 2), lambda x: np.roll(x, -2, 2), X, True),
    ("roll_all", lambda x: ops.roll(x, 7), lambda x: np.roll(x, 7), X, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "ours", "numpys", "x", "smooth"), CASES, ids=lambda c: str(c)[:15]
)
def test_values_and_slopes(
    name: str, ours: Callable[..., Any], numpys: Callable[..., Any], x: Any, smooth: bool
) -> None:
    expected = numpys(x)
    np.testing.assert_allclose(ours(x), expected, 1e-12, 1e-13)
    np.testing.assert_allclose(ours(x.astype(np.float32)), expected, 2e-5, 2e-6)
    if not smooth:
        return
    weights = RNG.normal(size=np.shape(expected))
    (slope,) = ops.gradients(lambda t: ops.multiply(ours(t), weights), x)
    direction, step = RNG.normal(size=x.shape), 1e-6
    ends = [(weights * numpys(x + side * step * direction)).sum() for side in (1, -1)]
    assert (slope * direction).sum() == pytest.approx((ends[0] - ends[1]) / (2 * step), 2e-6, 1e-7)


def test_zeros_are_normalized_to_zeros() -> None:
    np.testing.assert_array_equal(ops.normalize(np.zeros((2, 3)), order=1), np.zeros((2, 3)))


def test_they_are_nodes_of_graphs() -> None:
    inputs = Input((4, 5))
    model = Model(inputs, [ops.std(inputs, axis=(1, 2)), ops.flip(inputs, 1)])
    y = model.predict(X.astype(np.float32), verbose=0)
    np.testing.assert_allclose(y[0], np.std(X, (1, 2)), 1e-5)
    np.testing.assert_allclose(y[1], X[:, ::-1], 1e-6)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.norm(X, 3, 1), ConfigurationError, "Received: 3 for 1 axes"),
        (lambda: ops.norm(X, 2), ConfigurationError, "Received: 2 for 3 axes"),
        (lambda: ops.dot(X, X), ShapeError, "at most two dimensions"),
        (lambda: ops.swapaxes(X, 0, 3), ShapeError, "`axis2`=3 is outside"),
        (lambda: ops.moveaxis(X, (0, 1), 0), ShapeError, "as many axes"),
        (lambda: ops.moveaxis(X, (0, 0), (1, 2)), ShapeError, "as many axes"),
        (lambda: ops.flip(Input((4,))), ShapeError, "size of axis 0 must be known"),
        (lambda: ops.roll(Input((4,)), 1, 0), ShapeError, "size of axis 0 must be known"),
    ],
)
def test_refusals(call: Callable[[], Any], error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call()
