"""Adam, and AdamW, which is Adam with weight decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError
from pyframe.ops.tensor import Variable
from pyframe.optimizers.arguments import number
from pyframe.optimizers.optimizer import Optimizer, Pair


class Adam(Optimizer):
    """Running averages of the gradient and its square, both corrected for their start at zero.

    m += (g - m) * (1 - beta_1); v += (g^2 - v) * (1 - beta_2);
    w -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon).

    Args:
        learning_rate: step size >= 0, or a schedule.
        beta_1: part of the old mean that is kept, in [0, 1].
        beta_2: part of the old square that is kept, in [0, 1].
        epsilon: added to sqrt(v), after the correction ("epsilon hat" of the paper), >= 0.
        amsgrad: whether to divide by the largest v so far.
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Kingma & Ba 2014, https://arxiv.org/abs/1412.6980; amsgrad: Reddi et al., "On the
        convergence of Adam and beyond", ICLR 2018.
    """

    slot_names = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = number(beta_1, "beta_1", 0.0, 1.0)
        self.beta_2 = number(beta_2, "beta_2", 0.0, 1.0)
        self.epsilon = number(epsilon, "epsilon", 0.0)
        self.amsgrad = bool(amsgrad)
        self.fused = not self.amsgrad

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the running averages."""
        super().build(variables)
        if self.amsgrad:
            self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        mean, square = self.slot(variable, "momentum"), self.slot(variable, "velocity")
        self.assign_add(mean, (gradient - mean) * (1.0 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1.0 - self.beta_2))
        if self.amsgrad:
            largest = self.slot(variable, "velocity_hat")
            self.assign(largest, ops.maximum(largest, square))
            square = largest
        correction = ops.cast(self.once("correction", self._correction), variable.dtype)
        step = mean * (learning_rate * correction) / (ops.sqrt(square) + self.epsilon)
        self.assign_sub(variable, step)

    def _correction(self) -> Any:
        t = self.iterations + 1.0
        return ops.sqrt(1.0 - ops.power(self.beta_2, t)) / (1.0 - ops.power(self.beta_1, t))

    def fused_update(self, learning_rate: Any, pairs: Sequence[Pair]) -> None:
        """Adds the engine's operator for all weights."""
        groups = [(v, g, *(self.slot(v, name) for name in self.slot_names)) for v, g in pairs]
        ops.adam_update(
            learning_rate, self.iterations, groups, self.beta_1, self.beta_2, self.epsilon
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam with decoupled weight decay: w -= w * weight_decay * rate before each step.

    Args:
        learning_rate: step size >= 0, or a schedule.
        weight_decay: part of a weight that is lost at each step, times the rate, >= 0; weights can
            be spared with `exclude_from_weight_decay`.
        beta_1: see `Adam`.
        beta_2: see `Adam`.
        epsilon: see `Adam`.
        amsgrad: see `Adam`.
        **kwargs: clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value; None is one for `weight_decay`.

    References:
        Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        if weight_decay is None:
            raise ConfigurationError(
                "`weight_decay` of AdamW must be a number >= 0. Received: None. Use Adam for none."
            )
        kwargs["weight_decay"] = weight_decay
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, **kwargs)
