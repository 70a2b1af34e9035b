"""Each layer: output, shape, weights, gradient, configuration, refusals; one line a layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import layers, ops
from pyframe.errors import ConfigurationError, DataError, ShapeError
from pyframe.layers import (
    ELU,
    Activation,
    ActivityRegularization,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Input,
    LayerNormalization,
    LeakyReLU,
    MaxPooling2D,
    Permute,
    ReLU,
    Reshape,
    RMSNormalization,
    SeparableConv1D,
    SeparableConv2D,
    Softmax,
    UnitNormalization,
)

# Layer, shape of one sample, shape of its output, number of parameters.
TABLE: list[tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...], int]] = [
    (lambda **k: Dense(5, "relu", **k), (3,), (5,), 20),
    (lambda **k: Dense(5, use_bias=False, **k), (4, 3), (4, 5), 15),
    (lambda **k: Conv2D(4, 3, **k), (7, 6, 2), (5, 4, 4), 76),
    (lambda **k: Conv2D(4, (3, 2), strides=2, padding="same", **k), (7, 6, 2), (4, 3, 4), 52),
    (lambda **k: Conv2D(4, 3, dilation_rate=2, activation="tanh", **k), (7, 6, 2), (3, 2, 4), 76),
    (lambda **k: Conv2D(4, 1, groups=2, use_bias=False, **k), (7, 6, 2), (7, 6, 4), 4),
    (lambda **k: DepthwiseConv2D(3, **k), (7, 6, 2), (5, 4, 2), 20),
    (lambda **k: DepthwiseConv2D(3, 2, "same", 3, **k), (7, 6, 2), (4, 3, 6), 60),
    (lambda **k: DepthwiseConv1D(3, dilation_rate=2, **k), (7, 2), (3, 2), 8),
    (lambda **k: SeparableConv2D(4, 3, activation="tanh", **k), (7, 6, 2), (5, 4, 4), 30),
    (lambda **k: SeparableConv1D(4, [3], depth_multiplier=2, **k), (7, 2), (5, 4), 32),
    (lambda **k: BatchNormalization(**k), (7, 6, 2), (7, 6, 2), 8),
    (lambda **k: BatchNormalization([1], scale=False, **k), (7, 6, 2), (7, 6, 2), 21),
    (lambda **k: LayerNormalization(**k), (7, 6, 2), (7, 6, 2), 4),
    (lambda **k: LayerNormalization([3, 1], center=False, **k), (7, 6, 2), (7, 6, 2), 14),
    (lambda **k: GroupNormalization(3, **k), (4, 5, 6), (4, 5, 6), 12),
    (lambda **k: GroupNormalization(-1, axis=1, **k), (4, 5), (4, 5), 8),
    (lambda **k: RMSNormalization((1, 2), **k), (4, 5), (4, 5), 20),
    (lambda **k: UnitNormalization(**k), (4, 5), (4, 5), 0),
    (lambda **k: GlobalAveragePooling2D(**k), (7, 6, 2), (2,), 0),
    (lambda **k: GlobalMaxPooling2D(keepdims=True, **k), (7, 6, 2), (1, 1, 2), 0),
    (lambda **k: GlobalAveragePooling1D(keepdims=True, **k), (7, 2), (1, 2), 0),
    (lambda **k: GlobalMaxPooling1D(**k), (7, 2), (2,), 0),
    (lambda **k: MaxPooling2D(**k), (7, 6, 2), (3, 3, 2), 0),
    (lambda **k: MaxPooling2D(3, strides=1, padding="SAME", **k), (7, 6, 2), (7, 6, 2), 0),
    (lambda **k: AveragePooling2D((2, 3), padding="same", **k), (7, 6, 2), (4, 2, 2), 0),
    (lambda **k: Flatten(**k), (7, 6, 2), (84,), 0),
    (lambda **k: Reshape((6, -1), **k), (7, 6), (6, 7), 0),
    (lambda **k: Permute((2, 1), **k), (7, 6), (6, 7), 0),
    (lambda **k: Dropout(0.5, **k), (7,), (7,), 0),
    (lambda **k: Activation("softplus", **k), (7,), (7,), 0),
    (lambda **k: ReLU(6.0, 0.1, 0.5, **k), (7,), (7,), 0),
    (lambda **k: LeakyReLU(**k), (7,), (7,), 0),
    (lambda **k: ActivityRegularization(l2=0.1, **k), (7,), (7,), 0),
    (lambda **k: ELU(0.5, **k), (7,), (7,), 0),
    (lambda **k: Softmax(axis=1, **k), (7, 3), (7, 3), 0),
    (lambda **k: layers.Conv1D(4, 3, **k), (7, 3), (5, 4), 40),
    (lambda **k: layers.Conv1D(4, 3, padding="causal", groups=2, **k), (7, 2), (7, 4), 16),
    (lambda **k: layers.Conv1DTranspose(4, 3, strides=2, **k), (5, 3), (11, 4), 40),
    (lambda **k: layers.Conv2DTranspose(4, 3, strides=2, **k), (5, 4, 2), (11, 9, 4), 76),
    (lambda **k: layers.Conv2DTranspose(4, 3, 2, "same", **k), (5, 4, 2), (10, 8, 4), 76),
    (lambda **k: layers.MaxPooling1D(3, 2, "same", **k), (7, 3), (4, 3), 0),
    (lambda **k: layers.AveragePooling1D(**k), (7, 3), (3, 3), 0),
    (lambda **k: layers.PReLU("random_normal", **k), (4, 3), (4, 3), 12),
    (lambda **k: layers.PReLU("ones", shared_axes=1, **k), (4, 3), (4, 3), 3),
    (lambda **k: layers.SpatialDropout1D(0.5, **k), (4, 3), (4, 3), 0),
    (lambda **k: layers.SpatialDropout2D(0.5, **k), (4, 3, 2), (4, 3, 2), 0),
    (lambda **k: layers.GaussianNoise(0.5, seed=1, **k), (7,), (7,), 0),
    (lambda **k: layers.GaussianDropout(0.5, **k), (7,), (7,), 0),
    (lambda **k: layers.AlphaDropout(0.5, **k), (7,), (7,), 0),
    (lambda **k: layers.Resizing(5, 3, **k), (7, 6, 2), (5, 3, 2), 0),
    (lambda **k: layers.Resizing(5, 9, "bicubic", True, **k), (7, 6, 2), (5, 9, 2), 0),
    (lambda **k: layers.CenterCrop(5, 3, **k), (7, 6, 2), (5, 3, 2), 0),
    (lambda **k: layers.CenterCrop(8, 3, **k), (7, 6, 2), (8, 3, 2), 0),
    (lambda **k: layers.ZeroPadding1D((1, 2), **k), (7, 3), (10, 3), 0),
    (lambda **k: layers.ZeroPadding2D(((1, 0), (2, 3)), **k), (7, 6, 2), (8, 11, 2), 0),
    (lambda **k: layers.Cropping1D((1, 2), **k), (7, 3), (4, 3), 0),
    (lambda **k: layers.Cropping2D((1, 2), **k), (7, 6, 2), (5, 2, 2), 0),
    (lambda **k: layers.UpSampling1D(3, **k), (7, 3), (21, 3), 0),
    (lambda **k: layers.UpSampling2D((2, 3), **k), (7, 6, 2), (14, 18, 2), 0),
    (lambda **k: layers.UpSampling2D(interpolation="bicubic", **k), (7, 6, 2), (14, 12, 2), 0),
    (lambda **k: layers.LSTM(3, **k), (5, 2), (3,), 72),
    (lambda **k: layers.LSTM(2, return_sequences=True, use_bias=False, **k), (5, 2), (5, 2), 32),
    (lambda **k: layers.GRU(3, **k), (5, 2), (3,), 63),
    (lambda **k: layers.GRU(3, reset_after=False, go_backwards=True, **k), (5, 2), (3,), 54),
    (lambda **k: layers.SimpleRNN(3, **k), (5, 2), (3,), 18),
    (lambda **k: layers.Masking(1.5, **k), (5, 2), (5, 2), 0),
    (lambda **k: layers.RepeatVector(4, **k), (7,), (4, 7), 0),
    (lambda **k: layers.Identity(**k), (4, 7), (4, 7), 0),
    (lambda **k: layers.Rescaling(0.1, -1, **k), (7, 6, 2), (7, 6, 2), 0),
    (lambda **k: layers.Normalization(**k), (7, 6, 2), (7, 6, 2), 5),
    (lambda **k: layers.Normalization((1, -1), [1.0, 2], [3.0, 4], **k), (7, 2), (7, 2), 0),
]


def sample(shape: tuple[int, ...], batch: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(batch, *shape))


@pytest.mark.parametrize(("make", "shape", "output", "parameters"), TABLE)
def test_layer(
    make: Callable[..., Any], shape: tuple[int, ...], output: tuple[int, ...], parameters: int
) -> None:
    layer = make(dtype="float64")
    x = sample(shape)
    y = layer(x)
    assert y.shape == (3, *output)
    assert layer.output_shape == (None, *output)
    assert layer.count_params() == parameters
    # An equal layer comes from the configuration.
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert again(x).shape == y.shape
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), y)
    # The gradient with respect to the input is that of finite differences.
    direction = np.random.default_rng(1).normal(size=y.shape)
    _, (dx,) = ops.value_and_grad(lambda t: ops.sum(layer(t) * direction), x)
    step = np.random.default_rng(2).normal(size=x.shape)
    e = 1e-6
    slope = ((layer(x + e * step) - layer(x - e * step)) * direction).sum() / (2 * e)
    np.testing.assert_allclose((dx * step).sum(), slope, rtol=1e-5)


def test_dense_values() -> None:
    layer = Dense(2, "relu")
    x = np.array([[1.0, -2.0]], np.float32)
    layer(x)
    layer.set_weights([np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([0.5, 0.25])])
    np.testing.assert_allclose(layer(x), [[0.0, 4.25]])


def test_conv2d_values() -> None:
    layer = Conv2D(1, 2, use_bias=False)
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    layer(x)
    layer.set_weights([np.arange(4.0).reshape(2, 2, 1, 1)])
    np.testing.assert_allclose(layer(x)[0, :, :, 0], [[19, 25], [37, 43]])


def test_pooling_values() -> None:
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    np.testing.assert_allclose(MaxPooling2D(2, padding="same")(x)[0, :, :, 0], [[4, 5], [7, 8]])
    # Padding does not count in a mean.
    np.testing.assert_allclose(
        AveragePooling2D(2, padding="same")(x)[0, :, :, 0], [[2, 3.5], [6.5, 8]]
    )


def test_activation_layers() -> None:
    x = np.array([[-2.0, 0.5, 9.0]])
    np.testing.assert_allclose(ReLU(max_value=6)(x), [[0, 0.5, 6]])
    np.testing.assert_allclose(LeakyReLU()(x), [[-0.6, 0.5, 9]], rtol=1e-6)
    np.testing.assert_allclose(LeakyReLU(alpha=0.1)(x), [[-0.2, 0.5, 9]], rtol=1e-6)
    np.testing.assert_allclose(ELU(2.0)(x), [[2 * np.expm1(-2.0), 0.5, 9]], rtol=1e-6)
    np.testing.assert_allclose(Softmax()(x).sum(), 1.0, rtol=1e-6)


def test_a_layer_as_activation() -> None:
    layer = Dense(2, activation=LeakyReLU(0.5))
    x = np.ones((1, 3))
    layer(x)
    layer.set_weights([-np.ones((3, 2)), np.zeros(2)])
    np.testing.assert_allclose(layer(x), [[-1.5, -1.5]])


def test_merging() -> None:
    a, b = np.array([[1.0, 5.0]]), np.array([[3.0, 2.0]])
    assert layers.Add()([a, b, a]).tolist() == [[5, 12]]
    assert layers.Subtract()([a, b]).tolist() == [[-2, 3]]
    assert layers.Multiply()([a, b]).tolist() == [[3, 10]]
    assert layers.Average()([a, b]).tolist() == [[2, 3.5]]
    assert layers.Maximum()([a, b]).tolist() == [[3, 5]]
    assert layers.Minimum()([a, b]).tolist() == [[1, 2]]
    assert Concatenate()([a, b]).tolist() == [[1, 5, 3, 2]]
    with pytest.raises(ShapeError, match="list of at least 2"):
        layers.Add()(a)
    with pytest.raises(ShapeError, match="exactly 2"):
        layers.Subtract()([a, b, a])


def test_dropout() -> None:
    x = np.ones((50, 100), np.float32)
    layer = Dropout(0.3, seed=5)
    assert layer(x) is not None
    np.testing.assert_array_equal(layer(x), x)
    y, z = layer(x, training=True), layer(x, training=True)
    assert not np.array_equal(y, z)
    assert abs((y == 0).mean() - 0.3) < 0.03
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)
    np.testing.assert_array_equal(Dropout(0.3, seed=5)(x, training=True), y)
    np.testing.assert_array_equal(Dropout(0.0)(x, training=True), x)
    assert not Dropout(1.0)(x, training=True).any()
    shared = Dropout(0.5, noise_shape=(None, 1))(x, training=True)
    assert (shared == shared[:, :1]).all()


def test_flatten_of_single_numbers() -> None:
    assert Flatten()(np.ones(3)).shape == (3, 1)


def test_reshape_refuses_other_sizes() -> None:
    with pytest.raises(ShapeError, match="784 elements"):
        Reshape((27, 28))(np.ones((1, 784)))
    with pytest.raises(ShapeError, match="elements"):
        Reshape((5, -1))(np.ones((1, 784)))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Dense(0), "`units` must be a positive integer"),
        (lambda: Dense(2.5), "`units` must be a positive integer"),
        (lambda: Conv2D(4, (1, 2, 3)), "`kernel_size`"),
        (lambda: Conv2D(4, 0), "`kernel_size`"),
        (lambda: Conv2D(4, 3, padding="full"), "`padding` must be"),
        (lambda: Conv2D(4, 3, data_format="channels_first"), r"np\.moveaxis"),
        (lambda: Conv2D(4, 3, strides=2, dilation_rate=2), "exclude each other"),
        (lambda: Conv2D(4, 3, groups=3), "divisible by `groups`"),
        (lambda: DepthwiseConv2D(3, strides=2, dilation_rate=2), "exclude each other"),
        (lambda: DepthwiseConv2D(3, depth_multiplier=0), "`depth_multiplier`"),
        (lambda: DepthwiseConv1D((3, 3)), "`kernel_size`"),
        (lambda: SeparableConv2D(0, 3), "`filters`"),
        (lambda: BatchNormalization(axis=0), "`axis`"),
        (lambda: BatchNormalization(axis=[1, 2]), "`axis`"),
        (lambda: BatchNormalization(momentum=1.5), "`momentum`"),
        (lambda: BatchNormalization(epsilon=-1), "`epsilon`"),
        (lambda: LayerNormalization(axis="last"), "`axis`"),
        (lambda: LayerNormalization(axis=[]), "`axis`"),
        (lambda: GroupNormalization(groups=0), "`groups`"),
        (lambda: MaxPooling2D(pool_size=-1), "`pool_size`"),
        (lambda: Dropout(1.5), "`rate` must be a number between 0 and 1"),
        (lambda: Dropout(0.5, seed=0.5), "`seed`"),
        (lambda: Reshape((-1, -1)), "`target_shape`"),
        (lambda: Permute((0, 1)), "`dims`"),
        (lambda: ReLU(max_value=-1), "`max_value`"),
        (lambda: LeakyReLU(-0.1), "`negative_slope`"),
        (lambda: Softmax(axis="last"), "`axis`"),
        (lambda: layers.Conv1D(4, 3, padding="full"), "'causal'"),
        (lambda: layers.Conv2D(4, 3, padding="causal"), "`padding` must be one of"),
        (lambda: layers.Conv1D(4, (3, 3)), "`kernel_size`"),
        (lambda: layers.Conv1D(4, 3, dilation_rate=2, strides=2), "exclude each other"),
        (lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=2), "`output_padding`"),
        (lambda: layers.Conv2DTranspose(0, 3), "`filters`"),
        (lambda: layers.MaxPooling1D((2, 2)), "`pool_size`"),
        (lambda: layers.PReLU(shared_axes=[0]), "`shared_axes`"),
        (lambda: layers.SpatialDropout2D(-0.1), "`rate`"),
        (lambda: layers.GaussianNoise(2), "`stddev`"),
        (lambda: layers.GaussianDropout(1.0), "`rate"),
        (lambda: layers.AlphaDropout(1.0), "rate"),
        (lambda: layers.Embedding(0, 4), "`input_dim`"),
        (lambda: layers.Embedding(4, -1), "`output_dim`"),
        (lambda: layers.Dot(0), "`axes`"),
        (lambda: layers.Dot((1, 2, 3)), "`axes`"),
        (lambda: layers.Lambda("relu"), "`function` must be a function"),
        (lambda: layers.ZeroPadding2D(-1), "`padding` must be a whole number >= 0"),
        (lambda: layers.ZeroPadding2D(((1, 2), (3, 4), (5, 6))), "`padding`"),
        (lambda: layers.ZeroPadding1D((1, 2, 3)), "`padding`"),
        (lambda: layers.Cropping2D(1.5), "`cropping`"),
        (lambda: layers.UpSampling2D(interpolation="area"), "'lanczos3'"),
        (lambda: layers.UpSampling2D(0), "`size`"),
        (lambda: layers.RepeatVector(0), "`n` must be a positive integer"),
        (lambda: layers.Rescaling("big"), "`scale`"),
        (lambda: layers.Rescaling(1.0, [0, float("inf")]), "`offset`"),
        (lambda: layers.Normalization(mean=1.0), "`mean` and `variance`"),
        (lambda: layers.Normalization(mean=[[1.0]], variance=[[1.0]]), "more dimensions"),
        (lambda: Input(), "`shape`"),
    ],
)
def test_refused_arguments(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(ShapeError, match="groups=2"):
        Conv2D(4, 1, groups=2)(np.ones((1, 4, 4, 3)))


def test_window_larger_than_the_image() -> None:
    with pytest.raises(ShapeError, match=r"Conv2D 'c'.*padding='same'"):
        Conv2D(4, 5, name="c")(np.ones((1, 3, 3, 1)))


def test_unknown_class_in_a_config() -> None:
    with pytest.raises(ConfigurationError, match="custom_objects"):
        layers.deserialize({"class_name": "Dens", "config": {}})
    with pytest.raises(ConfigurationError, match="class_name"):
        layers.deserialize({"config": {}})


def test_item_28_default_initializers() -> None:
    for layer in (Dense(8), Conv2D(8, 3)):
        assert type(layer.kernel_initializer).__name__ == "GlorotUniform"
        assert type(layer.bias_initializer).__name__ == "Zeros"


def test_cropping_everything() -> None:
    with pytest.raises(ShapeError, match=r"Cropping2D 'c' leaves nothing"):
        layers.Cropping2D(2, name="c")(np.ones((1, 4, 9, 1)))


def test_padding_and_upsampling_of_images_of_unknown_size() -> None:
    stack = [layers.ZeroPadding2D(1), layers.UpSampling2D(2), layers.Cropping2D(1)]
    model = pyframe.models.Sequential([Input((None, None, 1)), *stack])
    assert model.output_shape == (None, None, None, 1)
    x = sample((3, 4, 1))
    y = model.predict(x, verbose=0)
    assert y.shape == (3, 8, 10, 1)
    np.testing.assert_array_equal(y[:, 1:-1, 1:-1], np.repeat(np.repeat(x, 2, 1), 2, 2).astype("f"))


def test_normalization_adapts_to_arrays_and_batches() -> None:
    x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(x)
    parts.adapt((x[i : i + 8], None) for i in range(0, 50, 8))
    np.testing.assert_allclose(whole(x).mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(whole(x).std(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(whole(x), parts(x), rtol=1e-5, atol=1e-6)
    undo = layers.Normalization(invert=True)
    undo.adapt(x)
    np.testing.assert_allclose(undo(whole(x)), x, rtol=1e-5, atol=1e-5)
    with pytest.raises(ShapeError, match="adapt received data of shape"):
        whole.adapt(x[:, :2])
    with pytest.raises(DataError, match="no data"):
        layers.Normalization().adapt([])
    with pytest.raises(ConfigurationError, match="was given `mean`"):
        layers.Normalization(mean=1.0, variance=1.0).adapt(x)
