"""Adamax and Nadam, two kinds of Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.ops.tensor import Variable
from pyframe.optimizers.arguments import number
from pyframe.optimizers.optimizer import Optimizer, Pair


class _MomentOptimizer(Optimizer):
    """The arguments that Adamax and Nadam share with Adam."""

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

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


class Adamax(_MomentOptimizer):
    """Adam with the largest gradient in the place of the root of the mean square.

    m += (g - m) * (1 - beta_1); u = max(beta_2 * u, |g|);
    w -= rate * m / ((1 - beta_1^t) * (u + epsilon)).

    Args:
        learning_rate: step size >= 0, or a schedule.
        beta_1: part of the old mean that is kept, in [0, 1].
        beta_2: part of the old maximum that is kept, in [0, 1].
        epsilon: added to u, >= 0.
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Kingma & Ba 2014, section 7.1, https://arxiv.org/abs/1412.6980
    """

    slot_names = ("momentum", "norm")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        mean, norm = self.slot(variable, "momentum"), self.slot(variable, "norm")
        self.assign_add(mean, (gradient - mean) * (1.0 - self.beta_1))
        self.assign(norm, ops.maximum(self.beta_2 * norm, ops.absolute(gradient)))
        correction = ops.cast(self.once("correction", self._correction), variable.dtype)
        self.assign_sub(variable, learning_rate * mean / (correction * (norm + self.epsilon)))

    def _correction(self) -> Any:
        return 1.0 - ops.power(self.beta_1, self.iterations + 1.0)


class Nadam(_MomentOptimizer):
    """Adam with Nesterov's look-ahead.

    With u_t = beta_1 * (1 - 0.96^t / 2) and p the product of all u so far, m and v as in Adam:
    w -= rate * (u_(t+1) * m / (1 - p * u_(t+1)) + (1 - u_t) * g / (1 - p))
    / (sqrt(v / (1 - beta_2^t)) + epsilon).

    Args:
        learning_rate: step size >= 0, or a schedule.
        beta_1: part of the old mean that is kept, in [0, 1].
        beta_2: part of the old square that is kept, in [0, 1].
        epsilon: added to the root, >= 0.
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.
    """

    slot_names = ("momentum", "velocity")

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the running averages and the product."""
        super().build(variables)
        self._product = self.add_variable((), "ones", "float64", "u_product")

    def update_variables(self, pairs: Sequence[Pair], learning_rate: Any) -> None:
        """Changes all weights, the product of the momentums before them."""
        self.assign(self._product, self._product * self._momentum(1.0))
        super().update_variables(pairs, learning_rate)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        mean, square = self.slot(variable, "momentum"), self.slot(variable, "velocity")
        self.assign_add(mean, (gradient - mean) * (1.0 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1.0 - self.beta_2))
        ahead, now, correction = (
            ops.cast(x, variable.dtype) for x in self.once("factors", self._factors)
        )
        step = learning_rate * (ahead * mean + now * gradient)
        self.assign_sub(variable, step / (ops.sqrt(square * correction) + self.epsilon))

    def _momentum(self, ahead: float) -> Any:
        return self.beta_1 * (1.0 - 0.5 * ops.power(0.96, self.iterations + ahead))

    def _factors(self) -> tuple[Any, Any, Any]:
        following = self._momentum(2.0)
        return (
            following / (1.0 - self._product * following),
            (1.0 - self._momentum(1.0)) / (1.0 - self._product),
            1.0 / (1.0 - ops.power(self.beta_2, self.iterations + 1.0)),
        )
