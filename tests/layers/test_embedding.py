"""Embedding, Lambda and Dot: what the table of layers does not show."""

import numpy as np
import pytest

from pyframe import layers, models, ops
from pyframe.errors import ConfigurationError, DataError, ShapeError


def test_embedding() -> None:
    table = np.arange(12.0).reshape(6, 2)
    layer = layers.Embedding(6, 2, weights=[table], input_length=3)
    ids = np.array([[0, 5, 2], [-1, 1, 1]])
    np.testing.assert_array_equal(layer(ids), table[ids])
    np.testing.assert_array_equal(layer(ids.astype(np.float32)), table[ids])
    assert layer.count_params() == 12
    assert layer.output_shape == (None, 3, 2)
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert type(layer.embeddings_initializer).__name__ == "RandomUniform"


def test_item_40_numbers_without_a_row_are_named() -> None:
    layer = layers.Embedding(6, 2)
    with pytest.raises(DataError, match=r"holds 6 at position \(1, 2\)"):
        layer(np.array([[0, 1, 2], [3, 4, 6]]))
    with pytest.raises(DataError, match="holds -7"):
        layer(np.array([[-7]]))


def test_embedding_in_a_model() -> None:
    model = models.Sequential(
        [layers.Embedding(20, 3, input_length=4), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 10, (30, 4)), rng.normal(size=(30, 2))
    before = model.get_weights()[0]
    first = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=20, verbose=0)
    assert model.evaluate(x, y, verbose=0) < first
    after = model.get_weights()[0]
    assert (after[:10] != before[:10]).any(axis=1).all()
    np.testing.assert_array_equal(after[10:], before[10:])


def test_lambda_is_never_taken_from_a_file() -> None:
    def shifted(x: object, by: float, training: bool) -> object:
        return ops.multiply(x, 2.0) + (by if training else 0.0)

    layer = layers.Lambda(shifted, arguments={"by": 3.0}, name="lam")
    x = np.ones((2, 3))
    np.testing.assert_array_equal(layer(x), 2 * x)
    np.testing.assert_array_equal(layer(x, training=True), 2 * x + 3)
    config = layers.serialize(layer)
    with pytest.raises(ConfigurationError, match=r"Lambda 'lam' needs its Python function"):
        layers.deserialize(config)
    again = layers.deserialize(config, custom_objects={"shifted": shifted})
    np.testing.assert_array_equal(again(x), 2 * x)
    # Keras writes the byte code of the function.
    keras = {"class_name": "__lambda__", "config": {"code": "4wEAAAA"}}
    with pytest.raises(ConfigurationError, match="not taken from"):
        layers.deserialize({"class_name": "Lambda", "config": {"name": "a", "function": keras}})


def test_dot_refuses_axes_of_different_sizes() -> None:
    with pytest.raises(ShapeError, match="different sizes"):
        layers.Dot(1)([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(ShapeError, match="exactly 2"):
        layers.Dot(1)([np.ones((2, 3))] * 3)


def test_functions_of_merging_layers() -> None:
    a, b = np.array([[1.0, 5.0]]), np.array([[3.0, 2.0]])
    assert layers.add([a, b]).tolist() == [[4, 7]]
    assert layers.subtract([a, b]).tolist() == [[-2, 3]]
    assert layers.multiply([a, b]).tolist() == [[3, 10]]
    assert layers.average([a, b]).tolist() == [[2, 3.5]]
    assert layers.maximum([a, b]).tolist() == [[3, 5]]
    assert layers.minimum([a, b]).tolist() == [[1, 2]]
    assert layers.concatenate([a, b], axis=0).tolist() == [[1, 5], [3, 2]]
    assert layers.dot([a, b]).tolist() == [[13]]


def two_inputs() -> models.Model:
    ids, more = layers.Input((3,), name="ids"), layers.Input((2,), name="more")
    inner = models.Sequential([layers.Input((3,)), layers.Embedding(9, 2, name="table")])
    x = layers.Concatenate()([layers.Flatten()(inner(ids)), more])
    return models.Model([more, ids], layers.Dense(1)(x))


def test_item_40_numbers_without_a_row_are_named_in_a_model() -> None:
    model = models.Sequential(
        [layers.Embedding(20, 3, input_length=4), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    x, y = np.arange(40).reshape(10, 4) % 20, np.zeros((10, 2), np.float32)
    wrong = x.copy()
    wrong[7, 2] = 20
    text = r"rows, but its input holds 20(\.0)? at position \(7, 2\)"
    uses = [
        lambda a: model.predict(a, verbose=0), model, model.predict_on_batch,
        lambda a: model.evaluate(a, y, verbose=0), lambda a: model.train_on_batch(a, y),
        lambda a: model.fit(a, y, verbose=0), lambda a: model.predict(a, batch_size=3, verbose=0),
    ]  # fmt: skip
    for use in uses:
        for kind in (np.int64, np.float32):
            use(x.astype(kind))  # the second time a shape is known no more is checked than values
            before = model.get_weights()
            with pytest.raises(DataError, match=text):
                use(wrong.astype(kind))
            for old, new in zip(before, model.get_weights(), strict=True):
                np.testing.assert_array_equal(new, old)
    with pytest.raises(DataError, match="input holds nan"):
        model.predict(np.where(wrong == 20, np.nan, wrong), verbose=0)
    nested = two_inputs()
    more = np.zeros((10, 2))
    assert nested.predict([more, x[:, :3] % 9], verbose=0).shape == (10, 1)
    with pytest.raises(DataError, match="Embedding 'table' has 9 rows"):
        nested.predict([more, x[:, :3]], verbose=0)
