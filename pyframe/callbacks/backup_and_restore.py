"""The callback that makes an interrupted training go on."""

from __future__ import annotations

import contextlib
from os import PathLike
from pathlib import Path
from typing import Any

from pyframe.callbacks.callback import Callback, Logs
from pyframe.callbacks.checks import check_path, check_save_freq
from pyframe.callbacks.model_checkpoint import BatchCounter
from pyframe.errors import (
    CheckpointError,
    ConfigurationError,
    ModelFileError,
    ModelFormatError,
    warn,
)


class BackupAndRestore(Callback):
    """Makes a training that was interrupted go on as if nothing had happened.

    The state of the training goes to one file in `backup_dir`, latest.weights.h5: weights and
    optimizer as Keras keeps them, random streams of shuffling and dropout, epoch (and batch),
    history, and the state of callbacks such as EarlyStopping. When the same program is started
    again, `fit` goes on from there and ends with bit-identical weights, if the data are arrays or
    a Sequence (one whose batches depend on more than their number, like an image iterator, has
    `get_state` and `set_state`). A generator starts anew. When training ends the file is deleted.

    Args:
        backup_dir: folder for the file, of this training alone; made if it is missing.
        save_freq: "epoch", or a number of batches after which to save.
        double_checkpoint: whether to keep the file before the latest one as well.
        delete_checkpoint: whether to delete the files when training ends.

    Raises:
        ConfigurationError: for an impossible value, or if the saved state belongs to another
            model.
        CheckpointError: if the file cannot be written.
    """

    def __init__(
        self,
        backup_dir: str | PathLike[str],
        save_freq: int | str = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        self.backup_dir = check_path(backup_dir, "backup_dir")
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._counter = BatchCounter(check_save_freq(save_freq))
        self._latest = Path(self.backup_dir) / "latest.weights.h5"
        self._previous = Path(self.backup_dir) / "previous.weights.h5"

    @property
    def skips_batches(self) -> bool:
        """Whether the batch hooks need not be called."""
        return self._counter.every is None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Goes on from the saved state, if there is one."""
        run = self._run()
        path = self._find()
        if path is not None:
            # Other callbacks start anew in their own `on_train_begin`: wait for them.
            run.afterwards(lambda: self._restore(run, path))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Saves if it is time to."""
        if self._counter.is_due(batch):
            self._run().afterwards(self._save)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves, if wanted once an epoch, when all callbacks have seen the epoch."""
        if self._counter.every is None:
            self._run().afterwards(self._save)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Deletes the files."""
        if self.delete_checkpoint:
            self._previous.unlink(missing_ok=True)
            self._latest.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # something else is in the folder
                Path(self.backup_dir).rmdir()

    def get_state(self) -> dict[str, Any]:
        """Returns what a resumed training needs."""
        return {"seen": self._counter.seen, "last": self._counter.last}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self._counter.seen, self._counter.last = state["seen"], state["last"]

    def _run(self) -> Any:
        run = getattr(self.model, "training_run", None)
        if run is None:
            raise ConfigurationError("BackupAndRestore works in `fit` only.")
        return run

    def _save(self) -> None:
        from pyframe.saving.training import copy_file, save_training

        try:
            Path(self.backup_dir).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                error.errno,
                f"BackupAndRestore cannot make its folder ({error.strerror}); choose another "
                "`backup_dir`",
                self.backup_dir,
            ) from error
        if self.double_checkpoint and self._latest.exists():
            copy_file(self._latest, self._previous)
        save_training(self.model, self._latest, self._run().get_state())

    def _find(self) -> Path | None:
        from pyframe.saving.training import check_training

        for path in (self._latest, self._previous):
            if not path.exists():
                continue
            try:
                check_training(path)
                return path
            except ModelFileError as error:
                if path is self._previous or not self._previous.exists():
                    raise ModelFormatError(
                        f"{error} Delete the folder {self.backup_dir!r} to start from the "
                        "beginning."
                    ) from error
                warn(f"{error} The backup before it is used.")
        return None

    def _restore(self, run: Any, path: Path) -> None:
        from pyframe.saving.training import load_training

        try:
            load_training(self.model, path, run.set_state)
        except (ModelFileError, KeyError, TypeError, IndexError, ValueError) as error:
            raise ConfigurationError(
                f"The backup in {self.backup_dir!r} belongs to another training: {error}. Delete "
                "the folder to start from the beginning."
            ) from error
