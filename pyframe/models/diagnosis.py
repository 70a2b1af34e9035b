"""Explains a loss that became NaN or infinite."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe import ops
from pyframe.models.steps import BatchSpec, trace_loss
from pyframe.ops.dtypes import Array
from pyframe.ops.function import Function
from pyframe.ops.tensor import Tensor, Trace


def _finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _range(array: Array) -> str:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    if not finite.size:
        return "no finite value"
    return f"[{finite.min():.4g}, {finite.max():.4g}]"


def explain_bad_loss(
    model: Any, spec: BatchSpec, arrays: list[Array], batch: int, epoch: int
) -> str:
    """Runs a batch again with all intermediate values and says where they stop being finite.

    Args:
        model: the compiled model.
        spec: what the training step takes.
        arrays: inputs, targets and weights of the batch.
        batch: its number in the epoch, from 0.
        epoch: number of the epoch, from 0.

    Returns:
        A few sentences: place, first layer concerned, range of its input, learning rate, whether
        the data or the weights hold NaN, and what usually helps.
    """
    rate = model.optimizer.learning_rate
    rate_text = "scheduled" if not hasattr(rate, "numpy") else f"{float(rate):g}"
    head = (
        f"The loss became NaN or infinite in batch {batch + 1} of epoch {epoch + 1} "
        f"(learning rate {rate_text}). "
    )
    inputs = arrays[: len(spec.inputs)]
    if not all(_finite(x) for x in inputs):
        return head + "The inputs `x` of this batch hold NaN or infinite numbers." + _KEPT
    if not all(_finite(a) for a in arrays[len(inputs) :]):
        return head + "The targets or weights of this batch hold NaN or infinite numbers." + _KEPT
    broken = [w.path for w in model.weights if not _finite(w.numpy())]
    x_range = f"`x` and `y` of the batch are finite, x within {_range(inputs[0])}. "
    if broken:
        return (
            head
            + x_range
            + f"The weights are not finite any more, e.g. '{broken[0]}': an update was too large."
            + _ADVICE
            + _KEPT
        )
    return head + x_range + _first_bad_layer(model, spec, arrays) + _ADVICE + _KEPT


_ADVICE = (
    " A smaller learning rate, inputs scaled to about [-1, 1], or clipnorm=1.0 in the optimizer "
    "usually help."
)
_KEPT = " The batch is kept in model.last_bad_batch."


def _first_bad_layer(model: Any, spec: BatchSpec, arrays: list[Array]) -> str:
    with Trace(True, model.random_state()) as trace:
        loss = trace_loss(trace, model, model.compiled_state, spec).loss
        loss = ops.mean(loss) if loss.shape else loss
        variables = model.trainable_weights
        found = trace.gradients(loss, [trace.variable(v) for v in variables])
        names = [name for name, _ in trace.layer_outputs]
        outputs = [Tensor(trace, i) for _, i in trace.layer_outputs]
        gradients = [(v, g) for v, g in zip(variables, found, strict=True) if g is not None]
    values = Function(trace, [*outputs, loss, *(g for _, g in gradients)])(*arrays)
    previous = arrays[0]
    for name, value in zip(names, values, strict=False):
        if not _finite(value):
            return (
                f"The first layer with such values is {name}; its input lies within "
                f"{_range(previous)}."
            )
        previous = value
    if not _finite(values[len(outputs)]):
        return (
            f"All layers give finite values, the last ones within {_range(previous)}; the loss "
            "itself is not finite: a square overflows, or a logarithm or division meets a zero."
        )
    for (variable, _), value in zip(gradients, values[len(outputs) + 1 :], strict=True):
        if not _finite(value):
            return f"The forward pass is finite, the gradient of '{variable.path}' is not."
    return "Repeating the batch gives finite values: the last update was the cause."
