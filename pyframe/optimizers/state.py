"""What an optimizer holds: step counter, learning rate, and variables for each weight."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pyframe import initializers
from pyframe.errors import ConfigurationError, warn
from pyframe.naming import auto_name
from pyframe.ops.tensor import Trace, Variable
from pyframe.optimizers import schedules
from pyframe.optimizers.arguments import number


class OptimizerState:
    """Step counter, learning rate, variables by weight and name, and which weights decay.

    Args:
        name: name of the optimizer, made from its class if None.
    """

    # Names of the variables that an optimizer keeps for each weight, zeros at the beginning.
    slot_names: tuple[str, ...] = ()

    def __init__(self, name: str | None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.built = False
        self._indices: dict[Variable, int] = {}
        self._slots: dict[tuple[Variable | None, str], Variable] = {}
        self._excluded: frozenset[Variable] = frozenset()
        self._excluded_names: re.Pattern[str] | None = None
        self._iterations = Variable(0.0, "float64", False, "iteration", f"{self.name}/iteration")

    # --- learning rate -----------------------------------------------------------------------

    def set_rate(self, learning_rate: Any, lr: Any, decay: Any) -> None:
        """Sets rate or schedule from the arguments of an optimizer; see `Optimizer`."""
        if lr is not None:
            warn("`lr` is the old name of `learning_rate`; it is used.")
            learning_rate = lr
        self.decay = 0.0 if decay is None else number(decay, "decay", 0.0)
        if self.decay:
            warn("`decay` is used as in Keras 2: learning_rate / (1 + decay * iterations).")
        self._schedule = learning_rate if callable(learning_rate) else None
        start = 0.0 if self._schedule else number(learning_rate, "learning_rate", 0.0)
        path = f"{self.name}/learning_rate"
        self._learning_rate = Variable(start, "float32", False, "learning_rate", path)

    @property
    def learning_rate(self) -> Any:
        """The learning rate, a scalar variable; assigning a number acts on the next batch.

        With a schedule it is a copy of the present rate and cannot be set.
        """
        if self._schedule is None:
            return self._learning_rate
        present = schedules.rate_at(self._schedule, float(self._iterations))
        return Variable(present, "float32", False, "learning_rate")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._schedule is not None:
            raise TypeError(
                "The learning rate follows a schedule and cannot be set. Make the optimizer with "
                "a number to change it by hand."
            )
        if callable(value):
            if self.built:
                raise ConfigurationError(
                    "`learning_rate` can become a schedule only before the first step. Make a new "
                    f"optimizer with the schedule and compile again. Received: {value!r}"
                )
            self._schedule = value
            return
        self._learning_rate.assign(number(float(value), "learning_rate", 0.0))

    @property
    def lr(self) -> Any:
        """Old name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    def record_rate(self, trace: Trace) -> Any:
        """Returns the rate of this step in a trace.

        Raises:
            ConfigurationError: if the schedule gives no finite number >= 0.
        """
        steps = trace.variable(self._iterations)
        if self._schedule is not None:
            present = schedules.rate_at(self._schedule, float(self._iterations))
            if not 0.0 <= present < math.inf:
                raise ConfigurationError(
                    f"`learning_rate`: the schedule {self._schedule!r} must give a finite number "
                    f">= 0. For step {int(self._iterations)} it gave {present}."
                )
            return schedules.record(self._schedule, steps)
        if self.decay:
            return self._learning_rate / (1.0 + self.decay * steps)
        return self._learning_rate

    def rate_config(self) -> dict[str, Any]:
        """Returns the arguments that give an equal rate."""
        rate: Any = self._schedule
        if rate is None:
            rate = float(self._learning_rate)
        elif hasattr(rate, "get_config"):
            rate = schedules.serialize(rate)
        return {"learning_rate": rate} | ({"decay": self.decay} if self.decay else {})

    # --- variables ---------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """Counter, learning rate (unless scheduled), then what `build` made, in its order."""
        rate = [] if self._schedule else [self._learning_rate]
        return [self._iterations, *rate, *self._slots.values()]

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes what the optimizer remembers for each weight.

        When more weights become trainable it is called again with all of them; what is there
        already is kept.
        """
        self._indices = {variable: i for i, variable in enumerate(variables)}
        if self.slot_names:
            self.add_optimizer_variables(variables, self.slot_names)
        self.built = True

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: str | None = None,
        name: str | None = None,
    ) -> Variable:
        """Returns a variable of the optimizer; the one that has this name if there is one."""
        label = name or f"variable_{len(self._slots)}"
        return self._slot(None, label, label, tuple(shape), initializer, dtype)

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Returns the variable of this name, of a weight's shape and dtype, that belongs to it."""
        v, slot = reference_variable, name or "var"
        label = f"{v.path.replace('/', '_')}_{slot}"
        return self._slot(v, slot, label, v.shape, initializer, v.dtype)

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Makes one or several variables for each weight.

        Args:
            trainable_variables: the weights.
            name: one name, or a list of them.
            initializer: name or object, or a list with one for each name.

        Returns:
            A list with a variable for each weight; a tuple of such lists for several names.
        """
        names = [name] if isinstance(name, str) else list(name)
        makers = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer]
        makers = makers * len(names) if len(makers) == 1 else makers
        if len(makers) != len(names):
            raise ConfigurationError(
                f"`initializer` must be one, or one for each name. Received: {len(makers)} for "
                f"the names {names}"
            )
        rows = [
            [self.add_variable_from_reference(v, n, m) for n, m in zip(names, makers, strict=True)]
            for v in trainable_variables
        ]
        lists = tuple([row[i] for row in rows] for i in range(len(names)))
        return lists[0] if isinstance(name, str) else lists

    def _slot(
        self,
        owner: Variable | None,
        key: str,
        label: str,
        shape: tuple[int, ...],
        initializer: Any,
        dtype: str | None,
    ) -> Variable:
        made = self._slots.get((owner, key))
        if made is None:
            fill = initializers.get(initializer) or initializers.Zeros()
            value = fill(shape, dtype=dtype)
            made = Variable(value, value.dtype.name, False, label, f"{self.name}/{label}")
            self._slots[owner, key] = made
        return made

    def slot(self, variable: Variable, name: str) -> Variable:
        """Returns what the optimizer remembers for a weight under a name."""
        return self._slots[variable, name]

    def _get_variable_index(self, variable: Variable) -> int:
        return self._indices[variable]

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Keeps weights from decaying; to be called before the first step.

        Args:
            var_list: weights.
            var_names: regular expressions; a weight in whose name (e.g. "bias") one is found is
                excluded.

        Raises:
            ConfigurationError: after the first step.
        """
        if self.built:
            raise ConfigurationError(
                "`exclude_from_weight_decay` must be called before the optimizer's first step."
            )
        pattern = "|".join(sorted(set(var_names or ())))
        self._excluded = frozenset(var_list or ())
        self._excluded_names = re.compile(pattern) if pattern else None

    def decays(self, variable: Variable) -> bool:
        """Tells whether weight decay, if there is any, acts on a weight."""
        names = self._excluded_names
        return variable not in self._excluded and (
            names is None or names.search(variable.name) is None
        )

    def build_for(self, variables: Sequence[Variable]) -> None:
        """Builds the optimizer for these weights beside those it knows already."""
        known = list(self._indices)
        new = [v for v in variables if v not in self._indices]
        if new or not self.built:
            self.built = False
            self.build([*known, *new])
            self.built = True
