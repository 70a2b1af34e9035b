"""What callbacks that watch one metric have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe.callbacks.callback import Callback, Logs
from pyframe.callbacks.checks import check_number, check_path
from pyframe.errors import ConfigurationError, warn

_MODES = ("auto", "min", "max")
# Parts of the names of metrics of which more is better.
_UPWARDS = (
    "acc", "auc", "precision", "recall", "f1", "fbeta", "fmeasure", "r2", "iou", "top_k", "dice",
    "true_positives", "true_negatives", "cosine_similarity", "sensitivity", "specificity",
)  # fmt: skip


class MonitorCallback(Callback):
    """A callback that compares one value of the logs with the best so far.

    Args:
        monitor: key of the logs, e.g. "val_loss".
        mode: "min" if less is better, "max" if more is, "auto" to go by the metric.
        baseline: best value to start from, None for none.
        min_delta: how much better a value must be to count, >= 0 (the sign is ignored).

    Raises:
        ConfigurationError: for an impossible value.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__()
        self.monitor = check_path(monitor, "monitor")
        if mode not in _MODES:
            raise ConfigurationError(f"`mode` must be one of {_MODES}. Received: {mode!r}")
        self.mode = mode
        self.best = None if baseline is None else check_number(baseline, "baseline")
        self.min_delta = abs(check_number(min_delta, "min_delta"))
        self._warned = False

    def is_improvement(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than the reference by more than `min_delta`."""
        if reference is None:
            return True
        if self.direction == "max":
            return bool(value - self.min_delta > reference)
        return bool(value + self.min_delta < reference)

    @property
    def direction(self) -> str:
        """Either "min" or "max": which way the monitored value gets better."""
        if self.mode != "auto":
            return self.mode
        name = self.monitor.removeprefix("val_")
        compiled = getattr(self.model, "_compiled", None)
        for entry in getattr(compiled, "entries", ()):
            if entry.name == name and hasattr(entry.metric, "_direction"):
                return "max" if entry.metric._direction == "up" else "min"
        if name == "loss" or name.endswith("_loss"):
            return "min"
        return "max" if any(part in name.lower() for part in _UPWARDS) else "min"

    def monitored(self, logs: Logs | None, purpose: str) -> Any:
        """Returns the monitored value, or None and a warning (once) if the logs lack it.

        Args:
            logs: the logs of the epoch.
            purpose: what depends on it, as the beginning of a sentence.
        """
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None and not self._warned:
            self._warned = True
            hint = ""
            if self.monitor.startswith("val_") and not any(n.startswith("val_") for n in logs):
                hint = " There was no validation: pass validation_data or validation_split to fit."
            warn(
                f"{purpose} depends on `{self.monitor}`, which is not available.{hint} Available "
                f"metrics are: {','.join(logs)}"
            )
        if value is None or np.ndim(value) > 0:
            return value
        return float(value)
