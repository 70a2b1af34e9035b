"""Arguments of Keras 1 and 2 under their present names."""

from __future__ import annotations

from typing import Any

from pyframe.errors import ConfigurationError, warn

_RENAMED = {
    "nb_epoch": "epochs",
    "nb_worker": "workers",
    "max_q_size": "max_queue_size",
    "pickle_safe": "use_multiprocessing",
}
_COUNTED_IN_SAMPLES = {
    "samples_per_epoch": "steps_per_epoch",
    "nb_val_samples": "validation_steps",
    "val_samples": "steps",
}
_WORKERS = ("workers", "max_queue_size", "use_multiprocessing")


def old_arguments(method: str, given: dict[str, Any], *allowed: str) -> dict[str, Any]:
    """Returns arguments under their present names.

    Args:
        method: whose arguments they are, for error texts.
        given: what was given beyond the present arguments.
        *allowed: present names that may come out, besides those of workers.

    Raises:
        ConfigurationError: for an unknown name, or one that counts samples.
    """
    found = {}
    for name, value in given.items():
        new = _RENAMED.get(name, name)
        if name in _COUNTED_IN_SAMPLES:
            raise ConfigurationError(
                f"`{name}` counted samples; give `{_COUNTED_IN_SAMPLES[name]}`, the number of "
                f"batches: {value!r} divided by the batch size."
            )
        if new not in (*_WORKERS, *allowed):
            raise ConfigurationError(f"{method} has no argument `{name}`.")
        if new != name:
            warn(f"`{name}` is the old name of `{new}`; it is used.")
        found[new] = value
    if found.pop("use_multiprocessing", False):
        warn("`use_multiprocessing` has no effect: the workers are threads.")
    for name in ("workers", "max_queue_size"):
        value = found.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise ConfigurationError(f"`{name}` must be an integer. Received: {value!r}")
    return found
