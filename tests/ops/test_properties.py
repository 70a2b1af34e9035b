"""Operators on shapes that hypothesis thinks of: forward and gradients in float64."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests import oracles
from tests.ops.generators import distinct, normal
from tests.ops.graphs import (
    Array,
    check_projections,
    numeric_projections,
    run_gradients,
    run_op,
)

few = settings(max_examples=60, deadline=None, derandomize=True)
side = st.integers(1, 12)
small = st.integers(1, 5)
channels = st.integers(1, 19)
padding = st.sampled_from(["same", "valid"])


def check(
    op: str, oracle: Callable[..., Any], operands: Sequence[Array], attrs: dict[str, Any]
) -> None:
    expected = np.asarray(oracle(*operands, **attrs))
    (result,) = run_op(op, operands, attrs)
    label = f"{op} {[x.shape for x in operands]} {attrs}"
    assert result.shape == expected.shape, label
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-11, err_msg=label)

    wrt = range(len(operands))
    weights = np.random.RandomState(1).standard_normal(expected.shape)
    gradients = run_gradients(op, operands, attrs, wrt, weights)

    def forward(*moved: Array) -> Array:
        return np.asarray(oracle(*moved, **attrs))

    check_projections(gradients, numeric_projections(forward, operands, wrt, weights), label)


def arrays(*shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.RandomState([math.prod(s) for s in shapes])
    return [normal(rng, shape) for shape in shapes]


@few
@given(
    st.tuples(small, side, side),
    st.tuples(small, small),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding,
    st.integers(1, 3),
    st.tuples(st.integers(1, 7), st.integers(1, 9)),
    st.booleans(),
)
def test_conv2d(
    image: tuple[int, int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int],
    padding: str,
    groups: int,
    per_group: tuple[int, int],
    bias: bool,
) -> None:
    if strides != (1, 1):
        dilation = (1, 1)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    assume(padding == "same" or (image[1] >= spans[0] and image[2] >= spans[1]))
    c, f = per_group
    shapes: list[tuple[int, ...]] = [(*image, c * groups), (*kernel, c, f * groups)]
    operands = arrays(*shapes, *([(f * groups,)] if bias else []))
    attrs = {"strides": strides, "dilation": dilation, "padding": padding, "groups": groups}
    check(
        "conv2d",
        oracles.conv2d,
        operands,
        {**attrs, "strides": list(strides), "dilation": list(dilation)},
    )


@few
@given(
    st.tuples(small, side, side, channels),
    st.tuples(small, small),
    st.tuples(small, small),
    padding,
    st.booleans(),
)
def test_pooling(
    shape: tuple[int, int, int, int],
    size: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
    largest: bool,
) -> None:
    assume(padding == "same" or (shape[1] >= size[0] and shape[2] >= size[1]))
    attrs = {"pool_size": list(size), "strides": list(strides), "padding": padding}
    if largest:
        x = distinct(np.random.RandomState(2), shape)
        check("max_pool2d", oracles.max_pool2d, [x], attrs)
    else:
        check("average_pool2d", oracles.average_pool2d, arrays(shape), attrs)


@st.composite
def broadcastable(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    full = draw(st.lists(st.integers(1, 9), min_size=0, max_size=4))

    def side_of(cut: int, ones: Sequence[bool]) -> tuple[int, ...]:
        return tuple(1 if one else n for n, one in zip(full, ones, strict=True))[cut:]

    flags = st.lists(st.booleans(), min_size=len(full), max_size=len(full))
    cuts = st.integers(0, len(full))
    return side_of(draw(cuts), draw(flags)), side_of(draw(cuts), draw(flags))


@few
@given(broadcastable(), st.sampled_from(["add", "subtract", "multiply", "divide"]))
def test_broadcasting(shapes: tuple[tuple[int, ...], tuple[int, ...]], op: str) -> None:
    a, b = arrays(*shapes)
    check(op, oracles.BINARY[op], [a, np.where(np.abs(b) < 0.3, 1.5, b)], {})


@st.composite
def with_axes(draw: st.DrawFn) -> tuple[tuple[int, ...], list[int]]:
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    axes = draw(st.lists(st.sampled_from(range(len(shape))), unique=True))
    return shape, axes


@few
@given(with_axes(), st.booleans(), st.sampled_from(["reduce_sum", "reduce_mean", "reduce_max"]))
def test_reductions(case: tuple[tuple[int, ...], list[int]], keepdims: bool, op: str) -> None:
    shape, axes = case
    x = distinct(np.random.RandomState(3), shape)
    check(op, getattr(oracles, op), [x], {"axes": axes, "keepdims": keepdims})


@few
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_concat(shape: list[int], data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    lengths = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    parts = arrays(*[tuple(n if i == axis else s for i, s in enumerate(shape)) for n in lengths])
    check("concat", oracles.concat, parts, {"axis": axis})


@few
@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_transpose(shape: list[int], random: Any) -> None:
    axes = list(range(len(shape)))
    random.shuffle(axes)
    check("transpose", oracles.transpose, arrays(tuple(shape)), {"axes": axes})


@few
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40)),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(1, 3), max_size=2),
    st.booleans(),
)
def test_matmul(
    sizes: tuple[int, int, int], ta: bool, tb: bool, batch: list[int], batch_both: bool
) -> None:
    m, k, n = sizes
    assume(batch_both or not ta)
    a = (*batch, k, m) if ta else (*batch, m, k)
    b = (n, k) if tb else (k, n)
    operands = arrays(a, (*batch, *b) if batch_both else b)
    check("matmul", oracles.matmul, operands, {"transpose_a": ta, "transpose_b": tb})


@few
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.integers(1, 70),
    st.integers(1, 70),
    st.booleans(),
)
def test_dense(lead: list[int], k: int, n: int, bias: bool) -> None:
    shapes: list[tuple[int, ...]] = [(*lead, k), (k, n)]
    check("dense", oracles.dense, arrays(*shapes, *([(n,)] if bias else [])), {})
