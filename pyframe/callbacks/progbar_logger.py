"""The callback that shows progress."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from pyframe.callbacks.callback import Callback, Logs
from pyframe.errors import ConfigurationError
from pyframe.utils._terminal import is_interactive
from pyframe.utils.progress import Progress


def check_verbose(verbose: int | str) -> int:
    """Returns 0 (silent), 1 (bar where one can be shown) or 2 (one line).

    Args:
        verbose: 0, 1, 2 or "auto", which means 1.

    Raises:
        ConfigurationError: for anything else.
    """
    if verbose == "auto":
        return 1
    if verbose in (0, 1, 2):
        return int(verbose)
    raise ConfigurationError(f"`verbose` must be 0, 1, 2 or 'auto'. Received: {verbose!r}")


class ProgbarLogger(Callback):
    """Shows the progress of `fit`, `evaluate` and `predict` on standard output.

    With `verbose=1` it is a bar on a terminal or in a notebook, and one line for each epoch
    elsewhere (a file, a pipe); with 2 always that line.
    """

    def __init__(self) -> None:
        super().__init__()
        self._verbose = 1
        self._epochs = 1
        self._steps: int | None = None
        self._seen = 0
        self._in_fit = False
        self._progress: Progress | None = None

    @property
    def wants_progress(self) -> bool:
        """Whether something is drawn between the beginning and the end of an epoch."""
        if self._progress is not None:
            return self._progress.is_bar
        return self._verbose == 1 and is_interactive(sys.stdout)

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Takes "verbose", "epochs" and "steps" of the run."""
        super().set_params(params)
        self._verbose = check_verbose(params.get("verbose", 1))
        self._epochs = params.get("epochs") or 1
        self._steps = params.get("steps")

    def progress(self, done: int, logs: Logs | None = None) -> None:
        """Shows the state between two hooks.

        Args:
            done: number of steps done in this epoch.
            logs: metrics so far.
        """
        self._seen = done
        if self._progress is not None:
            self._progress.update(done, logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """From here on validation is silent."""
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Ends the silence; leaves a bar that an error interrupted."""
        self._in_fit = False
        self.close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the bar of the epoch."""
        self._begin(f"Epoch {epoch + 1}/{self._epochs}" if self._epochs > 1 else "")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Shows the metrics of the epoch."""
        self._end(logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Moves the bar."""
        self.progress(batch + 1, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Starts the bar, unless `fit` is validating."""
        if not self._in_fit:
            self._begin("")

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Moves the bar, unless `fit` is validating."""
        if not self._in_fit:
            self.progress(batch + 1, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Shows the metrics, unless `fit` is validating."""
        if not self._in_fit:
            self._end(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Starts the bar."""
        self._begin("")

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Moves the bar; the outputs in `logs` are not shown."""
        self.progress(batch + 1)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Finishes the bar."""
        self._end(None)

    def close(self) -> None:
        """Leaves an unfinished bar as it is."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    def _begin(self, title: str) -> None:
        self.close()
        self._seen = 0
        if self._verbose:
            self._progress = Progress(self._steps, self._verbose == 1, title)

    def _end(self, logs: Logs | None) -> None:
        if self._progress is not None:
            # The first epoch tells how many steps an endless-looking generator has.
            self._steps = self._steps or self._seen
            self._progress.finish(self._seen or self._steps or 0, logs)
            self._progress = None
