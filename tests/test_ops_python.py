"""The Python side of the operators: arrays and symbolic tensors alike, gradients, misuse."""

import numpy as np
import pytest

import pyframe
from pyframe import ops
from pyframe.errors import ConfigurationError, ShapeError, SymbolicTensorError
from pyframe.ops.eager import _compiled


def test_arrays_are_computed_at_once() -> None:
    x = np.array([[-1.0, 2.0]], np.float32)
    result = ops.relu(x)
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.float32
    assert result.tolist() == [[0.0, 2.0]]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.arange(3), "float32"),
        (np.arange(3, dtype=np.uint8), "float32"),
        (np.ones(3, np.float16), "float32"),
        (np.ones(3), "float64"),
        ([1.0, 2.0], "float32"),
        (2, "float32"),
        (np.array([True, False]), "float32"),
    ],
)
def test_dtypes_of_results(value: object, dtype: str) -> None:
    assert ops.exp(value).dtype == dtype


def test_numbers_follow_the_other_operand() -> None:
    assert ops.add(np.ones(2), 1).dtype == np.float64
    assert ops.add(2.0, np.ones(2, np.float32)).dtype == np.float32
    assert (1.0 - pyframe.Variable(np.ones(2, np.float32))).dtype == np.float32


def test_the_compiled_operator_is_kept() -> None:
    x = np.ones((3, 5), np.float32)
    ops.tanh(x)
    before = _compiled.cache_info()
    ops.tanh(x + 1)
    after = _compiled.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


def test_reductions_take_axes_as_numpy_does() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_allclose(ops.sum(x, axis=-1), x.sum(-1))
    np.testing.assert_allclose(
        ops.mean(x, axis=(0, 2), keepdims=True), x.mean((0, 2), keepdims=True)
    )
    np.testing.assert_allclose(ops.max(x), x.max())
    np.testing.assert_allclose(ops.min(x, 1), x.min(1))
    np.testing.assert_array_equal(ops.argmax(x, 1), x.argmax(1))
    assert int(ops.argmax(x)) == 23
    with pytest.raises(ShapeError, match="axis"):
        ops.sum(x, axis=3)


def test_softmax_along_another_axis() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    expected = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    np.testing.assert_allclose(ops.softmax(x, axis=1), expected)
    np.testing.assert_allclose(ops.log_softmax(x, axis=1), np.log(expected))


def test_shapes() -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert ops.reshape(x, (3, None)).shape == (3, 2)
    assert ops.expand_dims(x, -1).shape == (2, 3, 1)
    assert ops.squeeze(x[None], 0).shape == (2, 3)
    assert ops.transpose(x).shape == (3, 2)
    assert ops.concatenate([x, x]).shape == (2, 6)
    with pytest.raises(ShapeError, match="one dimension only"):
        ops.reshape(x, (-1, -1))
    with pytest.raises(ShapeError, match="permutation"):
        ops.transpose(x, (0, 0))
    with pytest.raises(ShapeError, match="not 1"):
        ops.squeeze(x, 0)


def test_padding_repeating_and_splitting() -> None:
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(ops.pad(x, ((1, 0), (0, 2))), np.pad(x, ((1, 0), (0, 2))))
    np.testing.assert_array_equal(ops.pad(x, 1, constant_values=7), np.pad(x, 1, constant_values=7))
    np.testing.assert_array_equal(ops.pad(x, ((-1, 0), (0, -2))), x[1:, :2])
    for axis in (0, 1, -1, None):
        np.testing.assert_array_equal(ops.repeat(x, 3, axis), np.repeat(x, 3, axis))
    whole = ops.repeat(np.arange(3, dtype=np.int32), 2)
    assert whole.tolist() == [0, 0, 1, 1, 2, 2]
    for parts in (2, [1, 3], [3, 9]):
        pieces = ops.split(x, parts, axis=1)
        for piece, wanted in zip(pieces, np.split(x, parts, axis=1), strict=True):
            np.testing.assert_array_equal(piece, wanted)
    assert ops.squeeze(ops.expand_dims(x, (0, -1))).shape == (3, 4)
    with pytest.raises(ShapeError, match="pad_width"):
        ops.pad(x, ((1, 0), (0, 2), (0, 0)))
    with pytest.raises(ConfigurationError, match="mode"):
        ops.pad(x, 1, mode="reflect")
    with pytest.raises(ShapeError, match="3 equal pieces"):
        ops.split(x, 3, axis=1)
    with pytest.raises(ConfigurationError, match="repeats"):
        ops.repeat(x, 0)


def test_images() -> None:
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    assert ops.image.resize(x, (6, 2)).shape == (1, 6, 2, 1)
    assert ops.image.resize(x[0], (6, 2), "nearest").shape == (6, 2, 1)
    with pytest.raises(ConfigurationError, match="interpolation"):
        ops.image.resize(x, (6, 2), "linear")
    with pytest.raises(ShapeError, match="Images must be"):
        ops.image.resize(x[0, 0], (6, 2))


def test_powers_and_comparisons() -> None:
    x = np.array([0.5, 1.0, 3.0])
    for exponent in (1, 2, 3, 7, -2, 0.5, 1.7, -0.5):
        np.testing.assert_allclose(ops.power(x, exponent), x**exponent)
    assert ops.less_equal(x, 1.0).tolist() == [1, 1, 0]
    assert ops.greater_equal(x, 1.0).tolist() == [0, 1, 1]
    assert ops.not_equal(x, 1.0).tolist() == [1, 0, 1]
    assert ops.equal(np.array([1, 2]), np.array([1, 3])).tolist() == [1, 0]
    np.testing.assert_allclose(ops.power(x, np.array([1.0, 2.0, -0.5])), x ** [1, 2, -0.5])
    np.testing.assert_allclose(ops.power(2.0, x), 2**x)
    np.testing.assert_allclose(ops.power(x[:, None], x), x[:, None] ** x)
    assert ops.power(np.array([0.0, -2.0]), 17).tolist() == [0, -(2**17)]


def test_rounding_and_periodic_functions() -> None:
    x = np.array([-1.5, -0.5, 0.5, 1.5, 2.3])
    for name in ("floor", "ceil", "round", "sin", "cos", "expm1", "abs"):
        np.testing.assert_allclose(getattr(ops, name)(x), getattr(np, name)(x), rtol=1e-15)
    np.testing.assert_allclose(ops.log1p(np.array([1e-12, 1.0])), np.log1p([1e-12, 1.0]))
    assert ops.zeros_like(x).tolist() == [0] * 5
    assert ops.ones_like(x.astype(np.float32)).dtype == np.float32


def test_where_broadcasts_and_hides_what_is_not_chosen() -> None:
    condition = np.array([[1.0], [0.0]])
    x = np.array([1.0, np.nan])
    np.testing.assert_array_equal(ops.where(condition, 5.0, x), [[5, 5], [1, np.nan]])
    np.testing.assert_array_equal(ops.where(ops.greater(condition, 0.5), 1.0, 0.0), condition)
    x = np.array([-1.0, 3.0])
    (slope,) = ops.gradients(lambda v: ops.where(ops.greater(v, 0.0), v * v, 0.0), x)
    np.testing.assert_array_equal(slope, [0, 6])


def test_one_hot_and_top_k() -> None:
    assert ops.one_hot(np.array([1, 0, 5]), 3).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])
    assert ops.in_top_k(np.array([2, 1]), scores, 1).tolist() == [0, 0]
    assert ops.in_top_k(np.array([2, 1]), scores, 2).tolist() == [1, 0]


def test_value_and_grad() -> None:
    x, w = np.arange(3.0), np.array([2.0, 3.0, 4.0])
    value, (dx, dw) = ops.value_and_grad(lambda x, w: ops.sum(w * x**2), x, w)
    assert float(value) == 19.0
    np.testing.assert_allclose(dx, 2 * w * x)
    np.testing.assert_allclose(dw, x**2)


def test_value_and_grad_of_an_argument_that_is_not_used() -> None:
    _, (dx, dy) = ops.value_and_grad(lambda x, y: ops.sum(x), np.ones(2), np.ones((2, 3)))
    assert dx.tolist() == [1, 1]
    assert dy.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_value_and_grad_needs_a_scalar() -> None:
    with pytest.raises(ShapeError, match=r"ops\.sum"):
        ops.value_and_grad(lambda x: x, np.ones(2))


def test_operators_and_methods_of_tensors() -> None:
    def f(x: ops.Tensor) -> ops.Tensor:
        y = (2.0 * x - 1.0) / (x + 3.0) + (1.0 / (-x) - abs(x)) @ np.eye(3)
        y = y + np.ones(3) + (x > 1.0) + (x <= 1.0)
        return (
            y.reshape(-1).sum() + x.T.mean() + x.max() + x.transpose(1, 0).astype("float64").sum()
        )

    x = np.array([[1.0, 2.0, 4.0]])
    expected = ((2 * x - 1) / (x + 3) + 1 / -x - x + 2).sum() + x.mean() + 4 + x.sum()
    np.testing.assert_allclose(ops.value_and_grad(f, x)[0], expected)


def test_numpy_functions_on_tensors_are_those_of_ops() -> None:
    x = np.array([1.0, 2.0])
    value, (dx,) = ops.value_and_grad(lambda t: np.sum(np.exp(t) * np.float32(2)), x)
    np.testing.assert_allclose(value, 2 * np.exp(x).sum())
    np.testing.assert_allclose(dx, 2 * np.exp(x))


@pytest.mark.parametrize(
    "misuse",
    [
        lambda t: ops.sum(t) if t.sum() > 0 else t,
        lambda t: float(t),
        lambda t: int(t),
        lambda t: list(t),
        lambda t: np.asarray(t),
        lambda t: np.cumsum(t),
        lambda t: np.add.reduce(t),
    ],
)
def test_symbolic_tensors_have_no_numbers(misuse: object) -> None:
    with pytest.raises(SymbolicTensorError, match="ops"):
        ops.value_and_grad(misuse, np.ones(2))  # type: ignore[arg-type]


def test_tensors_of_two_traces_do_not_mix() -> None:
    kept: list[ops.Tensor] = []
    ops.value_and_grad(lambda x: (kept.append(x), ops.sum(x))[1], np.ones(2))
    with pytest.raises(SymbolicTensorError, match="two different traces"):
        ops.value_and_grad(lambda x: ops.sum(x + kept[0]), np.ones(2))


def test_effects_need_a_trace() -> None:
    with pytest.raises(SymbolicTensorError, match=r"variable\.assign"):
        ops.assign(pyframe.Variable(1.0), 2.0)


def test_variables() -> None:
    v = pyframe.Variable(np.ones((2, 2), np.float32), name="v")
    assert (v.shape, v.dtype, v.size, v.ndim) == ((2, 2), "float32", 4, 2)
    copy = v.numpy()
    v.assign(np.zeros((2, 2)))
    assert copy.sum() == 4
    assert np.asarray(v).sum() == 0
    with pytest.raises(ShapeError, match="'v' has shape"):
        v.assign(np.zeros(3))
    assert (v + 1.0).tolist() == [[1, 1], [1, 1]]
    assert int(pyframe.Variable(3.7)) == 3


def test_dropout_on_arrays_repeats_for_the_same_state() -> None:
    x = np.ones((4, 1000), np.float32)
    y = ops.dropout(x, 0.25, state=np.array([7.0, 0.0]))
    np.testing.assert_array_equal(y, ops.dropout(x, 0.25, state=np.array([7.0, 0.0])))
    assert not np.array_equal(y, ops.dropout(x, 0.25, state=np.array([7.0, 1.0])))
    assert abs((y == 0).mean() - 0.25) < 0.03
    np.testing.assert_allclose(y[y != 0], 1 / 0.75)
    with pytest.raises(ConfigurationError, match="state"):
        ops.dropout(x, 0.5)


def test_dropout_with_a_shared_mask() -> None:
    x = np.full((4, 5, 6), 2.0)
    y = ops.dropout(x, 0.5, state=np.array([1.0, 0.0]), noise_shape=(None, 1, None))
    assert (y == y[:, :1]).all()
    assert 0 < (y == 0).mean() < 1
    with pytest.raises(ShapeError, match="noise_shape"):
        ops.dropout(x, 0.5, state=np.array([1.0, 0.0]), noise_shape=(1,))


@pytest.mark.parametrize("bad", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_arrays_that_are_no_numbers(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not numeric"):
        ops.relu(bad)


def test_taking_stacking_and_tiling() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    ids = np.array([[0, -1], [1, 1]])
    for axis in (0, 1, 2, -1, None):
        np.testing.assert_array_equal(ops.take(x, ids, axis), np.take(x, ids, axis))
    for axis in (0, 1, -1):
        np.testing.assert_array_equal(ops.stack([x, x + 1], axis), np.stack([x, x + 1], axis))
        for part, wanted in zip(ops.unstack(x, axis=axis), np.moveaxis(x, axis, 0), strict=True):
            np.testing.assert_array_equal(part, wanted)
    for counts in (2, (2, 1, 3), (2, 1, 1, 2)):
        np.testing.assert_array_equal(ops.tile(x, counts), np.tile(x, counts))
    assert np.isnan(ops.take(x, [3], 0)).all()


def test_windows_by_rank() -> None:
    sequence, image = np.ones((2, 9, 3)), np.ones((2, 9, 8, 3))
    assert ops.conv(sequence, np.ones((3, 3, 4)), strides=2).shape == (2, 4, 4)
    assert ops.conv(image, np.ones((3, 3, 1, 6))).shape == (2, 7, 6, 6)
    assert ops.conv_transpose(sequence, np.ones((3, 4, 3)), 2).shape == (2, 19, 4)
    assert ops.conv_transpose(image, np.ones((3, 3, 4, 3)), 2, "same").shape == (2, 18, 16, 4)
    assert ops.max_pool(sequence, 2).shape == (2, 4, 3)
    assert ops.average_pool(image, 2, padding="same").shape == (2, 5, 4, 3)
    with pytest.raises(ShapeError, match="2 dimensions"):
        ops.max_pool(sequence[0], 2)
    with pytest.raises(ConfigurationError, match="data_format"):
        ops.conv(image, np.ones((3, 3, 3, 4)), data_format="channels_first")
    with pytest.raises(ValueError, match="output_padding"):
        ops.conv_transpose(image, np.ones((2, 2, 4, 3)), 2, "same", output_padding=0)
