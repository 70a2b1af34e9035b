"""The callback that saves the model while it is trained."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from pyframe.callbacks.callback import Logs
from pyframe.callbacks.checks import check_path, check_save_freq
from pyframe.callbacks.monitor_callback import MonitorCallback
from pyframe.errors import CheckpointError, ConfigurationError, warn
from pyframe.saving.model_file import check_model_name, check_weights_name


class BatchCounter:
    """Counts batches across epochs and tells when `every` of them have passed.

    Args:
        every: number of batches, None for never.
    """

    def __init__(self, every: int | None) -> None:
        self.every = every
        self.seen = 0
        self.last: int | None = None

    def is_due(self, batch: int) -> bool:
        """Takes note of a batch, numbered from 0 in its epoch."""
        new_epoch = self.last is None or batch <= self.last
        self.seen += batch + 1 if new_epoch or self.last is None else batch - self.last
        self.last = batch
        if self.every is None or self.seen < self.every:
            return False
        self.seen = 0
        return True


class ModelCheckpoint(MonitorCallback):
    """Saves the model or its weights while it is trained.

    A file is written under another name and then renamed: whatever happens, the file that was
    there before stays readable until the new one is complete.

    Args:
        filepath: path of the file; may contain `{epoch}` and `{batch}` (from 1) and names of the
            logs, with formats: "{epoch:02d}-{val_loss:.2f}.keras". Missing folders are made. The
            ending decides about the format: .keras or .h5; for weights alone .weights.h5 or .h5.
        monitor: key of the logs to watch, for `save_best_only`.
        verbose: 1 prints what is saved.
        save_best_only: whether to save only if the monitored value is the best so far.
        save_weights_only: whether to save the weights (with the state of the optimizer)
            without the architecture.
        mode: "min", "max" or "auto", which goes by the metric.
        save_freq: "epoch", or a number of batches after which to save.
        initial_value_threshold: value that the first saved model must beat.
        period: save every so many epochs (Keras 2).

    Attributes:
        best: best value so far; it is kept from one `fit` to the next.

    Raises:
        ConfigurationError: for an impossible value, or a name in `filepath` that the logs lack.
        CheckpointError: if the file cannot be written.
    """

    def __init__(
        self,
        filepath: str | PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
        period: int = 1,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = check_path(filepath, "filepath")
        (check_weights_name if save_weights_only else check_model_name)(self.filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.period = check_save_freq(period) or 1
        self._counter = BatchCounter(check_save_freq(save_freq))
        self._epoch = 0

    @property
    def skips_batches(self) -> bool:
        """Whether the batch hooks need not be called."""
        return self._counter.every is None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Takes note of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Saves if it is time to."""
        if self._counter.is_due(batch):
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves, if wanted once an epoch."""
        if self._counter.every is None and (epoch + 1) % self.period == 0:
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self.path_for(epoch, batch, logs)
        if not self._is_wanted(epoch, logs, path):
            return
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                error.errno,
                f"ModelCheckpoint cannot make its folder ({error.strerror}); choose another "
                "`filepath`",
                path,
            ) from error
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def path_for(self, epoch: int, batch: int | None, logs: Logs) -> str:
        """Returns the path with its names filled in.

        Args:
            epoch: number of the epoch, from 0.
            batch: number of the batch, from 0, or None at the end of an epoch.
            logs: the metrics.

        Raises:
            ConfigurationError: if a name is not in the logs.
        """
        names = {"epoch": epoch + 1, **({} if batch is None else {"batch": batch + 1}), **logs}
        try:
            return self.filepath.format(**names)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
            raise ConfigurationError(
                f"`filepath` {self.filepath!r} cannot be filled in: {error}. Names at hand: "
                f"{', '.join(names)}"
            ) from error

    def _is_wanted(self, epoch: int, logs: Logs, path: str) -> bool:
        say = print if self.verbose > 0 else _be_silent
        if not self.save_best_only:
            say(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        current = self.monitored(logs, "Saving the best model only")
        if current is None:
            return True
        if np.ndim(current) > 0:
            warn(f"`{self.monitor}` is no single number but {current}: every model is saved.")
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not np.isfinite(current) or not self.is_improvement(current, self.best):
            say(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {best}")
            return False
        say(
            f"\nEpoch {epoch + 1}: {self.monitor} improved from {best} to {current:.5f}, "
            f"saving model to {path}"
        )
        self.best = current
        return True

    def get_state(self) -> dict[str, Any]:
        """Returns what a resumed training needs."""
        return {"best": self.best, "seen": self._counter.seen, "last": self._counter.last}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self.best = state["best"]
        self._counter.seen, self._counter.last = state["seen"], state["last"]


def _be_silent(text: str) -> None:
    pass
