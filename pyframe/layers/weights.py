"""The part of a layer that holds weights and other layers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pyframe import constraints, initializers, regularizers
from pyframe.errors import NotBuiltError, ResourceLimitError, ShapeError
from pyframe.ops.dtypes import Array, standardize_dtype
from pyframe.ops.tensor import Variable

_structure_version = 0


def structure_version() -> int:
    """Returns a number that changes whenever a layer is added, removed, frozen or unfrozen."""
    return _structure_version


def structure_changed() -> None:
    """Makes every model look at its layers again before the next run."""
    global _structure_version
    _structure_version += 1


_budget = threading.local()


@contextmanager
def weight_budget(size: int | None, blank: bool = False) -> Iterator[None]:
    """Limits the weights that are made inside the block (by this thread).

    Args:
        size: number of bytes that all of them may have together, None for no limit besides that
            of a block around this one.
        blank: whether initializers need not run, because other values replace theirs at once.
    """
    left, was_blank = getattr(_budget, "left", None), getattr(_budget, "blank", False)
    _budget.left = left if size is None else size
    _budget.blank = blank or was_blank
    try:
        yield
    finally:
        _budget.left = _budget.left if size is None else left
        _budget.blank = was_blank


def _spend(label: str, shape: tuple[int, ...], dtype: str) -> None:
    left = getattr(_budget, "left", None)
    if left is None:
        return
    size = np.dtype(dtype).itemsize
    for n in shape:
        size *= int(n)
    if size > left:
        raise ResourceLimitError(
            f"{label} needs {size} bytes for a weight of shape {shape}, but there are only {left} "
            "bytes left for all weights that follow."
        )
    _budget.left = left - size


class WeightHolder:
    """Weights of a layer and of the layers below it."""

    built: bool
    dtype: str
    _name: str
    _trainable: bool
    _own_weights: list[Variable]
    _above: str = ""  # names of the layers around this one: "lstm/" of a cell

    def _init_weights(self, name: str, trainable: bool, dtype: str) -> None:
        self._name = name
        self._trainable = bool(trainable)
        self.dtype = dtype
        self.built = False
        self._own_weights = []

    @property
    def name(self) -> str:
        """Unique name of the layer."""
        return self._name

    @property
    def label(self) -> str:
        """Class and name, as error texts call the layer: "Dense 'dense_1'"."""
        return f"{type(self).__name__} '{self.name}'"

    def sublayers(self) -> Iterator[WeightHolder]:
        """Yields the layers held by this one's attributes (also in lists, tuples, dicts)."""
        seen: set[int] = set()
        stack = list(vars(self).values())[::-1]
        while stack:
            value = stack.pop()
            if isinstance(value, WeightHolder):
                if id(value) not in seen:
                    seen.add(id(value))
                    yield value
            elif isinstance(value, (list, tuple)):
                stack.extend(value[::-1])
            elif isinstance(value, dict):
                stack.extend(list(value.values())[::-1])

    def flatten_layers(self) -> Iterator[WeightHolder]:
        """Yields this layer and all layers below it, depth first, each once."""
        seen: set[int] = set()
        stack: list[WeightHolder] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                stack.extend(list(layer.sublayers())[::-1])

    def structure_signature(self) -> tuple[tuple[int, bool, int], ...]:
        """Returns what decides whether traced functions are still valid."""
        return tuple(
            (id(layer), layer._trainable, len(layer._own_weights))
            for layer in self.flatten_layers()
        )

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it also sets all layers below."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.flatten_layers():
            layer._trainable = bool(value)
        structure_changed()

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        name: str | None = None,
        constraint: Any = None,
    ) -> Variable:
        """Makes a weight.

        Args:
            shape: its shape, all dimensions known.
            initializer: name or object; "glorot_uniform" if None.
            dtype: the layer's dtype if None.
            trainable: whether training changes it.
            regularizer: penalty on it, name or object, or None.
            name: e.g. "kernel".
            constraint: what holds for it after each update, name or object, or None.

        Returns:
            The weight, to be kept as an attribute and used in `call`.
        """
        if isinstance(shape, str):
            # Keras 1 and 2 order: add_weight(name, shape, ...).
            shape, name = initializer, shape
            initializer = None
        dims = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        if any(n is None or n < 0 for n in dims):
            raise ShapeError(f"{self.label}: a weight needs a known shape. Received: {dims}")
        name = name or f"variable_{len(self._own_weights)}"
        kind = standardize_dtype(dtype) if dtype is not None else self.dtype
        _spend(self.label, dims, kind)
        dims = tuple(int(n) for n in dims)
        make = initializers.get(initializer or "glorot_uniform")
        assert make is not None
        weight = Variable(
            None if getattr(_budget, "blank", False) else np.asarray(make(dims, dtype=kind)),
            dtype=kind,
            shape=dims,
            trainable=trainable,
            name=name,
            path=f"{self._above}{self.name}/{name}",
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        self._own_weights.append(weight)
        structure_changed()
        return weight

    @property
    def weights(self) -> list[Variable]:
        """All weights: own trainable ones, own others, then those of the layers below."""
        own = sorted(self._own_weights, key=lambda w: not w.trainable)
        found = {id(w): w for w in own}
        for layer in self.sublayers():
            found.update((id(w), w) for w in layer.weights if id(w) not in found)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes; none if the layer is frozen, whatever is below it."""
        if not self._trainable:
            return []
        found = {id(w): w for w in self._own_weights if w.trainable}
        for layer in self.sublayers():
            found.update((id(w), w) for w in layer.trainable_weights if id(w) not in found)
        return list(found.values())

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training does not change by gradients."""
        trainable = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def get_weights(self) -> list[Array]:
        """Returns copies of all weights, in the order of `weights`."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replaces all weights; nothing changes if one of them does not fit.

        Args:
            weights: arrays in the order and of the shapes that `get_weights` gives.

        Raises:
            ShapeError: if the number of arrays or a shape differs.
        """
        own = self.weights
        arrays = [np.asarray(w) for w in weights]
        if len(arrays) != len(own):
            raise ShapeError(
                f"{self.label} has {len(own)} weights, but set_weights received {len(arrays)}."
                + ("" if own else " Build the layer first: call it on data or give input_shape.")
            )
        for weight, array in zip(own, arrays, strict=True):
            if weight.shape != array.shape:
                raise ShapeError(
                    f"{self.label}: weight '{weight.path}' has shape {weight.shape}, but the "
                    f"array given for it has shape {array.shape}."
                )
        for weight, array in zip(own, arrays, strict=True):
            weight.assign(array)

    def count_params(self) -> int:
        """Returns the number of elements of all weights.

        Raises:
            NotBuiltError: if the layer does not know its input shape yet.
        """
        if not self.built:
            raise NotBuiltError(
                f"{self.label} has no weights yet: its input shape is unknown. Call it on data, "
                "or give input_shape."
            )
        return sum(w.size for w in self.weights)
