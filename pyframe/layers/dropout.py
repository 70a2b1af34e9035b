"""Regularisation by noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.errors import ConfigurationError
from pyframe.layers import arguments
from pyframe.layers.base import Layer
from pyframe.ops.tensor import Variable


class Dropout(Layer):
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
        super().__init__(**kwargs)
        self.rate = arguments.fraction(rate, "rate", self.label)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise ConfigurationError(f"{self.label}: `seed` must be an integer or None: {seed!r}")
        self.seed = seed
        self._state: Variable | None = None
        if seed is not None:
            self._state = Variable(np.array([float(seed), 0.0]), "float64", False, "seed_state")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the inputs, some of them dropped if `training`."""
        if not training or self.rate == 0.0:
            return inputs
        return ops.dropout(inputs, self.rate, state=self._state, noise_shape=self.noise_shape)
