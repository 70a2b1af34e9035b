"""All callbacks of one run, behind one interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe.callbacks.callback import Callback, Logs
from pyframe.callbacks.history import History
from pyframe.callbacks.progbar_logger import ProgbarLogger
from pyframe.errors import ConfigurationError

_BATCH_HOOKS = {
    "train": ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


def _flatten(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, (list, tuple)):
        return [callback for item in callbacks for callback in _flatten(item)]
    return [callbacks]


def _check(callback: Any) -> Any:
    # Classes written for another framework work if they have the hooks.
    is_class = isinstance(callback, type)
    if is_class or not all(hasattr(callback, name) for name in ("set_model", "on_epoch_end")):
        hint = f" Write {callback.__name__}() with parentheses." if is_class else ""
        raise ConfigurationError(
            f"`callbacks` must hold pyframe.callbacks.Callback objects. Received: {callback!r}"
            + hint
        )
    return callback


def _overrides(callback: Any, name: str) -> bool:
    if name in vars(callback):
        return True
    own = getattr(type(callback), name, None)
    return own is not None and own is not getattr(Callback, name)


class CallbackList:
    """Calls every callback in turn: those of the user, then History, then the progress bar.

    Args:
        callbacks: None, a callback, or callbacks in (nested) lists.
        model: the model; may be None in tests of callbacks.
        params: "epochs" and "steps" of the run (steps None if unknown), and more if wanted.
        add_history: whether to append a `History`, unless one is given.
        add_progbar: whether to append a `ProgbarLogger`, unless one is given.
        verbose: 0, 1, 2 or "auto"; becomes `params["verbose"]`.

    Attributes:
        history: the `History`, or None.

    Raises:
        ConfigurationError: if something else than a callback is given.
    """

    def __init__(
        self,
        callbacks: Any = None,
        model: Any = None,
        params: Mapping[str, Any] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        verbose: int | str = 1,
    ) -> None:
        self.callbacks = [_check(callback) for callback in _flatten(callbacks)]
        self.history = self._find_or_add(History, add_history)
        self._progbar = self._find_or_add(ProgbarLogger, add_progbar)
        self.params: dict[str, Any] = {"verbose": verbose, **(params or {})}
        self.model = model
        for callback in self.callbacks:
            if model is not None:
                callback.set_model(model)
            callback.set_params(self.params)

    def _find_or_add(self, kind: type[Any], add: bool) -> Any:
        for callback in self.callbacks:
            if isinstance(callback, kind):
                return callback
        if not add:
            return None
        self.callbacks.append(kind())
        return self.callbacks[-1]

    def needs_batches(self, mode: str) -> bool:
        """Tells whether some callback wants to be called at every batch.

        Progress bars do not count: they are content with `progress`.

        Args:
            mode: "train", "test" or "predict".
        """
        return any(
            _overrides(callback, hook)
            for callback in self.callbacks
            if type(callback) is not ProgbarLogger and not getattr(callback, "skips_batches", False)
            for hook in _BATCH_HOOKS[mode]
        )

    def on_invalid_loss(self, batch: int, loss: float) -> None:
        """Tells the callbacks that want to know of the first loss that is not finite."""
        for callback in self.callbacks:
            if hasattr(callback, "on_invalid_loss"):
                callback.on_invalid_loss(batch, loss)

    @property
    def wants_progress(self) -> bool:
        """Whether a bar is on the screen; without one `progress` does nothing."""
        return self._progbar is not None and self._progbar.wants_progress

    def progress(self, step: int, logs: Logs | None = None) -> None:
        """Redraws the bar between stretches of steps; calls no hook.

        Args:
            step: number of steps done in this epoch.
            logs: metrics so far.
        """
        if self._progbar is not None:
            self._progbar.progress(step, _sorted(logs))

    def close(self) -> None:
        """Leaves an unfinished bar as it is; to be called when a run ends with an error."""
        if self._progbar is not None:
            self._progbar.close()

    def _call(self, hook: str, *args: Any, logs: Logs | None) -> None:
        # One dictionary for all: what one callback adds to it is seen by the next.
        logs = _sorted(logs)
        for callback in self.callbacks:
            getattr(callback, hook)(*args, logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_epoch_begin", epoch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_epoch_end", epoch, logs=logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_train_batch_begin", batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_train_batch_end", batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_test_batch_begin", batch, logs=logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_test_batch_end", batch, logs=logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_predict_batch_begin", batch, logs=logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_predict_batch_end", batch, logs=logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_train_begin", logs=logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_train_end", logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_test_begin", logs=logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_test_end", logs=logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_predict_begin", logs=logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Calls the hook of every callback."""
        self._call("on_predict_end", logs=logs)


def _sorted(logs: Logs | None) -> Logs:
    return {name: logs[name] for name in sorted(logs)} if logs else {}
