"""Names that objects get when the user gives none: `dense`, `dense_1`, `max_pooling2d`."""

from __future__ import annotations

import re
import threading
from collections import defaultdict

_counts: defaultdict[str, int] = defaultdict(int)
_lock = threading.Lock()


def to_snake_case(name: str) -> str:
    """Turns a class name into the name used for its objects, e.g. LeakyReLU to leaky_re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """Returns the next free name for an object of this class; counting starts at the second."""
    name = to_snake_case(class_name)
    with _lock:
        count = _counts[name]
        _counts[name] += 1
    return f"{name}_{count}" if count else name


def reset_names() -> None:
    """Restarts all counters, as `pyframe.utils.clear_session()` does."""
    with _lock:
        _counts.clear()
