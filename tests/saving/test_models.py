import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import ops
from pyframe.errors import (
    CheckpointError,
    ConfigurationError,
    ModelFormatError,
    NotBuiltError,
    ResourceLimitError,
)
from pyframe.layers import Conv2D, Dense, Flatten, Input, Layer, MaxPooling2D
from pyframe.models import Model, Sequential, load_model, save_model
from pyframe.saving.records import read_record, write_record
from tests.saving.helpers import equal, small_data, small_model, trained_model


def test_a_model_comes_back_with_everything(tmp_path: Path) -> None:
    model = trained_model()
    path = tmp_path / "model.keras"
    model.save(path)
    again = load_model(path)
    x, y = small_data()
    assert again.to_json() == model.to_json()
    assert equal(again.get_weights(), model.get_weights())
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    states = [[v.numpy() for v in m.optimizer.variables] for m in (model, again)]
    assert equal(*states)
    assert len(states[0]) > 4
    for m in (model, again):
        m.fit(x, y, epochs=2, shuffle=False, verbose=0)
    assert equal(again.get_weights(), model.get_weights())


def test_convolutions_nested_models_and_options(tmp_path: Path) -> None:
    inner = Sequential([Flatten(input_shape=(3, 3, 2)), Dense(4, activation="tanh")])
    model = Sequential([Input((8, 8, 1)), Conv2D(2, 3), MaxPooling2D(2), inner])
    model.compile(
        pyframe.optimizers.SGD(0.25, momentum=0.5, nesterov=True),
        pyframe.losses.MeanSquaredError(),
        metrics=["mae"],
        loss_weights=2.0,
    )
    save_model(model, str(tmp_path / "m"))
    again = load_model(str(tmp_path / "m"))
    assert equal(again.get_weights(), model.get_weights())
    assert float(again.optimizer.learning_rate) == 0.25
    assert again.optimizer.get_config()["momentum"] == 0.5
    x, y = np.ones((2, 8, 8, 1)), np.ones((2, 4))
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert not load_model(tmp_path / "m", compile=False).compiled


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = trained_model()
    for name in "ab":
        model.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]
    with zipfile.ZipFile(tmp_path / "a") as archive:
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
    with np.load(tmp_path / "a") as arrays:
        np.testing.assert_array_equal(arrays["arrays/0"], model.get_weights()[0])


class Scale(Layer):
    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs: Any) -> Any:
        return inputs * self.gain * self.factor


class Net(Model):
    def __init__(self, units: int = 3) -> None:
        super().__init__()
        self.units = units
        self.last = Dense(units)

    def call(self, inputs: Any) -> Any:
        return self.last(inputs)


def cubic(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.absolute(y_true - y_pred) ** 3.0, axis=-1)


def test_own_classes_and_functions(tmp_path: Path) -> None:
    model = Sequential([Dense(4, input_dim=2), Scale(0.5)])
    model.compile("sgd", cubic)
    path = tmp_path / "m"
    model.save(path)
    with pytest.raises(ModelFormatError, match=r"Scale.*custom_objects"):
        load_model(path)
    again = load_model(path, custom_objects={"Scale": Scale, "cubic": cubic})
    assert again.layers[1].factor == 0.5
    x, y = np.ones((3, 2)), np.zeros((3, 4))
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    with pyframe.utils.custom_object_scope({"Scale": Scale, "cubic": cubic}):
        assert equal(load_model(path).get_weights(), model.get_weights())
    with pytest.warns(UserWarning, match="not compiled"):
        assert not load_model(path, custom_objects={"Scale": Scale}).compiled


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    model = Net(2)
    model.predict(np.ones((1, 4)), verbose=0)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m", custom_objects={"Net": Net})
    assert again.units == 2
    assert equal(again.get_weights(), model.get_weights())


def test_weights_alone(tmp_path: Path) -> None:
    model, other = trained_model(), small_model()
    model.save_weights(tmp_path / "w")
    report = other.load_weights(tmp_path / "w")
    assert equal(other.get_weights(), model.get_weights())
    assert report.loaded == [w.path for w in other.weights]
    assert report.skipped == report.unexpected == []
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations) > 0
    model.save(tmp_path / "m")
    third = small_model(optimizer="sgd")
    third.load_weights(tmp_path / "m")
    assert equal(third.get_weights(), model.get_weights())
    with pytest.raises(ModelFormatError, match="holds a 'weights'; a model is needed"):
        load_model(tmp_path / "w")


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    trained_model().save_weights(tmp_path / "w")
    other = small_model(units=6)
    before = other.get_weights()
    with pytest.raises(ModelFormatError, match=r"float32 \(4, 6\), but .* \(4, 5\)"):
        other.load_weights(tmp_path / "w")
    assert equal(other.get_weights(), before)
    report = other.load_weights(tmp_path / "w", skip_mismatch=True)
    assert [p.split("/")[1] for p in report.loaded] == ["bias"]
    assert len(report.skipped) == 3
    stranger = Sequential([Conv2D(2, 3, input_shape=(5, 5, 1))])
    for options in ({"skip_mismatch": True}, {"by_name": True}):
        with pytest.raises(ModelFormatError, match="No weight of the file fits"):
            stranger.load_weights(tmp_path / "w", **options)
    with pytest.raises(ModelFormatError, match="is not in the file"):
        stranger.load_weights(tmp_path / "w")


def test_weights_by_name(tmp_path: Path) -> None:
    a = Sequential([Dense(3, input_dim=2, name="one"), Dense(4, name="two")])
    b = Sequential([Dense(3, input_dim=2, name="new"), Dense(4, name="two"), Dense(1, name="x")])
    a.save_weights(tmp_path / "w")
    report = b.load_weights(tmp_path / "w", by_name=True)
    assert report.loaded == ["two/kernel", "two/bias"]
    assert report.skipped == ["new/kernel", "new/bias", "x/kernel", "x/bias"]
    assert report.unexpected == ["one/kernel", "one/bias"]


def test_bad_arguments(tmp_path: Path) -> None:
    model = small_model()
    for name in ("m.h5", "m.weights.H5", "m.hdf5"):
        for call in (model.save, model.save_weights, model.load_weights, load_model):
            with pytest.raises(ConfigurationError, match=r"HDF5.*filepath=.*Choose"):
                call(tmp_path / name)
    with pytest.raises(ConfigurationError, match="`filepath` must be a path"):
        model.save(3)
    with pytest.raises(NotBuiltError, match="no weights yet"):
        Sequential([Dense(2)]).save(tmp_path / "m")
    (tmp_path / "there").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists; overwrite=True"):
        model.save(tmp_path / "there", overwrite=False)
    assert (tmp_path / "there").read_text() == "mine"
    with pytest.raises(CheckpointError, match="nowhere"):
        model.save(tmp_path / "nowhere" / "m")
    with pytest.raises(CheckpointError, match="could not be read"):
        load_model(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="folder of that name"):
        model.save(tmp_path)


def test_a_configuration_cannot_ask_for_memory(tmp_path: Path) -> None:
    model = small_model()
    model.save(tmp_path / "m")
    record = read_record(tmp_path / "m", "model")
    data = record.load()
    data["model"]["config"]["layers"][1]["config"]["units"] = 1 << 40
    write_record(tmp_path / "bomb", "model", data)
    with pytest.raises(ResourceLimitError, match=r"only .* bytes more"):
        load_model(tmp_path / "bomb")


def damage(data: Any, kind: str) -> None:
    config = data["model"]["config"]
    if kind == "class":
        data["model"]["class_name"] = "os.system"
    elif kind == "layer":
        config["layers"][1]["class_name"] = "eval"
    elif kind == "argument":
        config["layers"][1]["config"]["no_such"] = 1
    elif kind == "units":
        config["layers"][1]["config"]["units"] = -5
    elif kind == "activation":
        config["layers"][1]["config"]["activation"] = "__import__"
    elif kind == "layers":
        config["layers"] = 3
    elif kind == "model":
        data["model"] = [1]
    elif kind == "weights":
        del data["weights"][0]
    elif kind == "twice":
        data["weights"].append(data["weights"][0])
    elif kind == "shape":
        data["weights"][0]["value"] = data["weights"][0]["value"].T
    elif kind == "dtype":
        data["weights"][0]["value"] = data["weights"][0]["value"].astype("int32")
    elif kind == "no weights":
        data["weights"] = None


@pytest.mark.parametrize(
    "kind",
    ["class", "layer", "argument", "units", "activation", "layers", "model", "weights", "twice",
     "shape", "dtype", "no weights"],
)  # fmt: skip
def test_contents_that_make_no_sense(tmp_path: Path, kind: str) -> None:
    small_model().save(tmp_path / "m")
    data = read_record(tmp_path / "m", "model").load()
    damage(data, kind)
    write_record(tmp_path / "bad", "model", data)
    with pytest.raises(ModelFormatError):
        load_model(tmp_path / "bad")
