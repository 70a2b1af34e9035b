"""The base class of callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

Logs = dict[str, Any]


class Callback:
    """Something that is told how training goes and may act on it.

    A subclass overrides the hooks it needs. Every hook gets `logs`, a dictionary of the metrics so
    far; `on_epoch_end` also gets the `val_...` metrics. What a callback adds to `logs` is seen by
    those after it, `History` included.

    A callback that overrides no batch hook costs nothing during an epoch: the engine then runs
    many batches in one call.

    Attributes:
        params: dictionary with "verbose", "epochs" and "steps" (None if unknown).
        model: the model that is trained; set `model.stop_training = True` to end training.
        skips_batches: whether `fit` need not call the batch hooks although they are overridden.

    A callback with the methods `get_state()` and `set_state(state)`, plain data and arrays, is
    brought back to where it was by BackupAndRestore.
    """

    skips_batches: Any = False

    # Defaults of the class, so that a subclass may forget to call `super().__init__()`.
    params: Mapping[str, Any] = MappingProxyType({})
    _model: Any = None

    @property
    def model(self) -> Any:
        """The model that the callback was given to, or None."""
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Takes the parameters of the run; called before the first hook."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Takes the model; called before the first hook."""
        self._model = model

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before an epoch.

        Args:
            epoch: number of the epoch, from 0.
            logs: empty.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch and its validation.

        Args:
            epoch: number of the epoch, from 0.
            logs: metrics of the epoch, those of the validation with the prefix `val_`.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a training batch.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: empty.
        """
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a training batch.

        Args:
            batch: number of the batch in its epoch, from 0.
            logs: metrics of the epoch so far.
        """
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of `evaluate`, or of the validation in `fit`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of `evaluate`, or of the validation in `fit`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of `predict`; `logs` holds its "outputs"."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `fit`."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `fit`; `logs` are those of the last epoch."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `evaluate`, or of the validation in `fit`."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `evaluate`, or of the validation in `fit`."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `predict`."""
