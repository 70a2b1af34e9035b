"""Nested structures: lists, tuples and dictionaries of anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

# None for a leaf, else (kind, keys of a dictionary, structures of the entries).
Structure = tuple[str, tuple[str, ...], tuple[Any, ...]] | None


def _entries(value: Any) -> list[Any] | None:
    # Dictionaries are read in the order of their keys, whatever the order of their making.
    if isinstance(value, Mapping):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, (list, tuple)) else None


def flatten(value: Any) -> list[Any]:
    """Returns the leaves of a structure, those of dictionaries in the order of their keys."""
    entries = _entries(value)
    if entries is None:
        return [value]
    return [leaf for entry in entries for leaf in flatten(entry)]


def structure_of(value: Any) -> Structure:
    """Returns the structure without its leaves, in a form that can be compared and hashed."""
    entries = _entries(value)
    if entries is None:
        return None
    if isinstance(value, Mapping):
        return "dict", tuple(sorted(value)), tuple(map(structure_of, entries))
    return "list" if isinstance(value, list) else "tuple", (), tuple(map(structure_of, entries))


def pack(structure: Structure, leaves: Iterable[Any]) -> Any:
    """Puts leaves into a structure, in the order in which `flatten` gives them."""

    def fill(part: Structure, rest: Iterator[Any]) -> Any:
        if part is None:
            return next(rest)
        kind, keys, parts = part
        entries = [fill(entry, rest) for entry in parts]
        if kind == "dict":
            return dict(zip(keys, entries, strict=True))
        return entries if kind == "list" else tuple(entries)

    return fill(structure, iter(leaves))


def map_leaves(fn: Callable[[Any], Any], value: Any) -> Any:
    """Returns the same structure with `fn` applied to each leaf; dictionaries keep their order."""
    if isinstance(value, Mapping):
        return {key: map_leaves(fn, entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        entries = [map_leaves(fn, entry) for entry in value]
        return entries if isinstance(value, list) else tuple(entries)
    return fn(value)
