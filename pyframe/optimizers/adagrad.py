"""Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops
from pyframe.initializers import Constant
from pyframe.ops.tensor import Variable
from pyframe.optimizers.arguments import number
from pyframe.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares so far.

    a += g^2; w -= rate * g / sqrt(a + epsilon).

    Args:
        learning_rate: step size >= 0, or a schedule. The paper's experiments use larger ones than
            the default.
        initial_accumulator_value: a before the first step, >= 0.
        epsilon: added to a, inside the root, >= 0.
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Duchi et al., "Adaptive subgradient methods", JMLR 2011.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        start = number(initial_accumulator_value, "initial_accumulator_value", 0.0)
        self.initial_accumulator_value = start
        self.epsilon = number(epsilon, "epsilon", 0.0)

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the sums of squares."""
        super().build(variables)
        start = Constant(self.initial_accumulator_value)
        self.add_optimizer_variables(variables, "accumulator", start)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        total = self.slot(variable, "accumulator")
        self.assign_add(total, ops.square(gradient))
        self.assign_sub(variable, learning_rate * gradient / ops.sqrt(total + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


class Adadelta(Optimizer):
    """Scales the gradient by the ratio of the average sizes of past steps and of gradients.

    With rms(x) = sqrt(x + epsilon): a = rho * a + (1 - rho) * g^2; d = rms(b) / rms(a) * g;
    b = rho * b + (1 - rho) * d^2; w -= rate * d.

    Args:
        learning_rate: step size >= 0, or a schedule. The paper has 1.0.
        rho: part of the old averages that is kept, in [0, 1].
        epsilon: added inside the roots, >= 0.
        **kwargs: weight_decay, clipnorm and the others of `Optimizer`.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Zeiler 2012, https://arxiv.org/abs/1212.5701
    """

    slot_names = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = number(rho, "rho", 0.0, 1.0)
        self.epsilon = number(epsilon, "epsilon", 0.0)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight."""
        gradients = self.slot(variable, "accumulated_grad")
        steps = self.slot(variable, "accumulated_delta_var")
        self.assign(gradients, self._mixed(gradients, gradient))
        step = self._rms(steps) * gradient / self._rms(gradients)
        self.assign(steps, self._mixed(steps, step))
        self.assign_sub(variable, learning_rate * step)

    def _mixed(self, average: Any, x: Any) -> Any:
        return self.rho * average + (1.0 - self.rho) * ops.square(x)

    def _rms(self, average: Any) -> Any:
        return ops.sqrt(average + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}
