"""Weights in the layout of Keras 3: layers/<class>/vars/<number>, optimizer/vars/<number>."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyframe.naming import to_snake_case
from pyframe.ops.tensor import Variable
from pyframe.saving.hdf5 import Dataset, Group
from pyframe.saving.matching import Matching, Pair, match_in_order

# Groups that hold something else than weights.
_APART = ("optimizer", "metrics", "pyframe")
_OLD = "_layer_checkpoint_dependencies"  # files of Keras 2.12
_OPTIMIZERS = (
    "sgd", "rmsprop", "adam", "adamw", "adagrad", "adadelta", "adamax", "nadam", "ftrl", "lion",
    "adafactor", "lamb", "muon",
)  # fmt: skip
_STACKS = ("Sequential", "Functional")


def is_keras3(root: Group) -> bool:
    """Whether a file has the layout of Keras 3."""
    names = {"layer_names", "layer_names0"}  # long lists are split
    return names.isdisjoint(root.attributes) and "model_weights" not in root.links


def walk(model: Any) -> Iterator[tuple[str, Any]]:
    """Yields a model and the layers below it, each once, with the paths that Keras gives them."""
    yield from _walk(model, "", set())


def _walk(layer: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield prefix, layer
    start = f"{prefix}/" if prefix else ""
    attributes = dict(vars(layer))
    if any(cls.__name__ in _STACKS for cls in type(layer).__mro__):
        yield from _members(layer.layers, f"{start}layers", seen)
    elif hasattr(layer, "fit"):  # a model of one's own
        attributes["layers"] = layer.layers
    for name in sorted(attributes, key=lambda n: f"~{n}" if n.startswith("_") else n):
        value = attributes[name]
        if _is_layer(value):
            yield from _walk(value, f"{start}{name}", seen)
        elif isinstance(value, (list, tuple, dict)):
            yield from _members(value, f"{start}{name}", seen)


def _members(container: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    counts: dict[str, int] = {}
    for value in container.values() if isinstance(container, dict) else container:
        if not _is_layer(value) and not isinstance(value, (list, tuple, dict)):
            continue
        name = to_snake_case(type(value).__name__) if _is_layer(value) else "container"
        count = counts.get(name, 0)
        counts[name] = count + 1
        path = f"{prefix}/{name}_{count}" if count else f"{prefix}/{name}"
        yield from (_walk if _is_layer(value) else _members)(value, path, seen)


def _is_layer(value: Any) -> bool:
    return hasattr(value, "_own_weights")


def own_weights(layer: Any) -> list[Variable]:
    """Returns the weights of a layer itself in Keras's order: those to be trained first."""
    return sorted(layer._own_weights, key=lambda weight: not weight.trainable)


def model_weights(model: Any) -> dict[str, Variable]:
    """Returns the weights by their paths in a file."""
    found: dict[str, Variable] = {}
    taken: set[int] = set()
    for path, layer in walk(model):
        for i, weight in enumerate(own_weights(layer)):
            if id(weight) not in taken:
                taken.add(id(weight))
                found[f"{path}/vars/{i}" if path else f"vars/{i}"] = weight
    return found


def _names(model: Any) -> dict[int, str]:
    # Names of the layers down to each weight, as "vgg16/block1_conv1/0".
    found: dict[int, str] = {}
    above: dict[str, str] = {}
    for path, layer in walk(model):
        chain = _chain(above, path)
        above[path] = f"{chain}{layer.name}/" if path else ""
        for i, weight in enumerate(own_weights(layer)):
            found.setdefault(id(weight), f"{above[path]}{i}")
    return found


def _chain(above: dict[str, str], path: str) -> str:
    while path:
        path = path.rpartition("/")[0]
        if path in above:
            return above[path]
    return ""


def stored_weights(root: Group) -> dict[str, Dataset]:
    """Returns the arrays of weights by their paths."""
    old = _OLD in root.links
    return {
        path.replace(_OLD, "layers") if old else path: dataset
        for path, dataset in root.datasets()
        if path.partition("/")[0] not in _APART
    }


def _stored_names(root: Group, paths: list[str]) -> dict[str, str]:
    # The same as `_names` from the names that Keras keeps beside the arrays.
    found: dict[str, str] = {}
    above: dict[str, str] = {"": ""}
    for path in sorted(paths):
        folder, _, number = path.rpartition("/vars/")
        parts = folder.split("/") if folder else []
        for i in range(1, len(parts) + 1):
            here = "/".join(parts[:i])
            if here not in above:
                group = root.get(f"{here}/vars")
                name = group.text("name") if isinstance(group, Group) else None
                before = above["/".join(parts[: i - 1])]
                above[here] = before if name is None else f"{before}{name}/"
        found[path] = f"{above[folder]}{number}"
    return found


def match(root: Group, model: Any, matching: Matching, by_name: bool) -> None:
    """Finds the stored array of each weight.

    Args:
        root: the file.
        model: a built model.
        matching: where the pairs go.
        by_name: whether weights belong together whose layers have the same names.
    """
    stored = stored_weights(root)
    keys = {path: path for path in stored}
    own = {path: path for path in model_weights(model)}
    weights = model_weights(model)
    if by_name:
        keys = _stored_names(root, list(stored))
        names = _names(model)
        own = {path: names[id(weight)] for path, weight in weights.items()}
    places = {key: path for path, key in keys.items()}
    used = set()
    for path, weight in weights.items():
        found = places.get(own[path])
        matching.add(weight, None if found is None else (found, stored[found]))
        used.add(found)
    for path in stored:
        if path not in used:
            matching.unexpected(keys[path])


def match_optimizer(root: Group, model: Any, path: Any) -> list[Pair]:
    """Finds the stored array of each variable of a model's optimizer.

    Returns:
        Pairs; none if the file has no optimizer, or one of another kind.

    Raises:
        ModelFormatError: if the arrays do not fit.
    """
    group = root.get("optimizer/vars")
    if not isinstance(group, Group):
        return []
    name, kind = group.text("name"), type(model.optimizer).__name__.lower()
    stem = re.sub(r"_\d+$", "", name.lower()) if name else kind
    if stem != kind and stem in _OPTIMIZERS:
        return []
    stored = [group.dataset(str(i)) for i in range(len(group.links))]
    return match_in_order(model.optimizer.variables, stored, str(path))
