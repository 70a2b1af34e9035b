"""Runs every line of the operator table (cases.py)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from pyframe import _core
from tests.ops.cases import EFFECTS, TABLE, Entry
from tests.ops.generators import FLOAT, Case
from tests.ops.graphs import (
    Array,
    Operand,
    State,
    check_projections,
    compile_gradients,
    compile_op,
    feeds,
    isa,
    numeric_projections,
    run_gradients,
    run_op,
    threads,
)

ENTRIES = pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.id)


@pytest.fixture(params=_core.isa_levels())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    with isa(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def _direct_sums() -> None:
    """The bounds below are those of sums; the error of Winograd's algorithm has its own test."""
    _core.set_conv_algorithm("direct")


def as_dtype(operands: Sequence[Operand], dtype: str) -> list[Operand]:
    return [
        o.astype(dtype) if not isinstance(o, State) and o.dtype == np.float64 else o
        for o in operands
    ]


def typed_attrs(case: Case, dtype: str) -> dict[str, Any]:
    return {k: dtype if v == FLOAT else v for k, v in case.attrs.items()}


# The float64 oracles are the slow part, and the same on every ISA level.
_expected: dict[tuple[int, str], list[Array]] = {}
_slopes: dict[int, Any] = {}


def expected_outputs(entry: Entry, case: Case, dtype: str) -> list[Array]:
    assert entry.oracle is not None
    key = (id(case), dtype)
    if key not in _expected:
        exact = as_dtype(as_dtype(case.operands, dtype), "float64")
        wide = [x.astype(np.float64) if x.dtype == np.float32 else x for x in feeds(exact)]
        result = entry.oracle(*wide, **typed_attrs(case, dtype))
        _expected[key] = list(result) if isinstance(result, tuple) else [np.asarray(result)]
    return _expected[key]


def compare(actual: Array, expected: Array, rtol: float, atol: float, label: str) -> None:
    assert actual.shape == expected.shape, f"{label}: shape {actual.shape}, not {expected.shape}"
    np.testing.assert_allclose(
        actual.astype(np.float64), expected.astype(np.float64), rtol=rtol, atol=atol, err_msg=label
    )


def projection_weights(case: Case, shape: tuple[int, ...], dtype: str) -> Array:
    rng = np.random.RandomState(len(case.label))
    return np.asarray(rng.standard_normal(shape)).astype(np.float32).astype(dtype)


def first_shape(entry: Entry, case: Case) -> tuple[int, ...]:
    plan = compile_op(entry.op, case.operands, typed_attrs(case, "float64"))
    return plan.output_shapes[0]


@ENTRIES
def test_forward_float64(entry: Entry, level: str) -> None:
    if entry.oracle is None:
        pytest.skip("no oracle for this operator")
    for case in entry.cases:
        results = run_op(entry.op, case.operands, typed_attrs(case, "float64"))
        expected = expected_outputs(entry, case, "float64")
        assert len(results) == len(expected)
        for actual, wanted in zip(results, expected, strict=True):
            # A sum of K terms of size 1 is right to K * 1.1e-16; 1e-11 also covers exp, log, erf.
            compare(actual, wanted, 1e-11, 1e-13 + 1e-14 * case.terms, case.label)


@ENTRIES
def test_forward_float32(entry: Entry, level: str) -> None:
    """A sum of K terms of size 1 in any order has a rounding error of about 0.7 * K * 6e-8 / 3
    and never more than K * 6e-8 * (sum of magnitudes): 2e-7 * K passes a right kernel and fails
    one that loses a bit of every product."""
    if entry.oracle is None:
        pytest.skip("no oracle for this operator")
    for case in entry.cases:
        operands = as_dtype(case.operands, "float32")
        results = run_op(entry.op, operands, typed_attrs(case, "float32"))
        expected = expected_outputs(entry, case, "float32")
        for actual, wanted in zip(results, expected, strict=True):
            assert actual.dtype in (np.float32, np.int32), case.label
            compare(actual, wanted, 1e-6, 1e-6 + 2e-7 * case.terms, case.label)


@ENTRIES
def test_gradients(entry: Entry, level: str) -> None:
    """float64 gradients against finite differences, float32 gradients against float64 ones."""
    for case in entry.cases:
        if not case.wrt:
            continue
        weights = projection_weights(case, first_shape(entry, case), "float64")
        attrs = typed_attrs(case, "float64")
        gradients = run_gradients(entry.op, case.operands, attrs, case.wrt, weights)

        def forward(*operands: Array, entry: Entry = entry, case: Case = case) -> Array:
            if entry.oracle is None:
                moved = [
                    o if isinstance(o, State) else x
                    for o, x in zip(case.operands, operands, strict=True)
                ]
                return run_op(entry.op, moved, case.attrs)[0]
            result = entry.oracle(*operands, **typed_attrs(case, "float64"))
            return np.asarray(result[0] if isinstance(result, tuple) else result)

        if id(case) not in _slopes:
            _slopes[id(case)] = numeric_projections(forward, case.operands, case.wrt, weights)
        check_projections(gradients, _slopes[id(case)], case.label)

        narrow = as_dtype(case.operands, "float32")
        wide = as_dtype(
            [
                o.astype(np.float64) if isinstance(o, np.ndarray) and o.dtype == np.float32 else o
                for o in narrow
            ],
            "float64",
        )
        exact = run_gradients(entry.op, wide, attrs, case.wrt, weights)
        rounded = run_gradients(
            entry.op, narrow, typed_attrs(case, "float32"), case.wrt, weights.astype(np.float32)
        )
        for actual, wanted in zip(rounded, exact, strict=True):
            assert actual.dtype == np.float32, case.label
            # Products of two numbers of size 1 to 3, rounded twice: see test_forward_float32.
            compare(actual, wanted, 4e-6, 2e-6 + 4e-7 * case.terms, case.label)


@ENTRIES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_bits_for_any_number_of_threads(entry: Entry, level: str, dtype: str) -> None:
    for case in entry.cases:
        operands = as_dtype(case.operands, dtype)
        attrs = typed_attrs(case, dtype)
        plan = compile_op(entry.op, operands, attrs)
        plans = [plan]
        if case.wrt:
            weights = projection_weights(case, plan.output_shapes[0], dtype)
            plans.append(compile_gradients(entry.op, operands, attrs, case.wrt, weights))
        for p in plans:
            with threads(1):
                alone = p.run(feeds(operands))
            for count in (2, 3, 7):
                with threads(count):
                    for one, many in zip(alone, p.run(feeds(operands)), strict=True):
                        assert one.tobytes() == many.tobytes(), f"{count} threads: {case.label}"


def test_max_pooling_with_and_without_index(level: str) -> None:
    """For its gradient it also stores where the maxima are: another kernel, the same result."""
    (entry,) = [e for e in TABLE if e.op == "max_pool2d"]
    for case in entry.cases:
        (x,) = as_dtype(case.operands, "float32")
        assert isinstance(x, np.ndarray)
        (alone,) = run_op(entry.op, [x], case.attrs)
        graph = _core.Graph()
        tensors = graph.op(entry.op, [graph.input("x", x.shape, "float32")], case.attrs)
        both = graph.compile(tensors, [x.shape]).run([x])[0]
        assert alone.tobytes() == both.tobytes(), case.label


def test_every_operator_is_tested() -> None:
    """Operators that only gradients emit are hidden, and tested as parts of those gradients."""
    assert set(_core.operators()) == {entry.op for entry in TABLE} | EFFECTS


def test_stop_gradient() -> None:
    graph = _core.Graph()
    x = graph.input("x", (3,), "float64")
    (stopped,) = graph.op("stop_gradient", [x])
    (product,) = graph.op("multiply", [x, stopped])
    (loss,) = graph.op("reduce_sum", [product])
    (gradient,) = graph.gradients(loss, [x])
    assert gradient is not None
    value = np.array([1.0, 2.0, 3.0])
    (result,) = graph.compile([gradient], [(3,)]).run([value])
    np.testing.assert_array_equal(result, value)

    (only,) = graph.op("reduce_sum", [stopped])
    assert graph.gradients(only, [x]) == [None]
