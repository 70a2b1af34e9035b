"""Batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe import constraints, initializers, ops, regularizers
from pyframe.config import epsilon
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.input_spec import InputSpec
from pyframe.ops.shaping import swap_to_last
from pyframe.ops.tensor import Variable


class BatchNormalization(Layer):
    """Normalises each channel to mean `beta` and standard deviation `gamma`.

    While training it takes mean and variance of the batch over all axes but `axis`, and moves
    `moving_mean` and `moving_variance` (of the population, not corrected for its size) towards
    them: moving = momentum * moving + (1 - momentum) * batch. Otherwise it uses the moving ones.
    A frozen layer (`trainable=False`) uses them in training too and leaves them as they are.

    Args:
        axis: the axis of the channels.
        momentum: part of the moving statistics that an update keeps, in [0, 1].
        epsilon: added to the variance.
        center: whether to add `beta`.
        scale: whether to multiply by `gamma`.
        beta_initializer: how beta starts.
        gamma_initializer: how gamma starts.
        moving_mean_initializer: how the moving mean starts.
        moving_variance_initializer: how the moving variance starts.
        beta_regularizer: penalty on beta, None for none.
        gamma_regularizer: penalty on gamma, None for none.
        beta_constraint: what holds for beta after each update, None for nothing.
        gamma_constraint: what holds for gamma after each update, None for nothing.
        synchronized: accepted for Keras's sake; there is one replica only.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        The output is as the input; gamma, beta, moving_mean, moving_variance (channels,).

    Raises:
        ConfigurationError: for an impossible argument.

    References:
        Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
    """

    supports_masking = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = one_axis(axis, self.label)
        self.momentum = arguments.fraction(momentum, "momentum", self.label)
        self.epsilon = arguments.finite(epsilon, "epsilon", self.label)
        if self.epsilon < 0:
            raise ConfigurationError(f"{self.label}: `epsilon` must be >= 0. Received: {epsilon}")
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.synchronized = bool(synchronized)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        """Makes gamma, beta, moving_mean and moving_variance, each (channels,)."""
        channels = known_axis(input_shape, self.axis, self.label)
        if self.scale:
            self.gamma = self.add_weight(
                (channels,),
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                name="gamma",
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                (channels,),
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                name="beta",
                constraint=self.beta_constraint,
            )
        self.moving_mean = self.add_weight(
            (channels,), self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            (channels,), self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        self.input_spec = InputSpec(min_ndim=2, axes={self.axis: channels})

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Returns the normalised inputs; the statistics are those of the steps that count."""
        x = swap_to_last(inputs, self.axis)
        channels = self.moving_mean.shape
        gamma = np.ones(channels, self.dtype) if self.gamma is None else self.gamma
        beta = np.zeros(channels, self.dtype) if self.beta is None else self.beta
        if training and self.trainable:
            if mask is None:
                y, mean, variance = ops.batch_norm(x, gamma, beta, self.epsilon)
            else:
                mean, variance = masked_moments(x, mask, self.label)
                y = ops.batch_norm_inference(x, gamma, beta, mean, variance, self.epsilon)
            pairs = [(self.moving_mean, mean), (self.moving_variance, variance)]
            ops.moving_average(pairs, self.momentum)
        else:
            y = ops.batch_norm_inference(
                x, gamma, beta, self.moving_mean, self.moving_variance, self.epsilon
            )
        return swap_to_last(y, self.axis)


def masked_moments(x: Any, mask: Any, layer: str) -> tuple[Any, Any]:
    """Returns mean and variance of each channel over the rows that a mask lets count.

    Args:
        x: (..., channels).
        mask: 1.0 or 0.0 for each row of channels.
        layer: the layer's label, for the error text.

    Raises:
        ShapeError: if the mask has another number of axes.
    """
    if mask.ndim != x.ndim - 1:
        raise ShapeError(
            f"{layer}: a mask of shape {tuple(mask.shape)} does not fit an input of shape "
            f"{tuple(x.shape)}; it must lack the last axis."
        )
    weights, rows = ops.expand_dims(mask, -1), range(x.ndim - 1)
    count = ops.sum(weights) + epsilon()
    mean = ops.sum(ops.where(weights, x, 0.0), rows) / count
    apart = ops.where(weights, x - mean, 0.0)
    return mean, ops.sum(apart * apart, rows) / count


def one_axis(axis: Any, layer: str) -> int:
    """Returns the number of one axis; files of older Keras hold a list with it.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        (axis,) = axis
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or axis == 0:
        raise ConfigurationError(
            f"{layer}: `axis` must be the number of one axis, not that of the batch. "
            f"Received: {axis!r}"
        )
    return int(axis)


def known_axis(input_shape: Any, axis: int, layer: str) -> int:
    """Returns the size of an axis.

    Raises:
        ShapeError: if there is no such axis or its size is free.
    """
    if not -len(input_shape) < axis < len(input_shape) or input_shape[axis] is None:
        raise ShapeError(
            f"{layer} needs a known size of axis {axis}. Received input shape: {tuple(input_shape)}"
        )
    return int(input_shape[axis])
