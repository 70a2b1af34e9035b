"""Follow the regularized leader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.initializers import Constant
from pyframe.ops.tensor import Variable
from pyframe.optimizers.arguments import number
from pyframe.optimizers.optimizer import Optimizer


class Ftrl(Optimizer):
    """Follow the regularized leader: keeps sums of gradients and solves for each weight.

    With p = -learning_rate_power: n' = n + g^2; z += g + 2 * l2_shrinkage * w
    - (n'^p - n^p) / rate * w; w = (clip(z, -l1, l1) - z) / (n'^p / rate + 2 * l2 + beta / rate).

    Args:
        learning_rate: step size > 0, or a schedule.
        learning_rate_power: how the rate falls with the sum n of squares, <= 0.
        initial_accumulator_value: n before the first step, >= 0.
        l1_regularization_strength: sets small weights to exactly 0, >= 0.
        l2_regularization_strength: draws weights to 0, >= 0.
        l2_shrinkage_regularization_strength: L2 penalty on the size of w in the gradient, >= 0.
        beta: added to l2, times 1 / (2 * rate), >= 0.
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013, algorithm 1.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.learning_rate_power = number(learning_rate_power, "learning_rate_power", high=0.0)
        start = number(initial_accumulator_value, "initial_accumulator_value", 0.0)
        self.initial_accumulator_value = start
        self.l1_regularization_strength = number(
            l1_regularization_strength, "l1_regularization_strength", 0.0
        )
        self.l2_regularization_strength = number(
            l2_regularization_strength, "l2_regularization_strength", 0.0
        )
        self.l2_shrinkage_regularization_strength = number(
            l2_shrinkage_regularization_strength, "l2_shrinkage_regularization_strength", 0.0
        )
        self.beta = number(beta, "beta", 0.0)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the sums."""
        super().build(variables)
        start = Constant(self.initial_accumulator_value)
        self.add_optimizer_variables(variables, ["accumulator", "linear"], [start, "zeros"])

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        squares, linear = self.slot(variable, "accumulator"), self.slot(variable, "linear")
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        before = ops.power(squares, power)
        self.assign_add(squares, ops.square(gradient))
        after = ops.power(squares, power)
        shrinkage = 2.0 * self.l2_shrinkage_regularization_strength * variable
        self.assign_add(linear, gradient + shrinkage - (after - before) / learning_rate * variable)
        l2 = self.l2_regularization_strength + self.beta / (2.0 * learning_rate)
        value = (ops.clip(linear, -l1, l1) - linear) / (after / learning_rate + 2.0 * l2)
        self.assign(variable, value)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        names = (
            "learning_rate_power",
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
            "beta",
        )
        return super().get_config() | {name: getattr(self, name) for name in names}
