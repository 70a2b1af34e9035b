"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.ops.tensor import Variable
from pyframe.optimizers.arguments import number
from pyframe.optimizers.optimizer import Optimizer, Pair


class RMSprop(Optimizer):
    """Divides the gradient by a running average of its size.

    v = rho * v + (1 - rho) * g^2; w -= rate * g / sqrt(v + epsilon), with momentum through a
    velocity; `centered` subtracts the squared running mean of g from v.

    Args:
        learning_rate: step size >= 0, or a schedule.
        rho: part of the old average that is kept, in [0, 1].
        momentum: part of the last step that is repeated, in [0, 1].
        epsilon: added to v, inside the root, >= 0.
        centered: whether to divide by the standard deviation instead.
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Hinton, Neural Networks for Machine Learning, lecture 6e.
    """

    fused = True

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

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the running averages, kind by kind."""
        super().build(variables)
        self.add_optimizer_variables(variables, "velocity")
        if self.momentum:
            self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self.add_optimizer_variables(variables, "average_gradient")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        square = self._running(variable, "velocity", ops.square(gradient))
        if self.centered:
            square = square - ops.square(self._running(variable, "average_gradient", gradient))
        step = learning_rate * gradient / ops.sqrt(square + self.epsilon)
        if self.momentum:
            momentum = self.slot(variable, "momentum")
            step = self.momentum * momentum + step
            self.assign(momentum, step)
        self.assign_sub(variable, step)

    def _running(self, variable: Variable, name: str, value: Any) -> Any:
        average = self.rho * self.slot(variable, name) + (1.0 - self.rho) * value
        self.assign(self.slot(variable, name), average)
        return average

    def fused_update(self, learning_rate: Any, pairs: Sequence[Pair]) -> None:
        """Adds the engine's operator for all weights."""
        names = ["velocity"]
        names += ["average_gradient"] if self.centered else []
        names += ["momentum"] if self.momentum else []
        groups = [(v, g, *(self.slot(v, name) for name in names)) for v, g in pairs]
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
