"""Graphs, built by the same lines in both frameworks: several inputs and outputs, shared and
nested layers, operators, frozen parts. `k` is `keras` or `pyframe`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CLASSES = 3


def _two_towers(k: Any) -> tuple[Any, Any, Any, Any]:
    a, b = k.layers.Input((4,), name="a"), k.layers.Input((4,), name="b")
    shared = k.layers.Dense(6, activation="tanh", name="shared")
    both = k.layers.Concatenate(name="both")([shared(a), shared(b)])
    return a, b, both, k.layers.Dense(5, activation="relu", name="hidden")(both)


def two_outputs(k: Any) -> Any:
    a, b, both, hidden = _two_towers(k)
    kind = k.layers.Dense(CLASSES, activation="softmax", name="kind")(hidden)
    size = k.layers.Dense(2, name="size", kernel_regularizer="l2")(both)
    return k.Model([a, b], [kind, size], name="net")


def two_keys(k: Any) -> Any:
    a, b, both, hidden = _two_towers(k)
    kind = k.layers.Dense(CLASSES, activation="softmax", name="first")(hidden)
    size = k.layers.Dense(2, name="second")(both)
    return k.Model({"a": a, "b": b}, {"size": size, "kind": kind}, name="net")


def nested_outputs(k: Any) -> Any:
    a, b, both, hidden = _two_towers(k)
    kind = k.layers.Dense(CLASSES, activation="softmax", name="kind")(hidden)
    sizes = [k.layers.Dense(2, name=f"size{i}")(both) for i in range(2)]
    return k.Model([a, b], {"kind": kind, "sizes": sizes}, name="net")


def operators(k: Any) -> Any:
    a, b, both, hidden = _two_towers(k)
    x = both * 2.0 + k.ops.mean(both, axis=-1, keepdims=True)
    x = k.ops.relu(1.0 - x) / 16.0 - 0.1 * k.ops.sum(hidden, axis=1, keepdims=True)
    x = k.ops.concatenate([k.ops.square(x), x**2, -x], axis=-1)
    x = k.ops.maximum(k.ops.reshape(x, (-1, 12, 3)), 0.05)
    x = k.ops.transpose(x, (0, 2, 1))
    return k.Model([a, b], k.layers.Dense(2, name="size")(k.layers.Flatten(name="flat")(x)))


def parts(k: Any) -> Any:
    a, b, both, hidden = _two_towers(k)
    image = k.ops.reshape(both, (-1, 4, 3))
    rows = image[:, ::-2, 1:] * hidden[:, None, :2]
    x = k.ops.concatenate([rows[:, 0], image[:, -1], both[..., 3:9:2]], axis=-1)
    return k.Model([a, b], k.layers.Dense(2, name="size")(x), name="net")


def more_operators(k: Any) -> Any:
    a, b, both, _ = _two_towers(k)
    o = k.ops
    sizes = [o.std(both, axis=-1, keepdims=True), o.var(both, axis=1, keepdims=True)]
    sizes += [o.norm(x, axis=-1, keepdims=True) for x in (both, o.norm(b, 1, -1, True) + a)]
    sizes += [o.logsumexp(both * 9, axis=1, keepdims=True)]
    units = [o.relu6(a * 4), o.hard_silu(a * 2), o.hard_tanh(b * 2), o.celu(a, 0.5)]
    units += [o.log_sigmoid(b), o.normalize(a), o.mod(a, 0.7), o.round(b, 1), o.reciprocal(b - 9)]
    units += [o.roll(a, 1, axis=1), o.flip(b, axis=1), o.take(a, [0, 2], axis=1)]
    units += [o.dot(b, np.array([[1.0], [0.5], [2.0], [-1.0]], "float32")), o.log2(o.abs(a) + 1)]
    image = o.stack([a, o.tile(b, (1, 1)), o.repeat(a, 2, axis=1)[:, ::2]], axis=2)
    image = o.pad(image, [[0, 0], [0, 0], [1, 0]], constant_values=0.5)[..., None]
    image = o.moveaxis(o.swapaxes(image, 1, 2), 1, 2)
    image = o.max_pool(image, 2, 1) - o.average_pool(image, 2, 1) + o.image.resize(image, (3, 3))
    left, right = o.split(both, [5], axis=1)
    units += [left, o.unstack(o.expand_dims(right, 2), axis=2)[0], o.reshape(image, (-1, 9))]
    either = o.logical_or(a > 0.5, o.logical_not(o.logical_and(a > 0, b > 0)))
    units += [o.cast(either, "float32"), o.cast(o.any(b > 1, axis=1, keepdims=True), "float32")]
    x = 0.05 * o.concatenate(sizes + units, axis=1)
    return k.Model([a, b], k.layers.Dense(2, name="size")(x), name="net")


def _inner(k: Any, name: str, features: int, units: int) -> Any:
    inside = k.layers.Input((features,), name=f"{name}_input")
    x = k.layers.Dense(units, activation="tanh", name=f"{name}_one")(inside)
    return k.Model(inside, k.layers.Dense(units, name=f"{name}_two")(x), name=name)


def nested_models(k: Any) -> Any:
    a, b = k.layers.Input((4,), name="a"), k.layers.Input((4,), name="b")
    twice = _inner(k, "twice", 4, 4)
    stack = k.Sequential(
        [k.layers.Input((4,), name="stack_input"), k.layers.Dense(4, name="top")], name="stack"
    )
    left = twice(stack(twice(a)))
    right = k.layers.Add(name="sum")([twice(b), b])
    outer = k.layers.Input((4,), name="outer_input")
    deep = k.Model(outer, _inner(k, "inner", 4, 5)(outer), name="deep")
    return k.Model([a, b], [deep(left), k.layers.Dense(2, name="size")(right)], name="net")


def frozen(k: Any) -> Any:
    base = _inner(k, "base", 4, 6)
    base.trainable = False
    a = k.layers.Input((4,), name="a")
    return k.Model(a, k.layers.Dense(2, name="size")(base(a)), name="net")


def partly_frozen(k: Any) -> Any:
    base = _inner(k, "base", 4, 6)
    base.get_layer("base_one").trainable = False
    return k.Sequential(
        [k.layers.Input((4,), name="a"), base, k.layers.Dense(2, name="size")], name="net"
    )


def sub_model(k: Any) -> Any:
    whole = two_outputs(k)
    both = whole.get_layer("both").output
    return k.Model(whole.input, k.layers.Dense(2, name="new")(both), name="sub")


def unused_input(k: Any) -> Any:
    a, b = k.layers.Input((4,), name="a"), k.layers.Input((4,), name="b")
    return k.Model([b, a], k.layers.Dense(2, name="size")(a), name="net")


def branches(k: Any) -> Any:
    """Branches of unequal depth, whose order decides the order of the weights."""
    a, b = k.layers.Input((4,), name="a"), k.layers.Input((4,), name="b")
    long = a
    for i in range(3):
        long = k.layers.Dense(4, activation="tanh", name=f"long{i}")(long)
    short = k.layers.Dense(4, name="short")(b)
    late = k.layers.Dense(4, name="late")(k.layers.Add(name="add")([short, long]))
    x = k.layers.Average(name="mean")([late, k.layers.Multiply(name="product")([b, long]), short])
    return k.Model([b, a], [k.layers.Dense(2, name="size")(x), long], name="net")


def _ce(k: Any) -> Any:
    return k.metrics.SparseCategoricalCrossentropy(name="ce")


@dataclass(frozen=True)
class GraphCase:
    """A model and what it is trained with; targets by output: "ids", "one_hot" or a width."""

    name: str
    model: Callable[[Any], Any]
    inputs: tuple[str, ...] = ("a", "b")
    targets: Any = 2
    compile: Callable[[Any], dict[str, Any]] = lambda k: {"loss": "mse"}
    weights: Any = None
    by_name: bool = False
    fit: dict[str, Any] = field(default_factory=dict)


_LISTS = {"targets": ["ids", 2]}
_SPARSE = "sparse_categorical_crossentropy"

GRAPH_CASES = [
    GraphCase("operators", operators),
    GraphCase("parts", parts),
    GraphCase("more_operators", more_operators),
    GraphCase("nested_models", nested_models, targets=[5, 2]),
    GraphCase("frozen", frozen, ("a",)),
    GraphCase("partly_frozen", partly_frozen, ("a",)),
    GraphCase("sub_model", sub_model),
    GraphCase("unused_input", unused_input, ("b", "a")),
    GraphCase("branches", branches, ("b", "a"), [2, 4]),
    GraphCase("loss_for_all", nested_models, targets=[5, 2],
              compile=lambda k: {"loss": "mae", "metrics": ["mse", "mae"]}),
    GraphCase("loss_list", two_outputs, **_LISTS,
              compile=lambda k: {"loss": [_SPARSE, "mse"], "metrics": [["accuracy"], ["mae"]]}),
    GraphCase("loss_weights_list", two_outputs, **_LISTS, by_name=True,
              compile=lambda k: {"loss": [_SPARSE, k.losses.MeanSquaredError()],
                                 "loss_weights": [0.3, 2.0], "metrics": ["accuracy", None]}),
    GraphCase("loss_dict", two_outputs, **_LISTS,
              compile=lambda k: {"loss": {"size": "mse", "kind": _SPARSE},
                                 "loss_weights": {"size": 0.5, "kind": 3.0},
                                 "metrics": {"kind": ["accuracy", _ce(k)]}}),
    GraphCase("one_loss_of_two", two_outputs, **_LISTS,
              compile=lambda k: {"loss": [None, "mse"], "metrics": [["accuracy"], []]}),
    GraphCase("keys", two_keys, targets={"kind": "ids", "size": 2}, by_name=True,
              compile=lambda k: {"loss": {"kind": _SPARSE, "size": "mse"},
                                 "loss_weights": {"kind": 1.0, "size": 0.1},
                                 "metrics": {"size": ["mae"], "kind": ["acc"]}}),
    GraphCase("keys_one_loss", two_keys, targets={"kind": "one_hot", "size": 2}, by_name=True,
              compile=lambda k: {"loss": {"kind": "categorical_crossentropy"},
                                 "metrics": {"kind": "accuracy"}}),
    GraphCase("nested_outputs", nested_outputs, targets={"kind": "ids", "sizes": [2, 2]},
              compile=lambda k: {"loss": {"kind": _SPARSE, "sizes": ["mse", "mae"]},
                                 "metrics": {"kind": ["accuracy"], "sizes": [["mae"], ["mse"]]}}),
    GraphCase("weighted_all", two_outputs, **_LISTS, weights="all",
              compile=lambda k: {"loss": [_SPARSE, "mse"], "metrics": [["accuracy"], ["mae"]],
                                 "weighted_metrics": [["accuracy"], ["mse", "mae"]]}),
    GraphCase("weighted_each", two_outputs, **_LISTS, weights="each",
              compile=lambda k: {"loss": [_SPARSE, "mse"], "loss_weights": [1.5, 0.5],
                                 "weighted_metrics": [None, ["mae"]]}),
    GraphCase("weighted_keys", two_keys, targets={"kind": "ids", "size": 2}, by_name=True,
              weights="each", compile=lambda k: {"loss": {"kind": _SPARSE, "size": "mse"},
                                                 "weighted_metrics": {"kind": ["acc"]}}),
    GraphCase("class_weight", sub_model, targets="ids2", fit={"class_weight": {0: 0.5, 1: 2.0}},
              compile=lambda k: {"loss": k.losses.SparseCategoricalCrossentropy(from_logits=True)}),
    GraphCase("adam", two_outputs, **_LISTS,
              compile=lambda k: {"optimizer": "adam", "loss": [_SPARSE, "huber"]}),
]  # fmt: skip
