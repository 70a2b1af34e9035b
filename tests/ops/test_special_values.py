"""NaN, infinities, large logits and long ranges, on every ISA level."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from pyframe import _core
from tests import oracles
from tests.ops.graphs import Array, isa, run_gradients, run_op

FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])

# Functions of everything, with the parameters they need.
SWEPT = {
    "relu": {}, "relu6": {}, "leaky_relu": {"alpha": 0.2}, "elu": {"alpha": 1.0}, "selu": {},
    "sigmoid": {}, "tanh": {}, "softplus": {}, "softsign": {}, "gelu": {}, "gelu_tanh": {},
    "silu": {}, "hard_sigmoid": {}, "erf": {}, "exp": {}, "square": {}, "absolute": {},
}  # fmt: skip


@pytest.fixture(params=_core.isa_levels(), autouse=True)
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    with isa(request.param):
        yield request.param


def apply(op: str, x: Array, **attrs: float) -> Array:
    return run_op(op, [x], attrs)[0]


@FLOATS
@pytest.mark.parametrize("op", SWEPT)
def test_long_range(op: str, dtype: str) -> None:
    """Also where exp would overflow: every value finite and near the oracle."""
    x = np.concatenate([np.linspace(-100, 85, 4001), np.linspace(-2, 2, 4001), [0.0, -0.0]])
    x = x.astype(dtype)
    y = apply(op, x, **SWEPT[op])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = oracles.UNARY[op](x.astype(np.float64), **SWEPT[op])
    # A few units in the last place, and denormal results may be flushed to zero. The tanh form
    # of gelu and erf's complement lose relative accuracy to cancellation: hence the 1e-7.
    rtol, atol = (2e-6, 2e-7) if dtype == "float32" else (1e-12, 1e-13)
    np.testing.assert_allclose(y, expected, rtol=rtol, atol=atol)


@FLOATS
@pytest.mark.parametrize("op", ["sigmoid", "exp", "softplus"])
def test_small_results_keep_relative_accuracy(op: str, dtype: str) -> None:
    x = np.linspace(-80, -1, 999).astype(dtype)
    expected = oracles.UNARY[op](x.astype(np.float64))
    if op == "softplus":
        expected = np.log1p(np.exp(x.astype(np.float64)))
    rtol = 4e-6 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(apply(op, x), expected, rtol=rtol, atol=0)


@FLOATS
@pytest.mark.parametrize("op", [*SWEPT, "log", "sqrt", "rsqrt", "negative", "sign", "clip"])
def test_nan_stays_nan(op: str, dtype: str) -> None:
    attrs = {"low": -1.0, "high": 1.0} if op == "clip" else SWEPT.get(op, {})
    x = np.ones(37, dtype)
    x[[0, 5, 16, 36]] = np.nan
    np.testing.assert_array_equal(np.isnan(apply(op, x, **attrs)), np.isnan(x))


@FLOATS
def test_relu6_has_no_gradient_at_its_limits(dtype: str) -> None:
    x = np.array([-1, 0, 1, 5, 6, 7], dtype)
    dx = run_gradients("relu6", [x], {}, [0], np.full(6, 3, dtype))[0]
    np.testing.assert_array_equal(dx, [0, 0, 3, 3, 0, 0])


@FLOATS
def test_infinities(dtype: str) -> None:
    x = np.array([np.inf, -np.inf] * 10, dtype)
    inf = np.inf
    limits = {
        "relu": (inf, 0), "sigmoid": (1, 0), "tanh": (1, -1), "exp": (inf, 0), "erf": (1, -1),
        "softplus": (inf, 0), "elu": (inf, -1), "hard_sigmoid": (1, 0), "square": (inf, inf),
        "absolute": (inf, inf), "negative": (-inf, inf), "sign": (1, -1),
    }  # fmt: skip
    for op, limit in limits.items():
        y = apply(op, x, **SWEPT.get(op, {}))
        np.testing.assert_allclose(y, np.tile(limit, 10).astype(dtype), 1e-6, err_msg=op)


@FLOATS
def test_outside_the_domain(dtype: str) -> None:
    x = np.tile(np.array([0.0, -1.0, np.inf], dtype), 11)
    np.testing.assert_array_equal(apply("log", x), np.tile([-np.inf, np.nan, np.inf], 11))
    np.testing.assert_array_equal(apply("sqrt", x), np.tile([0, np.nan, np.inf], 11))
    np.testing.assert_array_equal(apply("rsqrt", x), np.tile([np.inf, np.nan, 0], 11))


@FLOATS
@pytest.mark.parametrize("op", ["maximum", "minimum", "add", "multiply", "divide"])
def test_binary_nan(op: str, dtype: str) -> None:
    a, b = np.ones(19, dtype), np.ones(19, dtype)
    a[3] = b[7] = a[17] = b[17] = np.nan
    (y,) = run_op(op, [a, b], {})
    np.testing.assert_array_equal(np.isnan(y), np.isnan(a) | np.isnan(b))


@FLOATS
@pytest.mark.parametrize("n", [3, 16, 65])
def test_reductions_see_nan(n: int, dtype: str) -> None:
    for at in (0, n // 2, n - 1):
        x = np.zeros((2, n), dtype)
        x[1, at] = np.nan
        for op in ("reduce_max", "reduce_sum", "reduce_mean"):
            (y,) = run_op(op, [x], {"axes": [1]})
            np.testing.assert_array_equal(np.isnan(y), [False, True], err_msg=op)


@FLOATS
@pytest.mark.parametrize("c", [1, 5, 16, 33])
def test_max_pool_nan_and_infinity(c: int, dtype: str) -> None:
    x = np.full((1, 4, 4, c), -np.inf, dtype)
    x[0, 1, 1, 0] = np.nan
    x[0, 3, 0, c - 1] = np.inf
    attrs = {"pool_size": [2, 2], "strides": [2, 2], "padding": "same"}
    (y,) = run_op("max_pool2d", [x], attrs)
    np.testing.assert_array_equal(y, oracles.max_pool2d(x, (2, 2), (2, 2), "same"))


@FLOATS
def test_max_pool_sends_the_gradient_to_one_cell(dtype: str) -> None:
    """Among equal cells the first one gets it, as in Keras with TensorFlow."""
    x = np.zeros((1, 4, 4, 3), dtype)
    attrs = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}
    (dx,) = run_gradients("max_pool2d", [x], attrs, [0], np.ones((1, 2, 2, 3), dtype))
    expected = np.zeros_like(x)
    expected[:, ::2, ::2] = 1
    np.testing.assert_array_equal(dx, expected)


@FLOATS
@pytest.mark.parametrize("cols", [2, 10, 17, 101])
def test_large_logits(cols: int, dtype: str) -> None:
    rng = np.random.RandomState(cols)
    x = (1e4 * rng.standard_normal((5, cols))).astype(dtype)
    x[0] = 3e38 if dtype == "float32" else 1e308
    x[1, 0] = -np.inf
    tolerance = 1e-6 if dtype == "float32" else 1e-12
    (y,) = run_op("softmax", [x], {})
    np.testing.assert_allclose(y, oracles.softmax(x.astype(np.float64)), tolerance, tolerance)

    finite = x[2:].copy()
    ids = np.arange(3, dtype=np.int32) % cols
    loss, probs = run_op("sparse_softmax_crossentropy", [finite, ids], {})
    expected, _ = oracles.sparse_softmax_crossentropy(finite.astype(np.float64), ids)
    np.testing.assert_allclose(loss, expected, tolerance, tolerance)
    assert np.isfinite(probs).all()

    target = np.eye(cols)[ids].astype(dtype)
    loss, _ = run_op("softmax_crossentropy", [finite, target], {})
    np.testing.assert_allclose(loss, expected, tolerance, tolerance)
    (dx,) = run_gradients("softmax_crossentropy", [finite, target], {}, [0], np.ones(3, dtype))
    np.testing.assert_allclose(
        dx, oracles.softmax(finite.astype(np.float64)) - target, tolerance, tolerance
    )

    loss, _ = run_op("sigmoid_crossentropy", [finite, target], {})
    expected, _ = oracles.sigmoid_crossentropy(finite.astype(np.float64), target)
    np.testing.assert_allclose(loss, expected, tolerance, tolerance)


@FLOATS
@pytest.mark.parametrize("cols", [1, 3, 16, 33])
def test_softmax_nan_stays_in_its_row(cols: int, dtype: str) -> None:
    x = np.zeros((3, cols), dtype)
    x[1, cols // 2] = np.nan
    for op in ("softmax", "log_softmax"):
        (y,) = run_op(op, [x], {})
        assert np.isnan(y[1]).all(), op
        assert np.isfinite(y[[0, 2]]).all(), op


@FLOATS
@pytest.mark.parametrize("k", [1, 5, 16, 64])
def test_products_spread_nan_and_no_further(k: int, dtype: str) -> None:
    x, w = np.ones((9, k), dtype), np.ones((k, 21), dtype)
    x[4, k // 2] = np.nan
    (y,) = run_op("dense", [x, w, np.zeros(21, dtype)], {})
    np.testing.assert_array_equal(np.isnan(y), np.arange(9)[:, None] == np.full(21, 4))
    w[k // 2, 20] = np.inf
    x[4] = 1
    (y,) = run_op("dense", [x, w], {})
    assert np.isinf(y[:, 20]).all()
    assert np.isfinite(y[:, :20]).all()


@FLOATS
def test_convolution_spreads_nan_to_its_windows_only(dtype: str) -> None:
    x, w = np.ones((2, 7, 7, 3), dtype), np.ones((3, 3, 3, 17), dtype)
    x[1, 3, 3, 1] = np.nan
    (y,) = run_op("conv2d", [x, w], {"strides": [1, 1], "padding": "same"})
    expected = np.zeros((2, 7, 7, 17), bool)
    expected[1, 2:5, 2:5] = True
    np.testing.assert_array_equal(np.isnan(y), expected)


def test_argmax_takes_the_first_largest() -> None:
    x = np.zeros((4, 37), np.float32)
    x[1, [5, 9]] = 2
    x[2, 36] = 1
    x[3] = -np.inf
    (y,) = run_op("argmax", [x], {})
    np.testing.assert_array_equal(y, [0, 5, 36, 0])
