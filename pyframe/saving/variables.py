"""The variables of a model by name: weights, optimizer state, random streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyframe.errors import ModelFormatError, warn
from pyframe.naming import to_snake_case
from pyframe.ops.tensor import Variable


@dataclass
class LoadReport:
    """What `load_weights` did.

    Attributes:
        loaded: weights of the model that were read from the file.
        skipped: weights of the model that keep their values, because the file has none for them
            or one of another shape.
        unexpected: weights of the file for which the model has no place.
    """

    loaded: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


def _walk(layer: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    # Each layer once, under a name made of classes and positions: "dense", "dense_1".
    seen.add(id(layer))
    yield prefix, layer
    counts: dict[str, int] = {}
    for child in layer.sublayers():
        if id(child) in seen:
            continue
        kind = to_snake_case(type(child).__name__)
        count = counts.get(kind, 0)
        counts[kind] = count + 1
        name = f"{kind}_{count}" if count else kind
        yield from _walk(child, f"{prefix}/{name}" if prefix else name, seen)


def model_weights(model: Any) -> dict[str, Variable]:
    """Returns the weights by a key that does not depend on the names of layers.

    Args:
        model: a built model.
    """
    found: dict[str, Variable] = {}
    taken: set[int] = set()
    for prefix, layer in _walk(model, "", set()):
        for i, weight in enumerate(layer._own_weights):
            if id(weight) not in taken:
                taken.add(id(weight))
                found[f"{prefix}/{i}" if prefix else str(i)] = weight
    return found


def random_states(model: Any) -> dict[str, Variable]:
    """Returns the variables behind random numbers, and others that are no weights, by key.

    Args:
        model: a model.
    """
    model.random_state()
    found: dict[str, Variable] = {}
    for prefix, layer in _walk(model, "", set()):
        own = {id(w) for w in layer._own_weights}
        for name, value in vars(layer).items():
            if isinstance(value, Variable) and id(value) not in own:
                found[f"{prefix}/{name}" if prefix else name] = value
    return found


def describe(variables: Mapping[str, Variable]) -> list[dict[str, Any]]:
    """Returns plain data and arrays from which `assign` restores the variables."""
    return [{"key": key, "path": v.path, "value": v.numpy()} for key, v in variables.items()]


def check_entries(entries: Any, where: str) -> list[dict[str, Any]]:
    """Returns entries written by `describe`.

    Raises:
        ModelFormatError: if they are something else.
    """
    well = isinstance(entries, list) and all(
        isinstance(e, dict)
        and isinstance(e.get("key"), str)
        and isinstance(e.get("path"), str)
        and hasattr(e.get("value"), "shape")
        for e in entries
    )
    if not well or len({e["key"] for e in entries}) != len(entries):
        raise ModelFormatError(f"The file's list of {where} is damaged.")
    return list(entries)


def fits(variable: Variable, value: Any) -> bool:
    """Whether a stored array has a variable's shape and kind of numbers."""
    return tuple(value.shape) == variable.shape and str(value.dtype) == variable.dtype


def match_weights(
    model: Any, entries: Sequence[dict[str, Any]], by_name: bool, skip_mismatch: bool
) -> tuple[list[tuple[Variable, Any]], LoadReport]:
    """Finds the stored array of each weight.

    Args:
        model: a built model.
        entries: what `describe` wrote.
        by_name: whether weights belong together that have the same name, wherever they are.
        skip_mismatch: whether weights without a fitting array are left alone.

    Returns:
        Pairs of weights and arrays, and the report.

    Raises:
        ModelFormatError: if nothing matches; or something does not and may not be skipped.
    """
    weights = model_weights(model)
    stored = {e["path" if by_name else "key"]: e for e in entries}
    report, pairs, used = LoadReport(), [], set()
    problems = []
    for key, weight in weights.items():
        name = weight.path if by_name else key
        entry = stored.get(name)
        if entry is None:
            report.skipped.append(weight.path)
            if not by_name:
                problems.append(f"'{weight.path}' {weight.shape} is not in the file")
            continue
        used.add(name)
        if fits(weight, entry["value"]):
            report.loaded.append(weight.path)
            pairs.append((weight, entry["value"]))
            continue
        report.skipped.append(weight.path)
        value = entry["value"]
        problems.append(
            f"'{weight.path}' is {weight.dtype} {weight.shape}, but '{entry['path']}' of the file "
            f"is {value.dtype} {tuple(value.shape)}"
        )
    report.unexpected = [e["path"] for name, e in stored.items() if name not in used]
    if not by_name:
        problems += [f"'{path}' of the file has no place" for path in report.unexpected]
    if problems and not skip_mismatch:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelFormatError(
            f"The weights do not fit {model.label}: {'; '.join(problems[:3])}{more}. With "
            "skip_mismatch=True what does not fit is left alone."
        )
    if weights and not pairs:
        raise ModelFormatError(
            f"No weight of the file fits {model.label}. The file has: "
            f"{', '.join(e['path'] for e in entries[:5]) or 'no weights'}."
        )
    return pairs, report


def assign_all(pairs: Sequence[tuple[Variable, Any]]) -> None:
    """Gives variables their values; the values are arrays already."""
    for variable, value in pairs:
        variable.assign(value)


def optimizer_variables(optimizer: Any) -> dict[str, Variable]:
    """Returns the state of an optimizer by name, in its order."""
    found: dict[str, Variable] = {}
    for variable in optimizer.variables:
        path = variable.path.removeprefix(f"{optimizer.name}/")
        key, count = path, 1
        while key in found:
            key, count = f"{path}#{count}", count + 1
        found[key] = variable
    return found


def match_optimizer(model: Any, entries: Sequence[dict[str, Any]]) -> list[tuple[Variable, Any]]:
    """Finds the stored array of each variable of the optimizer, by name or by position.

    Raises:
        ModelFormatError: if they do not fit.
    """
    optimizer = model.optimizer
    optimizer.build(model.trainable_weights)
    own = optimizer_variables(optimizer)
    stored = {e["key"]: e["value"] for e in entries}
    if set(stored) <= set(own):  # fewer before the first step
        pairs = [(own[key], value) for key, value in stored.items()]
    else:
        if len(own) != len(entries):
            raise ModelFormatError(
                f"The optimizer has {len(own)} variables, the file {len(entries)}."
            )
        pairs = list(zip(own.values(), stored.values(), strict=True))
    for variable, value in pairs:
        if not fits(variable, value):
            raise ModelFormatError(
                f"The optimizer's variable '{variable.path}' has shape {variable.shape}, that of "
                f"the file {tuple(value.shape)}."
            )
    return pairs


def try_match_optimizer(model: Any, data: Any) -> list[tuple[Variable, Any]]:
    """Like `match_optimizer` for the part of a record, but an optimizer that differs is no error.

    Args:
        model: a model.
        data: {"class_name", "variables"}, or None.
    """
    if not isinstance(data, dict) or model.optimizer is None:
        return []
    if data.get("class_name") != type(model.optimizer).__name__:
        return []
    try:
        return match_optimizer(model, check_entries(data.get("variables"), "optimizer variables"))
    except ModelFormatError as error:
        warn(f"{error} The state of the optimizer is not restored.")
        return []
