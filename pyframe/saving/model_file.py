"""Models and weights in the files of Keras."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from pyframe import losses, metrics, optimizers
from pyframe.errors import (
    ConfigurationError,
    ModelFormatError,
    NotBuiltError,
    PyframeError,
    ResourceLimitError,
    warn,
)
from pyframe.layers.serialization import registered_classes
from pyframe.layers.weights import weight_budget
from pyframe.lookup import custom_object_scope, split_config
from pyframe.lookup import custom_objects as known_objects
from pyframe.saving.report import LoadReport

_FROM_CONTENTS = (
    PyframeError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError,
)  # fmt: skip
_WHOLE = (".keras", ".h5", ".hdf5")


def save_model(
    model: Any,
    filepath: str | PathLike[str],
    overwrite: bool = True,
    include_optimizer: bool = True,
    **kwargs: Any,
) -> None:
    """Saves a model: architecture, weights, compile arguments, optimizer and random streams.

    The file appears in one step; a crash at any moment leaves the old file or the new one.
    Keras 3 loads it.

    Args:
        model: a built model.
        filepath: path of the file, "model.keras"; or "model.h5" for the format of Keras 2.
        overwrite: whether an existing file may be replaced.
        include_optimizer: whether to save the state of the optimizer.
        **kwargs: `save_format` ("keras" or "h5"), for names with another ending; and `zipped`,
            which has no effect.

    Raises:
        NotBuiltError: if the model has no weights yet.
        ConfigurationError: for another name, or a configuration that is no plain data.
        CheckpointError: if the file cannot be written; an old file is unchanged.
    """
    unknown = set(kwargs) - {"save_format", "zipped"}
    if unknown:
        raise ConfigurationError(f"save has no argument `{unknown.pop()}`.")
    form = kwargs.get("save_format")
    path = _target_path(filepath, overwrite)
    if form not in (None, "keras", "h5"):
        raise ConfigurationError(f"`save_format` must be 'keras' or 'h5'. Received: {form!r}")
    if form is None:
        check_model_name(path)
        form = "keras" if path.suffix.lower() == ".keras" else "h5"
    _require_built(model)
    # Archives are of no use to most programs: their modules are loaded with the first file.
    from pyframe.saving import writing

    if form == "keras":
        writing.write_keras(path, model, include_optimizer)
    else:
        writing.write_legacy(path, model, include_optimizer, True)


def save_weights(model: Any, filepath: str | PathLike[str], overwrite: bool = True) -> None:
    """Saves the weights and the optimizer's state, without the architecture.

    Args:
        model: a built model.
        filepath: "name.weights.h5" for the format of Keras 3; "name.h5" for that of Keras 2,
            which has no place for the optimizer.
        overwrite: whether an existing file may be replaced.

    Raises:
        NotBuiltError: if the model has no weights yet.
        ConfigurationError: for another name.
        CheckpointError: if the file cannot be written; an old file is unchanged.
    """
    path = _target_path(filepath, overwrite)
    check_weights_name(path)
    _require_built(model)
    from pyframe.saving import writing

    if path.name.lower().endswith(".weights.h5"):
        writing.write_weights(path, model)
    else:
        writing.write_legacy(path, model, False, False)


def check_model_name(path: Path | str) -> None:
    """Raises an error unless a whole model can be saved under this name.

    Raises:
        ConfigurationError: for another ending than .keras, .h5 and .hdf5.
    """
    name = str(path).lower()
    if not name.endswith(_WHOLE) or name.endswith(".weights.h5"):
        raise ConfigurationError(
            "A model is saved as '.keras' (the format of Keras 3) or '.h5' (that of Keras 2). "
            f"Received: filepath={str(path)!r}"
        )


def check_weights_name(path: Path | str) -> None:
    """Raises an error unless weights can be saved under this name.

    Raises:
        ConfigurationError: for another ending than .weights.h5, .h5 and .hdf5.
    """
    if not str(path).lower().endswith(_WHOLE[1:]):
        raise ConfigurationError(
            "Weights are saved as '.weights.h5' (the format of Keras 3) or '.h5' (that of Keras "
            f"2). Received: filepath={str(path)!r}"
        )


def load_model(
    filepath: str | PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Makes a model from a file of `save_model`, or of Keras 1, 2 or 3.

    The file's contents decide about its format, not its name. No code is taken from the file: it
    names classes of pyframe, and those in `custom_objects`.

    Args:
        filepath: path of the file.
        custom_objects: the user's own classes and functions by name.
        compile: whether to compile the model as it was, with the optimizer's state.
        safe_mode: has no effect; loading is always safe.

    Raises:
        CheckpointError: if there is no such file.
        ModelFileError: if it is damaged or something else, holds code, names an unknown class, or
            its weights do not fit its architecture.
    """
    from pyframe.saving import matching, reading

    with (
        custom_object_scope(custom_objects or {}),
        reading.open_model_file(_path(filepath)) as file,
    ):
        config = file.model_config()
        with translated(file.path):
            with weight_budget(file.weights_size(), blank=True):
                model = _build_model(config)
            pairs, _ = file.match(model, False, False)
            if compile:
                _compile(model, file.training_config(config))
                pairs += file.try_match_optimizer(model)
            matching.assign(pairs)
            file.restore_random(model)
    return model


def load_weights(
    model: Any,
    filepath: str | PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> LoadReport:
    """Reads weights into a model, from a file of weights or of a whole model.

    In files of Keras 3 weights belong together that are at the same place of the same kind of
    layer; in those of Keras 2 the layers with weights belong together in their order. If the model
    is compiled with the same kind of optimizer, its state is restored as well. Nothing changes if
    the file is damaged or does not fit.

    Args:
        model: a built model.
        filepath: path of the file.
        skip_mismatch: whether weights that do not fit keep their values.
        by_name: whether layers belong together that have the same names; those without a
            partner keep their values.

    Returns:
        A LoadReport with the names of the weights that were loaded, skipped and unexpected.

    Raises:
        NotBuiltError: if the model has no weights yet.
        CheckpointError: if there is no such file.
        ModelFileError: if it is damaged, or does not fit the model, or nothing in it does.
    """
    path = _path(filepath)
    _require_built(model)
    from pyframe.saving import matching, reading

    with reading.open_model_file(path) as file:
        pairs, report = file.match(model, by_name, skip_mismatch)
        if not report.skipped and not by_name:
            pairs += file.try_match_optimizer(model)
        matching.assign(pairs)
    return report


def model_from_json(text: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a model from what `Model.to_json` of pyframe or Keras returned.

    Its weights start anew. If the text has compile arguments, the model is compiled.

    Args:
        text: the JSON text; no code is taken from it.
        custom_objects: the user's own classes and functions by name.

    Raises:
        ModelFileError: if it is no such text, holds code, names an unknown class, or asks for
            more memory than there is.
    """
    from pyframe.saving import reading

    with custom_object_scope(custom_objects or {}), translated("of the JSON text"):
        config = reading.config_of_text(text)
        with weight_budget(reading.available_memory() // 2):
            model = _build_model(config, False)
        _compile(model, config.get("compile_config"))
    return model


def _path(filepath: Any) -> Path:
    try:
        return Path(os.fsdecode(filepath))
    except TypeError:
        raise ConfigurationError(f"`filepath` must be a path. Received: {filepath!r}") from None


def _target_path(filepath: Any, overwrite: bool) -> Path:
    path = _path(filepath)
    if not overwrite and path.exists():
        raise ConfigurationError(
            f"The file '{path}' exists; overwrite=True replaces it, or choose another `filepath`."
        )
    return path


def _require_built(model: Any) -> None:
    if not model.built:
        raise NotBuiltError(
            f"{model.label} has no weights yet: its input shape is unknown. Call it on data, or "
            "give input_shape."
        )


class translated:
    """Turns errors of layers that a file's contents lead to into a ModelFormatError.

    Args:
        path: the file.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if error is None or isinstance(error, ModelFormatError) or not isinstance(error, Exception):
            return
        if isinstance(error, (MemoryError, RecursionError)):
            raise ResourceLimitError(f"The file '{self._path}' asks for too much.") from error
        if isinstance(
            error,
            (PyframeError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError),
        ):
            raise ModelFormatError(
                f"No model can be made from the file '{self._path}': {error}"
            ) from error


def _model_class(name: str, registered: Any = None) -> Any:
    classes = registered_classes()
    cls = classes.get(registered) or classes.get(name)
    if cls is None or not hasattr(cls, "fit"):
        raise ConfigurationError(
            f"The class {name!r} is unknown. Pass it as custom_objects={{{name!r}: {name}}}."
        )
    return cls


def _build_model(config: Any, must_build: bool = True) -> Any:
    name, arguments = split_config("model", config)
    cls = _model_class(name, config.get("registered_name"))
    model = _from_config(cls, arguments)
    if not hasattr(model, "ensure_built"):
        raise ConfigurationError(f"{name}.from_config returned {model!r}, which is no model.")
    build = config.get("build_config") or {}
    shape = build.get("input_shape", arguments.get("build_input_shape"))
    if shape is not None and not model.built:
        model.ensure_built(_shape(shape))
    if must_build and not model.built:
        raise ConfigurationError("the file does not say what its inputs look like")
    return model


def _from_config(cls: Any, config: dict[str, Any]) -> Any:
    if "custom_objects" in inspect.signature(cls.from_config).parameters:
        return cls.from_config(config, known_objects())
    # A model of one's own need not take the arguments that every model has.
    takes = inspect.signature(cls.__init__).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        common = {"name", "trainable", "dtype"} - set(takes)
        config = {k: v for k, v in config.items() if k not in common}
    return cls.from_config(config)


def _shape(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], list):
        return [_shape(v) for v in value]
    if isinstance(value, list) and all(
        n is None or (type(n) is int and 0 <= n < 1 << 40) for n in value
    ):
        return tuple(value)
    raise ModelFormatError("The file's input shape is damaged.")


def _compile(model: Any, config: Any) -> None:
    # A loss or metric that is unknown here must not keep the weights from being loaded.
    if not config:
        return
    try:
        model.compile(
            optimizers.get(config["optimizer"]),
            _each(config.get("loss"), _loss),
            loss_weights=config.get("loss_weights"),
            metrics=_each(config.get("metrics"), _metric),
            weighted_metrics=_each(config.get("weighted_metrics"), _metric),
        )
    except (PyframeError, TypeError, KeyError, ValueError, AttributeError) as error:
        warn(f"The model is not compiled, call model.compile(...): {error}")


def _each(value: Any, make: Any) -> Any:
    if isinstance(value, list):
        return [_each(v, make) for v in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {k: _each(v, make) for k, v in value.items()}
    return None if value is None else make(value)


def _loss(config: Any) -> Any:
    if isinstance(config, str) and config in ("crossentropy", "ce"):
        return config
    return losses.get(config)


def _metric(config: Any) -> Any:
    return metrics.get(config) if isinstance(config, dict) else config
