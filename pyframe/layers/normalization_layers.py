"""Normalisation within each sample: over features, groups of channels, or to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import constraints, initializers, ops, regularizers
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.layers.batch_normalization import known_axis, one_axis
from pyframe.layers.input_spec import InputSpec
from pyframe.ops.tensor import Variable


class _ScaleAndOffset(Layer):
    """What LayerNormalization and GroupNormalization share: epsilon, gamma and beta."""

    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = arguments.finite(epsilon, "epsilon", self.label)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def _add_weights(self, shape: tuple[int, ...]) -> None:
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                name="gamma",
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                name="beta",
                constraint=self.beta_constraint,
            )

    def _normalise(self, x: Any, axes: Sequence[int], shape: Sequence[int]) -> Any:
        # (x - mean) / sqrt(variance + epsilon) over `axes`; gamma and beta broadcast as `shape`.
        centered = x - ops.mean(x, axes, keepdims=True)
        variance = ops.mean(ops.square(centered), axes, keepdims=True)
        y = centered * ops.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            y = y * ops.reshape(self.gamma, shape)
        return y if self.beta is None else y + ops.reshape(self.beta, shape)


class LayerNormalization(_ScaleAndOffset):
    """Normalises each sample to mean 0 and variance 1 over its features.

    Args:
        axis: the axis or axes of the features.
        epsilon: added to the variance.
        center: whether to add `beta`.
        scale: whether to multiply by `gamma`.
        **kwargs: beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, name, trainable, dtype, input_shape.

    Shapes:
        The output is as the input; gamma and beta have the sizes of the axes, sorted as given.

    References:
        Ba et al. 2016, https://arxiv.org/abs/1607.06450
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(epsilon, center, scale, **kwargs)
        self.axis = _axes(axis, self.label)

    def build(self, input_shape: Any) -> None:
        """Makes gamma and beta."""
        self._add_weights(_weight_shape(self.axis, input_shape, self.label))
        axes = _feature_axes(self.axis, input_shape, self.label)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={a: input_shape[a] for a in axes})

    def call(self, inputs: Any) -> Any:
        """Returns the normalised inputs."""
        axes = _feature_axes(self.axis, inputs.shape, self.label)
        shape = [n if i in axes else 1 for i, n in enumerate(inputs.shape)]
        return self._normalise(inputs, axes, shape)


class GroupNormalization(_ScaleAndOffset):
    """Normalises groups of channels of each sample to mean 0 and variance 1.

    Args:
        groups: number of groups, a divisor of the channels; -1 for one for each channel.
        axis: the axis of the channels.
        epsilon: added to the variance.
        center: whether to add `beta`.
        scale: whether to multiply by `gamma`.
        **kwargs: beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint, name, trainable, dtype, input_shape.

    Shapes:
        The output is as the input; gamma and beta (channels,).

    Raises:
        ConfigurationError: for an impossible argument.

    References:
        Wu and He 2018, https://arxiv.org/abs/1803.08494
    """

    supports_masking = True

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(epsilon, center, scale, **kwargs)
        if groups != -1:
            groups = arguments.positive_integer(groups, "groups", self.label)
        self.groups = groups
        self.axis = one_axis(axis, self.label)

    def build(self, input_shape: Any) -> None:
        """Makes gamma and beta."""
        channels = known_axis(input_shape, self.axis, self.label)
        groups = channels if self.groups == -1 else self.groups
        if channels % groups:
            raise ShapeError(
                f"{self.label}: `groups`={groups} must divide the number of channels, {channels}."
            )
        self.groups = groups
        self._add_weights((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Any) -> Any:
        """Returns the normalised inputs."""
        dims = list(inputs.shape)
        axis = self.axis % len(dims)
        split = [self.groups, dims[axis] // self.groups]
        grouped = [*dims[:axis], *split, *dims[axis + 1 :]]
        axes = [i for i in range(1, len(grouped)) if i != axis]
        shape = [n if i in (axis, axis + 1) else 1 for i, n in enumerate(grouped)]
        y = self._normalise(ops.reshape(inputs, grouped), axes, shape)
        return ops.reshape(y, dims)


class RMSNormalization(Layer):
    """Divides each sample by the root mean square of its features.

    Args:
        axis: the axis or axes of the features.
        epsilon: added to the mean square.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        The output is as the input; the weight `scale` has the sizes of the axes, sorted as given.

    References:
        Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
    """

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = _axes(axis, self.label)
        self.epsilon = arguments.finite(epsilon, "epsilon", self.label)

    def build(self, input_shape: Any) -> None:
        """Makes the weight `scale`."""
        shape = _weight_shape(self.axis, input_shape, self.label)
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, inputs: Any) -> Any:
        """Returns the normalised inputs."""
        axes = _feature_axes(self.axis, inputs.shape, self.label)
        shape = [n if i in axes else 1 for i, n in enumerate(inputs.shape)]
        mean_square = ops.mean(ops.square(inputs), axes, keepdims=True)
        scale = ops.reshape(self.scale, shape)
        return inputs * ops.rsqrt(mean_square + self.epsilon) * scale


class UnitNormalization(Layer):
    """Divides each sample by the Euclidean length of its features.

    Args:
        axis: the axis or axes of the features.
        **kwargs: name, trainable, dtype, input_shape.
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axes(axis, self.label)

    def call(self, inputs: Any) -> Any:
        """Returns the normalised inputs."""
        axes = _feature_axes(self.axis, inputs.shape, self.label)
        total = ops.sum(ops.square(inputs), axes, keepdims=True)
        return inputs * ops.rsqrt(ops.maximum(total, 1e-24))


def _axes(axis: Any, layer: str) -> int | list[int]:
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    if not axes or any(isinstance(a, bool) or not isinstance(a, (int, np.integer)) for a in axes):
        raise ConfigurationError(
            f"{layer}: `axis` must be an integer or a list of them. Received: {axis!r}"
        )
    return axes if isinstance(axis, (list, tuple)) else int(axis)


def _feature_axes(axis: int | list[int], shape: Any, layer: str) -> list[int]:
    axes = axis if isinstance(axis, list) else [axis]
    for one in axes:
        known_axis(shape, one, layer)
    return sorted(one % len(shape) for one in axes)


def _weight_shape(axis: int | list[int], shape: Any, layer: str) -> tuple[int, ...]:
    # As Keras has it: negative axes sort before the others, and the weight is read in the order
    # of the input all the same.
    axes = sorted(axis) if isinstance(axis, list) else [axis]
    return tuple(known_axis(shape, one, layer) for one in axes)
