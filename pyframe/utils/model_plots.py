"""Pictures of models, made with pydot and Graphviz."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from os import PathLike
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.utils.optional import import_optional

_DIRECTIONS = ("TB", "BT", "LR", "RL")
_TEXTS = ("dot", "gv")


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """Returns a model as a graph of pydot: one box for each layer.

    Args:
        model: a model; a Sequential model gives a chain.
        show_shapes: whether to write the shapes of inputs and outputs.
        show_dtype: whether to write the dtype.
        show_layer_names: whether to write the names of layers.
        rankdir: direction of the arrows: "TB" (down), "BT", "LR" or "RL".
        expand_nested: whether to draw the layers of nested models, inside a frame.
        dpi: dots per inch of a picture made from it.
        show_layer_activations: whether to write the activations.
        show_trainable: whether to write which layers are trained.

    Returns:
        The `pydot.Dot`.

    Raises:
        ConfigurationError: for an unknown direction, or a model without layers.
        ImportError: if pydot is missing.
    """
    pydot = import_optional("pydot", "Drawing a model", "graph")
    if rankdir not in _DIRECTIONS:
        raise ConfigurationError(f"`rankdir` must be one of {_DIRECTIONS}. Received: {rankdir!r}")
    if not model.layers:
        raise ConfigurationError(f"{model.label} has no layers to draw.")
    graph = pydot.Dot("model", graph_type="digraph", rankdir=rankdir, dpi=str(dpi))
    graph.set_node_defaults(shape="box", fontname="Helvetica", fontsize="10", style="rounded")
    names: dict[int, str] = {}
    for number, (node, parent) in enumerate(_nodes(model, graph, pydot, expand_nested)):
        names[id(node)] = f"layer_{number}"
        rows = _rows(
            node, show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable
        )
        parent.add_node(pydot.Node(names[id(node)], label="\\n".join(rows)))
    for before, after in dict.fromkeys(_edges(model, expand_nested)):
        graph.add_edge(pydot.Edge(names[before], names[after]))
    return graph


def _is_open(layer: Any, expand: bool) -> bool:
    return expand and bool(getattr(layer, "layers", None))


def _operations(model: Any) -> list[Any]:
    return list(getattr(model, "operations", model.layers))


def _nodes(model: Any, parent: Any, pydot: Any, expand: bool) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for layer in _operations(model):
        if _is_open(layer, expand):
            frame = pydot.Cluster(layer.name, label=layer.name, style="dashed")
            parent.add_subgraph(frame)
            found += _nodes(layer, frame, pydot, expand)
        else:
            found.append((layer, parent))
    return found


def _edges(model: Any, expand: bool) -> Iterator[tuple[int, int]]:
    # Pairs of layers by identity; a nested model that is drawn open is entered at its first
    # layers and left at its last ones.
    def ends(layer: Any, last: bool) -> list[Any]:
        if not _is_open(layer, expand):
            return [layer]
        graph = getattr(layer, "graph", None)
        if graph is None or graph.connections is None:
            return ends(_operations(layer)[-1 if last else 0], last)
        tensors = graph.outputs if last else graph.inputs
        return [end for t in tensors for end in ends(t.node.operation, last)]

    operations = _operations(model)
    pairs = list(itertools.pairwise(operations))
    graph = getattr(model, "graph", None)
    if graph is not None and graph.connections is not None:
        pairs = [(t.node.operation, n.operation) for n in graph.nodes for t in n.inputs]
    for before, after in pairs:
        yield from ((id(a), id(b)) for a in ends(before, True) for b in ends(after, False))
    for layer in operations:
        if _is_open(layer, expand):
            yield from _edges(layer, expand)


def _rows(
    layer: Any, shapes: bool, dtype: bool, name: bool, activation: bool, trainable: bool
) -> list[str]:
    kind = getattr(layer, "class_name", type(layer).__name__)
    rows = [f"{layer.name} ({kind})" if name else kind]
    function = getattr(layer, "activation", None)
    if activation and function is not None:
        rows.append(f"activation: {getattr(function, '__name__', type(function).__name__)}")
    if shapes:
        for text, attribute in (("input", "input_shape"), ("output", "output_shape")):
            rows.append(f"{text}: {getattr(layer, attribute, '?')}")
    if dtype and hasattr(layer, "dtype"):
        rows.append(f"dtype: {layer.dtype}")
    if trainable and hasattr(layer, "trainable"):
        rows.append("trainable" if layer.trainable else "not trainable")
    return [row.replace('"', "'") for row in rows]


def plot_model(
    model: Any,
    to_file: str | PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **kwargs: Any,
) -> Any:
    """Draws the layers of a model to a file.

    Args:
        model: a model.
        to_file: the file; its ending gives the format: "png", "svg", "pdf" ... need the program
            `dot` of Graphviz, "dot" and "gv" do not.
        show_shapes: see `model_to_dot`, as the following ones.
        show_dtype: whether to write the dtype.
        show_layer_names: whether to write the names of layers.
        rankdir: direction of the arrows.
        expand_nested: whether to draw the layers of nested models.
        dpi: dots per inch.
        show_layer_activations: whether to write the activations.
        show_trainable: whether to write which layers are trained.
        **kwargs: `layer_range`, which has no effect.

    Returns:
        The picture for a notebook if IPython is there and the file is a PNG, else None.

    Raises:
        ConfigurationError: for an impossible value.
        ImportError: if pydot or the program `dot` is missing; the text says how to install it.
    """
    unknown = set(kwargs) - {"layer_range"}
    if unknown:
        raise ConfigurationError(f"plot_model has no argument `{unknown.pop()}`.")
    graph = model_to_dot(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi,
        show_layer_activations, show_trainable,
    )  # fmt: skip
    path = os.fsdecode(to_file)
    ending = os.path.splitext(path)[1][1:].lower() or "png"
    if ending in _TEXTS:
        graph.write(path, format="raw", encoding="utf-8")
        return None
    try:
        graph.write(path, format=ending)
    except (FileNotFoundError, OSError) as error:
        if getattr(error, "errno", None) not in (None, 2):
            raise
        raise ImportError(
            "Drawing a model needs the program `dot`: install Graphviz from "
            "https://graphviz.org/download/ or your system's packages (apt install graphviz), or "
            f"choose a name that ends in '.dot'. Cause: {error}"
        ) from error
    return _notebook_picture(path) if ending == "png" else None


def _notebook_picture(path: str) -> Any:
    import sys

    display = sys.modules.get("IPython.display")
    return None if display is None else display.Image(filename=path)
