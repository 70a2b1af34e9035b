"""The outputs of a model, and what is given for each of them: losses, targets, metrics ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyframe import nest
from pyframe.errors import ConfigurationError, PyframeError

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Outputs:
    """The outputs of a model in a row.

    Attributes:
        structure: how the model nests them.
        names: the keys by which the model returns them, or the layers that made them; None where
            neither is known.
        shapes: their shapes.
    """

    structure: nest.Structure
    names: tuple[str | None, ...]
    shapes: tuple[Shape, ...]

    @classmethod
    def of(
        cls, structure: nest.Structure, layers: Sequence[str | None], shapes: Sequence[Shape]
    ) -> Outputs:
        """Returns the outputs, named by keys if they are a dictionary, else by their layers."""
        flat = structure is not None and all(part is None for part in structure[2])
        keys = structure[1] if structure is not None and flat and structure[0] == "dict" else ()
        return cls(structure, tuple(keys or layers), tuple(shapes))

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def text(self) -> str:
        """The outputs as error texts call them: `2 outputs: a, b`."""
        names = ", ".join(name or f"number {i}" for i, name in enumerate(self.names))
        return f"{len(self)} output{'s' if len(self) > 1 else ''}: {names}"

    def loss_names(self, losses: Sequence[str]) -> list[str]:
        """Returns the name of each output's loss: where it is among the outputs, and its layer.

        Args:
            losses: names of the losses, which stand for layers that are not known.
        """
        found = []
        for path, layer, loss in zip(_paths(self.structure), self.names, losses, strict=True):
            name = layer or loss
            if not path:
                path = (name,)
            elif isinstance(path[-1], int):
                path = (*path[:-1], name)
            found.append("/".join(map(str, path)))
        return found

    def spread(
        self,
        value: Any,
        argument: str,
        is_single: Callable[[Any], bool] = lambda value: False,
        error: type[PyframeError] = ConfigurationError,
    ) -> list[Any]:
        """Returns the entry of each output; None where a dictionary has none.

        Args:
            value: one entry for all, a list of entries in the order of the outputs, a dictionary
                by their names, or entries nested as the outputs are.
            argument: what is spread, for error texts.
            is_single: tells one entry for all from several.
            error: class of the errors.

        Raises:
            ConfigurationError (or `error`): for another number of entries or an unknown name.
        """
        if is_single(value):
            return [value] * len(self)
        names = [name for name in self.names if name is not None]
        if isinstance(value, Mapping) and set(value) <= set(names):
            return [value.get(name) for name in self.names]
        return _spread(self.structure, value, argument, self.text, error)


def _paths(structure: nest.Structure) -> list[tuple[Any, ...]]:
    if structure is None:
        return [()]
    _, keys, parts = structure
    steps: Sequence[Any] = keys or range(len(parts))
    return [(step, *path) for step, part in zip(steps, parts, strict=True) for path in _paths(part)]


def _spread(
    structure: nest.Structure, value: Any, argument: str, text: str, error: type[PyframeError]
) -> list[Any]:
    if structure is None:
        return [value]
    _, keys, parts = structure
    entries: list[Any] = []
    if isinstance(value, Mapping):
        unknown = [key for key in value if key not in keys]
        if unknown:
            raise error(f"`{argument}` has the keys {unknown}, but the model has {text}.")
        entries = [value.get(key) for key in keys]
    elif isinstance(value, (list, tuple)):
        entries = list(value)
        if len(entries) != len(parts):
            raise error(f"`{argument}` has {len(entries)} entries, but the model has {text}.")
    elif value is not None:
        raise error(
            f"`{argument}` must be a list or a dictionary with one entry for each output: the "
            f"model has {text}. Received: {type(value).__name__}"
        )
    else:
        entries = [None] * len(parts)
    return [
        leaf
        for part, entry in zip(parts, entries, strict=True)
        for leaf in _spread(part, entry, argument, text, error)
    ]
