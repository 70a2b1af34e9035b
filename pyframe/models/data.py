"""Arrays that enter fit, evaluate and predict: checked before the first batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyframe.errors import DataError
from pyframe.models.inputs import check_inputs, unwrap
from pyframe.models.steps import BatchSpec, Spec
from pyframe.ops.dtypes import Array, as_array, common_float


@dataclass
class Batch:
    """Checked arrays of the same length: inputs of the model, targets, sample weights."""

    inputs: list[Array]
    target: Array | None
    weight: Array | None
    spec: BatchSpec

    @property
    def arrays(self) -> list[Array]:
        """All arrays in the order in which a step takes them."""
        return [*self.inputs, *(a for a in (self.target, self.weight) if a is not None)]

    def __len__(self) -> int:
        return len(self.inputs[0])


def check_target(model: Any, y: Any, rows: int) -> tuple[Array, Spec]:
    """Returns the targets as an array and how they enter the plan.

    Raises:
        DataError: for another length than x, NaN, strings or class numbers out of range.
    """
    array = as_array(_encoded(unwrap(y)), "y")
    if array.ndim == 0 or len(array) != rows:
        length = "no length" if array.ndim == 0 else f"{len(array)} rows"
        raise DataError(f"`x` has {rows} rows, but `y` has {length}.")
    if array.dtype.kind == "f":
        bad = np.isnan(array)
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            raise DataError(
                f"`y` holds {int(bad.sum())} NaN, the first at index {where}. Remove these samples."
            )
    shape: tuple[int | None, ...] = (None, *array.shape[1:])
    output_shape = model.output_shape
    if model.compiled_state.takes_class_numbers(shape, output_shape):
        ignored = model.compiled_state.ignored_class(shape, output_shape)
        _check_class_numbers(array if ignored is None else array[array != ignored], output_shape)
        return array, Spec(shape, "int32")
    return array, Spec(shape, common_float([model.dtype]))


def _encoded(y: Any) -> Any:
    array = np.asarray(y)
    if array.dtype.kind in "USO" and array.size and isinstance(array.flat[0], str):
        raise DataError(
            f"`y` holds strings such as {str(array.flat[0])!r}. Encode them as numbers: "
            "classes, y = np.unique(y, return_inverse=True)."
        )
    return y


def _check_class_numbers(y: Array, output_shape: tuple[int | None, ...]) -> None:
    classes = output_shape[-1]
    if not y.size or classes is None:
        return
    low, high = y.min(), y.max()
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        raise DataError(
            "sparse_categorical_crossentropy wants whole class numbers, but `y` holds "
            f"{float(y[y != np.floor(y)].flat[0])}."
        )
    if low < 0 or high >= classes:
        value = low if low < 0 else high
        index = tuple(int(i) for i in np.argwhere(y == value)[0])
        hint = " Class numbers start at 0." if low >= 1 and high == classes else ""
        raise DataError(
            f"`y` holds the class number {int(value)} (at index {index}), but the last layer has "
            f"{classes} units: class numbers must lie in 0 ... {classes - 1}.{hint}"
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
        DataError: if class_weight is no dictionary or y has no classes.
    """
    assert batch.target is not None
    weight = class_weights_of(batch.target, class_weight)
    if batch.weight is not None:
        weight = batch.weight * weight.reshape(-1, *[1] * (batch.weight.ndim - 1))
    spec = replace(batch.spec, weight=_weight_spec(model, weight))
    return Batch(batch.inputs, batch.target, weight, spec)


def _weight_spec(model: Any, weight: Array) -> Spec:
    return Spec((None, *weight.shape[1:]), common_float([model.dtype]))


def check_batch(model: Any, x: Any, y: Any, sample_weight: Any = None) -> Batch:
    """Checks everything a training or test step takes.

    Raises:
        DataError: for arrays that cannot be used.
        ShapeError: for shapes that do not fit the model.
    """
    inputs, structure = check_inputs(model, x)
    if y is None:
        raise DataError("`y` is missing: fit and evaluate need targets.")
    target, target_spec = check_target(model, y, len(inputs[0]))
    weight = None
    if sample_weight is not None:
        weight = as_array(unwrap(sample_weight), "sample_weight")
        if weight.ndim == 0 or len(weight) != len(target):
            raise DataError(
                f"`sample_weight` of shape {weight.shape} does not have one entry for each of the "
                f"{len(target)} samples."
            )
        if not np.isfinite(weight).all():
            raise DataError("`sample_weight` holds NaN or infinite numbers.")
    spec = BatchSpec(
        tuple(
            Spec((None, *a.shape[1:]), dtype)
            for a, dtype in zip(inputs, model.array_dtypes(inputs), strict=True)
        ),
        target_spec,
        None if weight is None else _weight_spec(model, weight),
        structure,
    )
    return Batch(inputs, target, weight, spec)


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
            None if batch.target is None else batch.target[begin:end],
            None if batch.weight is None else batch.weight[begin:end],
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
