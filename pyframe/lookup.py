"""Objects by name: the shared part of `losses.get`, `metrics.get`, `optimizers.get` ..."""

from __future__ import annotations

import difflib
import inspect
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from pyframe.errors import ConfigurationError

T = TypeVar("T")

_scope = threading.local()


@contextmanager
def custom_object_scope(objects: Mapping[str, Any]) -> Iterator[None]:
    """Makes names known to everything that looks objects up inside the block (in this thread).

    Args:
        objects: the user's own classes and functions by name.
    """
    before = custom_objects()
    _scope.objects = {**before, **objects}
    try:
        yield
    finally:
        _scope.objects = before


def custom_objects() -> dict[str, Any]:
    """Returns what the surrounding `custom_object_scope` blocks have added."""
    found: dict[str, Any] = getattr(_scope, "objects", {})
    return found


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
    if "class_name" not in config:
        raise ConfigurationError(
            f"A {kind} given as a dictionary needs the keys 'class_name' and 'config'. "
            f"Received keys: {sorted(config)}"
        )
    return str(config["class_name"]), dict(config.get("config") or {})


def object_config(obj: Any) -> dict[str, Any]:
    """Returns the dictionary from which `get` or `deserialize` builds an equal object."""
    cls = type(obj)
    own = cls.__module__.partition(".")[0] == "pyframe"
    return {
        "module": cls.__module__ if own else None,
        "class_name": cls.__name__,
        "config": obj.get_config(),
        "registered_name": None if own else cls.__name__,
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
        if "__init__" in base.__dict__:
            known |= set(inspect.signature(base.__init__).parameters)  # type: ignore[misc]
    known -= {"self", "args", "kwargs", "unknown"}
    name = next(iter(unknown))
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    raise ConfigurationError(
        f"{cls.__name__} has no argument `{name}`.{hint} It has: {', '.join(sorted(known))}"
    )
