"""Graphs: shape inference, errors, gradients of shared tensors, dead code."""

from typing import Any

import numpy as np
import pytest

from pyframe import _core
from tests.engine.small_net import make_net

POOL = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}

# operator, operand shapes, attributes, words that the message has to hold besides the operator
BAD_CALLS: list[tuple[str, list[tuple[int | None, ...]], dict[str, Any], list[str]]] = [
    ("add", [(3, 4), (3, 5)], {}, ["(3, 4)", "(3, 5)"]),
    ("matmul", [(3, 4), (5, 6)], {}, ["(3, 4)", "(5, 6)"]),
    ("matmul", [(4, 3), (4, 5)], {}, ["(4, 3)", "(4, 5)"]),
    ("matmul", [(2, 3, 4), (3, 4, 5)], {}, ["(2, 3, 4)", "(3, 4, 5)"]),
    ("dense", [(2, 3), (4, 5)], {}, ["(2, 3)", "(4, 5)"]),
    ("dense", [(2, 4), (4, 5), (6,)], {}, ["(6,)"]),
    ("conv2d", [(1, 8, 8, 3), (3, 3, 4, 5)], {"padding": "same"}, ["(3, 3, 4, 5)"]),
    ("conv2d", [(8, 8, 3), (3, 3, 3, 5)], {"padding": "same"}, ["(8, 8, 3)"]),
    ("conv2d", [(1, 2, 2, 3), (3, 3, 3, 5)], {"padding": "valid"}, ["(1, 2, 2, 3)"]),
    ("conv2d", [(1, 8, 8, 3), (3, 3, 3, 5)], {"padding": "full"}, ["full"]),
    ("conv2d", [(1, 8, 8, 3), (3, 3, 3, 5)], {"strides": [0, 1], "padding": "same"}, ["strides"]),
    ("conv2d", [(1, 8, 8, 4), (3, 3, 2, 5)], {"groups": 2, "padding": "same"}, ["groups"]),
    ("conv2d", [(1, 8, 8, 3), (3, 3, 3, 5), (4,)], {"padding": "same"}, ["(4,)"]),
    ("max_pool2d", [(1, 1, 1, 3)], POOL, ["(1, 1, 1, 3)"]),
    ("max_pool2d", [(4, 4, 3)], POOL, ["(4, 4, 3)"]),
    ("average_pool2d", [(1, 4, 4, 3)], {**POOL, "pool_size": [0, 2]}, ["pool_size"]),
    ("reshape", [(3, 4)], {"shape": [5, 2]}, ["(3, 4)"]),
    ("reshape", [(3, 4)], {"shape": [-1, -1]}, ["-1"]),
    ("reshape", [(3, 4)], {"shape": [5, -1]}, ["(3, 4)"]),
    ("transpose", [(3, 4)], {"axes": [0, 0]}, ["axes"]),
    ("transpose", [(3, 4)], {"axes": [0]}, ["axes"]),
    ("concat", [(3, 4), (2, 5)], {"axis": 1}, ["(3, 4)", "(2, 5)"]),
    ("concat", [(3, 4), (3, 4)], {"axis": 2}, ["axis"]),
    ("broadcast_to", [(3, 4)], {"shape": [3, 5]}, ["(3, 4)"]),
    ("reduce_sum", [(3, 4)], {"axes": [2]}, ["axes"]),
    ("reduce_sum", [(3, 4)], {"axes": [1, 1]}, ["axes"]),
    ("softmax_crossentropy", [(3, 4), (3, 5)], {}, ["(3, 4)", "(3, 5)"]),
    ("mean_squared_error", [(3, 4), (3,)], {}, ["(3, 4)", "(3,)"]),
    ("leaky_relu", [(3,)], {"slope": 0.1}, ["slope"]),
    ("relu", [(3,)], {"alpha": 0.1}, ["alpha"]),
    ("relu", [(3,), (3,)], {}, []),
    ("relu", [], {}, []),
]


@pytest.mark.parametrize("call", BAD_CALLS, ids=lambda call: f"{call[0]}-{call[1]}-{call[2]}")
def test_bad_calls(
    call: tuple[str, list[tuple[int | None, ...]], dict[str, Any], list[str]],
) -> None:
    op, shapes, attrs, words = call
    graph = _core.Graph()
    tensors = [graph.input(f"x{i}", s, "float32") for i, s in enumerate(shapes)]
    with pytest.raises(ValueError) as in_graph:
        graph.op(op, tensors, attrs)
    with pytest.raises(ValueError) as alone:
        _core.infer_shapes(op, shapes, ["float32"] * len(shapes), attrs)
    for error in (in_graph, alone):
        for word in (op, *words):
            assert word in str(error.value), str(error.value)


def test_unknown_operator() -> None:
    with pytest.raises(ValueError, match="no_such_operator"):
        _core.Graph().op("no_such_operator", [])


def test_unknown_tensor() -> None:
    graph = _core.Graph()
    for tensor in (0, -1, 10**6):
        with pytest.raises((ValueError, IndexError)):
            graph.op("relu", [tensor])
        with pytest.raises((ValueError, IndexError)):
            graph.shape(tensor)


def test_operands_of_different_types() -> None:
    graph = _core.Graph()
    a, b = graph.input("a", (3,), "float32"), graph.input("b", (3,), "float64")
    with pytest.raises(ValueError, match="add"):
        graph.op("add", [a, b])


@pytest.mark.parametrize("dtype", ["float16", "uint8", "bool", "complex64", ""])
def test_dtypes_that_a_graph_does_not_hold(dtype: str) -> None:
    with pytest.raises(ValueError):
        _core.Graph().input("x", (3,), dtype)
    with pytest.raises(ValueError):
        _core.Variable((3,), dtype, "v")


@pytest.mark.parametrize(
    ("op", "shapes", "attrs", "expected"),
    [
        ("relu", [(None, 3)], {}, (None, 3)),
        ("add", [(None, 3), (3,)], {}, (None, 3)),
        ("add", [(None, 1), (None, 4)], {}, (None, 4)),
        ("dense", [(None, 3), (3, 5)], {}, (None, 5)),
        ("conv2d", [(None, None, 7, 1), (3, 3, 1, 6)], {"padding": "valid"}, (None, None, 5, 6)),
        ("max_pool2d", [(None, 7, 7, 2)], POOL, (None, 3, 3, 2)),
        ("flatten", [(None, 3, 4)], {}, (None, 12)),
        ("reshape", [(None, 12)], {"shape": [-1, 3, 4]}, (None, 3, 4)),
        ("reduce_mean", [(None, 3)], {"axes": [0]}, (3,)),
        ("reduce_sum", [(None, 3)], {}, ()),
        ("concat", [(None, 3), (None, 4)], {"axis": 1}, (None, 7)),
        ("transpose", [(None, 3)], {"axes": [1, 0]}, (3, None)),
        ("softmax", [(None, 10)], {}, (None, 10)),
        ("argmax", [(None, 10)], {}, (None,)),
    ],
)
def test_unknown_dimensions(
    op: str,
    shapes: list[tuple[int | None, ...]],
    attrs: dict[str, Any],
    expected: tuple[int | None, ...],
) -> None:
    assert _core.infer_shapes(op, shapes, ["float32"] * len(shapes), attrs)[0] == expected


def test_gradients_add_up_over_uses() -> None:
    graph = _core.Graph()
    x = graph.input("x", (3,), "float64")
    (a,) = graph.op("multiply", [x, x])
    (b,) = graph.op("add", [a, x])
    (c,) = graph.op("multiply", [b, x])
    (loss,) = graph.op("reduce_sum", [c])
    (g,) = graph.gradients(loss, [x])
    assert g is not None
    value = np.array([0.5, -1.0, 2.0])
    (result,) = graph.compile([g], [(3,)]).run([value])
    np.testing.assert_allclose(result, 3 * value**2 + 2 * value, rtol=1e-14)


def test_gradient_of_what_does_not_matter_is_none() -> None:
    graph = _core.Graph()
    x, y = graph.input("x", (3,), "float32"), graph.input("y", (3,), "float32")
    (loss,) = graph.op("reduce_sum", [x])
    assert graph.gradients(loss, [y]) == [None]


def test_gradient_of_a_vector_is_refused() -> None:
    graph = _core.Graph()
    x = graph.input("x", (3,), "float32")
    (y,) = graph.op("relu", [x])
    with pytest.raises(ValueError):
        graph.gradients(y, [x])


def test_gradient_with_respect_to_an_inner_tensor() -> None:
    graph = _core.Graph()
    x = graph.input("x", (4,), "float64")
    (y,) = graph.op("tanh", [x])
    (z,) = graph.op("square", [y])
    (loss,) = graph.op("reduce_sum", [z])
    (g,) = graph.gradients(loss, [y])
    assert g is not None
    value = np.linspace(-1, 1, 4)
    (result,) = graph.compile([g], [(4,)]).run([value])
    np.testing.assert_allclose(result, 2 * np.tanh(value), rtol=1e-12)


def test_an_input_may_be_an_output_and_an_output_may_repeat() -> None:
    graph = _core.Graph()
    x = graph.input("x", (4,), "float32")
    (y,) = graph.op("relu", [x])
    value = np.array([-1, 0, 1, 2], np.float32)
    first, second, third = graph.compile([x, y, y], [(4,)]).run([value])
    np.testing.assert_array_equal(first, value)
    np.testing.assert_array_equal(second, [0, 0, 1, 2])
    np.testing.assert_array_equal(third, second)


def test_results_are_not_aliases_of_the_arena() -> None:
    graph = _core.Graph()
    x = graph.input("x", (4,), "float32")
    plan = graph.compile(graph.op("relu", [x]), [(4,)])
    first = plan.run([np.ones(4, np.float32)])[0]
    plan.run([np.full(4, 9, np.float32)])
    np.testing.assert_array_equal(first, np.ones(4))


def test_fused_and_kept_results_agree() -> None:
    """relu after dense may be fused; asking for the value before it must not change anything."""
    rng = np.random.RandomState(0)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((9, 20), (20, 33), (33,)))
    graph = _core.Graph()
    tensors = [graph.input(n, v.shape, "float32") for n, v in (("x", x), ("w", w), ("b", b))]
    (y,) = graph.op("dense", tensors)
    (z,) = graph.op("relu", [y])
    shapes = [x.shape, w.shape, b.shape]
    (alone,) = graph.compile([z], shapes).run([x, w, b])
    before, both = graph.compile([y, z], shapes).run([x, w, b])
    np.testing.assert_array_equal(alone, both)
    np.testing.assert_array_equal(np.maximum(before, 0), both)


def test_describe_and_counts() -> None:
    net = make_net(train=True)
    plan = net.plan(4)
    assert plan.output_shapes == [(), (4, 10)]
    assert plan.output_dtypes == ["float32", "float32"]
    assert plan.arena_bytes > 0
    assert plan.scratch_bytes >= 0
    # Forward and both gradients of the dense layer, forward and weight gradient of the other.
    assert plan.flops >= 2 * 4 * (3 * 128 * 10 + 2 * 64 * 9 * 8)
    assert "dense" in plan.describe()
    assert "conv2d" in str(net.graph)


def test_compile_checks_the_input_shapes() -> None:
    net = make_net(train=False)
    outputs = [net.loss]
    for shapes in ([(4, 8, 8, 1)], [(4, 8, 8, 2), (4,)], [(4, 8, 8), (4,)], [(4, 8, 8, 1), (4, 1)]):
        with pytest.raises(ValueError):
            net.graph.compile(outputs, shapes)
    with pytest.raises(ValueError):
        net.graph.compile(outputs, [(4, 8, 8, 1), (5,)])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_a_number_in_and_out_of_a_variable(dtype: str) -> None:
    many = _core.Variable((2, 3), dtype, "many")
    before = many.version
    many.fill(7)
    assert many.numpy().tolist() == [[7, 7, 7], [7, 7, 7]]
    assert many.version > before
    with pytest.raises(ValueError, match=r"'many' of shape \(2, 3\) is not a single number"):
        many.item()
    one = _core.Variable((1, 1), dtype)
    one.fill(-3)
    assert one.item() == -3.0
