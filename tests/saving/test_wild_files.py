"""Files from the wild: old versions, odd names, parts that are unknown here."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import pyframe
from pyframe import activations, saving
from pyframe.layers import Activation, BatchNormalization, Conv2D, Dense, Flatten, Input, Layer
from pyframe.models import Model, Sequential, load_model
from tests.saving.helpers import check_wild_file, equal, small_data, small_model, trained_model

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def old_file(path: Path, config: Any, layers: dict[str, dict[str, Any]], version: str) -> Path:
    """Writes an .h5 file as Keras 1 and 2 did."""
    with h5py.File(path, "w") as h5:
        h5.attrs["model_config"] = json.dumps(config).encode()
        h5.attrs["keras_version"] = version.encode()
        group = h5.create_group("model_weights")
        group.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for name, weights in layers.items():
            one = group.create_group(name)
            one.attrs["weight_names"] = np.array([key.encode() for key in weights], "S40")
            for key, value in weights.items():
                one[key] = value
    return path


def entry(name: str, /, **config: Any) -> dict[str, Any]:
    return {"class_name": name, "config": config}


def dense_file(path: Path, version: str, **config: Any) -> tuple[Path, Any, Any]:
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(4, 3)).astype("f4"), rng.normal(size=3).astype("f4")
    first = entry("Dense", name="d", units=3, batch_input_shape=[None, 4], **config)
    weights = {"d": {"d/kernel:0": kernel, "d/bias:0": bias}}
    return (
        old_file(path, entry("Sequential", name="s", layers=[first]), weights, version),
        kernel,
        bias,
    )


def test_a_first_layer_with_batch_input_shape_and_without_an_input(tmp_path: Path) -> None:
    path, kernel, bias = dense_file(
        tmp_path / "m.h5", "2.2.4", dtype="float32", activation="linear"
    )
    model = load_model(path)
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ kernel + bias, rtol=1e-5)
    assert not model.compiled


@pytest.mark.parametrize(("version", "slope"), [("2.1.6", 0.2), ("3.15.1", 1 / 6)])
def test_hard_sigmoid_by_version(tmp_path: Path, version: str, slope: float) -> None:
    path, kernel, bias = dense_file(tmp_path / "m.h5", version, activation="hard_sigmoid")
    z = X @ kernel + bias
    found = load_model(path).predict(X, verbose=0)
    np.testing.assert_allclose(found, np.clip(slope * z + 0.5, 0, 1), rtol=1e-5, atol=1e-6)
    assert activations.get("hard_sigmoid") is activations.hard_sigmoid


def test_a_list_of_layers_as_configuration(tmp_path: Path) -> None:
    first = entry("Dense", name="d", units=2, batch_input_shape=[None, 4])
    weights = {"d": {"d_W": np.ones((4, 2), "f4"), "d_b": np.zeros(2, "f4")}}
    path = old_file(tmp_path / "m.h5", entry("Sequential"), weights, "2.0.8")
    with h5py.File(path, "r+") as h5:
        h5.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": [first]})
    model = load_model(path)
    np.testing.assert_allclose(
        model.predict(X, verbose=0)[:, 0], X.sum(axis=1), rtol=1e-5, atol=1e-6
    )


def test_groups_where_the_layer_has_none() -> None:
    config = entry("MaxPooling2D", name="p", groups=1, pool_size=[2, 2])
    assert pyframe.layers.deserialize(config).pool_size == (2, 2)
    with pytest.raises(pyframe.errors.ConfigurationError, match="no argument `groups`"):
        pyframe.layers.deserialize(entry("MaxPooling2D", groups=2))


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "w.h5"])
def test_slashes_in_names(tmp_path: Path, name: str) -> None:
    def make() -> Any:
        return Sequential(
            [Dense(3, input_dim=4, name="a/b"), Dense(2, name="a"), Dense(2, name="c/d/e")]
        )

    model = make()
    whole = name.startswith("m.") and "weights" not in name
    (model.save if whole else model.save_weights)(tmp_path / name)
    other = load_model(tmp_path / name) if whole else make()
    other.load_weights(tmp_path / name)
    assert equal(other.get_weights(), model.get_weights())
    assert [layer.name for layer in other.layers] == ["a/b", "a", "c/d/e"]


def nested(frozen: bool) -> Any:
    inputs = Input((6, 6, 2))
    x = BatchNormalization(name="b1")(Conv2D(2, 3, name="c1")(inputs))
    x = BatchNormalization(name="b2")(Conv2D(2, 3, name="c2")(x))
    base = Model(inputs, x, name="base")
    base.trainable = not frozen
    return Sequential([Input((6, 6, 2)), base, Flatten(), Dense(2, name="top")])


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("loaded", [True, False])
def test_a_nested_model_whose_layers_are_frozen_or_not(
    tmp_path: Path, saved: bool, loaded: bool
) -> None:
    model, other = nested(saved), nested(loaded)
    rng = np.random.default_rng(2)
    model.set_weights([rng.uniform(size=w.shape) for w in model.weights])
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as h5:
        names = list(h5["base"].attrs["weight_names"])
    # Keras writes what is trained first: the order in the file depends on what was frozen.
    assert names[2:4] == ["b1/gamma", "b1/beta"]
    assert (names[4] == "b1/moving_mean") == saved
    other.load_weights(tmp_path / "w.h5")
    assert equal(other.get_weights(), model.get_weights())
    assert len(other.load_weights(tmp_path / "w.h5", by_name=True).loaded) == 14


def cubic(y_true: Any, y_pred: Any) -> Any:
    return pyframe.ops.mean(pyframe.ops.absolute(y_true - y_pred) ** 3.0, axis=-1)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_an_unknown_loss_does_not_keep_the_weights_back(tmp_path: Path, name: str) -> None:
    model = small_model(loss=cubic, metrics=[])
    model.save(tmp_path / name)
    with pytest.warns(UserWarning, match=r"not compiled, call model\.compile.*cubic"):
        found = load_model(tmp_path / name)
    assert equal(found.get_weights(), model.get_weights())
    assert not found.compiled
    again = load_model(tmp_path / name, custom_objects={"cubic": cubic})
    assert again.evaluate(*small_data(), verbose=0) == model.evaluate(*small_data(), verbose=0)


def test_other_optimizers_state(tmp_path: Path) -> None:
    trained_model().save_weights(tmp_path / "w.weights.h5")
    other = small_model(optimizer="sgd")
    other.load_weights(tmp_path / "w.weights.h5")
    assert int(other.optimizer.iterations) == 0
    amsgrad = small_model(optimizer=pyframe.optimizers.Adam(amsgrad=True))
    with pytest.warns(UserWarning, match="state of the optimizer is not restored"):
        amsgrad.load_weights(tmp_path / "w.weights.h5")


@pytest.mark.parametrize("blocks", [True, False])
def test_optimizers_of_keras_before_2_11(tmp_path: Path, blocks: bool) -> None:
    model = small_model()
    model.optimizer.build_for(model.trainable_weights)
    model.save(tmp_path / "m.h5")
    slots = [v for v in model.optimizer.variables if v.shape != ()]
    values = [np.full(v.shape, i, "f4") for i, v in enumerate(slots)]
    order = [*range(0, 8, 2), *range(1, 8, 2)] if blocks else range(8)
    names = ["Adam/iter:0" if blocks else "iteration:0", *(f"Adam/x/s{i}:0" for i in order)]
    with h5py.File(tmp_path / "m.h5", "r+") as h5:
        del h5["optimizer_weights"]
        group = h5.create_group("optimizer_weights")
        group.attrs["weight_names"] = [name.encode() for name in names]
        group[names[0]] = np.int64(7)
        for name, i in zip(names[1:], order, strict=True):
            group[name] = values[i]
    found = load_model(tmp_path / "m.h5").optimizer
    assert int(found.iterations) == 7
    assert float(found.learning_rate) == float(model.optimizer.learning_rate)
    assert equal([v.numpy() for v in found.variables if v.shape != ()], values)


def test_registered_classes_are_found(tmp_path: Path) -> None:
    @saving.register_keras_serializable("mine")
    class Twice(Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2.0

    model = Sequential([Input((4,)), Twice(), Activation("relu"), Dense(2)])
    model.save(tmp_path / "m.keras")
    found = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(found.predict(X, verbose=0), model.predict(X, verbose=0))
    assert json.loads(model.to_json())["config"]["layers"][1]["registered_name"] == "mine>Twice"


def test_json_of_models_is_compiled_as_the_model_was() -> None:
    model = small_model()
    again = saving.model_from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert again.compiled
    assert again.count_params() == model.count_params()


def test_long_lists_of_names_are_split(tmp_path: Path) -> None:
    layers = [Dense(1, input_dim=1, name="n" * 180 + str(i)) for i in range(400)]
    model = Sequential(layers)
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as h5:
        assert "layer_names0" in h5.attrs
        assert "layer_names" not in h5.attrs
    other = Sequential([Dense(1, input_dim=1) for _ in range(400)])
    assert len(other.load_weights(tmp_path / "w.h5").loaded) == 800
    assert equal(other.get_weights(), model.get_weights())


@pytest.mark.parametrize("name", ["wild.h5", "wild.keras"])
def test_a_file_of_keras_2_with_all_that_is_odd(name: str) -> None:
    folder = Path(__file__).resolve().parents[1] / "golden" / "files" / "keras2"
    check_wild_file(folder / name, folder / "wild.npz")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (entry("SpatialDropout2D", rate=0.5, noise_shape=None, seed=None), (None, 4, 4, 2)),
        (entry("RandomFlip", mode="horizontal", rng_type="stateless"), (None, 4, 4, 2)),
        (entry("LayerNormalization", axis=[3], rms_scaling=False), (None, 4, 4, 2)),
        (entry("ThresholdedReLU", theta=0.5), (None, 4, 4, 2)),
        (
            entry(
                "SeparableConv2D", filters=3, kernel_size=[2, 2], groups=1, kernel_constraint=None,
                kernel_initializer=entry("GlorotUniform", seed=None), kernel_regularizer=None,
            ),
            (None, 3, 3, 3),
        ),
    ],
)  # fmt: skip
def test_arguments_that_only_older_versions_write(layer: Any, shape: Any) -> None:
    first = entry("InputLayer", batch_input_shape=[None, 4, 4, 2], dtype="float32")
    config = {"class_name": "Sequential", "config": {"layers": [first, layer]}}
    model = saving.model_from_json(json.dumps({**config, "keras_version": "2.15.0"}))
    assert model.output_shape == shape
    if layer["class_name"] == "ThresholdedReLU":
        x = np.full((1, 4, 4, 2), 0.4, "f4")
        x[0, 0] = 0.6
        np.testing.assert_array_equal(model.predict(x, verbose=0), np.where(x > 0.5, x, 0))
