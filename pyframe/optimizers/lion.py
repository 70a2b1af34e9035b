"""Lion."""

from __future__ import annotations

from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError
from pyframe.ops.tensor import Variable
from pyframe.optimizers.arguments import number
from pyframe.optimizers.optimizer import Optimizer


class Lion(Optimizer):
    """Steps of one size, in the direction of the sign of a running mean.

    w -= rate * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g. The rate is
    usually 3 to 10 times smaller than for Adam.

    Args:
        learning_rate: step size >= 0, or a schedule.
        beta_1: weight of the mean in the direction, in (0, 1].
        beta_2: part of the old mean that is kept, in [0, 1].
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Chen et al. 2023, "Symbolic discovery of optimization algorithms",
        https://arxiv.org/abs/2302.06675
    """

    slot_names = ("momentum",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = number(beta_1, "beta_1", 0.0, 1.0)
        self.beta_2 = number(beta_2, "beta_2", 0.0, 1.0)
        if self.beta_1 == 0.0:
            raise ConfigurationError(
                "`beta_1` must be greater than 0: otherwise only the sign of the last gradient "
                f"counts. Received: {beta_1!r}"
            )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        mean = self.slot(variable, "momentum")
        direction = ops.sign(self.beta_1 * mean + (1.0 - self.beta_1) * gradient)
        self.assign_sub(variable, learning_rate * direction)
        self.assign(mean, self.beta_2 * mean + (1.0 - self.beta_2) * gradient)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
