"""What initializers and regularizers share: configurations, and objects from what a user gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from pyframe.errors import ConfigurationError
from pyframe.lookup import by_name, known_arguments, split_config

C = TypeVar("C", bound="Configurable")


class Configurable:
    """An object that can be written as a dictionary of its constructor's arguments.

    `arguments` names those arguments; each is kept as the attribute of the same name.
    """

    arguments: ClassVar[tuple[str, ...]] = ()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls: type[C], config: Mapping[str, Any]) -> C:
        """Builds an object from what `get_config` returned."""
        return cls(**config)


def resolve(kind: str, identifier: Any, table: Mapping[str, Callable[..., Any]]) -> Any:
    """Returns the callable that `identifier` stands for, or None for None.

    Args:
        kind: what is looked for, e.g. "initializer"; used in error texts.
        identifier: name, configuration dictionary, class, object or function.
        table: known names.

    Raises:
        ConfigurationError: if it is none of these.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        return by_name(kind, identifier, table)()
    if isinstance(identifier, Mapping):
        return build(kind, identifier, table)
    if isinstance(identifier, type):
        identifier = identifier()
    if callable(identifier):
        return identifier
    raise ConfigurationError(
        f"`{kind}` must be a name, a configuration dictionary, an object, a function or None. "
        f"Received: {identifier!r}"
    )


def build(
    kind: str,
    config: Mapping[str, Any],
    table: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Builds an object from a dictionary with the keys `class_name` and `config`.

    Args:
        kind: see `resolve`.
        config: the dictionary.
        table: known names.
        custom_objects: further classes by name.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    class_name, arguments = split_config(kind, config)
    found: Any = by_name(kind, class_name, {**table, **(custom_objects or {})})
    if hasattr(found, "from_config"):
        return found.from_config(known_arguments(found, arguments))
    return found(**arguments)
