"""Mistakes that students make: each is told before the first batch, with a remedy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyframe.errors import ConfigurationError, DataError, NotCompiledError, ShapeError
from pyframe.layers import Dense
from pyframe.models import Sequential
from tests.models.helpers import FEATURES, classifier, data

X, Y = data()
ONE_HOT = np.eye(3)[Y]


def with_nan(array: np.ndarray) -> np.ndarray:
    array = array.astype(np.float64).copy()
    array[4] = np.nan
    return array


def ending(units: int, activation: str | None, loss: str) -> Sequential:
    model = Sequential([Dense(units, activation=activation, input_dim=FEATURES)])
    model.compile("sgd", loss)
    return model


def sparse() -> Sequential:
    return classifier()


def categorical() -> Sequential:
    return classifier(loss="categorical_crossentropy")


MISTAKES: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    (
        "fit without compile",
        lambda: Sequential([Dense(1, input_dim=5)]).fit(X, Y),
        NotCompiledError,
        r"model\.compile",
    ),
    (
        "no loss",
        lambda: ending(3, None, None).fit(X, Y),  # type: ignore[arg-type]
        ConfigurationError,
        "without a loss",
    ),
    ("no targets", lambda: sparse().fit(X), DataError, "`y` is missing"),
    ("empty data", lambda: sparse().fit(X[:0], Y[:0]), DataError, "empty"),
    ("lengths", lambda: sparse().fit(X, Y[:-1]), DataError, "70 rows, but `y` has 69"),
    ("features", lambda: sparse().fit(X[:, :4], Y), ShapeError, r"\(None, 5\).*\(70, 4\)"),
    (
        "images without Flatten",
        lambda: sparse().fit(X[:, :, None] * np.ones((1, 1, 2)), Y),
        ShapeError,
        r"\(70, 5, 2\)",
    ),
    (
        "ids with categorical",
        lambda: categorical().fit(X, Y),
        ShapeError,
        "use loss='sparse_categorical_crossentropy'",
    ),
    (
        "one-hot with sparse",
        lambda: sparse().fit(X, ONE_HOT),
        ShapeError,
        "use loss='categorical_crossentropy'",
    ),
    ("ids from 1", lambda: sparse().fit(X, Y + 1), DataError, "class number 3 .* start at 0"),
    ("negative ids", lambda: sparse().fit(X, Y - 1), DataError, "class number -1"),
    ("broken ids", lambda: sparse().fit(X, Y + 0.5), DataError, "whole class numbers"),
    (
        "NaN labels",
        lambda: sparse().fit(X, with_nan(Y)),
        DataError,
        r"1 NaN, the first at index \(4,\)",
    ),
    ("names as labels", lambda: sparse().fit(X, Y.astype(str)), DataError, r"np\.unique"),
    (
        "names in an object array",
        lambda: sparse().fit(X, Y.astype(str).astype(object)),
        DataError,
        r"np\.unique",
    ),
    ("text columns", lambda: sparse().fit(X.astype(str), Y), DataError, "not numeric"),
    (
        "softmax of one unit",
        lambda: ending(1, "softmax", "binary_crossentropy").fit(X, Y > 0),
        ConfigurationError,
        "sigmoid",
    ),
    (
        "crossentropy of one column",
        lambda: ending(1, "sigmoid", "categorical_crossentropy").fit(X, (Y > 0)[:, None]),
        ShapeError,
        "always be 0",
    ),
    (
        "sparse with one unit",
        lambda: ending(1, "sigmoid", "sparse_categorical_crossentropy").fit(X, Y * 0),
        ShapeError,
        "1 unit",
    ),
    (
        "three columns, one unit",
        lambda: ending(1, None, "mse").fit(X, ONE_HOT),
        ShapeError,
        r"\(None, 3\) do not fit predictions of shape \(None, 1\)",
    ),
    (
        "one column, three units",
        lambda: ending(3, None, "mse").fit(X, Y),
        ShapeError,
        "do not fit",
    ),
    (
        "class weights as a list",
        lambda: sparse().fit(X, Y, class_weight=[1, 2, 3]),
        DataError,
        "must be a dictionary",
    ),
    (
        "too few sample weights",
        lambda: sparse().fit(X, Y, sample_weight=np.ones(3)),
        DataError,
        "`sample_weight`",
    ),
    (
        "NaN in sample weights",
        lambda: sparse().fit(X, Y, sample_weight=with_nan(np.ones(70))),
        DataError,
        "`sample_weight`",
    ),
    ("batch size 0", lambda: sparse().fit(X, Y, batch_size=0), ConfigurationError, "batch_size"),
    (
        "batch size 2.5",
        lambda: sparse().fit(X, Y, batch_size=2.5),
        ConfigurationError,
        "batch_size",
    ),  # type: ignore[arg-type]
    ("epochs -1", lambda: sparse().fit(X, Y, epochs=-1), ConfigurationError, "`epochs`"),
    ("epochs 1.5", lambda: sparse().fit(X, Y, epochs=1.5), ConfigurationError, "`epochs`"),  # type: ignore[arg-type]
    (
        "steps 0",
        lambda: sparse().fit(X, Y, steps_per_epoch=0),
        ConfigurationError,
        "steps_per_epoch",
    ),
    (
        "split 2",
        lambda: sparse().fit(X, Y, validation_split=2),
        ConfigurationError,
        "validation_split",
    ),
    (
        "split to nothing",
        lambda: sparse().fit(X[:1], Y[:1], validation_split=0.1),
        DataError,
        "empty part",
    ),
    (
        "validation of four parts",
        lambda: sparse().fit(X, Y, validation_data=(X, Y, Y, Y)),
        DataError,
        "Received 4 parts",
    ),
    (
        "wrong validation data",
        lambda: sparse().fit(X, Y, validation_data=(X[:, :2], Y)),
        ShapeError,
        r"\(70, 2\)",
    ),
    (
        "frequency",
        lambda: sparse().fit(X, Y, validation_data=(X, Y), validation_freq="x", verbose=0),
        ConfigurationError,
        "validation_freq",
    ),
    ("on_nan", lambda: sparse().fit(X, Y, on_nan="ignore"), ConfigurationError, "on_nan"),
    ("verbose", lambda: sparse().fit(X, Y, verbose=7), ConfigurationError, "verbose"),
    (
        "callback class",
        lambda: sparse().fit(X, Y, callbacks=[dict]),
        ConfigurationError,
        "callbacks",
    ),
    (
        "loss name",
        lambda: classifier(loss="categorical_crosentropy"),
        ConfigurationError,
        "Did you mean",
    ),
    (
        "optimizer name",
        lambda: classifier(optimizer="adamm"),
        ConfigurationError,
        "Did you mean 'adam'",
    ),
    (
        "metric name",
        lambda: classifier(metrics=["acurracy"]),
        ConfigurationError,
        "Did you mean 'accuracy'",
    ),
    (
        "metrics as text",
        lambda: classifier(metrics="accuracy"),
        ConfigurationError,
        r"metrics=\['accuracy'\]",
    ),
    (
        "targets beside a generator",
        lambda: sparse().fit(iter([(X, Y)]), Y),
        DataError,
        "yields",
    ),
    (
        "generator of four",
        lambda: sparse().fit(iter([(X, Y, Y, Y)]), verbose=0),
        DataError,
        "4 parts",
    ),
    ("generator of nothing", lambda: sparse().fit(iter(()), verbose=0), DataError, "no batches"),
]


@pytest.mark.parametrize(
    ("mistake", "error", "text"),
    [pytest.param(*case, id=name) for name, *case in MISTAKES],
)
def test_mistake(mistake: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        mistake()
    assert isinstance(caught.value, ValueError)


def test_a_refused_fit_changes_nothing() -> None:
    model = classifier()
    before = model.get_weights()
    with pytest.raises(DataError):
        model.fit(X, with_nan(Y), verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(X, Y, verbose=0)


LATER_MISTAKES = [
    ("NaN", with_nan(ONE_HOT), r"3 NaN, the first at index \(4, 0\)"),
    ("rows", ONE_HOT[:-1], "70 rows, but `y` has 69"),
    ("class", Y + 1, "class number 3"),
    ("whole", Y + 0.5, "whole class numbers"),
]


@pytest.mark.parametrize(("y", "text"), [pytest.param(*c, id=n) for n, *c in LATER_MISTAKES])
def test_arrays_like_earlier_ones_are_looked_at_again(y: np.ndarray, text: str) -> None:
    model = categorical() if y.ndim == 2 else sparse()
    good = np.resize(ONE_HOT if y.ndim == 2 else Y, (70, *y.shape[1:])).astype(y.dtype)
    for _ in range(2):
        model.train_on_batch(X, good)
    before = model.get_weights()
    with pytest.raises(DataError, match=text):
        model.train_on_batch(X, y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_arrays_like_earlier_ones_after_another_compile() -> None:
    model = categorical()
    model.train_on_batch(X, ONE_HOT)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match="categorical_crossentropy"):
        model.train_on_batch(X, ONE_HOT)


def test_byte_order_is_part_of_the_dtype() -> None:
    model = categorical()
    foreign = X.astype(">f4"), ONE_HOT.astype(">f8")
    assert model.test_on_batch(X, ONE_HOT) == model.test_on_batch(*foreign)
    np.testing.assert_array_equal(model.predict(X[:9]), model.predict(foreign[0][:9]))


def test_targets_with_an_axis_of_one_are_repaired() -> None:
    model = ending(1, None, "mse")
    assert model.test_on_batch(X, Y) == pytest.approx(model.test_on_batch(X, Y[:, None]))
    model = classifier(metrics=["accuracy"])
    assert model.test_on_batch(X, Y) == pytest.approx(model.test_on_batch(X, Y[:, None]))
