"""Regularisation by noise, active in training alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.layers import arguments
from pyframe.layers.input_spec import InputSpec
from pyframe.layers.random_layer import RandomLayer
from pyframe.ops.nn import shared_axes
from pyframe.ops.random import random_normal, random_uniform


class _RateLayer(RandomLayer):
    supports_masking = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = arguments.fraction(rate, "rate", self.label)


class Dropout(_RateLayer):
    """Drops a random part of its inputs while training; does nothing otherwise.

    What is kept is scaled by 1 / (1 - rate), so that the mean stays the same.

    Args:
        rate: part of the inputs that is dropped, in [0, 1].
        noise_shape: shape of the mask, 1 where it is shared and None where it is as the
            inputs, e.g. (None, 1, None) for the same mask at all time steps.
        seed: fixes this layer's random numbers; None draws from the model's.
        **kwargs: name, trainable, dtype, input_shape.

    Raises:
        ConfigurationError: if `rate` is outside [0, 1].

    References:
        Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the inputs, some of them dropped if `training`."""
        if not training or self.rate == 0.0:
            return inputs
        return ops.dropout(inputs, self.rate, state=self._state, noise_shape=self.noise_shape)


class _SpatialDropout(_RateLayer):
    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the inputs, some channels of each sample dropped if `training`."""
        if not training or self.rate == 0.0:
            return inputs
        shape = (None, *(1,) * (inputs.ndim - 2), None)
        return ops.dropout(inputs, self.rate, state=self._state, noise_shape=shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the layer's arguments; Keras's layer takes no `trainable`."""
        config = super().get_config()
        del config["trainable"]
        return config


class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels of sequences while training.

    Args:
        rate: part of the channels that is dropped, in [0, 1].
        seed: fixes this layer's random numbers; None draws from the model's.
        **kwargs: name, dtype, input_shape.

    References:
        Tompson et al. 2015, https://arxiv.org/abs/1411.4280
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        self.input_spec = InputSpec(ndim=3)


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of images while training.

    Args:
        rate: part of the channels that is dropped, in [0, 1].
        data_format: None or "channels_last".
        seed: fixes this layer's random numbers; None draws from the model's.
        **kwargs: name, dtype, input_shape.

    References:
        Tompson et al. 2015, https://arxiv.org/abs/1411.4280
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.data_format = arguments.channels_last(data_format, self.label)
        self.input_spec = InputSpec(ndim=4)


class GaussianNoise(RandomLayer):
    """Adds normal noise while training.

    Args:
        stddev: its standard deviation, in [0, 1].
        seed: fixes this layer's random numbers; None draws from the model's.
        **kwargs: name, trainable, dtype, input_shape.
    """

    supports_masking = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = arguments.fraction(stddev, "stddev", self.label)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the inputs, with noise if `training`."""
        if not training or self.stddev == 0.0:
            return inputs
        return inputs + random_normal(inputs, state=self._state) * self.stddev


class GaussianDropout(_RateLayer):
    """Multiplies by normal noise of mean 1 and variance rate / (1 - rate) while training.

    Args:
        rate: the rate of the dropout that varies as much, in [0, 1).
        seed: fixes this layer's random numbers; None draws from the model's.
        **kwargs: name, trainable, dtype, input_shape.

    References:
        Srivastava et al. 2014, section 10
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        if self.rate == 1.0:
            arguments.finite(math.inf, "rate / (1 - rate)", self.label)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the inputs, multiplied by noise if `training`."""
        if not training or self.rate == 0.0:
            return inputs
        deviation = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * (random_normal(inputs, state=self._state) * deviation + 1.0)


class AlphaDropout(_RateLayer):
    """Sets inputs to the lower limit of SELU while training; keeps their mean and variance.

    Args:
        rate: part of the inputs that is dropped, in [0, 1).
        noise_shape: shape of the mask, 1 where it is shared and None where it is as the inputs.
        seed: fixes this layer's random numbers; None draws from the model's.
        **kwargs: name, trainable, dtype, input_shape.

    References:
        Klambauer et al. 2017, https://arxiv.org/abs/1706.02515
    """

    _limit = -1.6732632423543772 * 1.0507009873554805

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if self.rate == 1.0:
            arguments.finite(math.inf, "1 / (1 - rate)", self.label)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the inputs, some of them at the limit if `training`."""
        if not training or self.rate == 0.0:
            return inputs
        axes = [] if self.noise_shape is None else shared_axes(inputs, self.noise_shape)
        kept = ops.greater_equal(random_uniform(inputs, axes, state=self._state), self.rate)
        scale = ((1.0 - self.rate) * (1.0 + self.rate * self._limit**2)) ** -0.5
        shift = -scale * self._limit * self.rate
        return (inputs * kept + (1.0 - kept) * self._limit) * scale + shift
