"""Learning rates that follow the number of steps.

A schedule is a function of the step, from 0. On a symbolic step (inside the training plan, a
float64 scalar) it adds operators; on a number it returns a number, on an array an array. A
schedule of one's own is any such function written with `pyframe.ops` or plain arithmetic, or a
subclass of `LearningRateSchedule` that overrides `__call__` and `get_config`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pyframe import ops
from pyframe.errors import ConfigurationError
from pyframe.lookup import object_config
from pyframe.ops.function import Function
from pyframe.ops.tensor import Tensor, Trace
from pyframe.optimizers.arguments import number, positive
from pyframe.utils.identifiers import Configurable, build


def record(schedule: Callable[..., Any], step: Tensor) -> Any:
    """Returns schedule(step), or schedule() if it takes no argument."""
    try:
        inspect.signature(schedule).bind(step)
    except TypeError:
        return schedule()
    except ValueError:  # a function without a signature
        pass
    return schedule(step)


def rate_at(schedule: Callable[..., Any], step: float) -> float:
    """Returns the number that a schedule gives for a step.

    Raises:
        ConfigurationError: if it gives no scalar.
    """
    rate = _evaluate(lambda s: record(schedule, s), step)
    if np.shape(rate) != ():
        raise ConfigurationError(
            f"`learning_rate`: the schedule {schedule!r} must give one number. "
            f"It gave an array of shape {np.shape(rate)}."
        )
    return float(rate)


def _evaluate(function: Callable[[Tensor], Any], step: Any) -> Any:
    with Trace() as trace:
        result = function(trace.constant(step, "float64"))
    return Function(trace, [result])()[0] if isinstance(result, Tensor) else np.asarray(result)


class LearningRateSchedule(Configurable):
    """Base class of schedules."""

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate for a step. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must override `__call__(self, step)`.")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must override `get_config`.")


class _Schedule(LearningRateSchedule):
    """A schedule whose formula is written once, with operators, in `_rate`."""

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate.

        Args:
            step: number of steps done, from 0: a symbolic tensor, a number or an array.
        """
        if ops.is_symbolic(step):
            return self._rate(ops.cast(step, "float64"))
        value = _evaluate(self._rate, np.asarray(step, np.float64))
        return value if value.ndim else float(value)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return Configurable.get_config(self)

    def _rate(self, step: Tensor) -> Any:
        raise NotImplementedError


class _PeriodDecay(_Schedule):
    """What the two decays over periods of `decay_steps` steps share."""

    arguments: ClassVar[tuple[str, ...]] = (
        "initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        number(initial_learning_rate, "initial_learning_rate", 0.0)
        positive(decay_steps, "decay_steps")
        number(decay_rate, "decay_rate", 0.0)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase = decay_rate, bool(staircase)
        self.name = name or type(self).__name__

    def _periods(self, step: Tensor) -> Any:
        periods = step / float(self.decay_steps)
        return ops.floor(periods) if self.staircase else periods


class ExponentialDecay(_PeriodDecay):
    """initial_learning_rate * decay_rate ^ (step / decay_steps).

    Args:
        initial_learning_rate: rate of step 0, >= 0.
        decay_steps: steps in which the rate is multiplied by `decay_rate` once, > 0.
        decay_rate: factor, >= 0.
        staircase: whether the rate changes only every `decay_steps` steps.
        name: name of the schedule, "ExponentialDecay" if None.

    Raises:
        ConfigurationError: for an impossible value.
    """

    def _rate(self, step: Tensor) -> Any:
        return self.initial_learning_rate * ops.power(float(self.decay_rate), self._periods(step))


class InverseTimeDecay(_PeriodDecay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps).

    Args:
        initial_learning_rate: rate of step 0, >= 0.
        decay_steps: unit of time, in steps, > 0.
        decay_rate: how fast the rate falls, >= 0.
        staircase: whether the rate changes only every `decay_steps` steps.
        name: name of the schedule, "InverseTimeDecay" if None.

    Raises:
        ConfigurationError: for an impossible value.
    """

    def _rate(self, step: Tensor) -> Any:
        return self.initial_learning_rate / (1.0 + self.decay_rate * self._periods(step))


class PiecewiseConstantDecay(_Schedule):
    """values[0] up to and including step boundaries[0], values[1] up to boundaries[1] ...

    Args:
        boundaries: steps, increasing.
        values: rates >= 0, one more than boundaries.
        name: name of the schedule.

    Raises:
        ConfigurationError: for lists of the wrong lengths or impossible values.
    """

    arguments: ClassVar[tuple[str, ...]] = ("boundaries", "values", "name")

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        self.boundaries, self.values, self.name = list(boundaries), list(values), name
        for boundary in self.boundaries:
            number(boundary, "boundaries")
        for value in self.values:
            number(value, "values", 0.0)
        if len(self.boundaries) != len(self.values) - 1:
            raise ConfigurationError(
                "`values` must hold one number more than `boundaries`. "
                f"Received: {len(self.values)} values and {len(self.boundaries)} boundaries"
            )
        if sorted(set(self.boundaries)) != self.boundaries:
            raise ConfigurationError(f"`boundaries` must increase. Received: {self.boundaries}")

    def _rate(self, step: Tensor) -> Any:
        rate: Any = ops.zeros_like(step) + float(self.values[-1])
        for boundary, value in zip(self.boundaries[::-1], self.values[-2::-1], strict=True):
            rate = ops.where(ops.less_equal(step, float(boundary)), float(value), rate)
        return rate


class PolynomialDecay(_Schedule):
    """From initial_learning_rate to end_learning_rate along (1 - step / decay_steps) ^ power.

    Args:
        initial_learning_rate: rate of step 0, >= 0.
        decay_steps: steps until the end is reached, > 0.
        end_learning_rate: last rate, >= 0.
        power: exponent, >= 0; 1 is a straight line.
        cycle: whether to begin again, over decay_steps * ceil(step / decay_steps) steps, instead
            of keeping the last rate.
        name: name of the schedule.

    Raises:
        ConfigurationError: for an impossible value.
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        number(initial_learning_rate, "initial_learning_rate", 0.0)
        positive(decay_steps, "decay_steps")
        number(end_learning_rate, "end_learning_rate", 0.0)
        number(power, "power", 0.0)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = bool(cycle), name

    def _rate(self, step: Tensor) -> Any:
        steps = float(self.decay_steps)
        if self.cycle:
            part: Any = step / (ops.maximum(ops.ceil(step / steps), 1.0) * steps)
        else:
            part = ops.minimum(step, steps) / steps
        height = self.initial_learning_rate - self.end_learning_rate
        return height * ops.power(1.0 - part, float(self.power)) + self.end_learning_rate


class CosineDecay(_Schedule):
    """Half a cosine wave from a rate down to `alpha` times it, after a linear warm-up if wanted.

    Args:
        initial_learning_rate: rate of step 0, >= 0.
        decay_steps: steps of the decay, > 0, after the warm-up.
        alpha: the last rate as a part of the highest.
        name: name of the schedule.
        warmup_target: rate at the end of the warm-up, >= 0; None for no warm-up.
        warmup_steps: steps of the warm-up, >= 0.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Loshchilov & Hutter, "SGDR", ICLR 2017, https://arxiv.org/abs/1608.03983; warm-up: Goyal
        et al. 2017, https://arxiv.org/abs/1706.02677
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        number(initial_learning_rate, "initial_learning_rate", 0.0)
        positive(decay_steps, "decay_steps")
        number(alpha, "alpha")
        number(0.0 if warmup_target is None else warmup_target, "warmup_target", 0.0)
        number(warmup_steps, "warmup_steps", 0.0)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def _rate(self, step: Tensor) -> Any:
        start, target = self.initial_learning_rate, self.warmup_target
        if target is None:
            return start * self._decay(step)
        rate = target * self._decay(ops.maximum(step - float(self.warmup_steps), 0.0))
        if not self.warmup_steps:
            return rate
        steps = float(self.warmup_steps)
        return ops.where(ops.less(step, steps), (target - start) * (step / steps) + start, rate)

    def _decay(self, step: Any) -> Any:
        steps = float(self.decay_steps)
        wave = 0.5 * (1.0 + ops.cos(math.pi * (ops.minimum(step, steps) / steps)))
        return (1.0 - self.alpha) * wave + self.alpha


class CosineDecayRestarts(_Schedule):
    """Cosine decay that starts again and again, over longer and lower periods if wanted.

    Args:
        initial_learning_rate: rate of step 0, >= 0.
        first_decay_steps: length of the first period in steps, > 0.
        t_mul: each period is so many times as long as the one before, >= 1.
        m_mul: each period starts at so many times the rate of the one before, >= 0.
        alpha: lowest rate as a part of `initial_learning_rate`.
        name: name of the schedule.

    Raises:
        ConfigurationError: for an impossible value.

    References:
        Loshchilov & Hutter, "SGDR", ICLR 2017, https://arxiv.org/abs/1608.03983
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        number(initial_learning_rate, "initial_learning_rate", 0.0)
        positive(first_decay_steps, "first_decay_steps")
        number(t_mul, "t_mul", 1.0)
        number(m_mul, "m_mul", 0.0)
        number(alpha, "alpha")
        self.initial_learning_rate, self.first_decay_steps = (
            initial_learning_rate,
            first_decay_steps,
        )
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def _rate(self, step: Tensor) -> Any:
        time: Any = step / float(self.first_decay_steps)
        if self.t_mul == 1.0:
            restarts = ops.floor(time)
            part = time - restarts
        else:
            # Period i begins at (t_mul^i - 1) / (t_mul - 1). Without the small number the rounding
            # of the logarithms would count a step at a beginning to the period before.
            growth = float(self.t_mul)
            periods = ops.log(1.0 + time * (growth - 1.0)) / math.log(growth)
            restarts = ops.floor(periods + 1e-12)
            length = ops.power(growth, restarts)
            part = ops.maximum((time - (length - 1.0) / (growth - 1.0)) / length, 0.0)
        height = ops.power(float(self.m_mul), restarts)
        wave = 0.5 * height * (1.0 + ops.cos(math.pi * part))
        return self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)


_TABLE: dict[str, type[LearningRateSchedule]] = {
    cls.__name__: cls
    for cls in (
        ExponentialDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        InverseTimeDecay,
        CosineDecay,
        CosineDecayRestarts,
    )
}


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Returns the dictionary from which `deserialize` builds an equal schedule."""
    return object_config(learning_rate_schedule)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> LearningRateSchedule:
    """Builds a schedule from what `serialize` returned.

    Args:
        config: dictionary with the keys `class_name` and `config`.
        custom_objects: further classes by name.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    return build("schedule", config, _TABLE, custom_objects)  # type: ignore[no-any-return]
