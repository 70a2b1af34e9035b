"""What Keras's files have no place for: random streams, counters, the state of a training.

It goes to a group of its own, `pyframe`, which Keras ignores: JSON in the dataset `json`, with a
number in the place of each array, and the arrays under their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError
from pyframe.ops.dtypes import Array
from pyframe.ops.tensor import Variable
from pyframe.saving.hdf5 import Group
from pyframe.saving.json_text import parse_json
from pyframe.saving.keras3 import own_weights, walk

_GROUP = "pyframe"
_ARRAY = "$array"


def random_states(model: Any) -> dict[str, Variable]:
    """Returns the variables behind random numbers, and others that are no weights, by key.

    Args:
        model: a model.
    """
    model.random_state()
    found: dict[str, Variable] = {}
    for path, layer in walk(model):
        own = {id(w) for w in own_weights(layer)}
        for name, value in vars(layer).items():
            if isinstance(value, Variable) and id(value) not in own:
                found[f"{path}/{name}" if path else name] = value
    return found


def restore_random(model: Any, state: Mapping[str, Any], refuse: Any) -> None:
    """Restores the variables of `random_states`; those that the state lacks are left alone.

    Args:
        model: a model.
        state: what `read_state` returned.
        refuse: makes an error from the text that says what is wrong.
    """
    stored, own = state.get("random"), random_states(model)
    if not isinstance(stored, dict):
        return
    found = {key: stored[key] for key in own if key in stored}
    if any(getattr(value, "shape", None) != own[key].shape for key, value in found.items()):
        raise refuse("has random states that do not fit the model")
    for key, value in found.items():
        own[key].assign(value)


def write_state(h5: Any, state: Mapping[str, Any]) -> None:
    """Adds the state to an open file.

    Args:
        h5: root group of h5py.
        state: nested dictionaries (with strings as keys), lists, numbers, strings and arrays.

    Raises:
        ConfigurationError: if there is something else in it.
    """
    arrays: list[Array] = []
    text = json.dumps(_pack(state, arrays)).encode("ascii")
    group = h5.create_group(_GROUP)
    group.create_dataset("json", data=np.frombuffer(text, np.uint8))
    for i, array in enumerate(arrays):
        group.create_dataset(str(i), data=array)


def read_state(root: Group) -> dict[str, Any]:
    """Returns the state in a file, {} if it has none.

    Raises:
        ModelFormatError: if it is damaged.
    """
    group = root.get(_GROUP)
    if not isinstance(group, Group):
        return {}
    text = group.dataset("json").read().tobytes()
    source = group.dataset("json").source
    try:
        data = parse_json(source, text.decode("ascii"), "state")
    except UnicodeDecodeError as error:
        raise source.refuse(f"has an unreadable state: {error}") from error
    if not isinstance(data, dict):
        raise source.refuse("has a damaged state")
    unpacked: dict[str, Any] = _unpack(data, group)
    return unpacked


def _pack(value: Any, arrays: list[Array]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)
        arrays.append(array)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(value, (list, tuple)):
        return [_pack(v, arrays) for v in value]
    if isinstance(value, Mapping):
        if _ARRAY in value or not all(isinstance(k, str) for k in value):
            raise ConfigurationError(f"A dictionary with such keys cannot be saved: {list(value)}")
        return {k: _pack(v, arrays) for k, v in value.items()}
    raise ConfigurationError(f"A value of type {type(value).__name__} cannot be saved: {value!r}")


def _unpack(value: Any, group: Group) -> Any:
    if isinstance(value, list):
        return [_unpack(v, group) for v in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return group.dataset(str(value[_ARRAY])).read()
    return {k: _unpack(v, group) for k, v in value.items()}
