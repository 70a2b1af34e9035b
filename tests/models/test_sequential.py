"""Building stacks of layers and models of one's own."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyframe.errors import ConfigurationError, ModelFileError, NotBuiltError, ShapeError
from pyframe.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from pyframe.models import Model, Sequential, clone_model, model_from_json
from pyframe.regularizers import l1, l2


def convolution_net() -> Sequential:
    model = Sequential()
    model.add(Conv2D(6, (5, 5), padding="same", activation="relu", input_shape=(28, 28, 1)))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Conv2D(6, (5, 5), activation="relu", kernel_regularizer=l2(0.01)))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(120, activation="relu"))
    model.add(Dense(10, activation="softmax", kernel_regularizer=l1(0.01)))
    return model


def test_the_courses_network() -> None:
    model = convolution_net()
    assert model.output_shape == (None, 10)
    assert model.input_shape == (None, 28, 28, 1)
    assert [layer.count_params() for layer in model.layers] == [156, 0, 906, 0, 0, 18120, 1210]
    assert model.count_params() == 20392
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "20,392" in lines[0]


@pytest.mark.parametrize(
    "first",
    [
        [Input((5,)), Dense(4)],
        [Input(shape=(5,)), Dense(4)],
        [Dense(4, input_shape=(5,))],
        [Dense(4, input_dim=5)],
        [Dense(4, batch_input_shape=(None, 5))],
    ],
)
def test_ways_to_give_the_input_shape(first: list[Any]) -> None:
    model = Sequential([*first, Dense(2)])
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 5), (None, 2))
    assert len(model.layers) == 2
    assert model.count_params() == 34


def test_the_weights_are_made_at_the_first_data() -> None:
    model = Sequential([Dense(4), Dense(2)])
    assert not model.built
    assert model.weights == []
    for ask in (lambda: model.output_shape, lambda: model.input_shape):
        with pytest.raises(NotBuiltError):
            ask()
    assert model.predict(np.ones((3, 5))).shape == (3, 2)
    assert model.count_params() == 34
    other = Sequential([Dense(4)])
    other.build((None, 5))
    assert other.count_params() == 24


def test_pop_and_add() -> None:
    model = Sequential([Dense(4, input_dim=5), Dense(3), Dense(2)])
    x = np.ones((2, 5), np.float32)
    assert model.predict(x).shape == (2, 2)
    kept = model.layers[0].get_weights()
    popped = model.pop()
    assert popped.units == 2
    assert model.predict(x).shape == (2, 3)
    model.add(Dense(7))
    assert model.output_shape == (None, 7)
    assert model.predict(x).shape == (2, 7)
    np.testing.assert_array_equal(kept[0], model.layers[0].get_weights()[0])
    for _ in range(3):
        model.pop()
    with pytest.raises(ConfigurationError, match="no layers"):
        model.pop()


def test_a_layer_that_does_not_fit_is_not_added() -> None:
    model = Sequential([Input((5,)), Dense(4)])
    with pytest.raises(ShapeError, match="expects 4 dimensions"):
        model.add(Conv2D(3, 3))
    assert len(model.layers) == 1
    model.add(Dense(2))
    assert model.predict(np.ones((1, 5))).shape == (1, 2)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Sequential([Dense]), r"model\.add\(Dense\(10\)\)"),
        (lambda: Sequential([Dense(1, name="a"), Dense(1, name="a")]), "named 'a'"),
        (lambda: Sequential([Dense(1), Input((3,))]), "Input can only come first"),
        (lambda: Sequential([Input((3,)), Input((3,))]), "Input can only come first"),
        (lambda: Sequential().predict(np.ones((1, 2))), "has no layers"),
        (lambda: Sequential([Dense(1)]).build(), "input_shape"),
        (lambda: convolution_net().get_layer("dens"), "There is no layer 'dens'"),
        (lambda: convolution_net().get_layer(index=9), "has 7 layers"),
        (lambda: convolution_net().get_layer(), "either `name` or `index`"),
    ],
)
def test_refusals(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_get_layer() -> None:
    model = Sequential([Dense(4, input_dim=5, name="a"), Dense(2, name="b")])
    assert model.get_layer("b") is model.layers[1]
    assert model.get_layer(index=-2) is model.layers[0]


def test_nested_models() -> None:
    inner = Sequential([Dense(4, input_dim=5, activation="relu")], name="inner")
    model = Sequential([inner, Dense(2)])
    assert model.input_shape == (None, 5)
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_allclose(
        model.predict(x), model.layers[1](inner.predict(x)), rtol=1e-5, atol=1e-6
    )
    assert [w.path for w in model.weights] == [
        w.path for layer in model.layers for w in layer.weights
    ]
    inner.trainable = False
    assert len(model.trainable_weights) == 2


def test_config_json_and_clone() -> None:
    model = convolution_net()
    for other in (
        Sequential.from_config(model.get_config()),
        model_from_json(model.to_json()),
        clone_model(model),
    ):
        assert other.name == model.name
        assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
        assert other.count_params() == model.count_params()
        assert other.layers[2].kernel.regularizer.l2 == pytest.approx(0.01)
        other.set_weights(model.get_weights())
        x = np.random.default_rng(0).normal(size=(2, 28, 28, 1)).astype(np.float32)
        np.testing.assert_array_equal(other.predict(x), model.predict(x))
    with pytest.raises(ModelFileError, match="unknown"):
        model_from_json(json.dumps({"class_name": "Seq", "config": {}}))


class Net(Model):
    """A model written as a subclass."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [Dense(6, activation="relu"), Dropout(0.5)]
        self.last = Dense(2)

    def call(self, inputs: Any, training: bool = False) -> Any:
        for layer in self.hidden:
            inputs = layer(inputs)
        return self.last(inputs) * (2.0 if training else 1.0)


def test_a_model_as_a_subclass() -> None:
    net = Net()
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    y = net.predict(x)
    assert y.shape == (4, 2)
    np.testing.assert_array_equal(net(x), y)
    assert not np.array_equal(net(x, training=True), y)
    assert [type(layer).__name__ for layer in net.layers] == ["Dense", "Dropout", "Dense"]
    assert net.output_shape == (None, 2)
    net.compile("adam", "mse")
    history = net.fit(x, np.zeros((4, 2)), epochs=3, verbose=0).history
    assert len(history["loss"]) == 3


def test_float64_models() -> None:
    model = Sequential([Dense(4, input_dim=3, dtype="float64"), Dense(1, dtype="float64")])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    assert model.predict(np.ones((4, 3))).dtype == np.float64
