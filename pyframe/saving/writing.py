"""Files of models and weights as Keras 3 writes them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pyframe._version import __version__
from pyframe.lookup import object_config, plain
from pyframe.ops.tensor import Variable
from pyframe.saving.archive import ArchiveReader, ArchiveWriter
from pyframe.saving.hdf5 import open_hdf5
from pyframe.saving.keras3 import own_weights, walk
from pyframe.saving.legacy import legacy_weights
from pyframe.saving.publish import publish
from pyframe.saving.seal import check_seal, seal
from pyframe.saving.source import Source
from pyframe.saving.state import random_states, write_state

# The version of Keras whose formats these are.
KERAS_VERSION = "3.15.1"
_ATTRIBUTE_LIMIT = 64512


def write_keras(path: Path, model: Any, include_optimizer: bool) -> None:
    """Writes a .keras file: metadata.json, config.json and model.weights.h5 in a zip archive."""
    config = plain(object_config(model))
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "pyframe_version": __version__,
    }
    optimizer, state = model.optimizer if include_optimizer else None, model_state(model)
    size = sum(w.core.memory().nbytes for w in _all_variables(model, optimizer))

    def write(file: BinaryIO) -> None:
        with ArchiveWriter(file) as archive:
            archive.add_json("metadata.json", metadata)
            archive.add_json("config.json", config)
            archive.add_file(
                "model.weights.h5", size, lambda part: _write_keras3(part, model, optimizer, state)
            )

    def check(written: Path) -> None:
        with written.open("rb", buffering=0) as file:
            ArchiveReader(written, file).check_all()

    publish(path, write, check)


def write_weights(path: Path, model: Any, state: Mapping[str, Any] | None = None) -> None:
    """Writes a .weights.h5 file.

    Args:
        path: the file.
        model: a built model.
        state: see `write_state`; the model's random streams if None.
    """
    kept = model_state(model) if state is None else state

    def write(file: BinaryIO) -> None:
        _write_keras3(file, model, model.optimizer, kept)
        seal(file)

    publish(path, write, check_hdf5)


def write_legacy(path: Path, model: Any, include_optimizer: bool, whole: bool) -> None:
    """Writes an .h5 file as Keras 2 and 3 do: a whole model, or its weights alone."""
    attributes = _legacy_attributes(model, include_optimizer) if whole else {}

    def write(file: BinaryIO) -> None:
        import h5py

        with h5py.File(file, "w") as h5:
            for name, text in attributes.items():
                h5.attrs[name] = text
            _write_layers(h5.create_group("model_weights") if whole else h5, model)
            if whole:
                if include_optimizer and model.optimizer is not None:
                    variables = model.optimizer.variables
                    names = [f"{v.path}" for v in variables]
                    _write_listed(h5.create_group("optimizer_weights"), names, variables)
                write_state(h5, model_state(model))
        seal(file)

    publish(path, write, check_hdf5)


def model_state(model: Any) -> dict[str, Any]:
    """Returns what a training that goes on needs besides weights and optimizer."""
    return {"random": {key: v.numpy() for key, v in random_states(model).items()}}


def _all_variables(model: Any, optimizer: Any) -> list[Variable]:
    return [*model.weights, *(optimizer.variables if optimizer is not None else ())]


def check_hdf5(written: Path) -> None:
    """Raises an error unless a finished file can be read back."""
    with written.open("rb", buffering=0) as file:
        check_seal(written, file)
        for _ in open_hdf5(Source(written, file)).datasets():
            pass


def _write_keras3(file: Any, model: Any, optimizer: Any, state: Mapping[str, Any]) -> None:
    import h5py

    with h5py.File(file, "w") as h5:
        for path, layer in walk(model):
            group = h5.create_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = layer.name
            for i, weight in enumerate(own_weights(layer)):
                group.create_dataset(str(i), data=_value(weight))
        if optimizer is not None:
            group = h5.create_group("optimizer/vars")
            group.attrs["name"] = optimizer.name
            for i, variable in enumerate(optimizer.variables):
                group.create_dataset(str(i), data=_value(variable))
        write_state(h5, state)


def _value(variable: Variable) -> Any:
    # The engine's own memory, so that nothing is copied; counters are integers in Keras.
    memory = variable.core.memory()
    return memory.astype(np.int64) if variable.name == "iteration" else memory


def _legacy_attributes(model: Any, include_optimizer: bool) -> dict[str, str]:
    found = {
        "keras_version": KERAS_VERSION,
        "backend": "tensorflow",
        "model_config": json.dumps(_without_modules(plain(object_config(model)), True)),
    }
    config = model.get_compile_config() if include_optimizer else None
    if config is not None:
        training = _without_modules(plain(config), False)
        optimizer = training.pop("optimizer")
        training["optimizer_config"] = optimizer
        found["training_config"] = json.dumps(training)
    return found


_HELD = ("layer", "backward_layer", "cell")


def _without_modules(value: Any, layers: bool) -> Any:
    # Keras 2's form of models, layers, losses and metrics: class and configuration only.
    if isinstance(value, list):
        return [_without_modules(v, layers) for v in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("class_name") == "function":
        return value["config"]
    if "class_name" in value and (not layers or _is_layer_config(value)):
        kept = ("class_name", "config", "name", "inbound_nodes")
        return {k: _without_modules(v, layers) for k, v in value.items() if k in kept}
    # What wrappers and recurrent layers hold is written as in Keras 3's own files.
    return {k: v if k in _HELD else _without_modules(v, layers) for k, v in value.items()}


def _is_layer_config(value: Mapping[str, Any]) -> bool:
    module = value.get("module")
    return (
        module is None
        or str(module) in ("keras.layers", "keras.src.models.functional")
        or (str(module) == "keras" and value["class_name"] != "DTypePolicy")
    )


def _write_layers(group: Any, model: Any) -> None:
    _write_texts(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["backend"] = "tensorflow"
    group.attrs["keras_version"] = KERAS_VERSION
    # In the order of names, so that "a/b" never comes before "a".
    for layer in sorted(model.layers, key=lambda layer: str(layer.name)):
        weights = legacy_weights(layer)
        _write_listed(group.create_group(layer.name), _unique([w.path for w in weights]), weights)
    own = own_weights(model)
    _write_listed(group.create_group("top_level_model_weights"), [w.path for w in own], own)


def _unique(paths: Sequence[str]) -> list[str]:
    counts: dict[str, int] = {}
    found = []
    for path in paths:
        count = counts.get(path, 0)
        counts[path] = count + 1
        found.append(f"{path}_{count}" if count else path)
    return found


def _write_listed(group: Any, names: Sequence[str], variables: Sequence[Variable]) -> None:
    _write_texts(group, "weight_names", names)
    for name, variable in zip(names, variables, strict=True):
        group.create_dataset(name, data=_value(variable))


def _write_texts(group: Any, name: str, texts: Sequence[str]) -> None:
    # An attribute of HDF5 has at most 64 KB; each text takes 16 bytes and its own place.
    encoded = [text.encode("utf-8") for text in texts]
    data = np.asarray(encoded)
    parts = -(-data.nbytes // _ATTRIBUTE_LIMIT)
    if parts <= 1:
        group.attrs[name] = encoded
        return
    while max(part.nbytes for part in np.array_split(data, parts)) > _ATTRIBUTE_LIMIT:
        parts += 1
    for i, part in enumerate(np.array_split(data, parts)):
        group.attrs[f"{name}{i}"] = part
