"""Parts of tensors by Python's brackets: x[:, 0], x[..., 1:], x[:, ::-2]."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.ops.dispatch import rank, static_shape
from pyframe.ops.shaping import cut, expand_dims, squeeze, take


def get_item(x: Any, key: Any) -> Any:
    """Returns a part of x, as `x[key]` does in NumPy.

    Args:
        x: the operand.
        key: whole numbers, slices, one `...` and None for new axes, alone or in a tuple. A slice
            of an axis of unknown size, such as the batch, must be `:`.

    Raises:
        ConfigurationError: for other keys, such as arrays; `take` has positions along an axis.
        ShapeError: if there are too many keys, a number is out of range, or nothing is left.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    for k in keys:
        number = isinstance(k, (int, np.integer)) and not isinstance(k, bool)
        if not (number or isinstance(k, slice) or k is None or k is Ellipsis):
            raise ConfigurationError(
                "A tensor is indexed with numbers, slices, ... and None; `ops.take` takes "
                f"positions in an array. Received: {k!r}"
            )
    missing = rank(x) - sum(k is not None and k is not Ellipsis for k in keys)
    if missing < 0 or keys.count(Ellipsis) > 1:
        raise ShapeError(f"[{_text(key)}] has too many entries for a tensor of {rank(x)} axes.")
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        keys[place : place + 1] = [slice(None)] * missing
    axis = 0
    given = itertools.count()  # the axis of the operand, which error texts name
    for k in keys:
        if k is None:
            x = expand_dims(x, axis)
        elif isinstance(k, slice):
            x = _slice(x, axis, k, key, next(given))
        else:
            x = _element(x, axis, int(k), key, next(given))
            continue
        axis += 1
    return x


def _element(x: Any, axis: int, number: int, key: Any, given: int) -> Any:
    size = static_shape(x)[axis]
    if size is None:
        return take(x, number, axis)
    if not -size <= number < size:
        raise ShapeError(f"[{_text(key)}] is outside axis {given}, which has {size} elements.")
    number %= size
    return squeeze(cut(x, axis, number, size - number - 1), axis)


def _slice(x: Any, axis: int, part: slice, key: Any, given: int) -> Any:
    if part == slice(None):
        return x
    size = static_shape(x)[axis]
    if size is None:
        raise ShapeError(f"[{_text(key)}] needs the size of axis {given}, which is unknown.")
    try:
        begin, end, step = part.indices(size)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"[{_text(key)}]: {error}.") from error
    places = range(begin, end, step)
    if not places:
        raise ShapeError(f"[{_text(key)}] leaves nothing of the {size} elements of axis {given}.")
    if step == 1:
        return cut(x, axis, begin, size - places[-1] - 1)
    return take(x, np.asarray(places), axis)


def _text(key: Any) -> str:
    def one(k: Any) -> str:
        if not isinstance(k, slice):
            return "..." if k is Ellipsis else repr(k)
        ends = ["" if n is None else repr(n) for n in (k.start, k.stop)]
        return ":".join([*ends, *([] if k.step is None else [repr(k.step)])])

    return ", ".join(map(one, key)) if isinstance(key, tuple) else one(key)
