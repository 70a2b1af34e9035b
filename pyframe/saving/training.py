"""Files from which an interrupted training goes on: weights as Keras keeps them, and the rest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyframe.errors import ModelFormatError
from pyframe.saving.matching import assign
from pyframe.saving.publish import publish
from pyframe.saving.reading import open_model_file
from pyframe.saving.state import restore_random
from pyframe.saving.writing import check_hdf5, model_state, write_weights


def save_training(model: Any, path: Path, state: Mapping[str, Any]) -> None:
    """Writes weights, optimizer, random streams and a state as one .weights.h5 file.

    Args:
        model: a compiled model.
        path: the file.
        state: nested dictionaries (with strings as keys), lists, numbers, strings and arrays.

    Raises:
        CheckpointError: if it cannot be written; an old file is unchanged.
    """
    write_weights(path, model, {**model_state(model), "training": state})


def check_training(path: Path) -> None:
    """Raises an error unless a file can be read.

    Raises:
        ModelFormatError: if it is damaged or something else.
    """
    with open_model_file(path) as file:
        if "training" not in file.state():
            raise file.source.refuse("holds no state of a training")


def load_training(model: Any, path: Path, restore: Callable[[Any], None]) -> None:
    """Restores what `save_training` wrote.

    Args:
        model: a compiled model.
        path: the file.
        restore: receives the state, before the model changes; it raises an error if it does not
            fit.

    Raises:
        ModelFormatError: if the file is damaged, or belongs to another model.
    """
    with open_model_file(path) as file:
        pairs, _ = file.match(model, False, False)
        optimizer = file.match_optimizer(model)
        if not optimizer:
            raise ModelFormatError(f"The file '{path}' has no state of such an optimizer.")
        state = file.state()
        restore(state.get("training"))
        restore_random(model, state, file.source.refuse)
        assign(pairs + optimizer)


def copy_file(source: Path, target: Path) -> None:
    """Copies a file of `save_training` in one step.

    Raises:
        CheckpointError: if it cannot be written.
    """
    with source.open("rb") as file:
        publish(target, lambda out: shutil.copyfileobj(file, out), check_hdf5)
