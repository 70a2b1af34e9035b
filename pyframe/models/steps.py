"""Traced training and test steps: forward pass, loss, gradients, update and metrics in one plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pyframe import nest, ops
from pyframe.errors import ConfigurationError
from pyframe.metrics import Metric
from pyframe.models.compiled import Compiled, Head, MetricEntry
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
    targets: tuple[Spec | None, ...]
    weights: tuple[Spec | None, ...]
    structure: nest.Structure = None

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # Every batch looks for its step by this.
        return hash((self.inputs, self.targets, self.weights, self.structure))


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
        function: output 0 is the loss, then come the losses of single outputs if there are
            several, the others are numbers that metrics add up.
        outputs: number of outputs.
        loss_keys: keys of the losses of single outputs.
        parts: how these numbers enter the metrics' variables.
        resets: metrics whose variables are more than such sums.
        compiled: the metrics.
    """

    function: Function
    outputs: int
    loss_keys: tuple[str, ...]
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
        self.steps = 0
        self._losses = [0.0] * (1 + len(step.loss_keys))
        self._sums: dict[Variable, float] = {part.variable: 0.0 for part in step.parts}
        if step.resets:
            with step.compiled.lock:
                for metric in step.resets:
                    metric.reset_state()

    def add(self, sums: Sequence[float], batch_size: int, steps: int) -> None:
        """Adds what `run_steps` returned for some batches of one size."""
        self._losses[0] += sums[0] * batch_size
        for number in range(1, len(self._losses)):
            # Keras weights the loss by the rows of its batches, its parts not.
            self._losses[number] += sums[number]
        self.steps += steps
        self.samples += batch_size * steps
        totals = self._sums
        for part in self.step.parts:
            value = steps if part.output is None else sums[part.output]
            value *= part.factor * batch_size if part.by_rows else part.factor
            totals[part.variable] = totals.get(part.variable, 0.0) + value

    def logs(self) -> Logs:
        """Returns loss and metrics so far, in the order of compile."""
        logs: Logs = {"loss": self._losses[0] / (self.samples or 1)}
        for key, value in zip(self.step.loss_keys, self._losses[1:], strict=True):
            logs[key] = value / (self.steps or 1)
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
            variable.core.fill(value)

    def get_state(self) -> dict[str, Any]:
        """Returns everything that `set_state` needs to go on from here, plain data and arrays."""
        compiled = self.step.compiled
        with compiled.lock:
            self._write_sums()
            values = [[v.numpy() for v in entry.metric.variables] for entry in compiled.entries]
        return {
            "losses": list(self._losses),
            "samples": self.samples,
            "steps": self.steps,
            "metrics": values,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned.

        Raises:
            ValueError: if it belongs to other metrics.
        """
        variables = [entry.metric.variables for entry in self.step.compiled.entries]
        values, losses = state["metrics"], state["losses"]
        fits = (
            len(losses) == len(self._losses)
            and len(values) == len(variables)
            and all(
                [np.shape(a) for a in arrays] == [v.shape for v in own]
                for arrays, own in zip(values, variables, strict=True)
            )
        )
        if not fits:
            raise ValueError("the state belongs to other metrics")
        self._losses = [float(v) for v in losses]
        self.samples, self.steps = int(state["samples"]), int(state["steps"])
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


@dataclass(frozen=True)
class Traced:
    """A step as far as its loss.

    Attributes:
        heads: what compile asks of each output.
        targets: targets of each output, None where there are none.
        predictions: the outputs of the model.
        weights: sample weights of each output or None.
        loss: the loss with all penalties, a scalar, or (N, ...) if it has no reduction.
        losses: the loss of each output that has one, if there are several.
    """

    heads: list[Head]
    targets: list[Tensor | None]
    predictions: list[Tensor]
    weights: list[Tensor | None]
    loss: Tensor
    losses: list[Tensor]


def trace_loss(trace: Trace, model: Any, compiled: Compiled, spec: BatchSpec) -> Traced:
    """Traces the forward pass and the loss of a batch.

    Raises:
        ConfigurationError: for a softmax over a single unit, whose output is always 1.
    """
    xs = [trace.input(f"x{i}", s.shape, s.dtype) for i, s in enumerate(spec.inputs)]
    targets = [_optional_input(trace, f"y{i}", s) for i, s in enumerate(spec.targets)]
    weights = [_optional_input(trace, f"sample_weight{i}", s) for i, s in enumerate(spec.weights)]
    if len(weights) < len(targets):
        weights = (weights or [None]) * len(targets)
    predictions = nest.flatten(model(nest.pack(spec.structure, xs)))
    heads = compiled.heads_for(model.outputs_spec)
    total: Any = None
    losses = []
    for head, target, prediction, weight in zip(heads, targets, predictions, weights, strict=True):
        if not head.losses or target is None:
            continue
        _check_softmax(prediction)
        whole: Any = None
        for fn, factor in zip(
            head.losses_for(target.shape, prediction.shape), head.loss_weights, strict=True
        ):
            loss: Any = fn(target, prediction, weight)
            whole = loss if whole is None else _sum_of(whole, loss)
            loss = loss * factor if factor != 1.0 else loss
            total = loss if total is None else _sum_of(total, loss)
        if head.loss_key is not None:
            losses.append(ops.mean(whole) if whole.shape else whole)
    total = _with_penalties(trace, model, total)
    return Traced(heads, targets, predictions, weights, total, losses)


def _optional_input(trace: Trace, name: str, spec: Spec | None) -> Tensor | None:
    return None if spec is None else trace.input(name, spec.shape, spec.dtype)


def _check_softmax(prediction: Tensor) -> None:
    made = prediction.trace.producer(prediction)
    if made is not None and made[0] == "softmax" and prediction.shape[-1] == 1:
        raise ConfigurationError(
            "The last layer has 1 unit with activation='softmax': its output is always 1. Use "
            "activation='sigmoid' with loss='binary_crossentropy', or one unit for each class."
        )


def _sum_of(a: Any, b: Any) -> Any:
    if a.shape != b.shape:
        a, b = (ops.sum(x) if x.shape else x for x in (a, b))
    return a + ops.cast(b, a.dtype)


def _with_penalties(trace: Trace, model: Any, loss: Any) -> Tensor:
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


def trace_metrics(
    trace: Trace,
    entries: Sequence[MetricEntry],
    update: Callable[[MetricEntry], None],
    first: int = 1,
) -> tuple[list[Tensor], list[Part], bool]:
    """Traces the update of all metrics.

    Args:
        trace: the trace of a step.
        entries: the metrics.
        update: updates one of them.
        first: output number of the first scalar.

    Returns:
        Scalars to be added up over the steps, how they enter the variables, and whether the
        plan changes other variables of metrics.
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
                number = numbers.setdefault(term.tensor.id, len(numbers) + first)
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
        traced = trace_loss(trace, model, compiled, spec)
        loss = traced.loss
        if training:
            variables = model.trainable_weights
            wrt = [trace.variable(v) for v in variables]
            objective = ops.sum(loss) if loss.shape else loss
            objective = compiled.optimizer.scale_loss(objective)
            gradients = trace.gradients(objective, wrt) if wrt else []
            compiled.optimizer.record_step(variables, gradients)
        predictions = [trace.resolve(tensor) for tensor in traced.predictions]

        def update(entry: MetricEntry) -> None:
            target, weight = traced.targets[entry.output], traced.weights[entry.output]
            if entry.weighted and weight is not None:
                entry.metric.update_state(target, predictions[entry.output], sample_weight=weight)
            else:
                entry.metric.update_state(target, predictions[entry.output])

        shapes = [None if target is None else target.shape for target in traced.targets]
        entries = compiled.metrics_for(traced.heads, shapes, model.outputs_spec)
        losses = [ops.mean(loss) if loss.shape else loss, *traced.losses]
        sums, parts, stateful = trace_metrics(trace, entries, update, len(losses))
        compiled.exclusive = compiled.exclusive or stateful
        trace.advance_random_states()
    outputs = [*losses, *sums]
    summed = {part.variable for part in parts}
    resets = [
        entry.metric
        for entry in entries
        if type(entry.metric).reset_state is not Metric.reset_state
        or not summed.issuperset(entry.metric.variables)
    ]
    function = Function(trace, outputs)
    keys = tuple(compiled.loss_keys)
    return Step(function, len(outputs), keys, tuple(parts), tuple(resets), compiled)
