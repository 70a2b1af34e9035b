"""Transfer learning as courses teach it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe.applications.mobilenet import MobileNet
from pyframe.applications.vgg16 import VGG16
from pyframe.layers import Dense, Flatten, GlobalAveragePooling2D
from pyframe.models import Sequential
from pyframe.optimizers import SGD, Adam


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for the file with ImageNet weights, of the same layers and format."""
    pyframe.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("weights") / "vgg16_notop.h5"
    VGG16(weights=None, include_top=False).save_weights(path)
    return path


def samples(n: int) -> tuple[Any, Any]:
    # Classes that differ in their colour.
    rng = np.random.default_rng(0)
    y = np.arange(n) % 10
    colours = np.stack([y % 2, y // 2 % 2, y / 9], axis=-1)
    x = 200 * colours[:, None, None] - 100 + rng.normal(0, 10, (n, 64, 64, 3))
    return x.astype("float32"), np.eye(10, dtype="float32")[y]


def test_the_programme_of_the_course(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patch_size = 64
    nb_classes = 10
    conv_base = VGG16(weights=weights, include_top=False, input_shape=(patch_size, patch_size, 3))
    model = Sequential()
    model.add(conv_base)
    model.add(Flatten())
    model.add(Dense(units=100, activation="relu"))
    model.add(Dense(nb_classes, activation="softmax"))
    conv_base.trainable = False
    model.summary(line_length=90)
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if "(None" in line]
    for row, parts in zip(
        rows,
        [
            ("vgg16 (Functional)", "(None, 2, 2, 512)", "14,714,688"),
            ("flatten", "(None, 2048)", " 0 "),
            ("dense", "(None, 100)", "204,900"),
            ("dense_1" if "dense_1" in text else "dense", "(None, 10)", "1,010"),
        ],
        strict=True,
    ):
        assert all(part in row for part in parts), (row, parts)
    for count in ("14,920,598", "205,910", "14,714,688"):
        assert count in text

    # The classifier alone: the base stays as it is.
    model.compile(Adam(1e-3), "categorical_crossentropy", metrics=["accuracy"])
    x, y = samples(20)
    base = conv_base.get_weights()
    history = model.fit(x, y, batch_size=10, epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert all(np.array_equal(a, b) for a, b in zip(base, conv_base.get_weights(), strict=True))

    # Fine-tuning: the last block too, with a small learning rate.
    conv_base.trainable = True
    for layer in conv_base.layers:
        layer.trainable = layer.name.startswith("block5")
    model.compile(SGD(1e-4, momentum=0.9), "categorical_crossentropy")
    model.fit(x, y, batch_size=10, epochs=1, verbose=0)
    moved = {
        weight.path.split("/")[-2]
        for weight, a, b in zip(conv_base.weights, base, conv_base.get_weights(), strict=True)
        if not np.array_equal(a, b)
    }
    assert moved == {"block5_conv1", "block5_conv2", "block5_conv3"}
    assert len(model.trainable_weights) == 6 + 4


def test_a_frozen_base_keeps_its_moving_statistics() -> None:
    base = MobileNet(
        weights=None, alpha=0.25, include_top=False, input_shape=(64, 64, 3), pooling="avg"
    )
    base.trainable = False
    model = Sequential([base, Dense(10, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    before = [value.tobytes() for value in base.get_weights()]
    x, y = samples(20)
    x /= 100
    model.fit(x, y, epochs=2, batch_size=10, verbose=0)
    assert [value.tobytes() for value in base.get_weights()] == before
    # What the classifier saw is what prediction gives.
    features = base.predict(x, verbose=0)
    np.testing.assert_allclose(
        model.predict(x, verbose=0), model.layers[-1](features), rtol=1e-4, atol=1e-6
    )


def test_features_once_then_a_classifier_on_them(weights: Path) -> None:
    base = VGG16(weights=weights, include_top=False, input_shape=(64, 64, 3))
    x, y = samples(20)
    features = base.predict(x, batch_size=10, verbose=0)
    assert features.shape == (20, 2, 2, 512)
    model = Sequential([GlobalAveragePooling2D(), Dense(10, activation="softmax")])
    model.compile(Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(features, y, epochs=30, batch_size=10, verbose=0)
    assert history.history["accuracy"][-1] > 0.8
