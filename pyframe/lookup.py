"""Objects by name: the shared part of `losses.get`, `metrics.get`, `optimizers.get` ..."""

from __future__ import annotations

import difflib
import inspect
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numpy as np

from pyframe.errors import ConfigurationError

T = TypeVar("T")

# Arguments of Keras's objects that pyframe lacks, with the values that change nothing.
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "quantization_config": (None,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "sparse": (False, None),
    "ragged": (False, None),
    "optional": (False,),
    "type_spec": (None,),
    "synchronized": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99, None),
    "fused": (True, False, None),
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "autocast": (True,),
    "groups": (1,),
    "time_major": (False,),
    "noise_shape": (None,),
    "rms_scaling": (False,),
    "rng_type": (None, "stateless", "stateful", "legacy_stateful"),
    "keepdims": (False,),
    "input_length": (None,),
    "data_format": ("channels_last", None),
    "activity_regularizer": (None,),
    "input_axes": (None,),
    "output_axes": (None,),
    "dtype": ("float32",),
    "jit_compile": (True, False),
    "is_legacy_optimizer": (True, False),
    "supports_masking": (True, False),
}

_scope = threading.local()
# Filled by `register_keras_serializable`: objects by full name, and full names by object.
_registered: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}


@contextmanager
def custom_object_scope(objects: Mapping[str, Any]) -> Iterator[None]:
    """Makes names known to everything that looks objects up inside the block (in this thread).

    Args:
        objects: the user's own classes and functions by name.
    """
    before = getattr(_scope, "objects", {})
    _scope.objects = {**before, **objects}
    try:
        yield
    finally:
        _scope.objects = before


def custom_objects() -> dict[str, Any]:
    """Returns what the surrounding `custom_object_scope` blocks and the register have added."""
    found: dict[str, Any] = getattr(_scope, "objects", {})
    if not _registered:
        return found
    short = {name.rpartition(">")[2]: value for name, value in _registered.items()}
    return {**short, **_registered, **found}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Any:
    """Makes a class or function of one's own known to everything that looks objects up.

    Args:
        package: first part of the name in files.
        name: second part; the object's own name if None.

    Returns:
        A decorator.

    Example:
        >>> @register_keras_serializable("mine")
        ... def cubic(x):
        ...     return x * x * x
    """

    def register(target: Any) -> Any:
        full = f"{package}>{name or target.__name__}"
        _registered[full] = target
        _registered_names[target] = full
        return target

    return register


def get_custom_objects() -> dict[str, Any]:
    """Returns the register of one's own classes and functions by name; it may be changed.

    Example:
        >>> get_custom_objects()["cubic"] = lambda x: x * x * x
    """
    return _registered


def _registered_name(target: Any) -> str:
    return _registered_names.get(target, str(target.__name__))


def unknown_name(kind: str, name: object, choices: Mapping[str, Any] | list[str]) -> str:
    """Returns the text of the error for a name that no table holds, with a likely correction."""
    known = sorted(choices)
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"Unknown {kind}: {name!r}.{hint} Known: {', '.join(known)}"


def by_name(kind: str, name: str, table: Mapping[str, T], ignore_case: bool = False) -> T:
    """Returns `table[name]`.

    Args:
        kind: what is looked for, e.g. `"loss"`; used in the error text.
        name: the identifier that the user gave.
        table: known names.
        ignore_case: whether `"Adam"` finds `"adam"`.

    Raises:
        ConfigurationError: if the name is unknown; the text lists the choices.
    """
    key = name.lower() if ignore_case else name
    own = custom_objects()
    if name in own:
        return cast(T, own[name])
    if key not in table:
        raise ConfigurationError(unknown_name(kind, name, table))
    return table[key]


def split_config(kind: str, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Splits `{"class_name": ..., "config": {...}}` into its two parts.

    Raises:
        ConfigurationError: if one of them is missing.
    """
    if not isinstance(config, Mapping) or "class_name" not in config:
        received = f"keys: {sorted(config)}" if isinstance(config, Mapping) else repr(config)[:200]
        raise ConfigurationError(
            f"A {kind} given as a dictionary needs the keys 'class_name' and 'config'. "
            f"Received {received}"
        )
    arguments = config.get("config") or {}
    if not isinstance(arguments, Mapping):
        raise ConfigurationError(
            f"The 'config' of a {kind} must be a dictionary. Received: {arguments!r:.200}"
        )
    return str(config["class_name"]), dict(arguments)


def object_config(obj: Any) -> dict[str, Any]:
    """Returns Keras's dictionary for an object, from which `deserialize` builds an equal one.

    Args:
        obj: an object with `get_config`; `get_build_config` and `get_compile_config` are asked
            as well if it has them.
    """
    cls = type(obj)
    module = public_module(cls)
    registered = _registered_name(cls)
    found: dict[str, Any] = {
        "module": module or (None if cls.__module__ == "__main__" else cls.__module__),
        "class_name": cls.__name__,
        "config": obj.get_config(),
        # What Keras does not export has a registered name in its files.
        "registered_name": registered if module is None or ".src." in module else None,
    }
    for key in ("build_config", "compile_config"):
        config = getattr(obj, f"get_{key}", lambda: None)()
        if config is not None:
            found[key] = config
    return found


def public_module(cls: type) -> str | None:
    """Returns the module of Keras that has a class of pyframe, None for other classes."""
    package, *parts = cls.__module__.split(".")
    if package != "pyframe" or not parts:
        return None
    if cls.__name__ == "Functional":
        return "keras.src.models.functional"
    if parts[0] == "models":
        return "keras"
    return ".".join(["keras", parts[0], *(p for p in parts[1:] if p == "schedules")])


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
        return function_config(value)
    raise ConfigurationError(
        f"A configuration holds {value!r}, which cannot be saved: get_config must return plain "
        "data. Use save_weights, or mend get_config."
    )


def function_config(function: Any) -> Any:
    """Returns the name of a function of pyframe, Keras's dictionary for a function of one's own."""
    name = function.__name__
    if function.__module__.partition(".")[0] == "pyframe":
        return name
    registered = _registered_name(function)
    return {
        "module": "builtins", "class_name": "function", "config": registered,
        "registered_name": registered,
    }  # fmt: skip


def function_name(config: Any) -> Any:
    """Returns the name in a dictionary of `function_config`; anything else unchanged."""
    if isinstance(config, Mapping) and config.get("class_name") == "function":
        return config.get("config")
    return config


def known_arguments(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a configuration without arguments that a class lacks and that change nothing."""
    if public_module(cls) is None:
        return dict(config)
    known: set[str] = set()
    for base in cls.__mro__:
        if "__init__" in base.__dict__ and base is not object:
            known |= set(inspect.signature(base.__dict__["__init__"]).parameters)
    return {
        name: value
        for name, value in config.items()
        if name in known or value not in _WITHOUT_EFFECT.get(name, ())
    }


def reject_unknown(cls: type, unknown: Mapping[str, Any]) -> None:
    """Raises an error that names the first argument the class does not have.

    Raises:
        ConfigurationError: if there is one.
    """
    if not unknown:
        return
    known: set[str] = set()
    for base in cls.__mro__:
        if "__init__" in base.__dict__ and base is not object:
            known |= set(inspect.signature(base.__init__).parameters)  # type: ignore[misc]
    known -= {"self", "args", "kwargs", "unknown"}
    name = next(iter(unknown))
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    raise ConfigurationError(
        f"{cls.__name__} has no argument `{name}`.{hint} It has: {', '.join(sorted(known))}"
    )
