"""The callback that records the metrics of every epoch."""

from __future__ import annotations

import weakref
from typing import Any

from pyframe.callbacks.callback import Callback, Logs


class History(Callback):
    """Records what `fit` reports; `fit` adds one by itself and returns it.

    Attributes:
        history: for each metric, its values, one for each epoch.
        epoch: numbers of the epochs, from 0.
        best_epoch: epoch (from 0) that an EarlyStopping callback found best, or None.
        stopped_epoch: epoch (from 0) at which it stopped training, or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None

    @property
    def model(self) -> Any:
        """The trained model, or None if it is gone."""
        return None if self._model is None else self._model()

    @model.setter
    def model(self, model: Any) -> None:
        # A weak reference: with a strong one model and history would hold each other, and the
        # memory of a dropped model would wait for the garbage collector.
        self._model = weakref.ref(model)

    def set_model(self, model: Any) -> None:
        """Takes the model, which keeps this object as `model.history`."""
        self.model = model
        model.history = self

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts the list of epochs again; the metrics of an earlier `fit` are kept."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Records the metrics of one epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def get_state(self) -> dict[str, Any]:
        """Returns what a resumed training needs."""
        return {"history": self.history, "epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self.history, self.epoch = state["history"], state["epoch"]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}
