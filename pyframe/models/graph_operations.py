"""Functions of `pyframe.ops` in a graph, to and from the form in which Keras 3 writes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pyframe import ops
from pyframe.errors import ConfigurationError
from pyframe.lookup import unknown_name
from pyframe.naming import to_snake_case
from pyframe.ops.symbolic import Node, Operation

# Keras has a class for each function: how many arguments its call takes, the others are its
# configuration, and in which module it is.
_UNARY = (
    "absolute all any argmax broadcast_to ceil clip concatenate cos exp expand_dims expm1 flip "
    "floor isnan log log10 log1p log2 logical_not max mean min moveaxis negative ones_like pad "
    "ravel reciprocal repeat reshape roll round sign sin split sqrt square squeeze stack std sum "
    "swapaxes tan tanh tile transpose var zeros_like"
)
_BINARY = (
    "add divide dot equal floor_divide get_item greater greater_equal less less_equal logical_and "
    "logical_or matmul maximum minimum mod multiply not_equal power subtract take"
)
_NETWORKS = (
    "average_pool celu elu gelu hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid "
    "log_softmax max_pool normalize one_hot relu relu6 selu sigmoid silu softmax softplus softsign"
)
_KERAS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(_UNARY.split(), ("numpy", 1)),
    **dict.fromkeys(_BINARY.split(), ("numpy", 2)),
    **dict.fromkeys(_NETWORKS.split(), ("nn", 1)),
    "where": ("numpy", 3),
    "conv": ("nn", 2),
    "erf": ("math", 1),
    "logsumexp": ("math", 1),
    "rsqrt": ("math", 1),
    "in_top_k": ("math", 2),
    "norm": ("linalg", 1),
    "resize": ("image", 1),
    "cast": ("core", 1),
    "stop_gradient": ("core", 1),
    "unstack": ("core", 1),
}
# Options that Keras gives to the call, by name.
_OF_THE_CALL = {"pad": "constant_values"}
_MODULE = "keras.src.ops."
_OWN_MODULE = "pyframe.ops"
_ALIASES = {"true_divide": "divide", "abs": "absolute"}


def is_operation(config: Mapping[str, Any]) -> bool:
    """Tells whether a configuration is that of a function, not of a layer."""
    module = str(config.get("module") or "")
    return module.startswith(_MODULE) or module == _OWN_MODULE


def operation_config(node: Node) -> tuple[dict[str, Any], tuple[Any, ...], dict[str, Any]]:
    """Returns the configuration of a node's function and the arguments that it is called with."""
    function, name = node.operation.function, node.operation.name
    known = _KERAS.get(function.__name__)
    if known is None:
        config = {
            "module": _OWN_MODULE,
            "class_name": function.__name__,
            "config": {"name": name},
            "registered_name": None,
        }
        return config, node.args, node.kwargs
    module, count = known
    bound = inspect.signature(function).bind(*node.args, **node.kwargs)
    bound.apply_defaults()
    of_the_call = _OF_THE_CALL.get(function.__name__)
    options = {key: bound.arguments.pop(key) for key in [of_the_call] if key is not None}
    if "data_format" in bound.arguments:
        bound.arguments["data_format"] = "channels_last"  # Keras does not replace None in files
    given = list(bound.arguments.items())
    class_name = node.operation.class_name
    config = {
        "module": _MODULE + module,
        "class_name": class_name,
        "config": {"name": name, **dict(given[count:])},
        "registered_name": class_name,
    }
    return config, tuple(value for _, value in given[:count]), options


def operation_from_config(config: Mapping[str, Any]) -> tuple[Operation, dict[str, Any]]:
    """Returns an operation, and the arguments by name that its configuration holds.

    Raises:
        ConfigurationError: if there is no such function, or an option that it does not have.
    """
    class_name, options = str(config.get("class_name")), dict(config.get("config") or {})
    name = options.pop("name", None)
    function_name = to_snake_case(class_name)
    function_name = _ALIASES.get(function_name, function_name)
    own = config.get("module") == _OWN_MODULE
    known = function_name in _KERAS or (own and function_name in ops.__all__)
    place = ops.image if function_name == "resize" else ops
    function: Callable[..., Any] | None = getattr(place, function_name) if known else None
    if function is None or not inspect.isfunction(function):
        raise ConfigurationError(unknown_name("operator", class_name, list(_KERAS)))
    original = inspect.unwrap(function)
    parameters = inspect.signature(original).parameters
    for option in [o for o in options if o not in parameters]:
        # Options that only Keras has must be switched off.
        if options.pop(option) not in (None, False, -1, 0, "constant"):
            raise ConfigurationError(f"The operator {class_name} has no option '{option}' here.")
    return Operation(original, name), options
