"""Files of models and weights, whichever version of Keras wrote them."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pyframe.errors import CheckpointError, ModelFormatError, PyframeError, warn
from pyframe.saving import keras3, legacy
from pyframe.saving.archive import ArchiveReader
from pyframe.saving.configs import modern
from pyframe.saving.hdf5 import Group, open_hdf5
from pyframe.saving.hdf5_objects import guarded
from pyframe.saving.json_text import parse_json
from pyframe.saving.matching import Matching, Pair
from pyframe.saving.report import LoadReport
from pyframe.saving.seal import check_seal
from pyframe.saving.source import Source
from pyframe.saving.state import read_state, restore_random

_WEIGHTS = "model.weights.h5"


class ModelFile:
    """An open file.

    Args:
        path: its path.
        file: the file, unbuffered.

    Attributes:
        path: its path.
        root: root group of the weights.
        archive: the zip archive around them, None for an HDF5 file.

    Raises:
        ModelFormatError: if it is damaged or something else.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.archive: ArchiveReader | None = None
        start = file.read(4)
        self.source = Source(path, file)
        if start[:2] == b"PK":
            self.archive = ArchiveReader(path, file)
            if _WEIGHTS not in self.archive.names and "model.weights.npz" in self.archive.names:
                raise self.source.refuse("keeps its weights as .npz; save it with .h5 weights")
            self.source = self.archive.open(_WEIGHTS)
        elif start == b"\x89HDF":
            check_seal(path, file)
        else:
            raise self.source.refuse("is no file of a model: neither a .keras nor an .h5 file")
        self.root: Group = open_hdf5(self.source)
        self._keras3 = keras3.is_keras3(self.root)

    def model_config(self) -> Any:
        """Returns the architecture in the dialect of Keras 3.

        Raises:
            ModelFormatError: if the file has none, or a damaged one.
            UnsafeModelError: if it holds code.
        """
        if self.archive is not None:
            config = self.archive.read_json("config.json")
            metadata = self.archive.read_json("metadata.json")
            version = metadata.get("keras_version") if isinstance(metadata, dict) else None
        else:
            config = self._json("model_config")
            version = self.root.text("keras_version")
            if config is None:
                raise self.source.refuse(
                    "has weights but no architecture; make the model and call load_weights"
                )
        self._version = version if isinstance(version, str) else "1"
        return modern(self.source, config, self._version)

    def training_config(self, config: Any) -> Any:
        """Returns the arguments of compile, None if there are none."""
        if self.archive is not None:
            return config.get("compile_config")
        training = self._json("training_config")
        if not isinstance(training, dict):
            return None
        training = dict(training)
        training["optimizer"] = training.pop("optimizer_config", training.get("optimizer"))
        return modern(self.source, training, self._version)

    def _json(self, name: str) -> Any:
        with guarded(self.source):
            text = self.root.text(name)
        return None if text is None else parse_json(self.source, text, name)

    def weights_size(self) -> int:
        """Returns the number of bytes of all weights, as numbers of 8 bytes."""
        if self._keras3:
            return sum(d.size for d in keras3.stored_weights(self.root).values()) * 8
        group = legacy.weights_group(self.root)
        return 8 * sum(d.size for stored in legacy.stored_layers(group).values() for _, d in stored)

    def match(
        self, model: Any, by_name: bool, skip_mismatch: bool
    ) -> tuple[list[Pair], LoadReport]:
        """Finds the array of each weight.

        Raises:
            ModelFormatError: if nothing matches; or something does not and may not be skipped.
        """
        matching = Matching(model, self.path, by_name, skip_mismatch)
        with guarded(self.source):
            (keras3 if self._keras3 else legacy).match(self.root, model, matching, by_name)
        matching.finish()
        return matching.pairs, matching.report

    def match_optimizer(self, model: Any) -> list[Pair]:
        """Finds the array of each variable of the optimizer; none if there is no such state.

        Raises:
            ModelFormatError: if the arrays do not fit.
        """
        if model.optimizer is None:
            return []
        model.optimizer.build_for(model.trainable_weights)
        with guarded(self.source):
            match = keras3.match_optimizer if self._keras3 else legacy.match_optimizer
            return match(self.root, model, self.path)

    def try_match_optimizer(self, model: Any) -> list[Pair]:
        """Like `match_optimizer`, but an optimizer that differs leads to a warning."""
        try:
            return self.match_optimizer(model)
        except ModelFormatError as error:
            warn(f"{error} The state of the optimizer is not restored.")
            return []

    def state(self) -> dict[str, Any]:
        """Returns what pyframe adds to the formats of Keras."""
        return read_state(self.root)

    def restore_random(self, model: Any) -> None:
        """Restores the random streams of a model, if the file has them."""
        restore_random(model, self.state(), self.source.refuse)


def config_of_text(text: Any) -> dict[str, Any]:
    """Returns the architecture in a JSON text in the dialect of Keras 3.

    Raises:
        ModelFormatError: if it is none.
        UnsafeModelError: if it holds code.
    """
    encoded = text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)
    source = Source("of the JSON text", BytesIO(encoded))
    config = parse_json(source, encoded.decode("utf-8", "replace"), "architecture")
    if not isinstance(config, dict):
        raise source.refuse("is no architecture of a model")
    version = config.get("keras_version", "3" if "module" in config else "2")
    found: dict[str, Any] = modern(source, config, str(version))
    return found


def available_memory() -> int:
    """Returns the number of bytes of memory that are free, as far as the system tells."""
    try:
        text = Path("/proc/meminfo").read_text("ascii")
        return int(text.partition("MemAvailable:")[2].split()[0]) << 10
    except (OSError, ValueError, IndexError):
        return 4 << 30


@contextmanager
def open_model_file(path: Path) -> Iterator[ModelFile]:
    """Opens a file for reading.

    Raises:
        CheckpointError: if there is no such file, or it cannot be read.
        ModelFormatError: if it is no file of a model.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise CheckpointError(
                21, "This is a folder (a SavedModel of TensorFlow?); a .keras or .h5 file is "
                "needed", str(path)
            )  # fmt: skip
        if not stat.S_ISREG(mode):
            raise CheckpointError(22, "This is no ordinary file", str(path))
        with path.open("rb", buffering=0) as file:
            yield ModelFile(path, file)
    except PyframeError:
        raise
    except OSError as error:
        raise CheckpointError(
            error.errno, f"The file could not be read ({error.strerror})", str(path)
        ) from error
