"""Arrays that enter fit, evaluate and predict: checked before the first batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyframe import _core
from pyframe.errors import DataError
from pyframe.models.compiled import Head
from pyframe.models.inputs import check_inputs, check_values, unwrap
from pyframe.models.outputs import Outputs, Shape
from pyframe.models.steps import BatchSpec, Spec
from pyframe.ops.dtypes import Array, as_array, common_float


@dataclass
class Batch:
    """Checked arrays of the same length: inputs of the model, targets, sample weights.

    Targets are None for outputs that need none. There are no weights, or one array of them for
    all outputs, or one (or None) for each output.
    """

    inputs: list[Array]
    targets: list[Array | None]
    weights: list[Array | None]
    spec: BatchSpec

    @property
    def arrays(self) -> list[Array]:
        """All arrays in the order in which a step takes them."""
        return self.inputs + [a for a in self.targets + self.weights if a is not None]

    @property
    def target(self) -> Array | None:
        """The targets of a model with one output."""
        return self.targets[0] if len(self.targets) == 1 else None

    def __len__(self) -> int:
        return len(self.inputs[0])


def check_target(
    model: Any, head: Head, y: Any, rows: int, output_shape: Shape, name: str
) -> tuple[Array, Spec]:
    """Returns the targets of an output as an array and how they enter the plan.

    Raises:
        DataError: for another length than x, NaN, strings or class numbers out of range.
    """
    array = as_array(_encoded(y, name), name)
    if array.ndim == 0 or len(array) != rows:
        length = "no length" if array.ndim == 0 else f"{len(array)} rows"
        raise DataError(f"`x` has {rows} rows, but `{name}` has {length}.")
    shape: tuple[int | None, ...] = (None, *array.shape[1:])
    classes = head.takes_class_numbers(shape, output_shape)
    spec = Spec(shape, "int32" if classes else common_float([model.dtype]))
    _check_values(head, array, spec, output_shape, name)
    return array, spec


def _check_values(head: Head, y: Array, spec: Spec, output_shape: Shape, name: str) -> None:
    if y.dtype.kind == "f" and _core.has_nan(y):
        bad = np.isnan(y)
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"`{name}` holds {int(bad.sum())} NaN, the first at index {where}. Remove these "
            "samples."
        )
    if spec.dtype == "int32":
        ignored = head.ignored_class(spec.shape, output_shape)
        kept = y if ignored is None else y[y != ignored]
        _check_class_numbers(kept, output_shape, name)


def _encoded(y: Any, name: str) -> Any:
    array = np.asarray(y)
    if array.dtype.kind in "USO" and array.size and isinstance(array.flat[0], str):
        raise DataError(
            f"`{name}` holds strings such as {str(array.flat[0])!r}. Encode them as numbers: "
            "classes, y = np.unique(y, return_inverse=True)."
        )
    return y


def _check_class_numbers(y: Array, output_shape: Shape, name: str) -> None:
    classes = output_shape[-1]
    if not y.size or classes is None:
        return
    low, high = y.min(), y.max()
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        raise DataError(
            f"sparse_categorical_crossentropy wants whole class numbers, but `{name}` holds "
            f"{float(y[y != np.floor(y)].flat[0])}."
        )
    if low < 0 or high >= classes:
        value = low if low < 0 else high
        index = tuple(int(i) for i in np.argwhere(y == value)[0])
        hint = " Class numbers start at 0." if low >= 1 and high == classes else ""
        raise DataError(
            f"`{name}` holds the class number {int(value)} (at index {index}), but the last layer "
            f"has {classes} units: class numbers must lie in 0 ... {classes - 1}.{hint}"
        )


def class_weights_of(y: Array, class_weight: Mapping[int, float]) -> Array:
    """Returns the weight of each sample's class; classes that are not listed weigh 1.

    Raises:
        DataError: if class_weight is no dictionary or y has no classes.
    """
    if not isinstance(class_weight, Mapping):
        raise DataError(
            f"`class_weight` must be a dictionary {{class: weight}}. Received: {class_weight!r}"
        )
    if y.ndim == 2 and y.shape[1] > 1:
        ids = y.argmax(axis=1)
    elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
        ids = np.round(y.reshape(-1)).astype(np.int64)
    else:
        raise DataError(f"`class_weight` needs one class for each sample; `y` has shape {y.shape}.")
    weights = np.ones(len(ids), np.float32)
    for key, value in class_weight.items():
        try:
            number, weight = int(key), float(value)
        except (TypeError, ValueError):
            number, weight = 0, math.nan
        if not math.isfinite(weight):
            raise DataError(
                "`class_weight` must be a dictionary {class number: weight}. "
                f"Received: {key!r}: {value!r}"
            )
        weights[ids == number] = weight
    return weights


def with_class_weight(model: Any, batch: Batch, class_weight: Mapping[int, float]) -> Batch:
    """Returns the batch with its sample weights multiplied by those of their classes.

    Raises:
        DataError: if class_weight is no dictionary, y has no classes, or there are several
            outputs.
    """
    if batch.target is None:
        raise DataError(
            "`class_weight` is for models with one output; give each output its `sample_weight`."
        )
    weight = class_weights_of(batch.target, class_weight)
    given = batch.weights[0] if batch.weights else None
    if given is not None:
        weight = given * weight.reshape(-1, *[1] * (given.ndim - 1))
    spec = replace(batch.spec, weights=(_weight_spec(model, weight),))
    return replace(batch, weights=[weight], spec=spec)


def _weight_spec(model: Any, weight: Array) -> Spec:
    return Spec((None, *weight.shape[1:]), common_float([model.dtype]))


def check_batch(model: Any, x: Any, y: Any, sample_weight: Any = None) -> Batch:
    """Checks everything a training or test step takes.

    Raises:
        DataError: for arrays that cannot be used.
        ShapeError: for shapes that do not fit the model.
        ConfigurationError: if the losses or metrics of `compile` are not for these outputs.
    """
    if sample_weight is not None or not (_is_plain(x) and _is_plain(y) and len(x) == len(y)):
        return _check_parts(model, x, y, sample_weight)
    # Of arrays like earlier ones, which were found to fit, only the values are looked at.
    key = ("batch", x.shape[1:], x.dtype, y.shape[1:], y.dtype)
    known = model.functions().get(key)
    if known is not None:
        spec, head, target, output_shape = known
        check_values(model, (x,))
        _check_values(head, y, target, output_shape, "y")
        return Batch([x], [y], [], spec)
    batch = _check_parts(model, x, y, None)
    if len(batch.arrays) == 2 and batch.inputs[0] is x and batch.targets[0] is y:
        outputs = model.outputs_spec
        head = model.compiled_state.heads_for(outputs)[0]
        model.functions()[key] = (batch.spec, head, batch.spec.targets[0], outputs.shapes[0])
    return batch


def _is_plain(value: Any) -> bool:
    return type(value) is np.ndarray and value.size > 0 and value.flags.c_contiguous


def _check_parts(model: Any, x: Any, y: Any, sample_weight: Any) -> Batch:
    inputs, structure = check_inputs(model, x)
    rows = len(inputs[0])
    outputs = model.outputs_spec
    heads = model.compiled_state.heads_for(outputs)
    if y is None:
        raise DataError("`y` is missing: fit and evaluate need targets.")
    targets: list[Array | None] = []
    specs: list[Spec | None] = []
    given = _targets_of(outputs, heads, y)
    for head, target, shape, name in zip(
        heads, given, outputs.shapes, _names(outputs, "y"), strict=True
    ):
        array, spec = None, None
        if target is not None and head.needs_target:
            array, spec = check_target(model, head, target, rows, shape, name)
        elif head.needs_target:
            raise DataError(f"`{name}` is missing: there is a loss or metric for this output.")
        targets.append(array)
        specs.append(spec)
    weights = _weights_of(outputs, sample_weight, rows)
    return Batch(
        inputs,
        targets,
        weights,
        BatchSpec(
            tuple(
                Spec((None, *a.shape[1:]), dtype)
                for a, dtype in zip(inputs, model.array_dtypes(inputs), strict=True)
            ),
            tuple(specs),
            tuple(None if w is None else _weight_spec(model, w) for w in weights),
            structure,
        ),
    )


def _names(outputs: Outputs, argument: str) -> list[str]:
    if len(outputs) == 1:
        return [argument]
    return [
        f"{argument}[{i if name is None else repr(name)}]" for i, name in enumerate(outputs.names)
    ]


def _targets_of(outputs: Outputs, heads: Sequence[Head], y: Any) -> list[Any]:
    if len(outputs) == 1:
        return [unwrap(y)]
    if isinstance(y, (list, tuple)) and len(y) < len(outputs):
        # Targets for the outputs with a loss alone.
        wanted = [bool(head.losses) for head in heads]
        if len(y) == sum(wanted):
            rest = iter(y)
            return [next(rest) if needed else None for needed in wanted]
    return outputs.spread(y, "y", error=DataError)


def _weights_of(outputs: Outputs, sample_weight: Any, rows: int) -> list[Array | None]:
    if sample_weight is None:
        return []
    if len(outputs) > 1 and isinstance(sample_weight, (list, tuple, Mapping)):
        given = outputs.spread(sample_weight, "sample_weight", error=DataError)
        names = _names(outputs, "sample_weight")
    else:
        given = [unwrap(sample_weight)]
        names = ["sample_weight"]
    found: list[Array | None] = []
    for value, name in zip(given, names, strict=True):
        if value is None:
            found.append(None)
            continue
        weight = as_array(value, name)
        if weight.ndim == 0 or len(weight) != rows:
            raise DataError(
                f"`{name}` of shape {weight.shape} does not have one entry for each of the "
                f"{rows} samples."
            )
        if not np.isfinite(weight).all():
            raise DataError(f"`{name}` holds NaN or infinite numbers.")
        found.append(weight)
    return found


def split_validation(batch: Batch, fraction: float) -> tuple[Batch, Batch]:
    """Splits off the last part of the samples, in the order given, for validation.

    Raises:
        DataError: if one of the parts would be empty.
    """
    rows = len(batch)
    at = int(np.floor(rows * (1.0 - fraction)))
    if not 0 < fraction < 1 or not 0 < at < rows:
        raise DataError(
            f"`validation_split`={fraction} of {rows} samples leaves an empty part; it must lie "
            "between 0 and 1."
        )

    def part(begin: int, end: int) -> Batch:
        return Batch(
            [a[begin:end] for a in batch.inputs],
            [None if a is None else a[begin:end] for a in batch.targets],
            [None if a is None else a[begin:end] for a in batch.weights],
            batch.spec,
        )

    return part(0, at), part(at, rows)


def missing_classes(train: Array, validation: Array) -> list[int]:
    """Returns the classes that only the validation targets hold (none for regression)."""
    if train.ndim == 2 and train.shape[1] > 1:
        onehot = train.dtype.kind in "biu" or bool(np.isin(train[:100], (0, 1)).all())
        train, validation = train.argmax(axis=1), validation.argmax(axis=1)
        if not onehot:
            return []
    elif train.dtype.kind not in "biu" or train.size != len(train):
        return []
    return sorted(int(c) for c in set(np.unique(validation)) - set(np.unique(train)))
