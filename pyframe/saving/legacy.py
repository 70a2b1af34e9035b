"""Weights in the layout of Keras 1 and 2 (.h5): one group a layer, arrays listed by attributes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pyframe.errors import ModelFormatError
from pyframe.ops.tensor import Variable
from pyframe.saving.hdf5 import Dataset, Group
from pyframe.saving.keras3 import own_weights
from pyframe.saving.kernels import from_theano, in_order, owners
from pyframe.saving.legacy_recurrent import in_todays_layout
from pyframe.saving.matching import Matching, Pair, match_in_order

Entries = list[tuple[str, Dataset]]

# What a weight was called in other versions.
_LEAVES = {
    "W": "kernel", "b": "bias", "U": "recurrent_kernel", "running_mean": "moving_mean",
    "running_std": "moving_variance", "beta": "beta", "gamma": "gamma",
    "depthwise_kernel": "depthwise_kernel", "pointwise_kernel": "pointwise_kernel",
    "recurrent_kernel": "recurrent_kernel", "kernel": "kernel", "bias": "bias",
    "moving_mean": "moving_mean", "moving_variance": "moving_variance",
    "embeddings": "embeddings", "alpha": "alpha",
}  # fmt: skip
_LEAF = re.compile(
    rf"(?:^|[/_])({'|'.join(sorted(_LEAVES, key=len, reverse=True))})(?:_\d+)?(?::0)?$"
)


def weights_group(root: Group) -> Group:
    """Returns the group with the layers of a file of weights or of a whole model."""
    whole = "model_weights" in root.links
    return root.group("model_weights") if whole else root


def stored_layers(group: Group) -> dict[str, Entries]:
    """Returns the arrays of each layer by the layer's name, in the file's order."""
    found: dict[str, Entries] = {}
    for name in group.texts("layer_names"):
        layer = group.group(name)
        found[name] = [(f"{name}/{w}", layer.dataset(w)) for w in layer.texts("weight_names")]
    extra = group.get("top_level_model_weights")
    if isinstance(extra, Group) and extra.texts("weight_names"):
        found[""] = [(w, extra.dataset(w)) for w in extra.texts("weight_names")]
    return found


def match(root: Group, model: Any, matching: Matching, by_name: bool) -> None:
    """Finds the stored array of each weight.

    Args:
        root: the file.
        model: a built model.
        matching: where the pairs go.
        by_name: whether layers belong together that have the same name; otherwise the first
            layer that has weights belongs to the first one of the file that has, and so on.
    """
    group = weights_group(root)
    stored, theano = stored_layers(group), from_theano(group)
    extra = stored.pop("", [])
    if by_name:
        partners = [(layer, stored.pop(layer.name, None)) for layer in model.layers]
    else:
        layers = [layer for layer in model.layers if layer.weights]
        groups = [entries for entries in stored.values() if entries]
        if len(layers) < len(groups):
            # Keras 1 lists the layers of branches one by one.
            inner = [part for layer in layers for part in getattr(layer, "layers", [layer])]
            inner = [layer for layer in inner if layer.weights]
            layers = inner if len(inner) == len(groups) else layers
        if len(layers) != len(groups):
            matching.mismatch(
                f"{model.label} has {len(layers)} layers with weights, the file {len(groups)}"
            )
        partners = [
            (layer, groups[i] if i < len(groups) else None) for i, layer in enumerate(layers)
        ]
        stored = {str(i): entries for i, entries in enumerate(groups[len(layers) :])}
    for layer, entries in partners:
        _match_layer(layer, entries, matching, theano=theano)
    own = own_weights(model)
    if own:
        _match_layer(model, extra or None, matching, own)
    for entries in stored.values():
        for path, _ in entries:
            matching.unexpected(path)


def _match_layer(
    layer: Any,
    entries: Entries | None,
    matching: Matching,
    own: list[Variable] | None = None,
    theano: bool = False,
) -> None:
    orders = [own] if own is not None else _orders(layer)
    if entries is None:
        for weight in orders[0]:
            matching.add(weight, None)
        return
    entries = in_todays_layout(layer, entries)
    if len(entries) != len(orders[0]):
        names = ", ".join(path for path, _ in entries[:4])
        matching.mismatch(
            f"{layer.label} has {len(orders[0])} weights, the file has {len(entries)} for it "
            f"({names})"
        )
    best = max(orders, key=lambda order: _agreement(order, entries))
    makers = owners(layer)
    for weight, (path, dataset) in zip(best, entries, strict=False):
        keras1 = (_LEAF.search(path) or " W")[1] == "W"
        maker = makers.get(id(weight))
        matching.add(weight, (path, in_order(maker, weight, dataset, keras1, theano)))
    for weight in best[len(entries) :]:
        matching.add(weight, None)
    for path, _ in entries[len(best) :]:
        matching.unexpected(path)


def legacy_weights(layer: Any) -> list[Variable]:
    """Returns the weights in the order in which Keras writes them to such a file."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _orders(layer: Any) -> list[list[Variable]]:
    # In a nested model the order depends on which layers were frozen when it was saved.
    weights = list(layer.weights)
    by_kind = sorted(weights, key=lambda weight: not weight.trainable)
    return [legacy_weights(layer), weights, by_kind]


def _agreement(order: Sequence[Variable], entries: Entries) -> tuple[int, int]:
    pairs = list(zip(order, entries, strict=False))
    shapes = sum(weight.shape == dataset.shape for weight, (_, dataset) in pairs)
    return shapes, sum(weight.name == leaf(path) for weight, (path, _) in pairs)


def leaf(path: str) -> str | None:
    """Returns what a stored weight is, e.g. "kernel" for "dense_1/dense_1_W:0"."""
    found = _LEAF.search(path)
    return None if found is None else _LEAVES[found[1]]


def match_optimizer(root: Group, model: Any, path: Any) -> list[Pair]:
    """Finds the stored array of each variable of a model's optimizer.

    Returns:
        Pairs; none if the file has no optimizer.

    Raises:
        ModelFormatError: if the arrays do not fit.
    """
    group = root.get("optimizer_weights")
    if not isinstance(group, Group):
        return []
    if (root.text("keras_version") or "1")[:2] in ("0.", "1.", "1"):
        raise ModelFormatError(
            f"Keras 1 sorted the optimizer's state in '{path}' by names that are not kept."
        )
    names = group.texts("weight_names")
    stored = [group.dataset(name) for name in names]
    if names and names[0].rpartition("/")[2].removesuffix(":0") != "iteration":
        stored = _by_weight(stored, len(model.trainable_weights))
    return match_in_order(model.optimizer.variables, stored, str(path))


def _by_weight(stored: list[Dataset], weights: int) -> list[Dataset]:
    # Keras before 2.11 saves the first slot of all weights, then the second one: interleave.
    counted = stored[0].shape == ()
    counter, slots = stored[:counted], stored[counted:]
    if weights and len(slots) > weights and all(d.shape == (1,) for d in slots[-weights:]):
        slots = slots[:-weights]  # Keras 2.0 to 2.3 keep an empty slot when amsgrad is off
    return (
        [*counter, *(d for i in range(weights) for d in slots[i::weights])] if weights else counter
    )
