"""Recurrent layers beyond what the comparison with Keras (tests/oracle) shows."""

from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import layers, ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Embedding,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)
from pyframe.models import Model, Sequential

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5, 3))
MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])


class MinimalCell(Layer):
    """h = tanh(x + h) of as many units as there are features; takes `training`."""

    state_size = 3

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        output = ops.tanh(inputs + states[0])
        return output, [output]


def same_as_minimal(**options: Any) -> SimpleRNN:
    layer = SimpleRNN(3, dtype="float64", **options)
    layer.build((None, None, 3))
    layer.set_weights([np.eye(3), np.eye(3), np.zeros(3)])
    return layer


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "return_state": True},
        {"return_sequences": True, "go_backwards": True},
        {"return_sequences": True, "zero_output_for_mask": True},
    ],
)
@pytest.mark.parametrize("mask", [None, MASK])
def test_a_cell_of_ones_own_is_called_step_by_step(options: dict[str, Any], mask: Any) -> None:
    own = RNN(MinimalCell(dtype="float64"), dtype="float64", **options)
    built_in = same_as_minimal(**options)
    start = [RNG.normal(size=(4, 3))]
    for state in (None, start):
        found, expected = (
            ops.trace_function(
                lambda x, layer=layer, state=state: layer(x, initial_state=state, mask=mask),
                [X.shape],
                ["float64"],
            )[0](X)
            for layer in (own, built_in)
        )
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_one_step_of_a_cell_is_a_step_of_the_layer() -> None:
    layer: Any
    for layer in (LSTM(2, dtype="float64", return_state=True), GRU(2, return_state=True)):
        output, *states = layer(X[:, :1])
        zeros = [np.zeros((4, 2)) for _ in states]
        found, after = layer.cell(X[:, 0], zeros)
        np.testing.assert_allclose(found, output, rtol=1e-6)
        for a, b in zip(after, states, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_stateful_layer_goes_on_where_it_stopped() -> None:
    def make(stateful: bool, steps: int) -> Any:
        return Sequential(
            [
                Input(batch_shape=(4, steps, 3)),
                LSTM(3, return_sequences=True, stateful=stateful),
                GRU(2, return_sequences=True, stateful=stateful),
            ]
        )

    whole, parts = make(False, 6), make(True, 3)
    parts.set_weights(whole.get_weights())
    x = RNG.normal(size=(4, 6, 3)).astype("f4")
    expected = whole.predict(x, verbose=0)
    halves = [parts.predict(x[:, i : i + 3], batch_size=4, verbose=0) for i in (0, 3)]
    np.testing.assert_allclose(np.concatenate(halves, 1), expected, rtol=1e-5, atol=1e-6)
    parts.reset_states()
    again = parts.predict(x[:, :3], batch_size=4, verbose=0)
    np.testing.assert_array_equal(again, halves[0])
    with pytest.raises(ValueError, match="batches of one size"):
        parts.predict(x[:3, :3], batch_size=4, verbose=0)


def test_a_stateful_layer_needs_the_batch_size() -> None:
    with pytest.raises(ShapeError, match="needs to know the batch size"):
        Sequential([Input((5, 3)), LSTM(2, stateful=True)])
    first = LSTM(2, stateful=True, batch_input_shape=(4, None, 3))
    assert Sequential([first]).predict(X, batch_size=4, verbose=0).shape == (4, 2)
    both = Bidirectional(LSTM(2, stateful=True))
    assert Sequential([Input((5, 3), batch_size=4), both]).predict(X, verbose=0).shape == (4, 4)
    assert both.forward_layer.states is not None
    both.reset_states()
    assert not np.any(both.forward_layer.states[0].numpy())


def test_states_are_also_carried_while_training() -> None:
    model = Sequential([Input(batch_shape=(4, 5, 3)), LSTM(3, stateful=True), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((4, 1)), batch_size=4, shuffle=False, verbose=0)
    assert model.layers[0].states is not None
    assert np.any(model.layers[0].states[0].numpy())


@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
def test_dropout_is_the_same_in_all_steps(kind: Any) -> None:
    """With a kernel that shows the inputs, and a recurrent kernel of zeros."""
    layer = kind(6, dropout=0.5, return_sequences=True, activation="linear", seed=3, use_bias=False)
    layer.build((None, 5, 6))
    kernel, recurrent = layer.get_weights()
    kernel[:] = np.tile(np.eye(6), kernel.shape[1] // 6)
    layer.set_weights([kernel, recurrent * 0])
    y = layer(np.ones((50, 5, 6)), training=True)
    dropped = y == 0
    assert 0.35 < dropped.mean() < 0.65
    np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 5, 1))
    assert np.count_nonzero(layer(np.ones((50, 5, 6)))) == 50 * 5 * 6


def test_recurrent_dropout_differs_between_gates() -> None:
    layer = LSTM(4, recurrent_dropout=0.5, seed=1)
    layer.build((None, 1, 4))
    h = np.ones((200, 4))
    kernel, recurrent, bias = layer.get_weights()
    # Only the candidate sees the state in front: the output shows its mask.
    recurrent[:] = 0
    recurrent[:, 8:12] = np.eye(4)
    layer.set_weights([kernel * 0, recurrent, bias * 0])
    y = layer(np.zeros((200, 1, 4)), initial_state=[h, h * 0], training=True)
    assert 0.4 < np.mean(y == 0) < 0.6
    again = layer(np.zeros((200, 1, 4)), initial_state=[h, h * 0], training=True)
    assert not np.array_equal(y == 0, again == 0)
    full = layer(np.zeros((200, 1, 4)), initial_state=[h, h * 0])
    assert np.all(full != 0)


@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
def test_training_with_dropout_learns(kind: Any) -> None:
    pyframe.utils.set_random_seed(1)
    x = np.random.default_rng(1).normal(size=(64, 6, 2)).astype("f4")
    y = (x[:, :, :1].mean(axis=1) > 0).astype("f4")
    model = Sequential([Input((6, 2)), kind(8, dropout=0.1, recurrent_dropout=0.1), Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(x, y, epochs=25, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_masks_end_where_a_layer_does_not_use_them() -> None:
    inputs = Input((5,), dtype="int32")
    x = Embedding(7, 3, mask_zero=True)(inputs)
    model = Model(inputs, layers.Flatten()(x))
    with pytest.warns(UserWarning, match="Flatten 'flatten.*' was given an input with a mask"):
        model.predict(np.ones((2, 5), "int32"), verbose=0)


def test_a_layer_of_ones_own_passes_masks_on() -> None:
    class Half(Layer):
        def call(self, inputs: Any, mask: Any = None) -> Any:
            self.saw = mask is not None
            return inputs * 0.5

        def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
            return previous_mask

    half = Half()
    model = Sequential([Input((5, 3)), Masking(), half, LSTM(2)])
    x = X.copy()
    x[:, 3:] = 0
    cut = Sequential([Input((3, 3)), model.layers[2]])
    np.testing.assert_allclose(
        model.predict(x, verbose=0), cut.predict(x[:, :3] / 2, verbose=0), rtol=1e-5, atol=1e-6
    )
    assert half.saw


def test_masks_are_used_together_with_initial_states() -> None:
    inputs, h, c = Input((5, 3)), Input((2,)), Input((2,))
    lstm = LSTM(2)
    masked = Model([inputs, h, c], lstm(Masking()(inputs), initial_state=[h, c]))
    short = Input((3, 3))
    cut = Model([short, h, c], lstm([short, h, c]))
    x = X.astype("f4")
    x[:, 3:] = 0
    start = [RNG.normal(size=(4, 2)).astype("f4") for _ in range(2)]
    np.testing.assert_allclose(
        masked.predict([x, *start], verbose=0),
        cut.predict([x[:, :3], *start], verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_time_distributed_takes_any_number_of_steps() -> None:
    layer = TimeDistributed(layers.Conv2D(2, 2))
    model = Sequential([Input((None, 4, 4, 3)), layer])
    for steps in (1, 3):
        x = RNG.normal(size=(2, steps, 4, 4, 3)).astype("f4")
        y = model.predict(x, verbose=0)
        np.testing.assert_allclose(y[:, 0], layer.layer(x[:, 0]), rtol=1e-5, atol=1e-6)
        assert y.shape == (2, steps, 3, 3, 2)


def test_sequences_of_any_length() -> None:
    model = Sequential([Input((None, 3)), Bidirectional(LSTM(4, return_sequences=True)), GRU(2)])
    assert model.predict(X, verbose=0).shape == (4, 2)
    assert model.predict(X[:, :2], verbose=0).shape == (4, 2)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LSTM(0), "units"),
        (lambda: LSTM(3, activation="gelu"), "must be one of tanh, sigmoid"),
        (lambda: GRU(3, recurrent_activation=lambda x: x), "recurrent_activation"),
        (lambda: LSTM(3, dropout=1.5), "dropout"),
        (lambda: LSTM(3, return_sequence=True), "no argument `return_sequence`"),
        (lambda: SimpleRNN(3, time_major=True), "time_major"),
        (lambda: RNN(Dense(3)), "state_size"),
        (lambda: StackedRNNCells([Dense(3)]), "LSTMCell"),
        (lambda: Bidirectional(Dense(3)), "recurrent"),
        (lambda: Bidirectional(LSTM(3), merge_mode="add"), "merge_mode"),
        (lambda: Bidirectional(LSTM(3), backward_layer=LSTM(3)), "go_backwards"),
        (lambda: TimeDistributed(3), "layer"),
    ],
)
def test_refused_arguments(make: Any, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        make()


def test_refused_inputs() -> None:
    with pytest.raises(ShapeError, match="3 dimensions"):
        LSTM(2)(np.zeros((4, 3)))
    with pytest.raises(ShapeError, match="2 states, `initial_state` holds 1"):
        LSTM(2)(X, initial_state=[np.zeros((4, 2))])
    with pytest.raises(ShapeError, match="at least 3 dimensions"):
        TimeDistributed(Dense(2))(np.zeros((4, 3)))
    with pytest.raises(ShapeError, match="number of steps"):
        Sequential([Input((None, 3)), RNN(MinimalCell())])


def test_arguments_of_older_versions() -> None:
    layer: Any = LSTM(3, input_dim=2, input_length=4, implementation=1, time_major=False)
    assert Sequential([layer]).output_shape == (None, 3)
    layer = layers.deserialize(
        {"class_name": "GRU", "config": {"units": 3, "time_major": False, "implementation": 2}}
    )
    assert (layer.units, layer.reset_after, layer.cell.name) == (3, True, "gru_cell")


def test_configurations() -> None:
    both = Bidirectional(LSTM(2, return_sequences=True, name="a"), "sum", name="b")
    nested = TimeDistributed(Sequential([Input((3,)), Dense(2)]))
    cells = RNN([LSTMCell(2), GRUCell(3), SimpleRNNCell(2)], return_state=True)
    for layer in (both, nested, cells):
        again = layers.deserialize(layers.serialize(layer))
        x = X.astype("f4")
        layer(x), again(x)
        again.set_weights(layer.get_weights())
        found, expected = (pyframe.nest.flatten(m(x)) for m in (again, layer))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert [w.path for w in both.weights][::3] == [
        "b/forward_a/lstm_cell/kernel",
        "b/backward_a/lstm_cell/kernel",
    ]
