"""Functions of TensorFlow that tf.keras has written into the graphs of models.

`tf.nn.relu(x)`, `x * 2` or `x[:, 0]` on the tensor of an Input became a layer `TFOpLambda` or
`SlicingOpLambda`, of which a file holds the function's name and arguments. Those of the table here
are made of functions of `pyframe.ops`; nothing else can be named by a file.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyframe import nest, ops
from pyframe.errors import ConfigurationError
from pyframe.ops.symbolic import Operation, SymbolicTensor

LAYERS = ("TFOpLambda", "SlicingOpLambda")


def _matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    turned = [
        ops.swapaxes(x, -2, -1) if turn else x for x, turn in ((a, transpose_a), (b, transpose_b))
    ]
    return ops.matmul(*turned)


def _cast(x: Any, dtype: Any) -> Any:
    name = str(dtype).removeprefix("<dtype: '").removesuffix("'>")
    same = {"float16": "float32", "bfloat16": "float32", "int64": "int32", "bool": "float32"}
    if name == "bool":
        x = ops.not_equal(x, 0.0)
    return ops.cast(x, same.get(name, name))


def _get_item(x: Any, slice_spec: Any) -> Any:
    def key(part: Any) -> Any:
        if isinstance(part, Mapping) and "start" in part:
            return slice(part["start"], part["stop"], part["step"])
        ellipsis = part == "Ellipsis" or isinstance(part, Mapping)
        return Ellipsis if ellipsis else part

    if isinstance(slice_spec, list):
        return ops.get_item(x, tuple(key(part) for part in slice_spec))
    return ops.get_item(x, key(slice_spec))


def _squeeze(input: Any, axis: Any = None) -> Any:
    return ops.squeeze(input, None if axis == [] else axis)


def _split(value: Any, num_or_size_splits: Any, axis: int = 0) -> Any:
    if isinstance(num_or_size_splits, list):
        num_or_size_splits = list(itertools.accumulate(num_or_size_splits))[:-1]
    return ops.split(value, num_or_size_splits, axis)


def _pad(tensor: Any, paddings: Any, mode: str = "constant", constant_values: float = 0.0) -> Any:
    return ops.pad(tensor, paddings, mode.lower(), constant_values)


def _add_all(inputs: Sequence[Any]) -> Any:
    total = inputs[0]
    for value in inputs[1:]:
        total = ops.add(total, value)
    return total


def _gather(params: Any, indices: Any, axis: int | None = 0, batch_dims: int = 0) -> Any:
    if batch_dims:
        raise ConfigurationError(f"tf.gather has `batch_dims`={batch_dims}; here it must be 0.")
    return ops.take(params, indices, 0 if axis is None else axis)


def _l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    square = ops.sum(ops.square(x), axis, True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(square, epsilon)))


def _image_resize(images: Any, size: Any, method: str = "bilinear", antialias: bool = False) -> Any:
    return ops.image.resize(images, size, method, antialias)


def _pool(pool: Callable[..., Any]) -> Callable[..., Any]:
    def windows(input: Any, ksize: Any, strides: Any, padding: str) -> Any:
        sizes = [v[1:3] if isinstance(v, list) and len(v) == 4 else v for v in (ksize, strides)]
        return pool(input, *sizes, padding.lower())

    return windows


def _norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = False) -> Any:
    return ops.norm(tensor, ord, axis, bool(keepdims))


# Arguments of TensorFlow's functions that change nothing, with the values that do so.
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "conjugate": (False,),
    "validate_indices": (None,),
    "data_format": ("NHWC", None),
    "preserve_aspect_ratio": (False,),
    "out_type": ("int64", "int32"),
    "output_type": ("int64", "int32"),
    "on_value": (None, 1, 1.0),
    "off_value": (None, 0, 0.0),
    **dict.fromkeys(("adjoint_a", "adjoint_b", "a_is_sparse", "b_is_sparse"), (False,)),
}


def _same_name(prefix: str, names: str, **renamed: str) -> dict[str, Any]:
    return {prefix + name: (getattr(ops, name), renamed) for name in names.split()}


# TensorFlow's functions: ours, and our words for the arguments that have other names.
FUNCTIONS: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    **_same_name(
        "", "broadcast_to expand_dims ones_like repeat stack stop_gradient unstack where zeros_like"
    ),
    **_same_name("", "reshape", shape="newshape"),
    **_same_name("", "tile", multiples="repeats"),
    **_same_name("", "transpose", perm="axes"),
    **_same_name("", "one_hot", depth="num_classes"),
    **_same_name(
        "math.",
        "abs argmax ceil cos erf exp expm1 floor log log1p logical_not negative reciprocal round "
        "rsqrt sigmoid sign sin softplus sqrt square tan tanh",
    ),
    **_same_name(
        "math.",
        "add divide equal greater greater_equal less less_equal maximum minimum multiply "
        "not_equal subtract",
        y="b",
    ),
    **_same_name("math.", "logical_and logical_or", y="x2"),
    **_same_name("math.reduce_", "all any logsumexp max mean min std sum"),
    **_same_name("nn.", "elu log_softmax relu relu6 selu silu softmax softsign"),
    **_same_name("nn.", "leaky_relu", alpha="negative_slope"),
    "__operators__.getitem": (_get_item, {}),
    "cast": (_cast, {}),
    "clip_by_value": (ops.clip, {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "concat": (ops.concatenate, {}),
    "gather": (_gather, {}),
    "identity": (lambda input: input, {}),
    "image.resize": (_image_resize, {}),
    "linalg.matmul": (_matmul, {}),
    "math.add_n": (_add_all, {}),
    "math.floordiv": (ops.floor_divide, {"y": "x2"}),
    "math.floormod": (ops.mod, {"y": "x2"}),
    "math.l2_normalize": (_l2_normalize, {}),
    "math.pow": (ops.power, {"y": "exponent"}),
    "math.reduce_variance": (ops.var, {}),
    "math.squared_difference": (lambda x, y: ops.square(ops.subtract(x, y)), {}),
    "nn.avg_pool2d": (_pool(ops.average_pool), {}),
    "nn.bias_add": (ops.add, {"bias": "b"}),
    "nn.gelu": (lambda features, approximate=False: ops.gelu(features, approximate), {}),
    "nn.max_pool2d": (_pool(ops.max_pool), {}),
    "norm": (_norm, {}),
    "pad": (_pad, {}),
    "reverse": (ops.flip, {}),
    "split": (_split, {}),
    "squeeze": (_squeeze, {}),
}
# Other names of the same functions: those of versions, and those of Python's operators.
_ALIASES = {
    "__operators__.add": "math.add",
    "compat.v1.floor_div": "math.floordiv",
    "convert_to_tensor": "identity",
    "linalg.norm": "norm",
    "math.softsign": "nn.softsign",
    "math.truediv": "math.divide",
    "nn.sigmoid": "math.sigmoid",
    "nn.softplus": "math.softplus",
    "nn.swish": "nn.silu",
    "nn.tanh": "math.tanh",
}


def own_name(function: str) -> str:
    """Returns the name in `FUNCTIONS` of a function of TensorFlow that has several."""
    return _ALIASES.get(function, function).removeprefix("compat.v1.")


class TensorFlowFunction:
    """A function of TensorFlow by name, to be called on tensors of `Input`.

    Args:
        config: the configuration of a TFOpLambda or SlicingOpLambda.

    Raises:
        ConfigurationError: if it is not in the table.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.name = str(config.get("name"))
        self._called = False
        self._label = f"tf.{config.get('function')}"
        found = own_name(str(config.get("function")))
        if found not in FUNCTIONS:
            raise ConfigurationError(
                f"The model calls {self._label} in its layer '{self.name}', which has no "
                "counterpart here. Write that part as a layer, build the model with it, and load "
                "the weights by load_weights."
            )
        self._function, self._names = FUNCTIONS[found]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function; the operator that gives its result gets the name of the layer.

        Raises:
            ConfigurationError: for an argument that the function does not have here.
        """
        given = {self._names.get(k, k): value for k, value in kwargs.items() if k != "name"}
        known = inspect.signature(self._function).parameters
        for key in [k for k in given if k not in known]:
            if given.pop(key) not in _WITHOUT_EFFECT.get(key, ()):
                raise ConfigurationError(f"{self._label} has no argument '{key}' here.")
        before = {id(leaf) for leaf in nest.flatten((args, kwargs))}
        result = self._function(*args, **given)
        for leaf in nest.flatten(result):
            new = isinstance(leaf, SymbolicTensor) and id(leaf) not in before
            if new and isinstance(leaf.node.operation, Operation) and not self._called:
                leaf.node.operation.name = self.name
                self._called = True  # a name stands for one operator
        return result
