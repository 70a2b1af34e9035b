"""Configurations of Keras 1 in the words of Keras 2 and 3: two tables and some exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe.errors import UnsafeModelError

Refuse = Callable[..., Exception]

MODELS = ("Sequential", "Model", "Functional")
_CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
_ARGUMENTS = {
    "W_constraint": "kernel_constraint",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "atrous_rate": "dilation_rate",
    "b_constraint": "bias_constraint",
    "b_regularizer": "bias_regularizer",
    "bias": "use_bias",
    "border_mode": "padding",
    "dropout_U": "recurrent_dropout",
    "dropout_W": "dropout",
    "filter_length": "kernel_size",
    "init": "kernel_initializer",
    "inner_activation": "recurrent_activation",
    "inner_init": "recurrent_initializer",
    "length": "size",
    "nb_filter": "filters",
    "output_dim": "units",
    "p": "rate",
    "pool_length": "pool_size",
    "sigma": "stddev",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
}
# Where a layer has another name for an argument than all others.
_OWN_ARGUMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "Embedding": {
        "W_constraint": ("embeddings_constraint",),
        "W_regularizer": ("embeddings_regularizer",),
        "init": ("embeddings_initializer",),
        "output_dim": ("output_dim",),
    },
    "InputLayer": {"input_dtype": ("dtype",)},
    "PReLU": {"init": ("alpha_initializer",)},
    "SeparableConvolution2D": {"init": ("depthwise_initializer", "pointwise_initializer")},
}
# The input's shape is in batch_input_shape; implementations and types of inputs change nothing.
_UNUSED = ("consume_less", "input_dtype", "input_length")
_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum"}
_PENALTIES = ("L1L2Regularizer", "WeightRegularizer", "ActivityRegularizer")
_CONSTRAINT_ARGUMENTS = {"m": "max_value", "low": "min_value", "high": "max_value"}
_SIDES = ("top_pad", "bottom_pad", "left_pad", "right_pad")


def translated(name: str, arguments: dict[str, Any], refuse: Refuse) -> tuple[str, dict[str, Any]]:
    """Returns class name and arguments of a layer of Keras 1 as later versions have them.

    Args:
        name: class name.
        arguments: configuration of the layer; what is no word of Keras 1 is left as it is.
        refuse: makes the error that says what is wrong with the file.

    Raises:
        ModelFormatError: if the layer works in a way that later versions do not know.
        UnsafeModelError: if it holds code.
    """
    label = f"{name} '{arguments.get('name')}'"
    if name == "Merge":
        return _merge(label, arguments, refuse)
    own = _OWN_ARGUMENTS.get(name, {})
    found: dict[str, Any] = {}
    for key, value in arguments.items():
        if key.endswith(("_regularizer", "_constraint")):
            value = _penalty_or_constraint(value)
        if key == "input_dim" and name != "Embedding":
            continue
        if key in own:
            found.update(dict.fromkeys(own[key], value))
        elif key not in _UNUSED:
            found[_ARGUMENTS.get(key, key)] = value
    rows, columns = found.pop("nb_row", None), found.pop("nb_col", None)
    if rows is not None:
        found["kernel_size"] = [rows, columns]
    ordering = found.pop("dim_ordering", "tf")
    if ordering != "tf":
        raise refuse(
            f"has {label} with dim_ordering={ordering!r}: images with the channels in front, as "
            "Theano had them. Here channels are last; convert the model with Keras 1 or 2 first"
        )
    for only, key in (("BatchNormalization", "mode"), ("Embedding", "dropout")):
        if name == only and found.pop(key, 0) != 0:
            raise refuse(f"has {label} with {key}={arguments[key]!r:.50}, which is no more")
    if name.startswith("ZeroPadding"):
        found["padding"] = _padding(found.get("padding"))
    if "forget_bias_init" in found:
        found["unit_forget_bias"] = found.pop("forget_bias_init") == "one"
    return _CLASSES.get(name, name), found


def _penalty_or_constraint(value: Any) -> Any:
    # Keras 1 keeps {"name": class, its arguments} without a "config".
    if not isinstance(value, dict) or "name" not in value:
        return value
    config = {_CONSTRAINT_ARGUMENTS.get(k, k): v for k, v in value.items() if k != "name"}
    name = "L1L2" if value["name"] in _PENALTIES else value["name"]
    if name == "NonNeg":
        config = {}
    return {"class_name": name, "config": config}


def _padding(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) <= set(_SIDES[2:]):
            return [value.get(side, 0) for side in _SIDES[2:]]
        value = [value.get(side, 0) for side in _SIDES]
    if isinstance(value, list) and len(value) == 4:
        return [value[:2], value[2:]]
    return value


def _merge(label: str, arguments: dict[str, Any], refuse: Refuse) -> tuple[str, dict[str, Any]]:
    mode = arguments.get("mode")
    if arguments.get("mode_type", "raw") != "raw":
        raise refuse(
            f"has {label} with a function of its own. No code is taken from files; write the "
            "layer as a class and pass it in `custom_objects`",
            UnsafeModelError,
        )
    kept = ("name", "trainable", "layers")
    found: dict[str, Any] = {key: arguments[key] for key in kept if key in arguments}
    if mode in _MERGES:
        return _MERGES[mode], found
    if mode == "concat":
        return "Concatenate", {**found, "axis": arguments.get("concat_axis", -1)}
    if mode == "dot":
        return "Dot", {**found, "axes": arguments.get("dot_axes", -1)}
    raise refuse(f"has {label} with mode={mode!r:.50}, for which later versions have no layer")


def has_branches(layers: list[Any]) -> bool:
    """Tells whether a Sequential model begins with a Merge of several others."""
    first = layers[0] if layers and isinstance(layers[0], dict) else {}
    return first.get("class_name") not in MODELS and "layers" in _config(first)


def graph_of_branches(layers: list[Any], refuse: Refuse) -> dict[str, Any]:
    """Returns the configuration of a graph for a Sequential model that begins with branches.

    Args:
        layers: configurations of its layers, translated; the first one has the branches' as
            "layers".
        refuse: makes the error that says what is wrong with the file.

    Raises:
        ModelFormatError: if a branch is not itself a Sequential model with one input.
    """
    found: list[Any] = []
    ends: list[Any] = []
    inputs: list[Any] = []
    merge = {**layers[0], "config": dict(_config(layers[0]))}
    branches = merge["config"].pop("layers")
    for i, branch in enumerate(branches if isinstance(branches, list) and branches else [None]):
        inner = _config(branch).get("layers")
        first = _config(inner[0]) if isinstance(inner, list) and inner else {}
        if "batch_input_shape" not in first or branch.get("class_name") != "Sequential":
            raise refuse("merges branches that are not Sequential models with one input each")
        name = f"branch_{i + 1}"
        inputs.append([f"{name}_input", 0, 0])
        given = {"batch_shape": first["batch_input_shape"], "name": f"{name}_input"}
        found.append({"class_name": "InputLayer", "config": given, "inbound_nodes": []})
        config = {**_config(branch), "name": name}
        found.append({**branch, "config": config, "inbound_nodes": [[inputs[-1]]]})
        ends.append([name, 1, 0])
    for i, layer in enumerate([merge, *layers[1:]]):
        is_model = layer.get("class_name") in MODELS
        config = {**_config(layer)}
        config.setdefault("name", f"part_{i}")
        found.append({**layer, "config": config, "inbound_nodes": [ends]})
        ends = [[config["name"], int(is_model), 0]]
    return {"layers": found, "input_layers": inputs, "output_layers": ends}


def _config(layer: Any) -> dict[str, Any]:
    config = layer.get("config") if isinstance(layer, dict) else None
    return config if isinstance(config, dict) else {}
