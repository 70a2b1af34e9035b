"""Traced training and test steps: forward pass, loss, gradients, update and metrics in one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError
from pyframe.metrics import MEAN, Metric
from pyframe.models.compiled import Compiled
from pyframe.ops.function import Function
from pyframe.ops.tensor import Tensor, Trace


@dataclass(frozen=True)
class Spec:
    """Shape of one sample's array with a free batch axis, and its dtype inside the plan."""

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class BatchSpec:
    """What a step takes: inputs of the model, targets, sample weights."""

    inputs: tuple[Spec, ...]
    target: Spec | None
    weight: Spec | None


@dataclass(frozen=True)
class Step:
    """A traced step. Output 0 is the total loss, the others are the terms of the metrics."""

    function: Function
    kinds: tuple[str, ...]
    metrics: tuple[tuple[str, Metric, int, int], ...]


class Totals:
    """Sums of a step's outputs over the batches of an epoch."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.sums = [0.0] * len(step.kinds)
        self.samples = 0

    def add(self, sums: Sequence[float], batch_size: int, steps: int) -> None:
        """Adds what `run_steps` returned for some batches of one size."""
        for i, kind in enumerate(self.step.kinds):
            self.sums[i] += sums[i] * batch_size if kind == MEAN else sums[i]
        self.samples += batch_size * steps

    def logs(self) -> dict[str, float]:
        """Returns loss and metrics so far, in the order of compile."""
        samples = self.samples or 1
        logs = {"loss": self.sums[0] / samples}
        for name, metric, begin, end in self.step.metrics:
            logs[name] = metric.result_of(self.sums[begin:end], samples)
        return logs


def total_loss(
    model: Any, compiled: Compiled, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
) -> Tensor:
    """Returns the loss of a batch with the penalties on the trainable weights.

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
    if loss.shape != ():
        loss = ops.mean(loss)
    if compiled.loss_weight != 1.0:
        loss = loss * compiled.loss_weight
    for variable in model.trainable_weights:
        if variable.regularizer is not None:
            loss = loss + ops.cast(variable.regularizer(variable), loss.dtype)
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
        y_pred = model(xs[0] if len(xs) == 1 else xs)
        if not isinstance(y_pred, Tensor):
            raise ConfigurationError("A model with several outputs cannot be trained by fit.")
        loss = total_loss(model, compiled, y_true, y_pred, weight)
        if training:
            variables = model.trainable_weights
            wrt = [trace.variable(v) for v in variables]
            gradients = trace.gradients(loss, wrt) if wrt else []
            compiled.optimizer.record_step(variables, gradients)
        outputs, kinds = [loss], [MEAN]
        entries: list[tuple[str, Metric, int, int]] = []
        y_pred = trace.resolve(y_pred)
        for metric, weighted, name in compiled.metrics_for(y_true.shape, y_pred.shape):
            terms = metric.terms(y_true, y_pred, weight if weighted else None)
            entries.append((name, metric, len(outputs), len(outputs) + len(terms)))
            kinds += [kind for kind, _ in terms]
            outputs += [tensor for _, tensor in terms]
        trace.advance_random_states()
    return Step(Function(trace, outputs), tuple(kinds), tuple(entries))
