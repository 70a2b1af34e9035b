"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.optimizers.optimizer import Optimizer, Pair, number


class RMSprop(Optimizer):
    """Divides the gradient by a running average of its size.

    v = rho * v + (1 - rho) * g^2; w -= rate * g / sqrt(v + epsilon), with momentum through a
    velocity; `centered` subtracts the squared running mean of g from v.

    Args:
        learning_rate: step size >= 0.
        rho: part of the old average that is kept, in [0, 1].
        momentum: part of the last step that is repeated, in [0, 1].
        epsilon: added to v, inside the root, >= 0.
        centered: whether to divide by the standard deviation instead.
        **kwargs: weight_decay, clipnorm, clipvalue, global_clipnorm, name.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Hinton, Neural Networks for Machine Learning, lecture 6e.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = number(rho, "rho", 0.0, 1.0)
        self.momentum = number(momentum, "momentum", 0.0, 1.0)
        self.epsilon = number(epsilon, "epsilon", 0.0)
        self.centered = bool(centered)
        self.slot_names = (
            "velocity",
            *(("average_gradient",) if self.centered else ()),
            *(("momentum",) if self.momentum else ()),
        )

    def update(self, learning_rate: Any, pairs: Sequence[Pair]) -> None:
        """Adds one step of the method to the trace."""
        groups = [(v, g, *self.slots(v)) for v, g in pairs]
        ops.rmsprop_update(
            learning_rate, groups, self.rho, self.momentum, self.epsilon, self.centered
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
