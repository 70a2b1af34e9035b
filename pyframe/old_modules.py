"""Names under which Keras 1 and 2 had their modules: `from pyframe.layers.core import Dense`."""

from __future__ import annotations

import sys
from types import ModuleType

from pyframe import layers, losses, models, optimizers, utils

_LAYERS = (
    "advanced_activations", "convolutional", "core", "embeddings", "experimental",
    "experimental.preprocessing", "merge", "noise", "normalization", "preprocessing", "wrappers",
)  # fmt: skip
_UTILS = ("data_utils", "generic_utils", "vis_utils")
_OTHERS = {
    "engine": layers,
    "engine.base_layer": layers,
    "engine.topology": layers,
    "engine.training": models,
    "objectives": losses,
    "optimizers.legacy": optimizers,
}


def register() -> None:
    """Lets import statements find today's modules under the old names too."""
    old: dict[str, ModuleType] = {f"layers.{name}": layers for name in _LAYERS}
    old |= {f"utils.{name}": utils for name in _UTILS} | _OTHERS
    for name, module in old.items():
        sys.modules.setdefault(f"pyframe.{name}", module)
