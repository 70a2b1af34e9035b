"""Traced training and test steps: forward pass, loss, gradients, update and metrics in one plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyframe import nest, ops
from pyframe.errors import ConfigurationError
from pyframe.metrics import Metric
from pyframe.models.compiled import Compiled, MetricEntry
from pyframe.ops.function import Function
from pyframe.ops.state import StateRecorder
from pyframe.ops.tensor import Tensor, Trace, Variable

Logs = dict[str, Any]


@dataclass(frozen=True)
class Spec:
    """Shape of one sample's array with a free batch axis, and its dtype inside the plan."""

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class BatchSpec:
    """What a step takes: inputs of the model and how they are nested, targets, sample weights."""

    inputs: tuple[Spec, ...]
    target: Spec | None
    weight: Spec | None
    structure: nest.Structure = None


@dataclass(frozen=True)
class Part:
    """What a step adds to a metric's variable: factor * output (1 if None) [* batch size]."""

    variable: Variable
    output: int | None
    factor: float
    by_rows: bool


@dataclass(frozen=True)
class Step:
    """A traced step.

    Attributes:
        function: output 0 is the loss, the others are numbers that metrics add up.
        outputs: number of outputs.
        parts: how these numbers enter the metrics' variables.
        resets: metrics whose variables are more than such sums.
        compiled: the metrics.
    """

    function: Function
    outputs: int
    parts: tuple[Part, ...]
    resets: tuple[Metric, ...]
    compiled: Compiled


class Totals:
    """Loss and metrics over the batches of an epoch.

    Metrics whose numbers are plain sums are added up here, so that a plan without other effects
    stays open to many threads; the sums enter the metrics' variables when the logs are read.

    Args:
        step: the step of the first batch; its metrics are reset.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.samples = 0
        self._loss = 0.0
        self._sums: dict[Variable, float] = {part.variable: 0.0 for part in step.parts}
        if step.resets:
            with step.compiled.lock:
                for metric in step.resets:
                    metric.reset_state()

    def add(self, sums: Sequence[float], batch_size: int, steps: int) -> None:
        """Adds what `run_steps` returned for some batches of one size."""
        self._loss += sums[0] * batch_size
        self.samples += batch_size * steps
        totals = self._sums
        for part in self.step.parts:
            value = steps if part.output is None else sums[part.output]
            value *= part.factor * batch_size if part.by_rows else part.factor
            totals[part.variable] = totals.get(part.variable, 0.0) + value

    def logs(self) -> Logs:
        """Returns loss and metrics so far, in the order of compile."""
        logs: Logs = {"loss": self._loss / (self.samples or 1)}
        compiled = self.step.compiled
        with compiled.lock:
            self._write_sums()
            for entry in compiled.entries:
                result = entry.metric.result()
                if isinstance(result, dict):
                    logs.update((name, _number(value)) for name, value in result.items())
                else:
                    logs[entry.name] = _number(result)
        return logs

    def _write_sums(self) -> None:
        for variable, value in self._sums.items():
            shape = variable.shape
            variable.core.assign(np.full(shape, value) if shape else np.array(value))

    def get_state(self) -> dict[str, Any]:
        """Returns everything that `set_state` needs to go on from here, plain data and arrays."""
        compiled = self.step.compiled
        with compiled.lock:
            self._write_sums()
            values = [[v.numpy() for v in entry.metric.variables] for entry in compiled.entries]
        return {"loss": self._loss, "samples": self.samples, "metrics": values}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned.

        Raises:
            ValueError: if it belongs to other metrics.
        """
        variables = [entry.metric.variables for entry in self.step.compiled.entries]
        values = state["metrics"]
        fits = len(values) == len(variables) and all(
            [np.shape(a) for a in arrays] == [v.shape for v in own]
            for arrays, own in zip(values, variables, strict=True)
        )
        if not fits:
            raise ValueError("the state belongs to other metrics")
        self._loss, self.samples = float(state["loss"]), int(state["samples"])
        summed = {part.variable for part in self.step.parts}
        for arrays, own in zip(values, variables, strict=True):
            for variable, array in zip(own, arrays, strict=True):
                variable.assign(np.asarray(array))
                if variable in summed:
                    self._sums[variable] = float(np.reshape(array, ()))


def _number(value: Any) -> Any:
    if type(value) is float:
        return value
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array


def total_loss(
    model: Any, compiled: Compiled, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
) -> Tensor:
    """Returns the loss of a batch with the penalties on weights and what layers added.

    Returns:
        A scalar, or losses (N, ...) if the loss has no reduction.

    Raises:
        ConfigurationError: for a softmax over a single unit, whose output is always 1.
    """
    made = y_pred.trace.producer(y_pred)
    if made is not None and made[0] == "softmax" and y_pred.shape[-1] == 1:
        raise ConfigurationError(
            "The last layer has 1 unit with activation='softmax': its output is always 1. Use "
            "activation='sigmoid' with loss='binary_crossentropy', or one unit for each class."
        )
    loss: Any = compiled.loss_for(y_true.shape, y_pred.shape)(y_true, y_pred, weight)
    if compiled.loss_weight != 1.0:
        loss = loss * compiled.loss_weight
    trace = y_pred.trace
    penalties = [Tensor(trace, tensor_id) for _, tensor_id in trace.losses]
    for variable in model.trainable_weights:
        if variable.regularizer is not None:
            penalties.append(variable.regularizer(variable))
    if penalties and loss.shape != ():
        loss = ops.sum(loss)
    for penalty in penalties:
        loss = loss + ops.cast(ops.sum(penalty) if penalty.shape else penalty, loss.dtype)
    result: Tensor = loss
    return result


def batch_inputs(
    trace: Trace, spec: BatchSpec
) -> tuple[list[Tensor], Tensor | None, Tensor | None]:
    """Adds the inputs of a step to a trace, in the order in which runs pass the arrays."""
    xs = [trace.input(f"x{i}", s.shape, s.dtype) for i, s in enumerate(spec.inputs)]
    y = None if spec.target is None else trace.input("y", spec.target.shape, spec.target.dtype)
    w = spec.weight
    return xs, y, None if w is None else trace.input("sample_weight", w.shape, w.dtype)


def trace_metrics(
    trace: Trace, entries: Sequence[MetricEntry], update: Callable[[MetricEntry], None]
) -> tuple[list[Tensor], list[Part], bool]:
    """Traces the update of all metrics.

    Returns:
        Scalars to be added up over the steps, how they enter the variables (their output
        numbers start at 1), and whether the plan changes other variables of metrics.
    """
    with trace.assignments(StateRecorder(trace)) as state:
        for entry in entries:
            update(entry)
    assert isinstance(state, StateRecorder)
    sums = state.finish()
    outputs: dict[int, Tensor] = {}
    numbers: dict[int, int] = {}
    parts = []
    for variable, terms in sums:
        for term in terms:
            number = None
            if term.tensor is not None:
                outputs.setdefault(term.tensor.id, term.tensor)
                number = numbers.setdefault(term.tensor.id, len(numbers) + 1)
            parts.append(Part(variable, number, term.factor, term.by_rows))
    return list(outputs.values()), parts, len(state) > len(sums)


def make_step(model: Any, compiled: Compiled, spec: BatchSpec, training: bool) -> Step:
    """Traces a training or test step.

    Args:
        model: the model.
        compiled: its loss, metrics and optimizer.
        spec: what the step takes.
        training: whether the step updates the weights.
    """
    with Trace(training, model.random_state()) as trace:
        xs, y_true, weight = batch_inputs(trace, spec)
        if y_true is None:
            raise ConfigurationError("Targets are missing: pass `y`.")
        y_pred = model(nest.pack(spec.structure, xs))
        if not isinstance(y_pred, Tensor):
            raise ConfigurationError("A model with several outputs cannot be trained by fit.")
        loss = total_loss(model, compiled, y_true, y_pred, weight)
        if training:
            variables = model.trainable_weights
            wrt = [trace.variable(v) for v in variables]
            objective = ops.sum(loss) if loss.shape else loss
            objective = compiled.optimizer.scale_loss(objective)
            gradients = trace.gradients(objective, wrt) if wrt else []
            compiled.optimizer.record_step(variables, gradients)
        target, prediction = y_true, trace.resolve(y_pred)

        def update(entry: MetricEntry) -> None:
            if entry.weighted and weight is not None:
                entry.metric.update_state(target, prediction, sample_weight=weight)
            else:
                entry.metric.update_state(target, prediction)

        entries = compiled.metrics_for(y_true.shape, y_pred.shape)
        outputs, parts, stateful = trace_metrics(trace, entries, update)
        compiled.exclusive = compiled.exclusive or stateful
        trace.advance_random_states()
    outputs.insert(0, ops.mean(loss) if loss.shape else loss)
    summed = {part.variable for part in parts}
    resets = [
        entry.metric
        for entry in entries
        if type(entry.metric).reset_state is not Metric.reset_state
        or not summed.issuperset(entry.metric.variables)
    ]
    function = Function(trace, outputs)
    return Step(function, len(outputs), tuple(parts), tuple(resets), compiled)
