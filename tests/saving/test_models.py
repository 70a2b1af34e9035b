import tracemalloc
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
)
from pyframe.layers import Conv2D, Dense, Flatten, Input, Layer, MaxPooling2D
from pyframe.models import Model, Sequential, load_model, save_model
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
    save_model(model, str(tmp_path / "m.keras"))
    again = load_model(str(tmp_path / "m.keras"))
    assert equal(again.get_weights(), model.get_weights())
    assert float(again.optimizer.learning_rate) == 0.25
    assert again.optimizer.get_config()["momentum"] == 0.5
    x, y = np.ones((2, 8, 8, 1)), np.ones((2, 4))
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert not load_model(tmp_path / "m.keras", compile=False).compiled


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = trained_model()
    for name in "ab":
        model.save_weights(tmp_path / f"{name}.weights.h5")
        model.save(tmp_path / f"{name}.keras")
        model.save(tmp_path / f"{name}.h5")
    for ending in ("weights.h5", "h5"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
    assert len(list(tmp_path.iterdir())) == 6
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]


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
    path = tmp_path / "m.keras"
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
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", custom_objects={"Net": Net})
    assert again.units == 2
    assert equal(again.get_weights(), model.get_weights())


def test_weights_alone(tmp_path: Path) -> None:
    model, other = trained_model(), small_model()
    model.save_weights(tmp_path / "w.weights.h5")
    report = other.load_weights(tmp_path / "w.weights.h5")
    assert equal(other.get_weights(), model.get_weights())
    assert report.loaded == [w.path for w in other.weights]
    assert report.skipped == report.unexpected == []
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations) > 0
    model.save(tmp_path / "m.keras")
    third = small_model(optimizer="sgd")
    third.load_weights(tmp_path / "m.keras")
    assert equal(third.get_weights(), model.get_weights())
    with pytest.raises(ModelFormatError, match="no architecture"):
        load_model(tmp_path / "w.weights.h5")


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    trained_model().save_weights(tmp_path / "w.weights.h5")
    other = small_model(units=6)
    before = other.get_weights()
    with pytest.raises(ModelFormatError, match=r"shape \(4, 6\), but .* \(4, 5\)"):
        other.load_weights(tmp_path / "w.weights.h5")
    assert equal(other.get_weights(), before)
    report = other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    assert [p.split("/")[1] for p in report.loaded] == ["bias"]
    assert len(report.skipped) == 3
    stranger = Sequential([Conv2D(2, 3, input_shape=(5, 5, 1))])
    for options in ({"skip_mismatch": True}, {"by_name": True}):
        with pytest.raises(ModelFormatError, match=r"No weight of .* fits"):
            stranger.load_weights(tmp_path / "w.weights.h5", **options)
    with pytest.raises(ModelFormatError, match="is not in the file"):
        stranger.load_weights(tmp_path / "w.weights.h5")


def test_weights_by_name(tmp_path: Path) -> None:
    a = Sequential([Dense(3, input_dim=2, name="one"), Dense(4, name="two")])
    b = Sequential([Dense(3, input_dim=2, name="new"), Dense(4, name="two"), Dense(1, name="x")])
    a.save_weights(tmp_path / "w.weights.h5")
    report = b.load_weights(tmp_path / "w.weights.h5", by_name=True)
    assert report.loaded == ["two/kernel", "two/bias"]
    assert report.skipped == ["new/kernel", "new/bias", "x/kernel", "x/bias"]
    assert report.unexpected == ["one/0", "one/1"]


def test_bad_arguments(tmp_path: Path) -> None:
    model = small_model()
    for name in ("m", "m.weights.h5", "m.npz"):
        with pytest.raises(ConfigurationError, match=r"saved as.*filepath="):
            model.save(tmp_path / name)
    for name in ("w", "w.keras"):
        with pytest.raises(ConfigurationError, match=r"saved as.*filepath="):
            model.save_weights(tmp_path / name)
    with pytest.raises(ConfigurationError, match="`filepath` must be a path"):
        model.save(3)
    with pytest.raises(NotBuiltError, match="no weights yet"):
        Sequential([Dense(2)]).save(tmp_path / "m.keras")
    (tmp_path / "there.keras").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists; overwrite=True"):
        model.save(tmp_path / "there.keras", overwrite=False)
    assert (tmp_path / "there.keras").read_text() == "mine"
    with pytest.raises(CheckpointError, match="nowhere"):
        model.save(tmp_path / "nowhere" / "m.keras")
    with pytest.raises(CheckpointError, match="could not be read"):
        load_model(tmp_path / "nothing.keras")
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(CheckpointError, match="folder of that name"):
        model.save(tmp_path / "folder.h5")
    with pytest.raises(CheckpointError, match="SavedModel"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["w.weights.h5", "w.h5", "m.keras"])
def test_weights_are_read_straight_to_their_place(tmp_path: Path, name: str) -> None:
    model = Sequential([Dense(1024, input_dim=1024)])
    (model.save if name == "m.keras" else model.save_weights)(tmp_path / name)
    model.load_weights(tmp_path / name)
    tracemalloc.start()
    try:
        model.load_weights(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20, "the kernel alone has 4 MiB"
    finally:
        tracemalloc.stop()
