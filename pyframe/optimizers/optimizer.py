"""Optimizer, the base of all optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError, DataError, ShapeError, warn
from pyframe.lookup import reject_unknown
from pyframe.ops.dtypes import as_array
from pyframe.ops.function import Function
from pyframe.ops.tensor import Trace, Variable, current_trace
from pyframe.optimizers import clipping, schedules
from pyframe.optimizers.arguments import number, optional, whole
from pyframe.optimizers.state import OptimizerState

Pair = tuple[Variable, Any]


class Optimizer(OptimizerState):
    """Base of optimizers: changes weights inside the training plan.

    An optimizer of one's own overrides `update_step`, which is written with `pyframe.ops` and
    `assign`, `assign_add`, `assign_sub`; an assigned variable reads as its new value from there
    on. What it remembers for each weight is made in `build` with `add_optimizer_variables`, or
    named in `slot_names`. Everything becomes a part of the plan and runs without Python.

    One step: gradients are clipped, weights decay, `update_step` runs for each weight, then come
    moving averages and constraints, and the step counter goes up.

    Args:
        learning_rate: step size >= 0; or a schedule: a function of the step (a symbolic float64
            scalar, from 0), or of nothing, that returns it.
        weight_decay: w -= w * weight_decay * learning_rate before each step; None for none.
        clipnorm: largest norm of each weight's gradient, None for no limit.
        clipvalue: largest absolute value of a gradient element, None for no limit.
        global_clipnorm: largest norm of all gradients together, None for no limit.
        use_ema: whether to keep a moving average of each weight. `fit` ends with the averages as
            weights.
        ema_momentum: part of the old average that is kept, in [0, 1].
        ema_overwrite_frequency: the averages replace the weights every so many steps; None for
            only at the end.
        loss_scale_factor: the loss is multiplied by it and the gradients divided; None for none.
        gradient_accumulation_steps: the weights change every so many steps (>= 2), by the mean of
            the gradients since; None for every step. A schedule counts all steps.
        name: name of the optimizer.
        lr: Keras 1 and 2 name of `learning_rate`.
        decay: Keras 1 and 2: the rate is learning_rate / (1 + decay * step).

    Raises:
        ConfigurationError: for an impossible value.

    Example:
        >>> class SignDescent(Optimizer):
        ...     def update_step(self, gradient, variable, learning_rate):
        ...         self.assign_sub(variable, learning_rate * ops.sign(gradient))
    """

    # Whether `fused_update` may stand in for `update_step`.
    fused = False

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        lr: float | None = None,
        decay: float | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown(type(self), unknown)
        super().__init__(name)
        self.set_rate(learning_rate, lr, decay)
        self.weight_decay = optional(weight_decay, "weight_decay")
        self.clipnorm = optional(clipnorm, "clipnorm")
        self.clipvalue = optional(clipvalue, "clipvalue")
        self.global_clipnorm = optional(global_clipnorm, "global_clipnorm")
        if sum(v is not None for v in (self.clipnorm, self.clipvalue, self.global_clipnorm)) > 1:
            raise ConfigurationError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self.use_ema = bool(use_ema)
        self.ema_momentum = number(ema_momentum, "ema_momentum", 0.0, 1.0)
        self.ema_overwrite_frequency = whole(ema_overwrite_frequency, "ema_overwrite_frequency", 1)
        self.loss_scale_factor = optional(loss_scale_factor, "loss_scale_factor")
        self.gradient_accumulation_steps = whole(
            gradient_accumulation_steps, "gradient_accumulation_steps", 2
        )
        self._once: dict[str, Any] = {}
        self._functions: dict[Any, Function] = {}

    @property
    def iterations(self) -> Any:
        """Steps done; with gradient accumulation only those that changed the weights."""
        if self.gradient_accumulation_steps:
            return ops.floor(self._iterations / float(self.gradient_accumulation_steps))
        return self._iterations

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes what the optimizer remembers for each weight.

        When more weights become trainable it is called again with all of them; what is there
        already is kept.
        """
        if self.use_ema:
            self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self.add_optimizer_variables(variables, "gradient_accumulator")
        super().build(variables)

    # --- one step ----------------------------------------------------------------------------

    def assign(self, variable: Variable, value: Any) -> None:
        """Replaces a variable; it reads as the new value from here on."""
        ops.assign(variable, value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Adds to a variable; it reads as the new value from here on."""
        ops.assign_add(variable, value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtracts from a variable; it reads as the new value from here on."""
        ops.assign(variable, variable - value)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Changes one weight. To be overridden.

        Args:
            gradient: tensor of the weight's shape and dtype.
            variable: the weight.
            learning_rate: scalar of the weight's dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `update_step`.")

    def update_variables(self, pairs: Sequence[Pair], learning_rate: Any) -> None:
        """Calls `update_step` for each (weight, gradient)."""
        for variable, gradient in pairs:
            self.update_step(gradient, variable, ops.cast(learning_rate, variable.dtype))

    def fused_update(self, learning_rate: Any, pairs: Sequence[Pair]) -> None:
        """Adds one operator of the engine that does what `update_step` does.

        Args:
            learning_rate: scalar tensor, variable or number.
            pairs: (weight, gradient), all of one dtype.
        """
        raise NotImplementedError

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Returns make(), computed once a step: for scalars that all weights share."""
        if name not in self._once:
            self._once[name] = make()
        return self._once[name]

    def scale_loss(self, loss: Any) -> Any:
        """Returns the loss whose gradients `record_step` expects."""
        return loss * self.loss_scale_factor if self.loss_scale_factor else loss

    def record_step(self, variables: Sequence[Variable], gradients: Sequence[Any]) -> None:
        """Adds one step to the trace that is being recorded.

        Args:
            variables: trainable weights.
            gradients: gradient of the (scaled) loss for each weight, None where there is none.

        Raises:
            DataError: if no weight has a gradient.
            ConfigurationError: if the schedule gives no finite number >= 0.
        """
        pairs = [(v, g) for v, g in zip(variables, gradients, strict=True) if g is not None]
        if variables and not pairs:
            raise DataError("No weight has a gradient: the loss does not depend on any of them.")
        if len(pairs) < len(variables):
            lost = [v.path for v, g in zip(variables, gradients, strict=True) if g is None]
            warn(f"The loss does not depend on these weights: {lost}")
        self.build_for(variables)
        trace = current_trace()
        assert trace is not None
        if self.loss_scale_factor:
            pairs = [(v, g / self.loss_scale_factor) for v, g in pairs]
        rate = self.record_rate(trace)
        self._once = {}
        steps = self.gradient_accumulation_steps
        rest = pairs if steps else self._fused_step(self._clipped(pairs), rate)
        with trace.assignments() as values:
            if steps:
                self._accumulate(trace, pairs, rate, steps)
            else:
                self._step(rest, rate)
            if self.use_ema:
                self._average(variables)
            for variable, _ in pairs:
                if variable.constraint is not None:
                    ops.assign(variable, variable.constraint(trace.variable(variable)))
        for variable, value in values.items():
            ops.assign(variable, value)
        ops.assign_add(self._iterations, 1.0)
        self._once = {}

    def _clipped(self, pairs: Sequence[Pair]) -> list[Pair]:
        gradients = [g for _, g in pairs]
        if gradients and self.clipnorm:
            gradients = clipping.clip_by_norm(gradients, self.clipnorm)
        elif gradients and self.global_clipnorm:
            gradients = clipping.clip_by_global_norm(gradients, self.global_clipnorm)
        elif gradients and self.clipvalue:
            gradients = clipping.clip_by_value(gradients, self.clipvalue)
        return [(v, g) for (v, _), g in zip(pairs, gradients, strict=True)]

    def _can_fuse(self) -> bool:
        # The fused operator leaves no tensor with the new value, which the averages need, and it
        # runs at every step. A subclass that overrides the formula alone means its own one.
        owners = [
            next(cls for cls in type(self).__mro__ if name in vars(cls))
            for name in ("update_variables", "update_step", "fused_update")
        ]
        whole_step = not self.use_ema and not self.gradient_accumulation_steps
        return self.fused and whole_step and owners[0] is Optimizer and owners[1] is owners[2]

    def _fused_step(self, pairs: Sequence[Pair], rate: Any) -> list[Pair]:
        # Records what the engine can do in one operator and returns the other pairs.
        if not self._can_fuse():
            return list(pairs)
        fused = [(v, g) for v, g in pairs if v.constraint is None]
        for variable, _ in fused:
            if self.weight_decay and self.decays(variable):
                factor = ops.cast(rate, variable.dtype) * -self.weight_decay
                ops.accumulate(variable, variable * factor)
        # One operator holds weights of one dtype.
        for dtype in dict.fromkeys(v.dtype for v, _ in fused):
            self.fused_update(rate, [(v, g) for v, g in fused if v.dtype == dtype])
        return [(v, g) for v, g in pairs if v.constraint is not None]

    def _step(self, pairs: Sequence[Pair], rate: Any) -> None:
        for variable, _ in pairs:
            if self.weight_decay and self.decays(variable):
                factor = ops.cast(rate, variable.dtype) * self.weight_decay
                self.assign_sub(variable, variable * factor)
        if pairs:
            self.update_variables(pairs, rate)

    def _accumulate(self, trace: Trace, pairs: Sequence[Pair], rate: Any, steps: int) -> None:
        due = _every(trace.variable(self._iterations), steps)
        sums = [(v, g + self.slot(v, "gradient_accumulator")) for v, g in pairs]
        with trace.assignments() as values:
            self._step(self._clipped([(v, total / float(steps)) for v, total in sums]), rate)
        for variable, value in values.items():
            ops.assign(variable, ops.where(ops.cast(due, variable.dtype), value, variable))
        for variable, total in sums:
            kept = ops.where(ops.cast(due, variable.dtype), 0.0, total)
            ops.assign(self.slot(variable, "gradient_accumulator"), kept)

    def _average(self, variables: Sequence[Variable]) -> None:
        # The first average is the weight itself.
        keep = self.ema_momentum * ops.not_equal(self.iterations, 0.0)
        for variable in variables:
            average = self.slot(variable, "average")
            part = ops.cast(keep, variable.dtype)
            ops.assign(average, part * average + (1.0 - part) * variable)
        if self.ema_overwrite_frequency:
            due = _every(self.iterations, self.ema_overwrite_frequency)
            for variable in variables:
                average = self.slot(variable, "average")
                value = ops.where(ops.cast(due, variable.dtype), average, variable)
                ops.assign(variable, value)

    # --- without a model ---------------------------------------------------------------------

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Makes one step with given gradients, for training loops of one's own.

        Args:
            grads: an array (or, inside a trace, a tensor) for each weight, None for no gradient.
            trainable_variables: the weights; those of the first call if None.

        Raises:
            ShapeError: if a gradient has another shape than its weight.
            DataError: if all gradients are None.
        """
        variables = list(self._indices if trainable_variables is None else trainable_variables)
        gradients = list(grads)
        if len(gradients) != len(variables):
            raise ShapeError(
                f"`grads` must hold one gradient for each of {len(variables)} weights. "
                f"Received: {len(gradients)}"
            )
        if ops.is_symbolic(*gradients):
            self.record_step(variables, gradients)
            return
        arrays = [None if g is None else as_array(g, "grads") for g in gradients]
        for variable, array in zip(variables, arrays, strict=True):
            if array is not None and array.shape != variable.shape:
                raise ShapeError(
                    f"The gradient of '{variable.path}' must have its shape {variable.shape}. "
                    f"Received: {array.shape}"
                )
        key = (*variables, *(array is None for array in arrays))
        if key not in self._functions:
            with Trace() as trace:
                inputs = [
                    None if array is None else trace.input("gradient", v.shape, v.dtype)
                    for v, array in zip(variables, arrays, strict=True)
                ]
                self.record_step(variables, inputs)
            self._functions[key] = Function(trace, [])
        self._functions[key](*(array for array in arrays if array is not None))

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """Makes one step with (gradient, weight) pairs and returns the step counter."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Replaces weights by their moving averages, if there are any."""
        for variable in var_list:
            average = self._slots.get((variable, "average"))
            if self.use_ema and average is not None:
                variable.assign(average.numpy())

    # --- configuration -----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        config = {"name": self.name, **self.rate_config()}
        return config | {name: getattr(self, name) for name in _ARGUMENTS}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Returns an optimizer made from what `get_config` returned.

        Args:
            config: the arguments.
            custom_objects: schedule classes by name.
        """
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = config | {"learning_rate": schedules.deserialize(rate, custom_objects)}
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_functions": {}}


_ARGUMENTS = (
    "weight_decay",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


def _every(steps_before: Any, period: int) -> Any:
    # 1.0 at steps period, 2 period ... (counted from 1), else 0.0.
    count = steps_before + 1.0
    return ops.equal(ops.floor(count / float(period)) * float(period), count)
