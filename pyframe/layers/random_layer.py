"""What layers that draw random numbers share."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError
from pyframe.layers.base import Layer
from pyframe.ops.tensor import Variable


class RandomLayer(Layer):
    """Base of the layers that are random while training.

    Args:
        seed: fixes this layer's random numbers; None draws from the model's.
        **kwargs: name, trainable, dtype, input_shape.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise ConfigurationError(f"{self.label}: `seed` must be an integer or None: {seed!r}")
        self.seed = seed
        self._state: Variable | None = None
        if seed is not None:
            self._state = Variable(np.array([float(seed), 0.0]), "float64", False, "seed_state")
