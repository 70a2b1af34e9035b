"""Configurations of other versions of Keras, turned into those of Keras 3, and checked.

Nothing in a configuration is run or imported. What would need it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyframe.errors import ResourceLimitError, UnsafeModelError, warn
from pyframe.lookup import custom_objects
from pyframe.saving import keras1
from pyframe.saving.source import Source

_CODE = ("__lambda__", "Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")
_FOREIGN = ("__typespec__", "__bytes__", "CompositeTensor", "TypeSpec")
_MODULES = ("keras", "tf_keras", "builtins", "pyframe", "tensorflow")
_MIXED = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
_MAX_OBJECTS = 20_000


def modern(source: Source, config: Any, keras_version: str) -> Any:
    """Returns a configuration in the dialect of Keras 3, as plain data with arrays.

    Args:
        source: the file, for error texts.
        config: plain data.
        keras_version: version that wrote it, e.g. "2.15.0".

    Raises:
        UnsafeModelError: if it holds code, or names modules that are none of Keras's.
        ResourceLimitError: if it has too many objects.
    """
    return _Reader(source, keras_version).read(config, "")


class _Reader:
    def __init__(self, source: Source, keras_version: str) -> None:
        self._source = source
        major = keras_version.partition(".")[0]
        self._old = major in ("0", "1", "2")
        self._oldest = major in ("0", "1")
        self._left = _MAX_OBJECTS
        self._own = custom_objects()
        self._warned = False

    def read(self, value: Any, key: str) -> Any:
        if isinstance(value, list):
            return [self.read(v, key) for v in value]
        if isinstance(value, str):
            if self._old and value == "hard_sigmoid" and key.endswith("activation"):
                return "hard_sigmoid_keras2"
            return self._dtype(value) if key == "dtype" else value
        if not isinstance(value, Mapping):
            return value
        name = value.get("class_name")
        return self._object(value, name, key) if isinstance(name, str) else self._values(value)

    def _values(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {k: self.read(v, k) for k, v in value.items()}

    def _object(self, value: Mapping[str, Any], name: str, key: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise self._source.refuse("has too many layers and objects", ResourceLimitError)
        inner = value.get("config")
        if name in _CODE and name not in self._own:
            raise self._source.refuse(
                f"has a {name}, which holds code or refers to it. No code is taken from files; "
                "write the layer as a class and pass it in `custom_objects`",
                UnsafeModelError,
            )
        if name in _FOREIGN:
            raise self._source.refuse(f"has an object {name}, which pyframe does not know")
        if name in ("__tuple__", "TensorShape"):
            return self.read(value.get("items"), key)
        if name in ("__numpy__", "__tensor__") and isinstance(inner, Mapping):
            return self._array(inner)
        if name.endswith("DTypePolicy") and isinstance(inner, Mapping):
            return self.read(inner.get("name"), "dtype")
        if name == "function":
            return self.read(inner, key)
        self._check_module(value, name)
        found = self._values(value)
        found["class_name"] = self._short(name)
        arguments = found.get("config")
        if isinstance(arguments, list) and name in keras1.MODELS:
            # Keras before 2.2.3; the name of a nested one is beside its configuration
            named = {"name": value["name"]} if "name" in value else {}
            if self._oldest and keras1.has_branches(arguments):
                name = found["class_name"] = "Functional"
                arguments = keras1.graph_of_branches(arguments, self._source.refuse)
            else:
                arguments = {"layers": arguments}
            found["config"] = arguments = {**arguments, **named}
        if name == "Model" and isinstance(arguments, dict) and "layers" in arguments:
            found["class_name"] = "Functional"
        if isinstance(arguments, dict):
            if self._oldest and name not in (*self._own, *keras1.MODELS):
                name, arguments = keras1.translated(name, arguments, self._source.refuse)
                found |= {"class_name": name, "config": arguments}
            if self._old and name == "ThresholdedReLU" and name not in self._own:
                found["class_name"], name = "ReLU", "ReLU"
                arguments["threshold"] = arguments.pop("theta", 1.0)
            self._arguments(name, arguments)
        return found

    def _short(self, name: str) -> str:
        return name if name in self._own else name.rpartition(">")[2]

    def _check_module(self, value: Mapping[str, Any], name: str) -> None:
        module = value.get("module")
        if module is None or name in self._own or value.get("registered_name") in self._own:
            return
        if not isinstance(module, str) or module.partition(".")[0] not in _MODULES:
            raise self._source.refuse(
                f"has an object {name!r} of the module {module!r:.100}. Nothing is imported that a "
                "file asks for; pass your own classes and functions in `custom_objects`",
                UnsafeModelError,
            )

    def _arguments(self, name: str, arguments: dict[str, Any]) -> None:
        if self._old and name in ("Model", "Functional"):
            for key in ("input_layers", "output_layers"):  # a list, even of one
                places = arguments.get(key)
                if isinstance(places, list) and len(places) == 1 and isinstance(places[0], list):
                    arguments[key] = places[0]
        if self._old and name in ("GRU", "GRUCell"):
            arguments.setdefault("reset_after", False)  # what it was before there was a choice
        if self._old and name.startswith("SeparableConv"):
            # Written, but never used.
            for part in ("initializer", "regularizer", "constraint"):
                arguments.pop(f"kernel_{part}", None)
        axis = arguments.get("axis")
        if name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
            arguments["axis"] = axis[0]
        if self._old and name == "Activation" and arguments.get("activation") == "hard_sigmoid":
            arguments["activation"] = "hard_sigmoid_keras2"
        if self._old and "lr" in arguments:
            arguments["learning_rate"] = arguments.pop("lr")
        if arguments.get("reduction") == "auto":
            arguments["reduction"] = "sum_over_batch_size"
        if name == "InputLayer" and "batch_input_shape" in arguments:
            arguments["batch_shape"] = arguments.pop("batch_input_shape")

    def _array(self, inner: Mapping[str, Any]) -> Any:
        dtype = str(inner.get("dtype"))
        if dtype not in ("float32", "float64", "int32", "int64", "bool", "float16", "uint8"):
            raise self._source.refuse(f"has an array of the unknown kind {dtype!r:.50}")
        try:
            return np.asarray(inner.get("value"), dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise self._source.refuse(f"has a damaged array: {error}") from error

    def _dtype(self, name: str) -> str:
        if name not in _MIXED:
            return name
        if not self._warned:
            warn(f"The model of '{self._source.path}' computes in {name}; here it uses float32.")
        self._warned = True
        return "float32"
