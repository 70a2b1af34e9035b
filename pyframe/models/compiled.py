"""What `compile` keeps: optimizer, loss and metrics, and how their names are resolved."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyframe import losses, optimizers
from pyframe import metrics as metrics_module
from pyframe.errors import ConfigurationError
from pyframe.lookup import object_config, plain
from pyframe.losses import Loss
from pyframe.metrics import Metric
from pyframe.models.outputs import Outputs, Shape


def _is_one_loss(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "class_name" in value
    return not isinstance(value, (list, tuple))


def _is_several(value: Any) -> bool:
    return not _is_one_loss(value)


def _is_one_metric(value: Any) -> bool:
    return value is not None and _is_one_loss(value)


def _leaves(value: Any) -> list[Any]:
    # What is in a structure of lists and dictionaries, serialized objects being leaves.
    if value is None:
        return []
    if _is_one_loss(value):
        return [value]
    entries = value.values() if isinstance(value, Mapping) else value
    return [leaf for entry in entries for leaf in _leaves(entry)]


def _map(fn: Callable[[Any], Any], value: Any) -> Any:
    if value is None or _is_one_loss(value):
        return None if value is None else fn(value)
    if isinstance(value, Mapping):
        return {key: _map(fn, entry) for key, entry in value.items()}
    return [_map(fn, entry) for entry in value]


def _single(value: Any) -> Any:
    # One output: [loss] and {"output": loss} mean the loss itself.
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    if isinstance(value, Mapping) and len(value) == 1 and "class_name" not in value:
        return next(iter(value.values()))
    return value


def choose_by_shape(y_shape: Shape, output_shape: Shape, choices: Sequence[Any]) -> Any:
    """Chooses the binary, sparse or categorical member of a family.

    Args:
        y_shape: shape of the targets.
        output_shape: shape of the predictions.
        choices: what to return for one output, for class numbers, for one-hot targets.
    """
    if output_shape[-1] == 1:
        return choices[0]
    ids = len(y_shape) < len(output_shape) or (y_shape[-1] == 1 and (output_shape[-1] or 2) > 1)
    return choices[1] if ids else choices[2]


_ACCURACIES = (
    metrics_module.BinaryAccuracy,
    metrics_module.SparseCategoricalAccuracy,
    metrics_module.CategoricalAccuracy,
)
_CROSSENTROPIES = (
    losses.binary_crossentropy,
    losses.sparse_categorical_crossentropy,
    losses.categorical_crossentropy,
)


@dataclass(frozen=True)
class MetricEntry:
    """A metric of a compiled model, whether it is weighted, its key in the logs, its output."""

    metric: Metric
    weighted: bool
    name: str
    output: int = 0


@dataclass(frozen=True)
class Head:
    """What `compile` asks of one output.

    Attributes:
        losses: names, Losses or functions, which are added up; none if the output takes no part
            in the loss.
        loss_weights: factor of each.
        loss_key: key of their sum in the logs, None if no other output has a loss.
        prefix: what stands before the names of its metrics, "" for a single output.
        metrics: identifiers of its metrics.
        weighted_metrics: the same of those that are weighted.
    """

    losses: tuple[Any, ...]
    loss_weights: tuple[float, ...]
    loss_key: str | None
    prefix: str
    metrics: tuple[Any, ...]
    weighted_metrics: tuple[Any, ...]

    @property
    def needs_target(self) -> bool:
        """Whether something is computed from the output and a target."""
        return bool(self.losses or self.metrics or self.weighted_metrics)

    def losses_for(self, y_shape: Shape, output_shape: Shape) -> list[Loss]:
        """Returns the loss objects for targets and predictions of these shapes."""
        found = []
        for loss in self.losses:
            if _is_family(loss):
                loss = choose_by_shape(y_shape, output_shape, _CROSSENTROPIES)
            found.append(
                loss if isinstance(loss, losses.Loss) else losses.LossFunctionWrapper(loss)
            )
        return found

    def takes_class_numbers(self, y_shape: Shape, output_shape: Shape) -> bool:
        """Tells whether a loss expects integer class numbers as targets."""
        sparse = losses.sparse_categorical_crossentropy
        found = self.losses_for(y_shape, output_shape)
        return any(getattr(loss, "fn", None) is sparse for loss in found)

    def ignored_class(self, y_shape: Shape, output_shape: Shape) -> int | None:
        """Returns the class number that a loss leaves out, None if there is none."""
        found = self.losses_for(y_shape, output_shape)
        ignored = [getattr(loss, "ignore_class", None) for loss in found]
        return next((number for number in ignored if number is not None), None)


def _is_family(loss: Any) -> bool:
    return isinstance(loss, str) and loss.lower() in ("crossentropy", "ce")


def _loss_name(loss: Any) -> str:
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", loss))


def _checked_loss(identifier: Any) -> Any:
    return identifier if _is_family(identifier) else losses.get(identifier)


def _checked_metric(identifier: Any) -> Any:
    if isinstance(identifier, str):
        if identifier.lower() not in ("accuracy", "acc"):
            metrics_module.get(identifier)
        return identifier
    return metrics_module.get(identifier)


class Compiled:
    """Arguments of `Model.compile`, checked.

    Args:
        optimizer: name or Optimizer.
        loss: name, Loss or function of (y_true, y_pred), for every output; or a list or
            dictionary of them, None for an output without loss. Several losses of one output
            are a list, too; they are added up.
        loss_weights: factor of the loss, or of each output's, nested as the losses; None for 1.
        metrics: list of names, metrics and functions; for several outputs a list or dictionary
            of such lists.
        weighted_metrics: the same; these take sample weights into account.

    Attributes:
        entries: the metrics in use, known after the first trace.
        loss_keys: keys of the losses of single outputs in the logs, if there are several.
        exclusive: whether plans change variables of metrics, None before the first trace.
        lock: held while metrics are reset and read.

    Raises:
        ConfigurationError: for an unknown name or another type.
    """

    def __init__(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self.loss = _map(_checked_loss, loss)
        self.loss_weights = loss_weights
        for weight in _leaves(loss_weights):
            if isinstance(weight, bool) or not isinstance(weight, (int, float, np.number)):
                raise ConfigurationError(
                    "`loss_weights` must be a number, or a list or dictionary of numbers, one for "
                    f"each output. Received: {loss_weights!r}"
                )
        self.metrics = self._checked_metrics(metrics, "metrics")
        self.weighted_metrics = self._checked_metrics(weighted_metrics, "weighted_metrics")
        self.choices: list[str] = []
        self.entries: list[MetricEntry] = []
        self.loss_keys: list[str] = []
        self.exclusive: bool | None = None
        self.lock = threading.RLock()
        self._heads: tuple[Outputs, list[Head]] | None = None
        self._made: dict[tuple[bool, int, int, str], Metric] = {}

    @staticmethod
    def _checked_metrics(value: Any, argument: str) -> Any:
        if _is_one_metric(value):
            raise ConfigurationError(
                f"`{argument}` must be a list, e.g. {argument}=[{value!r}]. Received: {value!r}"
            )
        return _map(_checked_metric, value)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.lock = threading.RLock()

    def evaluation(self) -> AbstractContextManager[Any]:
        """Returns a block for one pass over test data.

        A second thread waits if plans change variables of metrics, which two passes cannot share.
        """
        return contextlib.nullcontext() if self.exclusive is False else self.lock

    def heads_for(self, outputs: Outputs) -> list[Head]:
        """Returns what is asked of each output.

        Raises:
            ConfigurationError: if there are losses, weights or metrics for other outputs, or no
                loss at all.
        """
        if self._heads is None or (self._heads[0] is not outputs and self._heads[0] != outputs):
            self._heads = outputs, self._make_heads(outputs)
        return self._heads[1]

    def _make_heads(self, outputs: Outputs) -> list[Head]:
        chosen = self._losses(outputs)
        if not any(chosen):
            raise ConfigurationError("The model was compiled without a loss: compile(loss=...).")
        weights = self._weights(outputs, [len(entry) for entry in chosen])
        metrics = self._metrics(outputs, self.metrics, "metrics")
        weighted = self._metrics(outputs, self.weighted_metrics, "weighted_metrics")
        names = outputs.loss_names([_loss_name((*entry, None)[0]) for entry in chosen])
        several = sum(map(bool, chosen)) > 1
        prefixes = [f"{name}_" if name and len(outputs) > 1 else "" for name in outputs.names]
        return [
            Head(
                losses=tuple(entry),
                loss_weights=weights[i],
                loss_key=f"{names[i]}_loss" if several and entry else None,
                prefix=prefixes[i],
                metrics=tuple(metrics[i]),
                weighted_metrics=tuple(weighted[i]),
            )
            for i, entry in enumerate(chosen)
        ]

    def _losses(self, outputs: Outputs) -> list[list[Any]]:
        if len(outputs) > 1:
            return [_leaves(entry) for entry in outputs.spread(self.loss, "loss", _is_one_loss)]
        loss = _single(self.loss)
        if isinstance(loss, Mapping) and not _is_one_loss(loss):
            raise ConfigurationError(
                f"`loss` must be a single loss, or a list of losses that are added up; the model "
                f"has {outputs.text}. Received: {loss!r}"
            )
        return [_leaves(loss)]

    def _weights(self, outputs: Outputs, counts: Sequence[int]) -> list[tuple[float, ...]]:
        value = self.loss_weights
        listed = isinstance(value, (list, tuple)) and not any(map(_is_several, value))
        if listed and len(value) == sum(counts) and sum(counts) != len(outputs):
            # One factor for each loss there is, in a row.
            rest = iter(value)
            value = [[next(rest) for _ in range(count)] for count in counts]
        if len(outputs) == 1:
            entries = [_single(value)]
        else:
            entries = outputs.spread(value, "loss_weights", _is_one_loss)
        found = []
        for count, entry in zip(counts, entries, strict=True):
            factors = _leaves(entry)
            if not _is_several(entry):
                factors = [1.0 if entry is None else entry] * count
            if len(factors) != count:
                raise ConfigurationError(
                    f"`loss_weights` has {len(factors)} factors for an output with {count} losses: "
                    f"{self.loss_weights!r}"
                )
            found.append(tuple(float(factor) for factor in factors))
        return found

    def _metrics(self, outputs: Outputs, value: Any, argument: str) -> list[list[Any]]:
        if len(outputs) == 1:
            return [_leaves(value)]
        if not value:
            return [[] for _ in outputs.shapes]
        return [_leaves(entry) for entry in outputs.spread(value, argument)]

    def metrics_for(
        self, heads: Sequence[Head], y_shapes: Sequence[Shape | None], outputs: Outputs
    ) -> list[MetricEntry]:
        """Returns the metrics for targets of these shapes, in the order given.

        A metric given by name is made once; what "accuracy" stands for follows the shapes.

        Args:
            heads: what is asked of each output.
            y_shapes: shape of each output's targets, None if it has none.
            outputs: the outputs of the model.
        """
        found: list[MetricEntry] = []
        names: dict[str, int] = {}
        for weighted in (False, True):
            for number, head in enumerate(heads):
                identifiers = head.weighted_metrics if weighted else head.metrics
                for index, identifier in enumerate(identifiers):
                    shapes = y_shapes[number] or (), outputs.shapes[number]
                    metric = self._metric(identifier, (weighted, number, index), *shapes)
                    name = f"{head.prefix}{metric.name}"
                    if weighted and name in names:
                        name = f"{head.prefix}weighted_{metric.name}"
                    count = names.get(name, 0)
                    names[name] = count + 1
                    key = f"{name}_{count}" if count else name
                    found.append(MetricEntry(metric, weighted, key, number))
        self.entries = found
        self.loss_keys = [head.loss_key for head in heads if head.loss_key is not None]
        return found

    def _metric(
        self,
        identifier: Any,
        position: tuple[bool, int, int],
        y_shape: Shape,
        output_shape: Shape,
    ) -> Metric:
        if isinstance(identifier, Metric):
            return identifier
        kind = ""
        if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
            cls = choose_by_shape(y_shape, output_shape, _ACCURACIES)
            kind = cls.__name__
        key = (*position, kind)
        if key not in self._made:
            if kind:
                self.choices.append(f"{identifier} -> {kind}")
                metric = cls(name=identifier)
            elif isinstance(identifier, str):
                metric = metrics_module.get(identifier)
                metric.name = identifier
            else:
                metric = metrics_module.MeanMetricWrapper(identifier)
            self._made[key] = metric
        return self._made[key]

    def get_config(self) -> dict[str, Any]:
        """Returns plain data from which `Model.compile` compiles again, as Keras writes it."""
        return {
            "optimizer": object_config(self.optimizer),
            "loss": plain(self.loss),
            "loss_weights": plain(self.loss_weights),
            "metrics": plain(self.metrics) or None,
            "weighted_metrics": plain(self.weighted_metrics) or None,
            "run_eagerly": False,
            "steps_per_execution": 1,
            "jit_compile": False,
        }
