"""Optimizer, the base of all optimizers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.errors import ConfigurationError, DataError, warn
from pyframe.lookup import reject_unknown
from pyframe.naming import to_snake_case
from pyframe.ops.tensor import Tensor, Variable

Pair = tuple[Variable, Any]


def number(value: Any, argument: str, low: float, high: float = math.inf) -> float:
    """Returns a number in [low, high].

    Raises:
        ConfigurationError: for anything else.
    """
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not real or not low <= value <= high:
        limits = f">= {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise ConfigurationError(f"`{argument}` must be a number {limits}. Received: {value!r}")
    return float(value)


class Optimizer:
    """Base of optimizers: changes weights inside the training plan.

    The learning rate and the step counter are variables that the plan reads, so that
    `optimizer.learning_rate = 0.01` acts on the next batch.

    Args:
        learning_rate: step size >= 0, or a schedule: a function of the step (a symbolic
            float64 scalar, from 0) written with `pyframe.ops`.
        weight_decay: w -= w * weight_decay * learning_rate before each step; None for none.
        clipnorm: largest norm of each weight's gradient, None for no limit.
        clipvalue: largest absolute value of a gradient element, None for no limit.
        global_clipnorm: largest norm of all gradients together, None for no limit.
        name: name of the optimizer.
        lr: Keras 1 and 2 name of `learning_rate`.
        decay: Keras 1 and 2: the rate is learning_rate / (1 + decay * step).

    Raises:
        ConfigurationError: for an impossible value.
    """

    # Names of the variables that an optimizer keeps for each weight.
    slot_names: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        lr: float | None = None,
        decay: float | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown(type(self), unknown)
        if lr is not None:
            warn("`lr` is the old name of `learning_rate`; it is used.")
            learning_rate = lr
        self.name = name or to_snake_case(type(self).__name__)
        self.decay = 0.0 if decay is None else number(decay, "decay", 0.0)
        if self.decay:
            warn("`decay` is used as in Keras 2: learning_rate / (1 + decay * iterations).")
        self.weight_decay = _optional(weight_decay, "weight_decay")
        self.clipnorm = _optional(clipnorm, "clipnorm")
        self.clipvalue = _optional(clipvalue, "clipvalue")
        self.global_clipnorm = _optional(global_clipnorm, "global_clipnorm")
        if sum(v is not None for v in (self.clipnorm, self.clipvalue, self.global_clipnorm)) > 1:
            raise ConfigurationError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"{clipnorm}, {clipvalue}, {global_clipnorm}"
            )
        self.iterations = Variable(0.0, "float64", False, "iteration")
        self._schedule = learning_rate if callable(learning_rate) else None
        start = 0.0 if self._schedule else number(learning_rate, "learning_rate", 0.0)
        self._learning_rate = Variable(start, "float32", False, "learning_rate")
        self._slots: dict[Variable, list[Variable]] = {}

    @property
    def learning_rate(self) -> Any:
        """The learning rate, a scalar variable; assigning a number acts at once."""
        return self._schedule or self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._schedule is not None:
            raise TypeError(
                "The learning rate follows a schedule and cannot be set. Make the optimizer with "
                "a number to change it by hand."
            )
        self._learning_rate.assign(number(float(value), "learning_rate", 0.0))

    @property
    def lr(self) -> Any:
        """Old name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    @property
    def variables(self) -> list[Variable]:
        """Counter, learning rate (unless scheduled), then the slots of each weight in turn."""
        rate = [] if self._schedule else [self._learning_rate]
        return [self.iterations, *rate, *(v for slots in self._slots.values() for v in slots)]

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the slots of weights that have none yet."""
        for variable in variables:
            if variable not in self._slots:
                zeros = np.zeros(variable.shape, variable.dtype)
                self._slots[variable] = [
                    Variable(
                        zeros,
                        variable.dtype,
                        False,
                        f"{variable.path.replace('/', '_')}_{slot}",
                        f"{self.name}/{variable.path.replace('/', '_')}_{slot}",
                    )
                    for slot in self.slot_names
                ]

    def record_step(self, variables: Sequence[Variable], gradients: Sequence[Any]) -> None:
        """Adds one step to the trace that is being recorded.

        Args:
            variables: trainable weights.
            gradients: gradient of the loss for each weight, None where there is none.

        Raises:
            DataError: if no weight has a gradient.
        """
        pairs = [(v, g) for v, g in zip(variables, gradients, strict=True) if g is not None]
        if variables and not pairs:
            raise DataError("No weight has a gradient: the loss does not depend on any of them.")
        if len(pairs) < len(variables):
            lost = [v.path for v, g in zip(variables, gradients, strict=True) if g is None]
            warn(f"The loss does not depend on these weights: {lost}")
        self.build([v for v, _ in pairs])
        rate = self._rate()
        pairs = self._clipped(pairs)
        if self.weight_decay:
            for variable, _ in pairs:
                ops.accumulate(
                    variable, ops.cast(rate, variable.dtype) * variable * -self.weight_decay
                )
        # One operator holds weights of one dtype.
        for dtype in dict.fromkeys(v.dtype for v, _ in pairs):
            self.update(rate, [(v, g) for v, g in pairs if v.dtype == dtype])
        ops.assign_add(self.iterations, 1.0)

    def update(self, learning_rate: Any, pairs: Sequence[Pair]) -> None:
        """Adds the operators that change the weights. To be overridden.

        Args:
            learning_rate: scalar tensor or variable.
            pairs: (weight, gradient), all of one dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `update`.")

    def slots(self, variable: Variable) -> list[Variable]:
        """Returns the slots of a weight, in the order of `slot_names`."""
        return self._slots[variable]

    def _rate(self) -> Any:
        if self._schedule is not None:
            return self._schedule(ops.cast(self.iterations, "float32"))
        if self.decay:
            steps = ops.cast(self.iterations, "float32")
            return self._learning_rate / (1.0 + self.decay * steps)
        return self._learning_rate

    def _clipped(self, pairs: list[tuple[Variable, Tensor]]) -> list[tuple[Variable, Tensor]]:
        if self.clipvalue is not None:
            limit = self.clipvalue
            return [(v, ops.clip(g, -limit, limit)) for v, g in pairs]
        if self.clipnorm is not None:
            return [(v, _scaled(g, ops.sum(g * g), self.clipnorm)) for v, g in pairs]
        if self.global_clipnorm is not None and pairs:
            total: Any = 0.0
            for _, gradient in pairs:
                total = ops.sum(gradient * gradient) + total
            return [(v, _scaled(g, total, self.global_clipnorm)) for v, g in pairs]
        return pairs

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        rate = self._schedule or float(self._learning_rate)
        config = {"name": self.name, "learning_rate": rate}
        for name in ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm"):
            config[name] = getattr(self, name)
        if self.decay:
            config["decay"] = self.decay
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns an optimizer made from what `get_config` returned."""
        return cls(**config)


def _scaled(gradient: Any, squared_norm: Any, limit: float) -> Any:
    norm = ops.sqrt(ops.cast(squared_norm, gradient.dtype))
    return gradient * (limit / ops.maximum(norm, limit))


def _optional(value: Any, argument: str) -> float | None:
    return None if value is None else number(value, argument, 0.0)
