"""The callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe.callbacks.callback import Callback
from pyframe.errors import ConfigurationError


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin: function of (epoch, logs).
        on_epoch_end: function of (epoch, logs).
        on_train_begin: function of (logs).
        on_train_end: function of (logs).
        on_train_batch_begin: function of (batch, logs).
        on_train_batch_end: function of (batch, logs).
        **kwargs: functions for other hooks of `Callback`, by name; other names become
            attributes of the object.

    Raises:
        ConfigurationError: if what stands for a hook cannot be called.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, value in {**kwargs, **hooks}.items():
            if value is None:
                continue
            if hasattr(Callback, name) and not callable(value):
                raise ConfigurationError(f"`{name}` must be a function. Received: {value!r}")
            setattr(self, name, value)
