"""Arrays that enter a model: brought into its order and shape before the first batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pyframe import nest
from pyframe.errors import DataError, ShapeError
from pyframe.ops.dtypes import Array, as_array


def unwrap(value: Any) -> Any:
    """Returns the array in a list or dictionary of one array, else the value itself."""
    if isinstance(value, (list, tuple)) and len(value) == 1 and hasattr(value[0], "shape"):
        return value[0]
    if isinstance(value, Mapping) and len(value) == 1:
        return next(iter(value.values()))
    return value


def check_inputs(model: Any, x: Any) -> tuple[list[Array], nest.Structure]:
    """Returns the model's inputs as arrays of the right rank; builds the model if needed.

    Args:
        model: the model.
        x: an array; for a model with several inputs a list of them in the model's order, a
            dictionary by the names of the inputs, or what else its `call` takes.

    Returns:
        The arrays in a row, and how they are nested when the model is called.

    Raises:
        DataError: for a missing, empty or non-numeric array, arrays of different lengths, or
            numbers without a row in an Embedding.
        ShapeError: if the shape does not fit the model; the text says what may help.
    """
    if x is None:
        raise DataError("`x` is missing.")
    leaves, structure, names = _arranged(model, x)
    arrays = [as_array(leaf, name) for leaf, name in zip(leaves, names, strict=True)]
    for array, name in zip(arrays, names, strict=True):
        if array.ndim == 0 or array.size == 0:
            raise DataError(f"`{name}` is empty or a single number: it has shape {array.shape}.")
        if len(array) != len(arrays[0]):
            raise DataError(
                f"`{name}` has {len(array)} rows, but `{names[0]}` has {len(arrays[0])}; every "
                "input needs one row for each sample."
            )
    if not model.built:
        model.build_from(nest.pack(structure, arrays))
    expected = _expected_shapes(model, structure)
    if expected is None:
        return arrays, structure
    fitted = [
        _fit_shape(model, array, shape, name)
        for array, shape, name in zip(arrays, expected, names, strict=True)
    ]
    check_values(model, fitted)
    return fitted, structure


def value_checks(model: Any) -> list[tuple[int, Callable[[Array], None]]]:
    """Returns what looks at arrays before a run: the number of an input, and the check."""
    found: list[tuple[int, Callable[[Array], None]]] = []
    return found if model.graph is None else model.graph.value_checks


def check_values(model: Any, arrays: Sequence[Array]) -> None:
    """Lets the layers at the inputs look for numbers that they cannot take.

    Raises:
        DataError: if there is one.
    """
    for number, check in value_checks(model):
        check(arrays[number])


def _arranged(model: Any, x: Any) -> tuple[list[Any], nest.Structure, list[str]]:
    # The arrays in the model's order, how they are nested, and what error texts call them.
    graph = model.graph
    if not model.has_one_input and graph is not None:
        if isinstance(x, Mapping) or len(graph.inputs) > 1:
            return _for_graph(model, x)
    elif not model.has_one_input and _is_several(x):
        leaves = nest.flatten(x)
        return leaves, nest.structure_of(x), [f"x[{i}]" for i in range(len(leaves))]
    x = unwrap(x)
    _refuse_several(x)
    return [x], None if graph is None else graph.input_structure, ["x"]


def _for_graph(model: Any, x: Any) -> tuple[list[Any], nest.Structure, list[str]]:
    graph, names = model.graph, model.input_names
    if isinstance(x, Mapping):
        missing = [name for name in names if name not in x]
        if missing:
            raise DataError(
                f"`x` lacks the inputs {missing} of {model.label}; it has the keys {list(x)}."
            )
        return [x[name] for name in names], graph.input_structure, [f"x['{n}']" for n in names]
    leaves = nest.flatten(x)
    if not isinstance(x, (list, tuple)) or len(leaves) != len(names):
        received = f"{len(leaves)} entries" if isinstance(x, (list, tuple)) else "one array"
        raise DataError(
            f"{model.label} has {len(names)} inputs: {', '.join(names)}. `x` must be a list of "
            f"{len(names)} arrays in this order, or a dictionary by these names. Received: "
            f"{received}."
        )
    return leaves, graph.input_structure, [f"x[{i}]" for i in range(len(leaves))]


def _is_several(x: Any) -> bool:
    several = isinstance(x, Mapping) or (isinstance(x, (list, tuple)) and len(x) > 1)
    return several and all(hasattr(leaf, "shape") for leaf in nest.flatten(x))


def _refuse_several(x: Any) -> None:
    if isinstance(x, (list, tuple)) and len(x) > 1 and all(hasattr(v, "shape") for v in x):
        shapes = {np.shape(v) for v in x}
        if len(shapes) > 1:
            raise DataError(
                f"`x` is a list of {len(x)} arrays of different shapes {sorted(shapes)[:3]}; the "
                "model has one input."
            )


def _expected_shapes(
    model: Any, structure: nest.Structure
) -> Sequence[tuple[int | None, ...]] | None:
    if model.graph is not None:
        return [tensor.shape for tensor in model.graph.inputs]
    expected = model.input_shape
    if expected is None:
        return None
    if structure is None:
        return None if isinstance(expected, (list, dict)) else [tuple(expected)]
    return None


def _matches(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        e is None or n == e for n, e in zip(shape, expected, strict=True)
    )


def _fit_shape(model: Any, array: Array, expected: tuple[int | None, ...], name: str) -> Array:
    shape = array.shape
    if _matches(shape, expected):
        return array
    # One missing or superfluous axis of size 1 at the end is repaired: (28, 28) for (28, 28, 1).
    if expected[-1] == 1 and _matches((*shape, 1), expected):
        return array[..., None]
    if shape[-1] == 1 and _matches(shape[:-1], expected):
        return array[..., 0]
    sample, wanted = shape[1:], expected[1:]
    hint = ""
    size = None if None in wanted else int(np.prod([n for n in wanted if n is not None]))
    if _matches((1, *shape), expected):
        hint = f" This looks like one sample without the batch axis: use {name}[None, ...]."
    elif len(wanted) == 1 and size == int(np.prod(sample)):
        hint = (
            f" Flatten the samples: {name}.reshape(len({name}), -1), or put a Flatten layer in "
            "front."
        )
    elif len(sample) == len(wanted) == 3 and _matches((shape[0], *sample[1:], sample[0]), expected):
        hint = f" The channels seem to come first: np.moveaxis({name}, 1, -1) puts them last."
    elif size == int(np.prod(sample)):
        hint = f" Reshape the samples: {name}.reshape(-1, {', '.join(map(str, wanted))})."
    raise ShapeError(
        f"{model.label} expects inputs of shape {expected} (None: batch), but `{name}` has shape "
        f"{shape}.{hint}"
    )
