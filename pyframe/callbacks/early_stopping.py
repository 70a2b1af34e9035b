"""The callback that ends training when it no longer helps."""

from __future__ import annotations

from typing import Any

from pyframe.callbacks.callback import Logs
from pyframe.callbacks.checks import check_number, check_whole
from pyframe.callbacks.monitor_callback import MonitorCallback
from pyframe.errors import ConfigurationError, warn


class EarlyStopping(MonitorCallback):
    """Ends training when a metric has stopped getting better.

    Args:
        monitor: key of the logs to watch. A value of the training data ("loss") is an average
            over the epoch, while the weights changed; one of the validation data ("val_loss")
            belongs to the weights at the end of the epoch.
        min_delta: smallest change that counts as better.
        patience: number of epochs without improvement after which training stops; 0 and 1 both
            mean the first such epoch.
        verbose: 1 prints the epoch of the stop and the one restored.
        mode: "min", "max" or "auto", which goes by the metric.
        baseline: value to beat: until then, an improvement does not start the waiting anew.
        restore_best_weights: whether the model ends with the weights of its best epoch.
        start_from_epoch: number of epochs (from 0) before the watching begins.

    Attributes:
        stopped_epoch: epoch (from 0) at which training was stopped, 0 if it was not.
        best_epoch: epoch (from 0) of the best value.
        best: the best value, None before the first.

    Raises:
        ConfigurationError: for an impossible value.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = check_whole(patience, "patience")
        self.verbose = verbose
        self.baseline = None if baseline is None else check_number(baseline, "baseline")
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = check_whole(start_from_epoch, "start_from_epoch")
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forgets what an earlier `fit` has seen."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None
        self._warned = False
        epochs = self.params.get("epochs")
        if epochs is not None and 1 < epochs <= self.patience:
            warn(
                f"EarlyStopping(patience={self.patience}) cannot stop a training of {epochs} "
                "epochs. Take a smaller `patience` or more `epochs`."
            )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compares the value of the epoch with the best one."""
        current = self.monitored(logs, "Early stopping")
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if self.is_improvement(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restores the weights of the best epoch, if wanted."""
        restored = self.restore_best_weights and self.best_weights is not None
        if self.verbose > 0:
            if self.stopped_epoch > 0:
                print(f"Epoch {self.stopped_epoch + 1}: early stopping")
            if restored:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
        if restored:
            self.model.set_weights(self.best_weights)
        history = getattr(self.model, "history", None)
        if history is not None and self.best is not None:
            history.best_epoch = self.best_epoch
            history.stopped_epoch = self.stopped_epoch or None

    def get_state(self) -> dict[str, Any]:
        """Returns what a resumed training needs."""
        names = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")
        return {name: getattr(self, name) for name in names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned.

        Raises:
            ConfigurationError: if it belongs to another callback.
        """
        if "best_weights" not in state:
            raise ConfigurationError("The state does not belong to an EarlyStopping callback.")
        for name, value in state.items():
            setattr(self, name, value)
