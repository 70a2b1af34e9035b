"""If only one test file is run, this is the one: import, train, predict."""

import numpy as np

import pyframe
from pyframe.datasets import mnist5k
from pyframe.layers import Conv2D, Dense, Flatten, MaxPooling2D
from pyframe.models import Sequential
from pyframe.utils import set_random_seed, to_categorical


def test_versions_agree() -> None:
    from pyframe import _core

    assert pyframe.__version__ == _core.__version__


def test_a_perceptron_learns_a_circle() -> None:
    set_random_seed(0)
    x = np.random.default_rng(0).uniform(-1, 1, (400, 2)).astype("float32")
    y = to_categorical((x**2).sum(axis=1) < 0.6, 2)
    model = Sequential([Dense(32, activation="relu", input_dim=2), Dense(2, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=16, epochs=40, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert history.history["accuracy"][-1] > 0.9
    predicted = model.predict(x, verbose=0)
    assert predicted.shape == (400, 2)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(predicted.argmax(axis=1) == y.argmax(axis=1)) > 0.9


def test_a_convolutional_network_learns_digits() -> None:
    set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = mnist5k.load_data()
    model = Sequential()
    model.add(Conv2D(6, (5, 5), padding="same", activation="relu", input_shape=(28, 28, 1)))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Conv2D(6, (5, 5), activation="relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train[..., None] / 255.0, y_train, epochs=2, verbose=0)
    loss, accuracy = model.evaluate(x_test[..., None] / 255.0, y_test, verbose=0)
    assert np.isfinite(loss)
    assert accuracy > 0.8
