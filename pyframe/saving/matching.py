"""Which array of a file belongs to which variable of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyframe.errors import ModelFormatError
from pyframe.ops.dtypes import Array
from pyframe.ops.tensor import Variable
from pyframe.saving.hdf5 import Dataset
from pyframe.saving.report import LoadReport


class Converted:
    """An array of a file in another order of its axes or elements.

    Args:
        dataset: the array as it is in the file.
        changes: make views in the order that is wanted, one after the other.

    Attributes:
        shape: its shape.
        dtype: its type, as stored.
        is_plain: always false: the bytes are not in the file as they are in memory.
    """

    is_plain = False

    def __init__(self, dataset: Dataset, changes: Sequence[Callable[[Array], Array]]) -> None:
        self.dtype = dataset.dtype
        self._dataset, self._changes = dataset, changes
        self.shape = self._changed(np.broadcast_to(np.zeros((), self.dtype), dataset.shape)).shape

    def read(self, out: Array | None = None) -> Array:
        """Returns the array; `out` has no meaning for arrays that are not plain."""
        return np.ascontiguousarray(self._changed(self._dataset.read()))

    def _changed(self, array: Array) -> Array:
        for change in self._changes:
            array = change(array)
        return array


Stored = Dataset | Converted
Pair = tuple[Variable, Stored]


class Matching:
    """Collects pairs of a model's weights and a file's arrays, and what is wrong with them.

    Args:
        model: a built model.
        path: the file, for error texts.
        by_name: whether weights without a partner are no error.
        skip_mismatch: whether nothing is an error as long as something matches.
    """

    def __init__(self, model: Any, path: Any, by_name: bool, skip_mismatch: bool) -> None:
        self.report = LoadReport()
        self.pairs: list[Pair] = []
        self._model = model
        self._path = path
        self._by_name = by_name
        self._skip = skip_mismatch
        self._problems: list[str] = []

    def add(self, variable: Variable, stored: tuple[str, Stored] | None) -> None:
        """Takes note of the array for a weight, None if the file has none."""
        if stored is None:
            self.report.skipped.append(variable.path)
            if not self._by_name:
                self._problems.append(f"'{variable.path}' {variable.shape} is not in the file")
            return
        path, dataset = stored
        if dataset.shape == variable.shape:
            self.report.loaded.append(variable.path)
            self.pairs.append((variable, dataset))
            return
        self.report.skipped.append(variable.path)
        of_theano = len(dataset.shape) == 4 and variable.shape == tuple(
            dataset.shape[i] for i in (2, 3, 1, 0)
        )
        self._problems.append(
            f"'{variable.path}' has shape {variable.shape}, but '{path}' of the file has "
            f"{dataset.shape}"
            + (", the order of Theano, where channels are in front" if of_theano else "")
        )

    def unexpected(self, path: str) -> None:
        """Takes note of an array that has no place in the model."""
        self.report.unexpected.append(path)
        if not self._by_name:
            self._problems.append(f"'{path}' of the file has no place")

    def mismatch(self, what: str) -> None:
        """Takes note of something else that does not fit."""
        self._problems.append(what)

    def finish(self) -> None:
        """Decides whether the file fits.

        Raises:
            ModelFormatError: if nothing matches; or something does not and may not be skipped.
        """
        model = self._model
        if self._problems and not self._skip:
            shown = "; ".join(self._problems[:3])
            more = len(self._problems) - 3
            raise ModelFormatError(
                f"The weights of '{self._path}' do not fit {model.label}: {shown}"
                + (f" and {more} more" if more > 0 else "")
                + ". With skip_mismatch=True what does not fit is left alone."
            )
        if not self.pairs and model.weights:
            named = ", ".join(self.report.unexpected[:5]) or "no weights"
            raise ModelFormatError(
                f"No weight of '{self._path}' fits {model.label}. The file has: {named}."
            )


def assign(pairs: Sequence[Pair]) -> None:
    """Reads arrays from their file into variables.

    What needs to be decoded or converted is read before the first variable changes; all the rest
    is known to lie in the file as it is and goes straight to its place.

    Raises:
        ModelFormatError: if an array cannot be decoded, or the file was cut while it was read.
    """
    decoded = [
        (variable, dataset.read())
        for variable, dataset in pairs
        if not dataset.is_plain or dataset.dtype != np.dtype(variable.dtype)
    ]
    for variable, array in decoded:
        variable.assign(array.astype(variable.dtype))
    done = {id(variable) for variable, _ in decoded}
    for variable, dataset in pairs:
        if id(variable) not in done:
            with variable.storage() as memory:
                dataset.read(memory)


def match_in_order(own: Sequence[Variable], stored: Sequence[Stored], what: str) -> list[Pair]:
    """Pairs the state of an optimizer with arrays of a file.

    Args:
        own: variables of the optimizer: counter, learning rate (if any), slots.
        stored: the arrays; Keras 2 does not save the learning rate, and an optimizer that has not
            made a step saves no slots.
        what: name of the file.

    Raises:
        ModelFormatError: if they do not fit.
    """
    own = list(own)
    without_rate = len(stored) > 1 and stored[1].shape != ()
    if len(own) > 2 and own[1].shape == () and without_rate:
        del own[1]
    if without_rate and stored[0].shape == () and all(v.shape == () for v in own):
        stored = stored[:1]  # SGD without momentum has slots in Keras 2
    if stored and stored[0].shape != ():  # RMSprop and others of Keras 1 do not save the counter
        own = [v for v in own if v.shape != ()]
    if len(stored) <= 2 and [d.shape for d in stored] == [()] * len(stored):
        own = own[: len(stored)]
    if [v.shape for v in own] != [d.shape for d in stored]:
        raise ModelFormatError(
            f"The optimizer has {len(own)} variables, those of '{what}' are {len(stored)}, or of "
            "other shapes."
        )
    return list(zip(own, stored, strict=True))
