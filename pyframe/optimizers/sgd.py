"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.optimizers.optimizer import Optimizer, Pair, number


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Without momentum w -= rate * g. With momentum m = momentum * m - rate * g, then w += m, or
    w += momentum * m - rate * g with Nesterov's look-ahead.

    Args:
        learning_rate: step size >= 0.
        momentum: part of the last step that is repeated, in [0, 1].
        nesterov: whether to look ahead.
        **kwargs: weight_decay, clipnorm, clipvalue, global_clipnorm, name.

    Raises:
        ConfigurationError: for an impossible value.
    """

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

    def update(self, learning_rate: Any, pairs: Sequence[Pair]) -> None:
        """Adds one step of the method to the trace."""
        groups = [(v, g, *self.slots(v)) for v, g in pairs]
        ops.sgd_update(learning_rate, groups, self.momentum, self.nesterov)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
