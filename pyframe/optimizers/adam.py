"""Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.optimizers.optimizer import Optimizer, Pair, number


class Adam(Optimizer):
    """Running averages of the gradient and its square, both corrected for their start at zero.

    m += (g - m) * (1 - beta_1); v += (g^2 - v) * (1 - beta_2);
    w -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon).

    Args:
        learning_rate: step size >= 0.
        beta_1: part of the old mean that is kept, in [0, 1).
        beta_2: part of the old square that is kept, in [0, 1).
        epsilon: added to sqrt(v), after the correction ("epsilon hat" of the paper), >= 0.
        **kwargs: weight_decay, clipnorm, clipvalue, global_clipnorm, name.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Kingma & Ba 2014, https://arxiv.org/abs/1412.6980
    """

    slot_names = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = number(beta_1, "beta_1", 0.0, 1.0)
        self.beta_2 = number(beta_2, "beta_2", 0.0, 1.0)
        self.epsilon = number(epsilon, "epsilon", 0.0)

    def update(self, learning_rate: Any, pairs: Sequence[Pair]) -> None:
        """Adds one step of the method to the trace."""
        groups = [(v, g, *self.slots(v)) for v, g in pairs]
        ops.adam_update(
            learning_rate, self.iterations, groups, self.beta_1, self.beta_2, self.epsilon
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
