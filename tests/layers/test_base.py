"""What all layers do: names, weights, calling, configuration, copies."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import ops
from pyframe.errors import ConfigurationError, NotBuiltError, ShapeError
from pyframe.layers import Dense, Dropout, InputSpec, Layer, LeakyReLU, MaxPooling2D
from pyframe.layers.serialization import policy
from pyframe.naming import reset_names, to_snake_case


class Scale(Layer):
    """A user's layer: one factor for each feature."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(
            (input_shape[-1],), "ones", regularizer=pyframe.regularizers.L2(0.5), name="factor"
        )

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


class Block(Layer):
    """A user's layer that holds others, also in a list."""

    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first = Dense(units)
        self.rest = [Dense(units), Scale()]

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.first(inputs)
        for layer in self.rest:
            x = layer(x)
        return x * 2.0 if training else x


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Dense", "dense"),
        ("Conv2D", "conv2d"),
        ("MaxPooling2D", "max_pooling2d"),
        ("LeakyReLU", "leaky_re_lu"),
        ("ReLU", "re_lu"),
        ("ELU", "elu"),
        ("PReLU", "p_re_lu"),
        ("InputLayer", "input_layer"),
    ],
)
def test_snake_case(name: str, snake: str) -> None:
    assert to_snake_case(name) == snake


def test_automatic_names_count_from_the_second() -> None:
    reset_names()
    assert [Dense(1).name, Dense(1).name, MaxPooling2D().name] == [
        "dense",
        "dense_1",
        "max_pooling2d",
    ]
    assert LeakyReLU(name="mine").name == "mine"


def test_weights_and_their_order() -> None:
    block = Block()
    x = np.ones((2, 4), np.float32)
    block(x)
    paths = [w.path.split("/")[1] for w in block.weights]
    assert paths == ["kernel", "bias", "kernel", "bias", "factor"]
    assert block.count_params() == 4 * 3 + 3 + 3 * 3 + 3 + 3
    assert len(block.trainable_weights) == 5
    block.first.trainable = False
    assert len(block.trainable_weights) == 3
    assert len(block.non_trainable_weights) == 2
    block.trainable = False
    assert block.trainable_weights == []
    assert not block.rest[1].trainable


def test_training_reaches_the_layers_below() -> None:
    class Outer(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Dropout(0.5, seed=1)

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    x = np.ones((8, 16), np.float32)
    outer = Outer()
    np.testing.assert_array_equal(outer(x), x)
    assert (outer(x, training=True) == 0).any()
    np.testing.assert_array_equal(outer(x, training=False), x)


def test_call_on_arrays_returns_arrays() -> None:
    layer = Scale()
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(layer(x), x)
    layer.set_weights([np.array([1.0, 2.0, 3.0])])
    np.testing.assert_array_equal(layer(x), x * [1, 2, 3])
    # Another batch size and another dtype of the data go through the same trace.
    np.testing.assert_array_equal(layer(x[:1].astype(np.int64)), x[:1] * [1, 2, 3])
    assert len(layer.functions()) == 1


def test_set_weights_changes_all_or_nothing() -> None:
    layer = Dense(2)
    layer(np.ones((1, 3)))
    before = layer.get_weights()
    with pytest.raises(ShapeError, match="has 2 weights"):
        layer.set_weights([np.ones((3, 2))])
    with pytest.raises(ShapeError, match="/bias' has shape"):
        layer.set_weights([np.zeros((3, 2)), np.ones(3)])
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_before_and_after_building() -> None:
    layer = Dense(2, name="d")
    for ask in (layer.count_params, lambda: layer.output_shape, lambda: layer.input_shape):
        with pytest.raises(NotBuiltError, match="Dense 'd'"):
            ask()
    assert layer.compute_output_shape((None, 7)) == (None, 2)
    assert not layer.built
    layer(np.ones((1, 3)))
    assert layer.compute_output_shape((None, 3)) == (None, 2)
    assert (layer.input_shape, layer.output_shape) == ((None, 3), (None, 2))


def test_wrong_input_names_the_layer() -> None:
    layer = Dense(2, name="d")
    layer(np.ones((1, 3)))
    with pytest.raises(ShapeError, match="Dense 'd' was built for 3 features"):
        layer(np.ones((1, 4)))
    with pytest.raises(ShapeError, match="at least 2 dimensions"):
        layer(np.ones(3))


def test_errors_of_operators_name_the_layer() -> None:
    class Bad(Layer):
        def call(self, inputs: Any) -> Any:
            return ops.matmul(inputs, np.ones((5, 2)))

    with pytest.raises(ShapeError, match=r"Bad 'bad.*shape \(None, 3\)"):
        Bad()(np.ones((1, 3)))


def test_input_spec() -> None:
    InputSpec(ndim=2, axes={-1: 3}).check("Layer", (None, 3))
    with pytest.raises(ShapeError, match="Flatten"):
        InputSpec(ndim=2).check("Layer", (None, 3, 3))
    with pytest.raises(ShapeError, match=r"x\[\.\.\., None\]"):
        InputSpec(ndim=4).check("Layer", (None, 28, 28))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Dense(3, unitss=3), "Did you mean `units`"),
        (lambda: Dense(3, name=3), "`name` must be a string"),
        (lambda: Dense(3, dtype="int8"), "`dtype` must be one of"),
        (lambda: Dense(3, input_shape=5), "needs a comma"),
        (lambda: Dense(3, input_shape=(0,)), "positive integers"),
        (lambda: Dense(3, kernel_initializer="glorot"), "glorot_uniform"),
    ],
)
def test_refused_arguments(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_a_layer_that_forgets_super_init() -> None:
    class Forgetful(Layer):
        def __init__(self) -> None:
            self.units = 3

    with pytest.raises(ConfigurationError, match=r"super\(\).__init__"):
        Forgetful()(np.ones(3))


def test_add_weight_in_the_old_order() -> None:
    class Old(Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight("w", (input_shape[-1], 2))

        def call(self, inputs: Any) -> Any:
            return ops.matmul(inputs, self.w)

    layer = Old(name="old")
    assert layer(np.ones((1, 3))).shape == (1, 2)
    assert layer.weights[0].path == "old/w"


def test_config_is_made_of_the_arguments() -> None:
    block = Block(units=4, name="b", trainable=False)
    assert block.get_config() == {
        "units": 4,
        "name": "b",
        "trainable": False,
        "dtype": policy("float32"),
    }
    assert Block.from_config(block.get_config()).get_config() == block.get_config()


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_are_independent(clone: Callable[[Any], Any]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    block = Block()
    y = block(x)
    other = clone(block)
    np.testing.assert_array_equal(other(x), y)
    other.set_weights([w * 2 for w in other.get_weights()])
    np.testing.assert_array_equal(block(x), y)
    assert not np.array_equal(other(x), y)
    assert other.weights[4].regularizer.l2 == 0.5


def test_layers_are_freed_by_reference_count() -> None:
    gc.collect()
    gc.disable()
    try:
        block = Block()
        block(np.ones((2, 4)))
        block(np.ones((2, 4)), training=True)
        reference = weakref.ref(block)
        del block
        assert reference() is None
    finally:
        gc.enable()


def test_float64() -> None:
    layer = Dense(2, dtype="float64")
    y = layer(np.ones((1, 3)))
    assert y.dtype == np.float64
    assert layer.weights[0].dtype == "float64"
