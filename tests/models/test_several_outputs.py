"""Losses, weights, metrics, targets and sample weights of several outputs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe import ops
from pyframe.callbacks import EarlyStopping
from pyframe.errors import ConfigurationError, DataError
from pyframe.layers import Dense, Input
from pyframe.models import Model, load_model
from pyframe.utils import PyDataset

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype(np.float32)
IDS = X[:, :3].argmax(-1)
SIZE = X.sum(-1, keepdims=True)
SPARSE = "sparse_categorical_crossentropy"


def net(keys: bool = False, **options: Any) -> Model:
    """Class numbers as output "kind", a number as output "size"."""
    inputs = Input((4,), name="x")
    hidden = Dense(8, activation="tanh")(inputs)
    kind = Dense(3, activation="softmax", name="kind")(hidden)
    size = Dense(1, name="size")(hidden)
    model = Model(inputs, {"kind": kind, "size": size} if keys else [kind, size])
    if options.get("loss", "") is not None:
        model.compile(**{"optimizer": "adam", "loss": [SPARSE, "mse"], **options})
    return model


def by_hand(model: Model) -> tuple[float, float]:
    kind, size = model.predict(X)
    return -np.log(kind[np.arange(40), IDS]).mean(), ((size - SIZE) ** 2).mean()


def test_the_loss_is_the_weighted_sum() -> None:
    model = net(loss_weights=[0.5, 2.0], metrics=[["accuracy"], ["mae"]])
    kind, size = by_hand(model)
    logs = model.test_on_batch(X, [IDS, SIZE], return_dict=True)
    assert list(logs) == ["loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae"]
    assert logs["loss"] == pytest.approx(0.5 * kind + 2 * size, rel=1e-5)
    assert logs["kind_loss"] == pytest.approx(kind, rel=1e-5)
    assert logs["size_loss"] == pytest.approx(size, rel=1e-5)
    found = model.evaluate(X, [IDS, SIZE], batch_size=40, verbose=0)
    assert found == pytest.approx(list(logs.values()), rel=1e-5)
    assert model.metrics_names == list(logs)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": [SPARSE, "mse"], "loss_weights": [1.0, 0.25]},
        {"loss": {"size": "mse", "kind": SPARSE}, "loss_weights": {"size": 0.25}},
        {"loss": (SPARSE, "mse"), "loss_weights": {"kind": 1, "size": 0.25}},
    ],
)
def test_ways_to_give_the_losses(options: dict[str, Any]) -> None:
    model = net(**options)
    kind, size = by_hand(model)
    found = model.test_on_batch(X, [IDS, SIZE])
    assert found[0] == pytest.approx(kind + 0.25 * size, rel=1e-5)


def batches(y: Any, weight: Any = None) -> Any:
    class Batches(PyDataset):
        """Numbered batches of ten rows."""

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            rows = slice(10 * index, 10 * index + 10)

            def part(value: Any) -> Any:
                if isinstance(value, dict):
                    return {key: array[rows] for key, array in value.items()}
                return [array[rows] for array in value]

            return ({"x": X[rows]}, part(y)) if weight is None else (X[rows], part(y), part(weight))

    return Batches()


def test_ways_to_give_the_targets() -> None:
    results = []
    named = {"kind": IDS, "size": SIZE}
    weights = {"kind": np.ones(40), "size": np.ones(40)}
    for keys in (False, True):
        for y in ([IDS, SIZE], (IDS, SIZE), named):
            model = net(keys)
            model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
            results.append(model.fit(X, y, batch_size=10, shuffle=False, verbose=0).history)
        for source in (batches([IDS, SIZE]), batches(named), batches(named, weights)):
            model = net(keys)
            model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
            history = model.fit(
                source, shuffle=False, verbose=0, validation_data=batches([IDS, SIZE])
            ).history
            assert sorted(history) == sorted([*results[0], *(f"val_{key}" for key in results[0])])
            results.append({key: history[key] for key in results[0]})
    for other in results[1:]:
        for key in results[0]:
            assert other[key] == pytest.approx(results[0][key], rel=1e-5), key


def test_predictions_keep_the_nesting() -> None:
    model = net(keys=True)
    whole = model.predict(X, batch_size=16, verbose=0)
    assert {key: value.shape for key, value in whole.items()} == {"kind": (40, 3), "size": (40, 1)}
    parts = model.predict(batches([IDS, SIZE]), verbose=0)
    np.testing.assert_array_equal(parts["size"], whole["size"])
    np.testing.assert_array_equal(model.predict_on_batch(X)["kind"], whole["kind"])


def test_outputs_without_a_loss() -> None:
    model = net(loss={"size": "mse"}, metrics={"kind": "accuracy"})
    _, size = by_hand(model)
    logs = model.test_on_batch(X, {"kind": IDS, "size": SIZE}, return_dict=True)
    assert list(logs) == ["loss", "kind_accuracy"]
    assert logs["loss"] == pytest.approx(size, rel=1e-5)
    with pytest.raises(DataError, match=r"`y\['kind'\]` is missing"):
        model.test_on_batch(X, [SIZE])
    only = net(loss=[None, "mse"])
    assert only.test_on_batch(X, [SIZE]) == pytest.approx(by_hand(only)[1], rel=1e-5)
    assert only.test_on_batch(X, {"size": SIZE}) == pytest.approx(by_hand(only)[1], rel=1e-5)


def test_sample_weights_of_each_output() -> None:
    model = net()
    zero, one = np.zeros(40), np.ones(40)
    kind, size = by_hand(model)
    y = [IDS, SIZE]
    for weight, expected in (
        ([one, zero], kind), ({"kind": zero, "size": one}, size), (0.5 * one, 0.5 * (kind + size)),
        ([None, zero], kind), ({"size": zero}, kind),
    ):  # fmt: skip
        found = model.test_on_batch(X, y, sample_weight=weight)
        assert found[0] == pytest.approx(expected, rel=1e-5)
    history = model.fit(X, y, sample_weight=[one, zero], validation_split=0.25, verbose=0).history
    assert history["size_loss"] == [0.0]


def test_validation_and_callbacks_see_the_names() -> None:
    model = net(metrics={"kind": ["accuracy"]})
    stop = EarlyStopping("val_kind_accuracy", patience=0, min_delta=1.0)
    history = model.fit(X, [IDS, SIZE], epochs=9, verbose=0, validation_split=0.2, callbacks=[stop])
    assert len(history.epoch) == 2
    assert stop.direction == "max"


def test_compile_arguments_are_saved(tmp_path: Any) -> None:
    model = net(
        loss={"size": "mse", "kind": SPARSE},
        loss_weights={"kind": 0.5, "size": 1.0},
        metrics={"size": ["mae"]},
        weighted_metrics=[["accuracy"], None],
    )
    expected = model.evaluate(X, [IDS, SIZE], verbose=0, return_dict=True)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert again.evaluate(X, [IDS, SIZE], verbose=0, return_dict=True) == expected


class Pair(Model):
    """A subclass with two outputs that have no names."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = Dense(2), Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.one(inputs), ops.square(self.two(inputs))


def test_outputs_of_a_subclass() -> None:
    model = Pair()
    model.compile("sgd", ["mse", "mae"], metrics=[None, ["mae"]])
    logs = model.fit(X, (X[:, :2], SIZE), verbose=0).history
    assert sorted(logs) == ["loss", "mae", "mean_absolute_error_loss", "mean_squared_error_loss"]
    one, two = model.predict(X)
    assert (one.shape, two.shape) == ((40, 2), (40, 1))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: net(loss=["mse"] * 3), ConfigurationError, "`loss` has 3 entries.*2 outputs"),
        (lambda: net(loss=["mse"]), ConfigurationError, "`loss` has 1 entries.*kind, size"),
        (
            lambda: net(loss={"kind": SPARSE, "sise": "mse"}),
            ConfigurationError,
            "`loss`.*sise.*kind, size",
        ),
        (lambda: net(loss=[None, None]), ConfigurationError, "without a loss"),
        (lambda: net(loss=["mse", "mze"]), ConfigurationError, "mze"),
        (lambda: net(loss_weights=[1, 2, 3]), ConfigurationError, "`loss_weights` has 3 entries"),
        (lambda: net(loss_weights={"a": 1}), ConfigurationError, r"`loss_weights`.*\['a'\]"),
        (lambda: net(loss_weights=["1", 2]), ConfigurationError, "must be a number"),
        (lambda: net(metrics=["mae"]), ConfigurationError, "`metrics` has 1 entries"),
        (lambda: net(metrics="mae"), ConfigurationError, "`metrics` must be a list"),
        (lambda: net(metrics={"sise": ["mae"]}), ConfigurationError, "`metrics`.*sise"),
        (
            lambda: net(weighted_metrics=[["mae"]] * 3),
            ConfigurationError,
            "`weighted_metrics` has 3",
        ),
        (lambda: net().fit(X, IDS), DataError, "`y` must be a list or a dictionary.*kind, size"),
        (lambda: net().fit(X, [IDS]), DataError, "`y` has 1 entries"),
        (lambda: net().fit(X, {"kind": IDS}), DataError, r"`y\['size'\]` is missing"),
        (lambda: net().fit(X, {"kind": IDS, "sise": SIZE}), DataError, "sise.*kind, size"),
        (lambda: net().fit(X, [IDS, SIZE[:9]]), DataError, r"`y\['size'\]` has 9 rows"),
        (lambda: net().fit(X, [IDS + 1, SIZE]), DataError, r"`y\['kind'\]` holds the class num"),
        (lambda: net().fit(X, [IDS, SIZE], class_weight={0: 2.0}), DataError, "one output"),
        (
            lambda: net().fit(X, [IDS, SIZE], sample_weight=[np.ones(40)] * 3),
            DataError,
            "`sample_weight` has 3 entries",
        ),
        (
            lambda: net().fit(X, [IDS, SIZE], sample_weight=[None, np.ones(9)]),
            DataError,
            r"`sample_weight\['size'\]` of shape \(9,\)",
        ),
    ],
)
def test_refusals(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_outputs_that_share_a_layer_have_a_loss_each_in_lists() -> None:
    # Keras 3.15.1: a key is there once, with the loss of the last of its outputs; lists and
    # `metrics_names` have it for each.
    inputs, shared = Input((4,)), Dense(1, name="shared")
    model = Model(inputs, [shared(inputs), shared(Dense(4)(inputs))])
    model.compile("sgd", "mse", metrics=[["mae"], ["mae"]])
    losses = [float(np.mean((y - SIZE) ** 2)) for y in model.predict(X)]
    logs = model.test_on_batch(X, [SIZE, SIZE], return_dict=True)
    assert list(logs) == ["loss", "shared_loss", "shared_mae", "shared_mae_1"]
    assert model.metrics_names[:3] == ["loss", "shared_loss", "shared_loss"]
    found = model.test_on_batch(X, [SIZE, SIZE])
    assert found[:3] == pytest.approx([sum(losses), losses[1], losses[1]], rel=1e-5)
    assert found[3:] == [logs["shared_mae"], logs["shared_mae_1"]]
    assert model.evaluate(X, [SIZE, SIZE], batch_size=40, verbose=0) == pytest.approx(found)
    assert len(model.train_on_batch(X, [SIZE, SIZE])) == 5


def absolute(model: Model) -> float:
    return float(np.abs(model.predict(X)[1] - SIZE).mean())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"loss": {"kind": SPARSE, "size": ["mse", "mae"]}}, (1, 1, 1)),
        ({"loss": [SPARSE, ["mse", "mae"]], "loss_weights": [3, [0.5, 2.0]]}, (3, 0.5, 2)),
        ({"loss": [SPARSE, ["mse", "mae"]], "loss_weights": [3, 0.5, 2.0]}, (3, 0.5, 2)),
        ({"loss": [SPARSE, ["mse", "mae"]], "loss_weights": [3, 0.5]}, (3, 0.5, 0.5)),
        ({"loss": [None, ["mse", "mae"]], "loss_weights": [None, [0.5, 2.0]]}, (0, 0.5, 2)),
    ],
)
def test_several_losses_of_one_output(options: dict[str, Any], expected: tuple[float, ...]) -> None:
    model = net(**options)
    kind, size = by_hand(model)
    parts = kind, size, absolute(model)
    y = [IDS, SIZE] if expected[0] else [None, SIZE]
    found = model.test_on_batch(X, y, return_dict=True)
    total = sum(factor * part for factor, part in zip(expected, parts, strict=True))
    assert found["loss"] == pytest.approx(total, rel=1e-5)
    assert list(found) == ["loss", *(["kind_loss", "size_loss"] if expected[0] else [])]
    if expected[0]:
        assert found["size_loss"] == pytest.approx(parts[1] + parts[2], rel=1e-5)


@pytest.mark.parametrize("loss", [["mse", "mae"], [["mse", "mae"]], {"size": ["mse", "mae"]}])
def test_several_losses_of_the_only_output(loss: Any, tmp_path: Path) -> None:
    inputs = Input((4,))
    model = Model(inputs, Dense(1, name="size")(inputs))
    model.compile("sgd", loss, loss_weights=[0.5, 2.0])
    d = model.predict(X) - SIZE
    found = model.evaluate(X, SIZE, return_dict=True, verbose=0)
    assert found == {"loss": pytest.approx(0.5 * (d**2).mean() + 2 * np.abs(d).mean(), rel=1e-5)}
    model.save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras").evaluate(X, SIZE, return_dict=True, verbose=0) == found


def test_factors_that_do_not_fit_the_losses() -> None:
    with pytest.raises(ConfigurationError, match="3 factors for an output with 2 losses"):
        net(loss=[SPARSE, ["mse", "mae"]], loss_weights=[1, [1, 2, 3]])
