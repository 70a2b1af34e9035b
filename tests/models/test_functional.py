"""Models made of graphs: Input, layers on tensors, sub-models, nesting, copies."""

import copy
import gc
import json
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyframe import ops
from pyframe.errors import (
    ConfigurationError,
    DataError,
    NotBuiltError,
    ShapeError,
    SymbolicTensorError,
)
from pyframe.layers import (
    Add,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
)
from pyframe.models import (
    Functional,
    Model,
    Sequential,
    clone_model,
    model_from_config,
    model_from_json,
)
from pyframe.saving import CustomObjectScope
from pyframe.utils import get_custom_objects, register_keras_serializable

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)


def two_towers() -> Model:
    """Two inputs through a shared layer, operators, nested models, two outputs."""
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = Dense(3, activation="tanh", name="shared")
    both = Concatenate(name="both")([shared(a), shared(b)])
    scaled = both * 2.0 + ops.mean(both, axis=-1, keepdims=True)
    inside = Input((6,))
    graph = Model(inside, Dense(2, name="deep")(Dense(5, name="middle")(inside)), name="graph")
    stack = Sequential([Input((6,)), Dense(2, name="top")], name="stack")
    return Model([a, b], [stack(scaled), graph(scaled)], name="towers")


def by_hand(model: Model, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    def dense(name: str, value: np.ndarray) -> np.ndarray:
        kernel, bias = model.get_layer(name).get_weights()
        return np.asarray(value @ kernel + bias)

    both = np.concatenate([np.tanh(dense("shared", x)), np.tanh(dense("shared", y))], -1)
    scaled = both * 2 + both.mean(-1, keepdims=True)
    return [dense("stack/top", scaled), dense("graph/deep", dense("graph/middle", scaled))]


def test_outputs_are_those_of_the_layers() -> None:
    model = two_towers()
    assert isinstance(model, Functional)
    assert model.input_shape == [(None, 4), (None, 4)]
    assert model.output_shape == [(None, 2), (None, 2)]
    assert model.count_params() == 15 + 14 + 35 + 12
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "both", "stack", "graph"]
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["stack", "graph"]
    expected = by_hand(model, X, Y)
    ways = [
        model.predict([X, Y]),
        model.predict((X, Y), batch_size=4, verbose=0),
        model.predict({"b": Y, "a": X}),
        model([X, Y]),
        model.predict(iter([({"a": X[:4], "b": Y[:4]},), ([X[4:], Y[4:]],)]), verbose=0),
    ]
    for found in ways:
        assert isinstance(found, list)
        for one, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, wanted, rtol=1e-5, atol=1e-6)


def test_lists_of_numbers_are_arrays() -> None:
    inputs = Input((4,))
    model = Model(inputs, Dense(2)(inputs))
    for one in (model, Sequential([inputs, *model.layers[1:]])):
        for call in (one, one.predict):
            np.testing.assert_allclose(call(X.tolist()), model.predict(X), rtol=1e-5, atol=1e-6)
            assert call([X]).shape == (6, 2)


def test_structures_of_inputs_and_outputs() -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    model = Model({"x": a, "y": b}, {"sum": a + b, "parts": [a - b, (a,)]})
    found = model.predict({"x": X, "y": Y})
    np.testing.assert_allclose(found["sum"], X + Y, rtol=1e-6)
    np.testing.assert_allclose(found["parts"][0], X - Y, rtol=1e-6)
    np.testing.assert_array_equal(found["parts"][1][0], X)
    assert isinstance(found["parts"][1], tuple)


def test_operators_and_functions_on_tensors() -> None:
    a = Input((4,))
    tensors = [
        2.0 - a, a / 4.0, -a, a**2, abs(a), a.reshape(-1, 2, 2), a.sum(axis=-1), ops.softmax(a),
        ops.concatenate([a, a], axis=0), np.maximum(a, 0.5), ops.matmul(a, np.eye(4)),
        a @ np.eye(4),
        ops.clip(x=a, x_min=-1.0, x_max=1.0),
    ]  # fmt: skip
    found = Model(a, tensors).predict(X)
    soft = np.exp(X) / np.exp(X).sum(-1, keepdims=True)
    wanted = [
        2 - X, X / 4, -X, X**2, abs(X), X.reshape(-1, 2, 2), X.sum(-1), soft,
        np.concatenate([X, X]), np.maximum(X, 0.5), X, X, X.clip(-1, 1),
    ]  # fmt: skip
    for one, expected in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6)
    assert [t.shape for t in tensors[5:8]] == [(None, 2, 2), (None,), (None, 4)]
    assert ops.is_symbolic(a)


def test_symbolic_tensors_have_no_numbers() -> None:
    a = Input((4,))
    for ask in (bool, float, int, list, np.asarray):
        with pytest.raises(SymbolicTensorError, match=r"pyframe\.ops"):
            ask(a)


def test_first_call_gives_input_and_output() -> None:
    a, layer = Input((4,)), Dense(3)
    with pytest.raises(NotBuiltError, match="never called on the tensor"):
        _ = layer.output
    y = layer(a)
    z = layer(Input((4,)))
    assert layer.input is a
    assert layer.output is y
    assert layer.output is not z
    assert len(layer.inbound_nodes) == 2
    inside = Dense(2)
    model = Sequential([Dense(3, input_dim=4), inside])
    assert model.output is inside.output
    assert [t.shape for t in model.inputs + model.outputs] == [(None, 4), (None, 2)]


def vgg(size: int = 16) -> Model:
    x = inputs = Input((size, size, 3))
    for block, filters in enumerate((4, 8), 1):
        for number in (1, 2):
            name = f"block{block}_conv{number}"
            x = Conv2D(filters, 3, padding="same", activation="relu", name=name)(x)
        x = MaxPooling2D(name=f"block{block}_pool")(x)
    return Model(inputs, x, name="vgg")


IMAGES = np.random.default_rng(2).normal(size=(3, 16, 16, 3)).astype(np.float32)


def test_models_on_inner_tensors() -> None:
    base = vgg()
    features = Model(base.input, base.get_layer("block1_pool").output)
    assert [layer.name for layer in features.layers[1:]] == [
        "block1_conv1", "block1_conv2", "block1_pool"
    ]  # fmt: skip
    assert features.layers[1] is base.layers[1]
    rest = Model(base.get_layer("block1_pool").output, base.output)
    assert rest.input_shape == (None, 8, 8, 4)
    np.testing.assert_allclose(
        rest.predict(features.predict(IMAGES)), base.predict(IMAGES), rtol=1e-5, atol=1e-6
    )
    every = Model(inputs=base.inputs, outputs=[layer.output for layer in base.layers[1:]])
    assert len(every.predict(IMAGES)) == 6


@pytest.mark.parametrize("kind", ["sequential", "functional", "twice nested"])
def test_models_across_nested_ones(kind: str) -> None:
    base = vgg()
    name = "vgg/block2_conv1"
    if kind == "sequential":
        model: Any = Sequential([base, Flatten(), Dense(2)])
    else:
        inputs = Input((16, 16, 3))
        model = Model(inputs, Dense(2)(Flatten()(base(inputs * 1.0))), name="outer")
    if kind == "twice nested":
        inputs = Input((16, 16, 3))
        model, name = Model(inputs, model(inputs)), f"outer/{name}"
    layer = model.get_layer(name)
    assert layer is base.get_layer("block2_conv1")
    inner = Model(model.input, [layer.output, model.output])
    wanted = Model(base.input, layer.output).predict(IMAGES)
    found = inner.predict(IMAGES)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[1], model.predict(IMAGES))
    inner = Model(model.input, layer.output)
    again = Functional.from_config(inner.get_config())
    again.set_weights(inner.get_weights())
    np.testing.assert_array_equal(again.predict(IMAGES), found[0])


def test_training_reaches_the_shared_layers() -> None:
    base = vgg()
    model = Sequential([base, Flatten(), Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = base.predict(IMAGES)
    history = model.fit(IMAGES, np.array([0, 1, 0]), epochs=2, verbose=0).history
    assert sorted(history) == ["accuracy", "loss"]
    assert not np.array_equal(before, base.predict(IMAGES))


def test_fit_with_two_inputs() -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    model = Model([a, b], Dense(1)(Concatenate()([a, b])))
    model.compile("sgd", "mse")
    target = (X - Y).sum(-1, keepdims=True)
    one = model.fit([X, Y], target, epochs=4, verbose=0, batch_size=2).history["loss"]
    assert one[-1] < one[0]
    two = model.fit({"a": X, "b": Y}, target, epochs=1, verbose=0, validation_split=0.4).history
    assert sorted(two) == ["loss", "val_loss"]
    assert model.evaluate([X, Y], target, verbose=0) < one[0]


class Scaled(Model):
    """A subclass that gives its graph to the base class."""

    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        inputs = Input((4,))
        super().__init__(inputs=inputs, outputs=Dense(units)(inputs), **kwargs)
        self.units = units


class Merge(Model):
    """A subclass whose `call` takes two inputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = Dense(2), Dense(2)

    def call(self, inputs: Any) -> Any:
        return {"out": self.left(inputs["l"]) - self.right(inputs["r"])}


def test_subclasses() -> None:
    model = Scaled(3, name="s")
    assert model.predict(X).shape == (6, 3)
    assert model.layers[0].name.startswith("input_layer")
    again = Scaled.from_config(model.get_config())
    assert again.output_shape == (None, 3)
    merge = Merge()
    found = merge.predict({"l": X, "r": Y})["out"]
    wanted = merge.left(X) - merge.right(Y)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    inputs = {"l": Input((4,)), "r": Input((4,))}
    outer = Model(inputs, merge(inputs)["out"])
    np.testing.assert_allclose(outer.predict({"l": X, "r": Y}), wanted, rtol=1e-5, atol=1e-6)


class Blend(Layer):
    """A layer with a second tensor argument and an array among its arguments."""

    def call(self, inputs: Any, other: Any, weights: Any = None) -> Any:
        return inputs * weights + other


def test_arguments_of_layers_by_name_and_arrays() -> None:
    a, b = Input((4,)), Input((4,))
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    model = Model([a, b], [Blend()(a, b, weights=weights), Blend()(a, other=b, weights=0.5)])
    found = model.predict([X, Y])
    np.testing.assert_allclose(found[0], X * weights + Y, rtol=1e-5)
    np.testing.assert_allclose(found[1], X * 0.5 + Y, rtol=1e-5)


def test_training_given_in_the_graph_stays() -> None:
    a = Input((200,))
    model = Model(a, [Dropout(0.5)(a, training=True), Dropout(0.5)(a, training=False)])
    always, never = model.predict(np.ones((2, 200)))
    assert 100 < (always == 0).sum() < 300
    assert (never == 1).all()
    assert (model(np.ones((2, 200)), training=True)[1] == 1).all()


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: Functional.from_config(model.get_config()),
        lambda model: model_from_json(model.to_json()),
        lambda model: model_from_config(json.loads(model.to_json())),
        clone_model,
    ],
)
def test_copies(copied: Callable[[Any], Any]) -> None:
    model = two_towers()
    other = copied(model)
    assert other.get_config() == model.get_config()
    assert not {id(w) for w in other.weights} & {id(w) for w in model.weights}
    other.set_weights(model.get_weights())
    for one, two in zip(model.predict([X, Y]), other.predict([X, Y]), strict=True):
        np.testing.assert_array_equal(one, two)
    inner = Model(other.input, other.get_layer("graph/middle").output)
    assert inner.predict([X, Y]).shape == (6, 5)


def test_deep_graphs() -> None:
    """Recursion would end at about a thousand layers."""
    x = inputs = Input((2,))
    for _ in range(1500):
        x = Add()([x, inputs])
    model = Model(inputs, x)
    other = pickle.loads(pickle.dumps(model))
    assert len(copy.deepcopy(other).layers) == 1501
    again = Functional.from_config(model.get_config())
    np.testing.assert_allclose(again.predict(np.ones((1, 2))), 1501)
    del x, inputs, model, other, again


def test_graphs_are_freed_by_reference_count() -> None:
    gc.collect()
    gc.disable()
    try:
        model = two_towers()
        model.predict([X, Y])
        Model(model.input, model.get_layer("graph/deep").output).predict([X, Y])
        layer = model.get_layer("shared")
        references = [weakref.ref(model), weakref.ref(model.get_layer("both")), weakref.ref(layer)]
        del model
        assert references[0]() is None
        assert references[1]() is None
        del layer
        assert references[2]() is None
    finally:
        gc.enable()


def test_frozen_layers_follow_the_outer_model() -> None:
    base = vgg()
    model = Sequential([base, Flatten(), Dense(2)])
    base.trainable = False
    assert len(model.trainable_weights) == 2
    assert all(not layer.trainable for layer in base.layers)
    # What is inside a frozen model stays frozen.
    base.layers[-2].trainable = True
    assert len(model.trainable_weights) == 2
    base.trainable = True
    for layer in base.layers[:-2]:
        layer.trainable = False
    assert [w.path for w in model.trainable_weights[:2]] == [
        "block2_conv2/kernel", "block2_conv2/bias"
    ]  # fmt: skip
    assert len(model.trainable_weights) == 4


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Model(Input((4,)), X), ConfigurationError, "`outputs` must be tensors"),
        (lambda: Model(X, Input((4,))), ConfigurationError, "`inputs` must be tensors"),
        (lambda: Model([], Input((4,))), ConfigurationError, "`inputs` is empty"),
        (lambda: Model(inputs=Input((4,))), ConfigurationError, "both `inputs` and `outputs`"),
        (
            lambda: Model(Input((4,)), Dense(2)(Input((4,), name="lost"))),
            ConfigurationError,
            "disconnected.*'lost'",
        ),
        (lambda: two_towers().predict([X]), DataError, "2 inputs: a, b"),
        (lambda: two_towers().predict(X), DataError, "2 inputs: a, b.*one array"),
        (lambda: two_towers().predict({"a": X}), DataError, r"lacks the inputs \['b'\]"),
        (lambda: two_towers().predict([X, Y[:2]]), DataError, r"`x\[1\]` has 2 rows"),
        (lambda: two_towers().predict([X, Y[:, :3]]), ShapeError, r"`x\[1\]` has shape \(6, 3\)"),
        (lambda: two_towers()([Input((4,))]), ConfigurationError, "2 inputs: a, b"),
        (lambda: vgg()(Input((16, 16, 4))), ShapeError, "has shape"),
        (lambda: Model(Input((4,)), Input((4,)), layers=3), ConfigurationError, "no argument"),
        (lambda: two_towers().get_layer("graph/deeep"), ConfigurationError, "no layer 'deeep'"),
        (lambda: Merge().inputs, NotBuiltError, "no graph"),
    ],
)
def test_refusals(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_equal_names_are_refused() -> None:
    a = Input((4,))
    with pytest.raises(ConfigurationError, match="'same' is used twice"):
        Model(a, Dense(2, name="same")(Dense(3, name="same")(a)))


class Twice(Layer):
    """A layer of one's own."""

    def call(self, inputs: Any) -> Any:
        return inputs * 2.0


def test_layers_of_ones_own_are_found() -> None:
    a = Input((4,))
    model = Model(a, Twice(name="twice")(a))
    text = model.to_json()
    with pytest.raises(ValueError, match="Twice"):
        model_from_json(text)
    with CustomObjectScope({"Twice": Twice}):
        assert isinstance(model_from_json(text).layers[1], Twice)
    get_custom_objects()["Twice"] = Twice
    assert isinstance(model_from_json(text).layers[1], Twice)
    del get_custom_objects()["Twice"]
    register_keras_serializable("mine")(Twice)
    text = model.to_json()
    assert "mine>Twice" in text
    np.testing.assert_allclose(model_from_json(text).predict(X), 2 * X)


@pytest.mark.parametrize("method", ["train_step", "test_step", "compute_loss"])
def test_steps_of_ones_own_are_refused_not_ignored(method: str) -> None:
    model = type("Own", (Model,), {method: lambda *_: None})()
    with pytest.raises(ConfigurationError, match=f"Own has a `{method}` of its own"):
        model.compile("sgd", "mse")


def test_layers_without_a_name_in_their_configuration_load_twice() -> None:
    # Keras 3 writes the name of a class of one's own, without get_config, beside it only.
    a = Input((4,))
    config = json.loads(Model(a, Twice(name="twice")(a)).to_json())
    del config["config"]["layers"][1]["config"]["name"]
    with CustomObjectScope({"Twice": Twice}):
        for _ in range(2):
            np.testing.assert_allclose(model_from_json(json.dumps(config)).predict(X), 2 * X)
