"""Models and weights as files of pyframe's own format."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyframe import losses, metrics, optimizers
from pyframe.errors import ConfigurationError, ModelFormatError, NotBuiltError, PyframeError, warn
from pyframe.layers.weights import weight_budget
from pyframe.lookup import custom_object_scope, object_config, split_config
from pyframe.saving.publish import refuse_foreign_format
from pyframe.saving.variables import (
    LoadReport,
    assign_all,
    check_entries,
    describe,
    fits,
    match_weights,
    model_weights,
    optimizer_variables,
    random_states,
    try_match_optimizer,
)

if TYPE_CHECKING:
    from pyframe.saving.records import Record

_model_classes: dict[str, Any] = {}


def _read(path: Path, *kinds: str) -> Record:
    # Archives are of no use to most programs: their modules are loaded with the first file.
    from pyframe.saving.records import read_record

    return read_record(path, *kinds)


def _write(path: Path, kind: str, data: Any) -> None:
    from pyframe.saving.records import write_record

    write_record(path, kind, data)


def register_model_class(cls: Any) -> Any:
    """Adds a class of models to those that files may name; returns the class."""
    _model_classes[cls.__name__] = cls
    return cls


def save_model(
    model: Any,
    filepath: str | PathLike[str],
    overwrite: bool = True,
    include_optimizer: bool = True,
    **kwargs: Any,
) -> None:
    """Saves a model: architecture, weights, compile arguments, optimizer and random streams.

    The file appears in one step; a crash at any moment leaves the old file or the new one.

    Args:
        model: a built model.
        filepath: path of the file, "model.keras" for instance. The file is pyframe's own,
            whatever its name; names in .h5 and .hdf5 are refused.
        overwrite: whether an existing file may be replaced.
        include_optimizer: whether to save the state of the optimizer.
        **kwargs: `save_format` and `zipped`, which have no effect.

    Raises:
        NotBuiltError: if the model has no weights yet.
        ConfigurationError: for another name, or a configuration that is no plain data.
        CheckpointError: if the file cannot be written; an old file is unchanged.
    """
    unknown = set(kwargs) - {"save_format", "zipped"}
    if unknown:
        raise ConfigurationError(f"save has no argument `{unknown.pop()}`.")
    path = _target(filepath, overwrite)
    data = {
        "model": plain(object_config(model)),
        "build_shape": plain(model._build_shape),
        "compile": None if not model.compiled else plain(model.get_compile_config()),
        "epoch": _epochs_of(model),
        **_weights_of(model, include_optimizer),
        "random": describe(random_states(model)),
    }
    _write(path, "model", data)


def save_weights(model: Any, filepath: str | PathLike[str], overwrite: bool = True) -> None:
    """Saves the weights and the optimizer's state, without the architecture.

    Args:
        model: a built model.
        filepath: see `save_model`.
        overwrite: whether an existing file may be replaced.

    Raises:
        NotBuiltError: if the model has no weights yet.
        ConfigurationError: for a refused name.
        CheckpointError: if the file cannot be written; an old file is unchanged.
    """
    _write(_target(filepath, overwrite), "weights", _weights_of(model, True))


def load_model(
    filepath: str | PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Makes a model from a file of `save_model`.

    No code is taken from the file: it names classes of pyframe, and those in `custom_objects`.

    Args:
        filepath: path of the file.
        custom_objects: the user's own classes and functions by name.
        compile: whether to compile the model as it was, with the optimizer's state.
        safe_mode: has no effect; loading is always safe.

    Raises:
        CheckpointError: if there is no such file.
        ModelFormatError: if it is damaged or something else, names an unknown class, or its
            weights do not fit its architecture.
    """
    path = _source(filepath)
    record = _read(path, "model")
    data = _dictionary(record, record.data)
    with custom_object_scope(custom_objects or {}):
        model = _build_model(record, data, custom_objects or {})
        entries = check_entries(data.get("weights"), "weights")
        found, _ = _matched(record, model, entries, False, False)
        if compile and data.get("compile") is not None:
            _compile(model, data["compile"])
        pairs = found + try_match_optimizer(model, data.get("optimizer") if compile else None)
        pairs += _random_pairs(model, data.get("random"))
        assign_all(_loaded(record, pairs))
    return model


def load_weights(
    model: Any,
    filepath: str | PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> LoadReport:
    """Reads weights into a model, from a file of `save_weights` or `save_model`.

    Weights belong together that are at the same place of the same kind of layer. If the model is
    compiled with the same kind of optimizer, its state is restored as well. Nothing changes if
    there is an error.

    Args:
        model: a built model.
        filepath: path of the file.
        skip_mismatch: whether weights that do not fit keep their values.
        by_name: whether weights belong together that have the same names; those without a
            partner keep their values.

    Returns:
        The names of the weights that were loaded, skipped and unexpected.

    Raises:
        NotBuiltError: if the model has no weights yet.
        CheckpointError: if there is no such file.
        ModelFormatError: if it is damaged, or does not fit the model, or nothing in it does.
    """
    path = _source(filepath)
    _require_built(model)
    record = _read(path, "weights", "model")
    data = _dictionary(record, record.data)
    entries = check_entries(data.get("weights"), "weights")
    pairs, report = _matched(record, model, entries, by_name, skip_mismatch)
    if not report.skipped and not by_name:
        pairs = pairs + try_match_optimizer(model, data.get("optimizer"))
    assign_all(_loaded(record, pairs))
    return report


def plain(value: Any) -> Any:
    """Returns a configuration as plain data: objects by their configs, functions by their names.

    Raises:
        ConfigurationError: for a value that cannot be written.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if hasattr(value, "get_config") and not isinstance(value, type):
        return plain(object_config(value))
    if hasattr(value, "__name__"):
        return value.__name__
    raise ConfigurationError(
        f"A configuration holds {value!r}, which cannot be saved: get_config must return plain "
        "data. Use save_weights, or mend get_config."
    )


def _path(filepath: Any) -> Path:
    try:
        return Path(os.fsdecode(filepath))
    except TypeError:
        raise ConfigurationError(f"`filepath` must be a path. Received: {filepath!r}") from None


def _target(filepath: Any, overwrite: bool) -> Path:
    path = _path(filepath)
    refuse_foreign_format(str(path))
    if not overwrite and path.exists():
        raise ConfigurationError(
            f"The file '{path}' exists; overwrite=True replaces it, or choose another `filepath`."
        )
    return path


def _source(filepath: Any) -> Path:
    path = _path(filepath)
    refuse_foreign_format(str(path))
    return path


def _require_built(model: Any) -> None:
    if not model.built:
        raise NotBuiltError(
            f"{model.label} has no weights yet: its input shape is unknown. Call it on data, or "
            "give input_shape."
        )


def _weights_of(model: Any, include_optimizer: bool) -> dict[str, Any]:
    _require_built(model)
    optimizer = model.optimizer if include_optimizer else None
    state = None
    if optimizer is not None:
        state = {
            "class_name": type(optimizer).__name__,
            "variables": describe(optimizer_variables(optimizer)),
        }
    return {"weights": describe(model_weights(model)), "optimizer": state}


def _epochs_of(model: Any) -> int:
    epochs = getattr(model.history, "epoch", None)
    return int(epochs[-1]) + 1 if epochs else 0


def _random_pairs(model: Any, data: Any) -> list[tuple[Any, Any]]:
    own = random_states(model)
    entries = [e for e in check_entries(data, "random states") if e["key"] in own]
    pairs = [(own[e["key"]], e["value"]) for e in entries]
    if not all(fits(variable, value) for variable, value in pairs):
        raise ModelFormatError("The file's random states do not fit the model.")
    return pairs


def _dictionary(record: Record, data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ModelFormatError(f"The file '{record.path}' is damaged.")
    return data


def _build_model(record: Record, data: dict[str, Any], custom: Mapping[str, Any]) -> Any:
    entries = check_entries(data.get("weights"), "weights")
    budget = sum(entry["value"].nbytes for entry in entries)
    try:
        name, config = split_config("model", _dictionary(record, data.get("model")))
        cls = {**_model_classes, **custom}.get(name)
        if cls is None:
            raise ConfigurationError(
                f"The class {name!r} is unknown. Pass it as custom_objects={{{name!r}: {name}}}."
            )
        with weight_budget(budget):
            model = _from_config(cls, config, custom)
            shape = data.get("build_shape")
            if shape is not None and not model.built:
                model.ensure_built(_shape(shape))
    except (PyframeError, TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        if isinstance(error, ModelFormatError):
            raise
        raise ModelFormatError(
            f"No model can be made from the file '{record.path}': {error}"
        ) from error
    return model


def _from_config(cls: Any, config: dict[str, Any], custom: Mapping[str, Any]) -> Any:
    if "custom_objects" in inspect.signature(cls.from_config).parameters:
        return cls.from_config(config, {**_model_classes, **custom})
    # A model of one's own need not take the arguments that every model has.
    takes = inspect.signature(cls.__init__).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        common = {"name", "trainable", "dtype"} - set(takes)
        config = {k: v for k, v in config.items() if k not in common}
    return cls.from_config(config)


def _shape(value: Any) -> Any:
    if not isinstance(value, list):
        raise ModelFormatError("The file's input shape is damaged.")
    if value and isinstance(value[0], list):
        return [_shape(v) for v in value]
    if not all(n is None or (type(n) is int and 0 <= n < 1 << 40) for n in value):
        raise ModelFormatError("The file's input shape is damaged.")
    return tuple(value)


def _compile(model: Any, config: Any) -> None:
    # A loss or metric that is unknown here must not keep the weights from being loaded.
    try:
        loss = config["loss"]
        if isinstance(loss, dict) or (isinstance(loss, str) and loss not in ("crossentropy", "ce")):
            loss = losses.get(loss)
        parts = {
            name: [_metric(m) for m in config[name]] for name in ("metrics", "weighted_metrics")
        }
        model.compile(
            optimizers.get(config["optimizer"]), loss, loss_weights=config["loss_weights"], **parts
        )
    except (PyframeError, TypeError, KeyError, ValueError) as error:
        warn(f"The model is not compiled, call model.compile(...): {error}")


def _metric(config: Any) -> Any:
    return metrics.get(config) if isinstance(config, dict) else config


def _matched(
    record: Record, model: Any, entries: list[dict[str, Any]], by_name: bool, skip: bool
) -> tuple[list[tuple[Any, Any]], LoadReport]:
    try:
        return match_weights(model, entries, by_name, skip)
    except ModelFormatError as error:
        raise ModelFormatError(f"The file '{record.path}': {error}") from None


def _loaded(record: Record, pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    # All arrays are read before the first variable changes.
    arrays = record.load([value for _, value in pairs])
    return [(variable, array) for (variable, _), array in zip(pairs, arrays, strict=True)]
