"""Random changes of images; tests/oracle compares those with fixed factors with Keras."""

from typing import Any

import numpy as np
import pytest

from pyframe import layers, models, ops
from pyframe.errors import ConfigurationError, ShapeError

X = np.random.default_rng(0).uniform(0, 255, (40, 6, 5, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("mode", "axes"),
    [("horizontal", (1,)), ("vertical", (0,)), ("horizontal_and_vertical", (0, 1))],
)
def test_flips_are_exact_and_hit_half_of_the_images(mode: str, axes: tuple[int, ...]) -> None:
    y = layers.RandomFlip(mode, seed=1)(X, training=True)
    mirrored = 0
    for before, after in zip(X, y, strict=True):
        changed = np.array_equal(after, np.flip(before, axes))
        assert changed or np.array_equal(after, before)
        mirrored += changed
    assert 10 <= mirrored <= 30


MAKERS: list[Any] = [
    lambda **k: layers.RandomFlip(**k),
    lambda **k: layers.RandomRotation(0.1, **k),
    lambda **k: layers.RandomZoom(0.2, **k),
    lambda **k: layers.RandomZoom((-0.3, 0.1), 0.2, **k),
    lambda **k: layers.RandomTranslation(0.2, (0.1, 0.3), **k),
    lambda **k: layers.RandomContrast((0.5, 0.5), **k),
]


@pytest.mark.parametrize("make", MAKERS)
def test_random_for_each_image_and_in_training_alone(make: Any) -> None:
    layer = make(seed=2)
    np.testing.assert_array_equal(layer(X), X)
    same = np.repeat(X[:1], 40, axis=0)
    y = layer(same, training=True)
    assert y.shape == X.shape
    assert len({image.tobytes() for image in y}) > 1
    np.testing.assert_array_equal(make(seed=2)(same, training=True), y)
    assert not np.array_equal(layer(same, training=True), y)
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(same, training=True), y)


def test_contrast() -> None:
    y = layers.RandomContrast((0.5, 0.5), value_range=(-1e6, 1e6), seed=1)(X, training=True)
    mean = X.mean(axis=(1, 2), keepdims=True)
    factors = (y - mean) / (X - mean)
    one = factors.reshape(40, -1)
    np.testing.assert_allclose(one, one[:, :1].repeat(60, axis=1), rtol=2e-2)
    assert 0.5 <= np.median(one, axis=1).min() < 0.8
    assert 1.2 < np.median(one, axis=1).max() <= 1.5
    limited = layers.RandomContrast((0.0, 1.0), seed=1)(X, training=True)
    assert limited.min() >= 0
    assert limited.max() <= 255


def test_in_front_of_a_trained_model() -> None:
    model = models.Sequential(
        [
            layers.Input((6, 5, 2)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    y = X.mean(axis=(1, 2, 3))[:, None] / 255
    history = model.fit(X, y, epochs=30, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))


def test_behind_trained_layers_the_gradient_flows() -> None:
    layer = layers.RandomRotation((0.1, 0.1), seed=1, dtype="float64")
    x = X[:3].astype(np.float64)
    rng = np.random.default_rng(1)
    direction, weight = rng.normal(size=x.shape), rng.normal(size=x.shape)
    _, (dx,) = ops.value_and_grad(lambda t: ops.sum(layer(t, training=True) * weight), x)
    slope = ((layer(x + direction, training=True) - layer(x, training=True)) * weight).sum()
    np.testing.assert_allclose((dx * direction).sum(), slope, rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.RandomFlip("both"), "`mode`"),
        (lambda: layers.RandomRotation(1.5), "`factor`"),
        (lambda: layers.RandomRotation((0.1, 0.2, 0.3)), "`factor`"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), "`fill_mode`"),
        (lambda: layers.RandomZoom(-1.0), "`height_factor`"),
        (lambda: layers.RandomTranslation(0.1, "a"), "`width_factor`"),
        (lambda: layers.RandomContrast(2), "`factor`"),
        (lambda: layers.RandomZoom(0.1, interpolation="cubic"), "`interpolation`"),
        (lambda: layers.Resizing(0, 4), "`height`"),
        (lambda: layers.Resizing(4, 4, "area"), "`interpolation`"),
        (lambda: layers.Resizing(4, 4, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
         "excludes"),
        (lambda: layers.CenterCrop(4, 2.5), "`width`"),
    ],
)  # fmt: skip
def test_refused_arguments(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_images_of_unknown_size() -> None:
    free = layers.Input((None, None, 3))
    assert layers.Resizing(4, 5)(free).shape == (None, 4, 5, 3)
    with pytest.raises(ShapeError, match="known height and width"):
        layers.CenterCrop(4, 5)(free)
    with pytest.raises(ShapeError, match="known height and width"):
        layers.RandomFlip()(free, training=True)


def test_affine_transform_of_one_image() -> None:
    move = [1, 0, 1, 0, 1, 0, 0, 0]
    y = ops.image.affine_transform(X[0], move, "nearest", fill_value=-1)
    np.testing.assert_array_equal(y[:, :-1], X[0][:, 1:])
    assert (y[:, -1] == -1).all()
    np.testing.assert_array_equal(
        ops.image.affine_transform(X, move, "nearest")[0][:, :-1], y[:, :-1]
    )
    with pytest.raises(ConfigurationError, match="fill_mode"):
        ops.image.affine_transform(X, move, fill_mode="mirror")


def test_crops_are_parts_at_random_places() -> None:
    layer = layers.RandomCrop(4, 3, seed=1)
    places = set()
    for _ in range(60):
        y = layer(X, training=True)
        assert y.shape == (40, 4, 3, 2)
        found = [
            (i, j) for i in range(3) for j in range(3)
            if np.array_equal(y, X[:, i : i + 4, j : j + 3])
        ]  # fmt: skip
        places.update(found)
        assert len(found) == 1  # the same one for all images
    assert len(places) == 9
    again = layers.deserialize(layers.serialize(layers.RandomCrop(4, 3, seed=1)))
    np.testing.assert_array_equal(
        again(X, training=True), layers.RandomCrop(4, 3, seed=1)(X, training=True)
    )


# What Keras 3.15.1 gives for the first pixels of images with the numbers 0 to 47.
@pytest.mark.parametrize(
    ("size", "first"), [((9, 5), [2, 3, 4]), ((6, 4), [2, 3, 4]), ((4, 8), [8, 9, 10])]
)
def test_crops_of_images_that_are_not_larger(size: tuple[int, int], first: list[float]) -> None:
    x = np.arange(96, dtype=np.float32).reshape(2, 6, 8, 1)
    y = layers.RandomCrop(*size)(x, training=True)
    assert y.shape == (2, *size, 1)
    np.testing.assert_allclose(y[0, 0, :3, 0], first)


def test_crops_outside_training_have_the_aspect_ratio_of_the_result() -> None:
    model = models.Sequential([layers.Input((6, 8, 1)), layers.RandomCrop(3, 2)])
    x = np.arange(96, dtype=np.float32).reshape(2, 6, 8, 1)
    expected = ops.image.resize(x[:, :, 2:6], (3, 2))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected)


@pytest.mark.parametrize("limits", [5, (1,), (2, 1), ("a", "b"), "ab"])
def test_value_range_of_contrast(limits: Any) -> None:
    with pytest.raises(ConfigurationError, match="`value_range`"):
        layers.RandomContrast(0.5, value_range=limits)
