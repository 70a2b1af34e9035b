"""pyframe: neural networks on CPUs with Keras's API over an engine in C++."""

from __future__ import annotations

from pyframe import (
    activations,
    callbacks,
    config,
    constraints,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    models,
    old_modules,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    utils,
)
from pyframe._core import build_config, get_isa, get_num_threads, set_isa, set_num_threads
from pyframe._version import __version__
from pyframe.layers import Input, Layer
from pyframe.models import Model, Sequential
from pyframe.ops import Variable

__all__ = [
    "Input",
    "Layer",
    "Model",
    "Sequential",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "backend",
    "build_config",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "errors",
    "get_isa",
    "get_num_threads",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "set_isa",
    "set_num_threads",
    "utils",
]


old_modules.register()


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    # Not every program needs these: they are loaded when asked for.
    if name in ("applications", "backend", "datasets", "preprocessing"):
        import importlib

        return importlib.import_module(f"pyframe.{name}")
    raise AttributeError(f"module 'pyframe' has no attribute {name!r}")
