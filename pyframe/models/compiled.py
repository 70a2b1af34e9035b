"""What `compile` keeps: optimizer, loss and metrics, and how their names are resolved."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pyframe import losses, optimizers
from pyframe import metrics as metrics_module
from pyframe.errors import ConfigurationError
from pyframe.lookup import object_config, plain
from pyframe.metrics import Metric

Shape = tuple[int | None, ...]


def _as_list(value: Any, argument: str) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        raise ConfigurationError(
            f"`{argument}` must be a list, e.g. {argument}=[{value!r}]. Received: {value!r}"
        )
    flat: list[Any] = []
    for item in value:
        flat += list(item) if isinstance(item, (list, tuple)) else [item]
    return flat


def _single(value: Any) -> Any:
    # One output: [loss] and {"output": loss} mean the loss itself.
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    if isinstance(value, dict) and len(value) == 1 and "class_name" not in value:
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
    """A metric of a compiled model, whether it is weighted, and its key in the logs."""

    metric: Metric
    weighted: bool
    name: str


class Compiled:
    """Arguments of `Model.compile`, checked.

    Args:
        optimizer: name or Optimizer.
        loss: name, Loss or function of (y_true, y_pred).
        loss_weights: factor of the loss, None for 1.
        metrics: list of names, metrics and functions.
        weighted_metrics: the same; these take sample weights into account.

    Attributes:
        entries: the metrics in use, known after the first trace.
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
        self.loss = _single(loss)
        if not self._is_family(self.loss):
            self.loss = losses.get(self.loss)
        weight = _single(loss_weights)
        self.loss_weight = 1.0 if weight is None else float(weight)
        self.metrics = [self._checked(m) for m in _as_list(metrics, "metrics")]
        self.weighted_metrics = [
            self._checked(m) for m in _as_list(weighted_metrics, "weighted_metrics")
        ]
        self.choices: list[str] = []
        self.entries: list[MetricEntry] = []
        self.exclusive: bool | None = None
        self.lock = threading.RLock()
        self._made: dict[tuple[bool, int, str], Metric] = {}

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

    @staticmethod
    def _is_family(loss: Any) -> bool:
        return isinstance(loss, str) and loss.lower() in ("crossentropy", "ce")

    @staticmethod
    def _checked(identifier: Any) -> Any:
        if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
            return identifier
        if isinstance(identifier, str):
            metrics_module.get(identifier)
            return identifier
        return metrics_module.get(identifier)

    def loss_for(self, y_shape: Shape, output_shape: Shape) -> losses.Loss:
        """Returns the loss object for targets and predictions of these shapes.

        Raises:
            ConfigurationError: if compile was called without a loss.
        """
        loss = self.loss
        if loss is None:
            raise ConfigurationError("The model was compiled without a loss: compile(loss=...).")
        if self._is_family(loss):
            loss = choose_by_shape(y_shape, output_shape, _CROSSENTROPIES)
        return loss if isinstance(loss, losses.Loss) else losses.LossFunctionWrapper(loss)

    def takes_class_numbers(self, y_shape: Shape, output_shape: Shape) -> bool:
        """Tells whether the loss expects integer class numbers as targets."""
        if self.loss is None:
            return False
        loss = self.loss_for(y_shape, output_shape)
        return getattr(loss, "fn", None) is losses.sparse_categorical_crossentropy

    def ignored_class(self, y_shape: Shape, output_shape: Shape) -> int | None:
        """Returns the class number that the loss leaves out, None if there is none."""
        loss = self.loss_for(y_shape, output_shape)
        return getattr(loss, "ignore_class", None)

    def metrics_for(self, y_shape: Shape, output_shape: Shape) -> list[MetricEntry]:
        """Returns the metrics for targets and predictions of these shapes, in the order given.

        A metric given by name is made once; what "accuracy" stands for follows the shapes.
        """
        found: list[MetricEntry] = []
        names: dict[str, int] = {}
        for weighted, identifiers in ((False, self.metrics), (True, self.weighted_metrics)):
            for index, identifier in enumerate(identifiers):
                metric = self._metric(identifier, (weighted, index), y_shape, output_shape)
                name = metric.name
                if weighted and name in names:
                    name = f"weighted_{name}"
                count = names.get(name, 0)
                names[name] = count + 1
                found.append(MetricEntry(metric, weighted, f"{name}_{count}" if count else name))
        self.entries = found
        return found

    def _metric(
        self, identifier: Any, position: tuple[bool, int], y_shape: Shape, output_shape: Shape
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
        """Returns plain data from which `Model.compile_from_config` compiles again."""
        return {
            "optimizer": object_config(self.optimizer),
            "loss": plain(self.loss),
            "loss_weights": None if self.loss_weight == 1.0 else self.loss_weight,
            "metrics": plain(self.metrics) or None,
            "weighted_metrics": plain(self.weighted_metrics) or None,
            "run_eagerly": False,
            "steps_per_execution": 1,
            "jit_compile": False,
        }
