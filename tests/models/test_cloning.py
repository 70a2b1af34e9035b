"""clone_model with other inputs, layers and calls."""

from typing import Any

import numpy as np
import pytest

from pyframe.errors import ConfigurationError
from pyframe.layers import Dense, Dropout, Input
from pyframe.models import Model, Sequential, clone_model
from tests.models.test_functional import Merge, X, Y, two_towers


def doubled(layer: Any) -> Any:
    config = layer.get_config()
    if isinstance(layer, Dense) and layer.name == "shared":
        config["units"] *= 2
    return type(layer).from_config(config)


def test_layers_of_ones_own() -> None:
    a = Input((4,))
    shared = Dense(3, name="shared")
    model = Model(a, Dense(2, name="last")(shared(a)))
    other = clone_model(model, clone_function=doubled)
    assert [w.shape for w in other.weights] == [(4, 6), (6,), (6, 2), (2,)]
    assert other.input is not model.input


def test_nested_models() -> None:
    model = two_towers()
    seen: list[str] = []

    def note(layer: Any) -> Any:
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    clone_model(model, clone_function=note)
    assert seen == ["shared", "both"]
    seen.clear()
    other = clone_model(model, clone_function=note, recursive=True)
    assert sorted(seen) == ["both", "deep", "middle", "shared", "top"]
    other.set_weights(model.get_weights())
    for one, two in zip(model.predict([X, Y]), other.predict([X, Y]), strict=True):
        np.testing.assert_array_equal(one, two)


def test_input_tensors() -> None:
    model = two_towers()
    new = {"a": Input((4,), name="left"), "b": Input((4,), name="right")}
    other = clone_model(model, input_tensors=new)
    assert other.input_names == ["left", "right"]
    stack = Sequential([Dense(3, input_dim=4), Dense(2)])
    tensor = Input((4,), name="new")
    copied = clone_model(stack, input_tensors=tensor)
    assert isinstance(copied, Sequential)
    assert copied.input is tensor
    assert copied.count_params() == stack.count_params()


def test_calls_of_ones_own() -> None:
    a = Input((200,))
    model = Model(a, Dropout(0.5)(a))

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return layer(*args, **{**kwargs, "training": True})

    assert (clone_model(model, call_function=call).predict(np.ones((2, 200))) == 0).any()


def test_refusals() -> None:
    with pytest.raises(ConfigurationError, match="no graph between tensors"):
        clone_model(Merge(), clone_function=doubled)
    with pytest.raises(ConfigurationError, match="must return a layer"):
        clone_model(two_towers(), clone_function=lambda layer: None)
