"""The columns of a data frame that name pictures and their labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError, DataError, warn

WITH_CLASSES = ("binary", "categorical", "sparse")


class FrameColumns:
    """Files, labels and weights of a data frame, checked.

    Args:
        frame: pandas.DataFrame, or anything with `columns` whose columns have `tolist`.
        x_col: column of file names.
        y_col: column of labels; a list of columns for `"multi_output"` and `"raw"`.
        weight_col: column of weights, or None.
        class_mode: see `ImageDataGenerator.flow_from_dataframe`.
        classes: names of the classes in their order; labels that are not among them go.

    Raises:
        DataError: if a column is missing, a file name or label is missing or no text, or a
            weight is no number.
        ConfigurationError: for classes or columns that do not fit `class_mode`.
    """

    def __init__(
        self,
        frame: Any,
        x_col: str,
        y_col: Any,
        weight_col: str | None,
        class_mode: str | None,
        classes: Sequence[str] | None,
    ) -> None:
        self.class_mode = class_mode
        if class_mode == "multi_output" and not isinstance(y_col, list):
            raise ConfigurationError(
                f"class_mode='multi_output' needs a list of columns as `y_col`. Received: {y_col!r}"
            )
        targets = y_col if isinstance(y_col, list) else [y_col]
        if class_mode in ("input", None):
            targets = []
        wanted = [x_col, *targets, *([weight_col] if weight_col else [])]
        missing = [name for name in wanted if name not in list(frame.columns)]
        if missing:
            raise DataError(
                f"The data frame has no columns {missing}. There are: {list(frame.columns)}"
            )
        self.x_col, self.targets = x_col, targets
        self.files: list[str] = frame[x_col].tolist()
        for row, name in enumerate(self.files):
            if not isinstance(name, str):
                raise DataError(f"Row {row} of the column {x_col!r} is no file name: {name!r}")
        self._single = not isinstance(y_col, list)
        self._labels = [frame[name].tolist() for name in targets]
        self.weights = np.asarray(frame[weight_col].tolist()) if weight_col else None
        if self.weights is not None and self.weights.dtype.kind not in "iufb":
            raise DataError(f"The column {weight_col!r} holds something that is no number.")
        if classes and class_mode not in WITH_CLASSES:
            warn(f"`classes` has no effect with class_mode={class_mode!r}.")
        self._classes = list(dict.fromkeys(classes)) if classes else None
        if class_mode in WITH_CLASSES:
            self._check_labels()

    def _check_labels(self) -> None:
        kinds: tuple[type, ...] = (str, list, tuple) if self.class_mode == "categorical" else (str,)
        for row, label in enumerate(self._labels[0]):
            if not isinstance(label, kinds):
                absent = label is None or (isinstance(label, float) and label != label)
                raise DataError(
                    f"The label of {self.files[row]!r} (row {row} of the column "
                    f"{self.targets[0]!r}) {'is missing' if absent else f'is no text: {label!r}'}; "
                    f"class_mode={self.class_mode!r} needs texts."
                )

    def _keep(self, rows: Sequence[int]) -> None:
        self.files = [self.files[i] for i in rows]
        self._labels = [[labels[i] for i in rows] for labels in self._labels]
        if self.weights is not None:
            self.weights = self.weights[np.asarray(rows, int)]

    def keep_files(self, directory: str, endings: tuple[str, ...]) -> None:
        """Leaves rows out whose files do not exist or are no pictures, and warns of them."""
        rows = [
            i
            for i, name in enumerate(self.files)
            if Path(name).suffix[1:].lower() in endings
            and os.path.isfile(os.path.join(directory, name))
        ]
        if len(rows) < len(self.files):
            first = next(i for i in range(len(self.files)) if i >= len(rows) or rows[i] != i)
            warn(
                f"{len(self.files) - len(rows)} of the files in the column {self.x_col!r} do not "
                f"exist or are no pictures and are left out; the first is {self.files[first]!r}."
            )
        self._keep(rows)

    def class_names(self) -> list[str]:
        """Returns the classes in their order; leaves rows out whose labels are not among them.

        Raises:
            ConfigurationError: for `"binary"` and not 2 classes.
        """
        if self.class_mode not in WITH_CLASSES:
            return []
        names = self._classes
        if names is None:
            found: set[str] = set()
            for label in self._labels[0]:
                found.update([label] if isinstance(label, str) else label)
            names = sorted(found)
        else:
            known = set(names)
            self._labels[0] = [
                label if isinstance(label, str) else [part for part in label if part in known]
                for label in self._labels[0]
            ]
            self._keep(
                [
                    i
                    for i, label in enumerate(self._labels[0])
                    if (label in known if isinstance(label, str) else label)
                ]
            )
        if self.class_mode == "binary" and len(names) != 2:
            raise ConfigurationError(
                f"class_mode='binary' needs 2 classes. There are {len(names)}: {names[:9]}"
            )
        return names

    def keep_part(self, start: float, stop: float) -> None:
        """Keeps the rows between two fractions of their number."""
        n = len(self.files)
        self._keep(range(int(start * n), int(stop * n)))

    def values(self, class_indices: dict[str, int]) -> Any:
        """Returns what the labels are made of; see `Labels`."""
        if self.class_mode in WITH_CLASSES:
            return [
                class_indices[label]
                if isinstance(label, str)
                else [class_indices[part] for part in label]
                for label in self._labels[0]
            ]
        arrays = [np.array(labels) for labels in self._labels]
        if self.class_mode == "raw":
            return arrays[0] if self._single else np.stack(arrays, axis=1)
        return arrays
