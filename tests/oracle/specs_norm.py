"""Normalisation, depthwise convolution and global pooling: small models for Keras and pyframe."""

from collections.abc import Callable
from typing import Any

from tests.oracle.specs import LayerCase, Layers, TrainCase

Make = Callable[[Any], Any]


def single(name: str, shape: tuple[int, ...], make: Make) -> LayerCase:
    return LayerCase(name, shape, lambda k: [make(k.layers)])


NORM_LAYER_CASES = [
    single("batch_norm", (4, 5, 6), lambda la: la.BatchNormalization()),
    single("batch_norm_of_vectors", (7,), lambda la: la.BatchNormalization(epsilon=0.1)),
    single("batch_norm_of_sequences", (5, 7), lambda la: la.BatchNormalization(scale=False)),
    single("batch_norm_axis_1", (4, 5, 6), lambda la: la.BatchNormalization(axis=1)),
    single("batch_norm_axis_2", (4, 5, 6), lambda la: la.BatchNormalization(2, center=False)),
    single("layer_norm", (4, 5, 6), lambda la: la.LayerNormalization()),
    single("layer_norm_axes", (4, 5, 6), lambda la: la.LayerNormalization(
        axis=[1, -1], epsilon=0.1)),
    single("layer_norm_plain", (7,), lambda la: la.LayerNormalization(
        center=False, scale=False)),
    single("group_norm", (4, 5, 6), lambda la: la.GroupNormalization(3)),
    single("group_norm_single", (4, 5, 6), lambda la: la.GroupNormalization(
        1, epsilon=0.1, scale=False)),
    single("instance_norm", (4, 5, 6), lambda la: la.GroupNormalization(-1)),
    single("group_norm_axis_1", (4, 5, 6), lambda la: la.GroupNormalization(2, axis=1)),
    single("rms_norm", (5, 6), lambda la: la.RMSNormalization()),
    single("rms_norm_axes", (5, 6), lambda la: la.RMSNormalization(axis=[1, 2])),
    single("unit_norm", (5, 6), lambda la: la.UnitNormalization()),
    single("unit_norm_axes", (5, 6), lambda la: la.UnitNormalization(axis=[1, 2])),
    single("depthwise", (7, 8, 5), lambda la: la.DepthwiseConv2D(3)),
    single("depthwise_same", (7, 8, 5), lambda la: la.DepthwiseConv2D(
        (5, 3), padding="same", depth_multiplier=3, activation="relu")),
    single("depthwise_strides", (8, 8, 6), lambda la: la.DepthwiseConv2D(
        3, strides=2, padding="same", use_bias=False)),
    single("depthwise_strides_odd", (9, 7, 6), lambda la: la.DepthwiseConv2D(5, 2)),
    single("depthwise_dilation", (9, 9, 4), lambda la: la.DepthwiseConv2D(
        3, dilation_rate=2, padding="same")),
    single("separable", (7, 8, 5), lambda la: la.SeparableConv2D(4, 3, activation="tanh")),
    single("separable_same", (7, 8, 3), lambda la: la.SeparableConv2D(
        6, 3, strides=2, padding="same", depth_multiplier=2, use_bias=False)),
    single("depthwise_1d", (9, 4), lambda la: la.DepthwiseConv1D(3, 2, "same", 2)),
    single("separable_1d", (9, 4), lambda la: la.SeparableConv1D(5, 3, dilation_rate=2)),
    single("global_average", (4, 5, 6), lambda la: la.GlobalAveragePooling2D()),
    single("global_average_keepdims", (4, 5, 6), lambda la: la.GlobalAvgPool2D(keepdims=True)),
    single("global_max", (4, 5, 6), lambda la: la.GlobalMaxPooling2D()),
    single("global_max_keepdims", (4, 5, 6), lambda la: la.GlobalMaxPool2D(keepdims=True)),
    single("global_average_1d", (5, 6), lambda la: la.GlobalAveragePooling1D(keepdims=True)),
    single("global_max_1d", (5, 6), lambda la: la.GlobalMaxPooling1D()),
]  # fmt: skip


def net(**batch_norm: Any) -> Layers:
    """Convolution, normalisation, global pooling; arguments of BatchNormalization are given.

    No bias in front of a normalisation: its gradient is zero but for rounding, and Adam divides
    that by its own size.
    """

    def layers(k: Any) -> list[Any]:
        la = k.layers
        return [
            la.Conv2D(5, 3, padding="same", use_bias=False),
            la.BatchNormalization(**batch_norm),
            la.ReLU(),
            la.SeparableConv2D(6, 3, strides=2, padding="same", use_bias=False),
            la.BatchNormalization(momentum=0.8),
            la.DepthwiseConv2D(3, padding="same", activation="relu"),
            la.GlobalAveragePooling2D(),
            la.Dense(4, activation="softmax"),
        ]

    return layers


def vectors(k: Any) -> list[Any]:
    la = k.layers
    return [
        la.Dense(7),
        la.BatchNormalization(),
        la.Activation("tanh"),
        la.Dense(4, activation="softmax"),
    ]


def normalised(k: Any) -> list[Any]:
    la = k.layers
    return [
        la.Conv2D(6, 3),
        la.GroupNormalization(2),
        la.LayerNormalization(axis=[1, 2, 3]),
        la.ReLU(),
        la.GlobalAveragePooling2D(),
        la.RMSNormalization(),
        la.Dense(5),
        la.UnitNormalization(),
        la.Dense(4, activation="softmax"),
    ]


def sequences(k: Any) -> list[Any]:
    la = k.layers
    return [
        la.SeparableConv1D(5, 3, padding="same"),
        la.BatchNormalization(axis=1),
        la.DepthwiseConv1D(3, depth_multiplier=2),
        la.GlobalMaxPooling1D(),
        la.Dense(4, activation="softmax"),
    ]


_IMAGE = (8, 7, 3)
NORM_TRAIN_CASES = [
    TrainCase("net_sgd", layers=net(), input_shape=_IMAGE),
    TrainCase("net_adam", lambda k: k.optimizers.Adam(0.003), layers=net(), input_shape=_IMAGE),
    TrainCase("net_regularized", layers=lambda k: net(
        gamma_regularizer=k.regularizers.L2(0.01), beta_regularizer=k.regularizers.L1(0.01))(k),
        input_shape=_IMAGE),
    TrainCase("net_constant", layers=net(center=False, scale=False, momentum=0.5),
              input_shape=_IMAGE),
    TrainCase("net_frozen", layers=net(trainable=False), input_shape=_IMAGE),
    TrainCase("vectors", layers=vectors),
    TrainCase("normalised", layers=normalised, input_shape=_IMAGE),
    TrainCase("sequences", layers=sequences, input_shape=(9, 4)),
]  # fmt: skip
