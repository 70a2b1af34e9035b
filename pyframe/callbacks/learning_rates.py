"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from pyframe.callbacks.callback import Callback, Logs
from pyframe.callbacks.checks import (
    check_number,
    check_whole,
    learning_rate,
    set_learning_rate,
)
from pyframe.callbacks.monitor_callback import MonitorCallback
from pyframe.errors import ConfigurationError


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: function of (epoch from 0, present rate), or of the epoch alone, that returns
            the rate >= 0.
        verbose: 1 prints each rate.

    Raises:
        ConfigurationError: if `schedule` is no function; during training if it returns anything
            but a number >= 0.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise ConfigurationError(
                f"`schedule` must be a function of (epoch, learning_rate). Received: {schedule!r}"
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Sets the rate."""
        before = learning_rate(self.model, "LearningRateScheduler")
        rate = self.schedule(epoch, before) if self._takes_rate() else self.schedule(epoch)
        if not isinstance(rate, (int, float, np.number)) or isinstance(rate, bool):
            raise ConfigurationError(
                f"`schedule` must return a number. It returned {rate!r} for epoch {epoch}."
            )
        set_learning_rate(self.model, float(rate), f"`schedule` for epoch {epoch}")
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = learning_rate(self.model, "LearningRateScheduler")

    def _takes_rate(self) -> bool:
        try:
            inspect.signature(self.schedule).bind(0, 0.0)
        except TypeError:
            return False
        except ValueError:  # a function without a signature
            return True
        return True


class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a metric has stopped getting better.

    Args:
        monitor: key of the logs to watch.
        factor: the rate is multiplied by it, in (0, 1).
        patience: number of epochs without improvement before a reduction.
        verbose: 1 prints each reduction.
        mode: "min", "max" or "auto", which goes by the metric.
        min_delta: smallest change that counts as better.
        cooldown: number of epochs after a reduction in which nothing is counted.
        min_lr: smallest rate.
        **kwargs: `epsilon`, the Keras 1 name of `min_delta`.

    Raises:
        ConfigurationError: for an impossible value.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        min_delta = kwargs.pop("epsilon", min_delta)
        if kwargs:
            raise ConfigurationError(f"ReduceLROnPlateau has no argument `{next(iter(kwargs))}`.")
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor = check_number(factor, "factor", 0.0)
        if self.factor >= 1.0:
            raise ConfigurationError(
                f"`factor` must be less than 1: the learning rate is multiplied by it. "
                f"Received: {factor!r}"
            )
        self.patience = check_whole(patience, "patience")
        self.verbose = verbose
        self.cooldown = check_whole(cooldown, "cooldown")
        self.min_lr = check_number(min_lr, "min_lr", 0.0)
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets what an earlier `fit` has seen."""
        self.best = None
        self.cooldown_counter = self.wait = 0
        self._warned = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the rate to the logs and lowers it if it is time to."""
        if logs is not None:
            logs["learning_rate"] = learning_rate(self.model, "ReduceLROnPlateau")
        current = self.monitored(logs, "Learning rate reduction")
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether the pause after a reduction is going on."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> bool:
        before = learning_rate(self.model, "ReduceLROnPlateau")
        if before <= np.float32(self.min_lr):
            return False
        rate = max(before * self.factor, self.min_lr)
        set_learning_rate(self.model, rate, "ReduceLROnPlateau")
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")
        return True

    def get_state(self) -> dict[str, Any]:
        """Returns what a resumed training needs."""
        return {name: getattr(self, name) for name in ("best", "wait", "cooldown_counter")}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self.best = state["best"]
        self.wait, self.cooldown_counter = state["wait"], state["cooldown_counter"]
