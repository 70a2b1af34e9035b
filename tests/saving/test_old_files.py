"""Files of Keras 1.2.2 and of Keras 2.1.6 on Theano, which tests/golden/make_old_files.py wrote."""

import json
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pyframe import layers, saving
from pyframe.models import Sequential, load_model
from tests.saving.test_wild_files import entry, old_file

FILES = Path(__file__).resolve().parents[1] / "golden" / "files"
OLD = sorted(path for folder in ("keras1", "theano") for path in (FILES / folder).glob("*.h5"))


def load(path: Path) -> Any:
    with warnings.catch_warnings():
        # The optimizer's state is not in an order that can be known.
        warnings.filterwarnings("ignore", "Keras 1 sorted the optimizer's state")
        return load_model(path)


def run(path: Path) -> tuple[Any, list[Any]]:
    """Inputs and outputs of the model in a file."""
    runs = np.load(path.parent / "runs.npz")
    x = [runs[key] for key in runs if key.startswith(f"{path.stem}/x")]
    y = [runs[key] for key in runs if key.startswith(f"{path.stem}/y")]
    return x if len(x) > 1 else x[0], y


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_old_models_predict_what_they_did(path: Path) -> None:
    x, y = run(path)
    model = load(path)
    assert model.compiled
    found = model.predict(x, verbose=0)
    for own, old in zip(found if len(y) > 1 else [found], y, strict=True):
        np.testing.assert_allclose(own, old, 1e-5, 1e-6)


def test_there_are_old_files() -> None:
    assert [path.stem for path in OLD] == [
        "branches", "graph", "images", "nested", "recurrent", "sequence", "flipped",
    ]  # fmt: skip


def test_arguments_of_keras_1() -> None:
    model = load(FILES / "keras1" / "images.h5")
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[:7] == [
        "ZeroPadding2D", "Conv2D", "BatchNormalization", "MaxPooling2D", "SeparableConv2D",
        "UpSampling2D", "Conv2D",
    ]  # fmt: skip
    conv, norm = model.layers[1:3]
    assert (conv.strides, conv.kernel_size, conv.padding) == ((2, 1), (3, 2), "same")
    assert conv.kernel_regularizer.get_config()["l2"] == pytest.approx(0.01)
    assert conv.kernel_constraint.get_config() == {"max_value": 3, "axis": 0}
    assert type(conv.kernel_initializer).__name__ == "HeNormal"
    assert (norm.epsilon, norm.momentum) == (0.01, 0.9)
    assert model.layers[6].dilation_rate == (2, 2)
    rates = [layer.rate for layer in model.layers if hasattr(layer, "rate")]
    assert rates == [0.3, 0.2]
    dense = model.get_layer("dense_1")
    assert dense.activation.__name__ == "hard_sigmoid_keras2"
    assert not model.get_layer("dense_2").use_bias


def test_weights_alone_by_order_and_by_name() -> None:
    path = FILES / "keras1" / "sequence.h5"
    model = load(path)
    other = Sequential.from_config(model.get_config())
    assert len(other.load_weights(path).loaded) == 5
    for own, old in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(own, old)
    assert len(other.load_weights(path, by_name=True).loaded) == 5


def keras1(name: str, /, **arguments: Any) -> Any:
    """A Keras 1 model of one layer, from its JSON text."""
    first = entry(name, name="x", batch_input_shape=[None, 8, 8, 2], **arguments)
    config = {"class_name": "Sequential", "config": [first], "keras_version": "1.2.2"}
    return saving.model_from_json(json.dumps(config))


CONV = {"nb_filter": 2, "nb_row": 3, "nb_col": 3, "border_mode": "valid"}


@pytest.mark.parametrize(
    ("name", "arguments", "error", "text"),
    [
        ("Convolution2D", {**CONV, "dim_ordering": "th"}, saving.ModelFormatError, "Theano"),
        ("BatchNormalization", {"mode": 1}, saving.ModelFormatError, "mode=1, which is no more"),
        ("Merge", {"mode": "cos"}, saving.ModelFormatError, "mode='cos'"),
        ("Merge", {"mode": "x", "mode_type": "lambda"}, saving.UnsafeModelError, "custom_objects"),
        ("MaxoutDense", {"output_dim": 3}, saving.ModelFormatError, "Unknown layer class"),
        ("Merge", {"mode": "sum", "layers": []}, saving.ModelFormatError, "branches"),
        ("Merge", {"mode": "sum", "layers": [3]}, saving.ModelFormatError, "branches"),
    ],
)
def test_what_keras_1_had_alone(name: str, arguments: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        keras1(name, **arguments)


def test_padding_of_keras_1() -> None:
    sides = {"top_pad": 1, "bottom_pad": 2, "left_pad": 3}
    assert keras1("ZeroPadding2D", padding=sides).output_shape == (None, 11, 11, 2)
    assert keras1("ZeroPadding2D", padding=[1, 2, 3, 0]).output_shape == (None, 11, 11, 2)
    model = keras1("Convolution2D", **CONV, dim_ordering="tf", atrous_rate=[2, 1])
    assert model.output_shape == (None, 4, 6, 2)


def test_kernels_in_the_order_of_theano_are_named(tmp_path: Path) -> None:
    weights = {"c": {"c_W": np.ones((4, 2, 3, 3), "f4"), "c_b": np.ones(4, "f4")}}
    path = old_file(tmp_path / "w.h5", {}, weights, "1.2.2")
    model = Sequential([layers.Input((8, 8, 2)), layers.Conv2D(4, 3, name="c")])
    with pytest.raises(saving.ModelFormatError, match="the order of Theano"):
        model.load_weights(path)


@pytest.mark.parametrize("length", [3, 4])
def test_kernels_of_sequences_before_1_2(tmp_path: Path, length: int) -> None:
    kernel = np.random.default_rng(0).normal(size=(length, 2, 4)).astype("f4")
    old = kernel.transpose(2, 1, 0)[..., np.newaxis]
    path = old_file(tmp_path / "w.h5", {}, {"c": {"c_W": old, "c_b": np.ones(4, "f4")}}, "1.0.8")
    model = Sequential([layers.Input((8, 2)), layers.Conv1D(4, length, name="c")])
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


def test_transposed_kernels_of_keras_1_have_inputs_first(tmp_path: Path) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 2)).astype("f4")
    old = {"c": {"c_W": kernel.swapaxes(2, 3), "c_b": np.ones(2, "f4")}}
    model = Sequential([layers.Input((8, 8, 2)), layers.Conv2DTranspose(2, 3, name="c")])
    model.load_weights(old_file(tmp_path / "w.h5", {}, old, "1.2.2"))
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


def test_state_of_optimizers_without_a_counter(tmp_path: Path) -> None:
    """RMSprop of Keras before 2.2 does not save how many steps it made."""
    model = load(FILES / "theano" / "flipped.h5")
    with h5py.File(FILES / "theano" / "flipped.h5") as h5:
        stored = h5["optimizer_weights"]
        names = list(stored.attrs["weight_names"])
        assert len(names) == len(model.trainable_weights)
        slots = [v for v in model.optimizer.variables if v.shape != ()]
        for name, slot in zip(names, slots, strict=True):
            np.testing.assert_array_equal(slot.numpy(), stored[name][()])
