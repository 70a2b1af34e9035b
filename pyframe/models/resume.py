"""The state of a running training, from which another process can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pyframe.models.feeds import Feed
from pyframe.models.steps import Totals
from pyframe.utils.random import get_stream_state, set_stream_state


class TrainingRun:
    """What `fit` is doing; callbacks find it as `model.training_run`.

    Args:
        model: the model that is trained.
        feed: its batches.
        hooks: the CallbackList.
        epochs: numbers of the epochs.
        validation: batches of the validation, if there is one.

    Attributes:
        epoch: number of the present epoch; at its end, of the next one.
        batch: batches of that epoch that are done.
        totals: sums over these batches.
        logs: logs of the latest epoch.
    """

    def __init__(
        self, model: Any, feed: Feed, hooks: Any, epochs: range, validation: Feed | None = None
    ) -> None:
        self.epoch = epochs.start
        self.batch = 0
        self.totals: Totals | None = None
        self.logs: dict[str, Any] = {}
        self._model = model
        self._feed, self._validation = feed, validation
        self._hooks = hooks
        self._last = epochs.stop
        self._later: list[Callable[[], None]] = []
        self._saved_totals: Any = None

    def epochs(self) -> Iterator[int]:
        """Yields the numbers of the epochs that are left."""
        while self.epoch < self._last and not self._model.stop_training:
            yield self.epoch
            self.end_epoch()
            self.settle()

    def end_epoch(self) -> None:
        """Goes to the beginning of the next epoch."""
        self.epoch += 1
        self.batch = 0
        self.totals = None

    def afterwards(self, action: Callable[[], None]) -> None:
        """Calls a function when all callbacks have had their turn."""
        self._later.append(action)

    def settle(self) -> None:
        """Calls the functions that wait."""
        while self._later:
            self._later.pop(0)()

    def after_batch(self, batches: int, totals: Totals) -> None:
        """Takes note of a batch, when the callbacks have had their turn."""
        self.batch, self.totals = batches, totals
        if self._later:
            self.settle()

    def begin_totals(self, make: Callable[[], Totals]) -> tuple[Totals | None, int]:
        """Returns the sums and the number of batches from which the epoch goes on."""
        saved, self._saved_totals = self._saved_totals, None
        if saved is None:
            return None, self.batch
        totals = make()
        totals.set_state(saved)
        return totals, self.batch

    def get_state(self) -> dict[str, Any]:
        """Returns what is to be known besides the model, as plain data and arrays."""
        validation = self._validation
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "stopped": bool(self._model.stop_training),
            "logs": _plain(self.logs),
            "totals": None if self.totals is None else self.totals.get_state(),
            "stream": get_stream_state(),
            "feed": _plain(self._feed.get_state()),
            "validation": None if validation is None else _plain(validation.get_state()),
            "callbacks": {name: _plain(c.get_state()) for name, c in self._stateful().items()},
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned.

        Raises:
            ValueError, KeyError, TypeError: if it belongs to another training.
        """
        callbacks = self._stateful()
        epoch, batch, logs = int(state["epoch"]), int(state["batch"]), dict(state["logs"])
        self._feed.set_state(state["feed"])
        if self._validation is not None and state.get("validation"):
            self._validation.set_state(state["validation"])
        set_stream_state(state["stream"])
        for name in callbacks.keys() & state["callbacks"].keys():
            callbacks[name].set_state(state["callbacks"][name])
        self.epoch, self.batch, self.logs = epoch, batch, logs
        self._saved_totals = state["totals"]
        self._model.stop_training = bool(state["stopped"])

    def _stateful(self) -> dict[str, Any]:
        # By class and number, so that a callback without a state may come or go.
        found: dict[str, Any] = {}
        for callback in self._hooks.callbacks:
            if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
                name, count = type(callback).__name__, 1
                while f"{name}_{count}" in found:
                    count += 1
                found[f"{name}_{count}"] = callback
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value
