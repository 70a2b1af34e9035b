"""Recurrent layers in files of old versions of Keras."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe import layers
from pyframe.layers import GRU, LSTM, Bidirectional, Dense, Input
from pyframe.models import Sequential, load_model
from tests.saving.helpers import equal
from tests.saving.test_wild_files import entry, old_file

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 4)).astype("f4")


def drawn(layer: Any) -> list[Any]:
    return [RNG.normal(size=w.shape).astype("f4") for w in layer.weights]


def stored(weights: list[Any]) -> dict[str, Any]:
    return {f"{i:02d}:0": value for i, value in enumerate(weights)}


def test_an_lstm_of_keras_2(tmp_path: Path) -> None:
    """With time_major, batch_input_shape and a hard sigmoid of that time."""
    expected = Sequential(
        [Input((None, 4)), LSTM(3, recurrent_activation="hard_sigmoid_keras2"), Dense(2)]
    )
    expected.set_weights([w for layer in expected.layers for w in drawn(layer)])
    config = [
        entry(
            "LSTM", name="l", units=3, time_major=False, batch_input_shape=[None, None, 4],
            activation="tanh", recurrent_activation="hard_sigmoid", implementation=1, unroll=False,
            return_sequences=False, unit_forget_bias=True, dtype="float32",
        ),
        entry("Dense", name="d", units=2),
    ]  # fmt: skip
    weights = {
        name: stored(layer.get_weights()) for name, layer in zip("ld", expected.layers, strict=True)
    }
    path = old_file(tmp_path / "m.h5", entry("Sequential", layers=config), weights, "2.2.4")
    found = load_model(path)
    np.testing.assert_array_equal(found.predict(X, verbose=0), expected.predict(X, verbose=0))


@pytest.mark.parametrize(("given", "shape"), [({}, (9,)), ({"reset_after": True}, (2, 9))])
def test_a_gru_of_before_there_was_a_choice(
    tmp_path: Path, given: dict[str, Any], shape: tuple[int, ...]
) -> None:
    config = [entry("GRU", name="g", units=3, batch_input_shape=[None, 5, 4], **given)]
    weights = {"g": stored([RNG.normal(size=s).astype("f4") for s in ((4, 9), (3, 9), shape)])}
    path = old_file(tmp_path / "m.h5", entry("Sequential", layers=config), weights, "2.1.3")
    model = load_model(path)
    assert model.layers[0].reset_after == (len(shape) == 2)
    assert equal(model.get_weights(), list(weights["g"].values()))


@pytest.mark.parametrize(("kind", "order"), [(LSTM, (0, 2, 1, 3)), (GRU, (0, 1, 2))])
def test_arrays_of_each_gate_of_keras_1(tmp_path: Path, kind: Any, order: Any) -> None:
    options: dict[str, Any] = {} if kind is LSTM else {"reset_after": False}
    model = Sequential([Input((5, 4)), kind(3, **options), Dense(1)])
    rnn, dense = model.layers
    weights, gates = drawn(rnn), len(order)
    parts = [np.split(w, gates, axis=-1) for w in weights]
    old = [parts[i][g] for g in order for i in range(3)]
    layers_of_file = {"rnn": stored(old), "dense": stored(drawn(dense))}
    path = old_file(tmp_path / "w.h5", {}, layers_of_file, "1.2.2")
    model.load_weights(path)
    assert equal(rnn.get_weights(), weights)


def as_cudnn(weights: list[Any], gates: int) -> list[Any]:
    """What Keras 2 describes: (units, inputs) in memory, U transposed, biases of both sides."""
    kernel, recurrent, bias = weights
    kernels = [k.T.reshape(k.shape) for k in np.hsplit(kernel, gates)]
    recurrents = [u.T for u in np.hsplit(recurrent, gates)]
    half = bias / 2
    biases = np.concatenate([half, half]) if gates == 4 else bias.reshape(-1)
    return [np.hstack(kernels), np.hstack(recurrents), biases]


@pytest.mark.parametrize(("kind", "gates"), [("CuDNNLSTM", 4), ("CuDNNGRU", 3)])
@pytest.mark.parametrize("both", [False, True])
def test_layers_for_graphics_cards(tmp_path: Path, kind: str, gates: int, both: bool) -> None:
    expected: Any = getattr(layers, kind)(3, return_sequences=True)
    expected = Bidirectional(expected) if both else expected
    expected(X)
    weights = drawn(expected)
    expected.set_weights(weights)
    halves = [weights[i : i + 3] for i in range(0, len(weights), 3)]
    config = entry(kind, name="r", units=3, return_sequences=True)
    if both:
        config = entry("Bidirectional", name="b", layer=config, merge_mode="concat")
    config["config"]["batch_input_shape"] = [None, 5, 4]
    old = stored([w for half in halves for w in as_cudnn(half, gates)])
    path = old_file(tmp_path / "m.h5", entry("Sequential", layers=[config]), {"r": old}, "2.2.4")
    found = load_model(path)
    np.testing.assert_allclose(found.predict(X, verbose=0), expected(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "w.h5"])
def test_what_pyframe_writes_it_reads(tmp_path: Path, name: str) -> None:
    def make() -> Any:
        return Sequential(
            [
                layers.Embedding(9, 4, mask_zero=True, input_length=5),
                Bidirectional(LSTM(3, return_sequences=True), merge_mode="sum"),
                layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)], return_sequences=True),
                layers.TimeDistributed(Dense(2)),
            ]
        )

    model = make()
    whole = name.startswith("m.") and "weights" not in name
    (model.save if whole else model.save_weights)(tmp_path / name)
    other = load_model(tmp_path / name) if whole else make()
    other.load_weights(tmp_path / name)
    assert equal(other.get_weights(), model.get_weights())
    ids = RNG.integers(0, 9, (3, 5))
    np.testing.assert_array_equal(other.predict(ids, verbose=0), model.predict(ids, verbose=0))
