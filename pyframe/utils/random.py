"""The one source of random numbers: a counter-based generator that `set_random_seed` restarts.

Every consumer (initializer, shuffle, dropout layer ...) asks for a stream of its own, which is a
pure function of (seed, number of the stream). So results do not depend on threads or on how many
numbers another consumer drew.

Source of the generator: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import operator
import random
import secrets
import threading
from typing import Any, cast

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from pyframe.errors import ConfigurationError


class _Key(ISeedSequence):
    """Gives the key as it is; Philox(key=...) would ask the system for entropy all the same."""

    def __init__(self, key: tuple[int, int]) -> None:
        self.key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return np.array(self.key[:n_words], dtype)


_lock = threading.Lock()
_state = {"seed": -1, "streams": 0}  # -1: not chosen yet
_chosen_by_user = False


def check_seed(seed: int) -> int:
    """Returns the seed as a Python integer.

    Raises:
        ConfigurationError: if it is not an integer in [0, 2**32).
    """
    try:
        value = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        value = -1
    if not 0 <= value < 2**32:
        raise ConfigurationError(
            f"`seed` must be an integer from 0 to {2**32 - 1}. Received: {seed!r}"
        )
    return value


def set_random_seed(seed: int) -> None:
    """Makes everything random in pyframe, and in `random` and `np.random`, repeatable.

    Weights, shuffling and dropout masks that follow are the same in every run on the same
    machine, for any number of threads.

    Args:
        seed: integer from 0 to 2**32 - 1.

    Raises:
        ConfigurationError: for anything else.
    """
    global _chosen_by_user
    value = check_seed(seed)
    random.seed(value)
    np.random.seed(value)  # noqa: NPY002 - the user's own NumPy code shall repeat as well
    with _lock:
        _state.update(seed=value, streams=0)
        _chosen_by_user = True


def restart_streams() -> None:
    """Goes back to the state after the last `set_random_seed`; without one, to a new seed."""
    with _lock:
        _state.update(seed=_state["seed"] if _chosen_by_user else -1, streams=0)


def next_generator() -> np.random.Generator:
    """Returns a NumPy generator with the next unused stream of random numbers."""
    with _lock:
        if _state["seed"] < 0:
            _state["seed"] = secrets.randbits(32)
        key = (_state["seed"], _state["streams"])
        _state["streams"] += 1
    return np.random.Generator(np.random.Philox(cast(Any, _Key(key))))


def get_stream_state() -> list[int]:
    """Returns (seed, number of streams drawn), from which `set_stream_state` goes on."""
    with _lock:
        return [_state["seed"], _state["streams"]]


def set_stream_state(state: list[int]) -> None:
    """Goes on from what `get_stream_state` returned."""
    seed, streams = (int(n) for n in state)
    with _lock:
        _state.update(seed=seed, streams=streams)


def next_seed() -> int:
    """Returns a seed from 0 to 2**32 - 1, drawn from the next stream."""
    return int(next_generator().integers(2**32))


def seeded_generator(seed: int | None) -> np.random.Generator:
    """Returns a generator that repeats for the same `seed`, or the next stream if it is None."""
    if seed is None:
        return next_generator()
    return np.random.Generator(np.random.Philox(key=check_seed(seed)))
