"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.ops.tensor import Variable
from pyframe.optimizers.arguments import number
from pyframe.optimizers.optimizer import Optimizer, Pair


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Without momentum w -= rate * g. With momentum m = momentum * m - rate * g, then w += m, or
    w += momentum * m - rate * g with Nesterov's look-ahead.

    Args:
        learning_rate: step size >= 0, or a schedule.
        momentum: part of the last step that is repeated, in [0, 1].
        nesterov: whether to look ahead.
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Sutskever et al., "On the importance of initialization and momentum", ICML 2013.
    """

    fused = True

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.momentum = number(momentum, "momentum", 0.0, 1.0)
        self.nesterov = bool(nesterov)
        if self.momentum:
            self.slot_names = ("momentum",)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        step = learning_rate * gradient
        if not self.momentum:
            self.assign_sub(variable, step)
            return
        velocity = self.momentum * self.slot(variable, "momentum") - step
        self.assign(self.slot(variable, "momentum"), velocity)
        self.assign_add(variable, self.momentum * velocity - step if self.nesterov else velocity)

    def fused_update(self, learning_rate: Any, pairs: Sequence[Pair]) -> None:
        """Adds the engine's operator for all weights."""
        groups = [(v, g, *(self.slot(v, name) for name in self.slot_names)) for v, g in pairs]
        ops.sgd_update(learning_rate, groups, self.momentum, self.nesterov)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
