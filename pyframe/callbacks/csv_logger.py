"""The callback that writes the metrics of every epoch to a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from pyframe.callbacks.callback import Callback, Logs
from pyframe.callbacks.checks import check_path
from pyframe.errors import CheckpointError, ConfigurationError


class CSVLogger(Callback):
    """Writes a line of metrics for each epoch to a CSV file.

    The columns are "epoch" (from 0) and the names of the metrics of the first epoch in
    alphabetical order; without validation there are "val_..." columns with "NA".

    Args:
        filename: path of the file.
        separator: one character between the fields.
        append: whether to go on in an existing file instead of starting it anew.

    Raises:
        ConfigurationError: for an impossible value.
        CheckpointError: when training begins, if the file cannot be written.
    """

    def __init__(
        self, filename: str | PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.filename = check_path(filename, "filename")
        if not isinstance(separator, str) or len(separator) != 1:
            raise ConfigurationError(f"`separator` must be one character. Received: {separator!r}")
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: TextIO | None = None
        self._header = True
        self._fresh = not append

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Opens the file."""
        self._close()
        self.keys = None
        try:
            # What was there is cut off with the first line, so that a resumed run can keep it.
            self._file = Path(self.filename).open("a", encoding="utf-8", newline="")  # noqa: SIM115
            self._header = not self.append or self._file.tell() == 0
        except OSError as error:
            raise CheckpointError(
                error.errno,
                f"CSVLogger cannot write its file ({error.strerror}); choose another `filename`",
                self.filename,
            ) from error
        self._fresh = not self.append

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes a line."""
        assert self._file is not None
        logs = logs or {}
        self._start_anew()
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        writer = csv.writer(self._file, delimiter=self.sep)
        if self._header:
            writer.writerow(["epoch", *self.keys])
            self._header = False
        writer.writerow([epoch, *(_field(logs.get(key, "NA")) for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the file."""
        self._start_anew()
        self._close()

    def get_state(self) -> dict[str, Any]:
        """Returns what a resumed training needs."""
        size = 0 if self._file is None or self._fresh else self._file.tell()
        return {"keys": self.keys, "size": size}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on after the lines that the saved state knows; later ones are cut off."""
        assert self._file is not None
        if state["size"] and self._file.tell() >= state["size"]:
            self._file.truncate(state["size"])
            self._file.seek(state["size"])
            self.keys, self._fresh, self._header = state["keys"], False, False

    def _start_anew(self) -> None:
        if self._fresh and self._file is not None:
            self._file.truncate(0)
        self._fresh = False

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


def _field(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0 or not isinstance(value, Iterable):
        return value
    return f'"[{", ".join(map(str, value))}]"'
