"""The loop over the batches of one epoch, with its callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyframe.models.feeds import Advance, Feed, StepOf
from pyframe.models.resume import TrainingRun
from pyframe.models.steps import Totals


class EpochLoop:
    """Runs epochs over one feed.

    Args:
        feed: where the batches come from.
        step_of: gives the traced step for a kind of batch.
        mode: "train" or "test", which hooks are called.
        callbacks: the CallbackList, or None.
        on_bad_loss: called at the first loss that is not finite; returns whether to go on. None
            if losses are not watched.
        stopped: tells whether a callback asked to stop.
        training: what is told of each batch, and where an interrupted epoch goes on; None to
            evaluate.
    """

    def __init__(
        self,
        feed: Feed,
        step_of: StepOf,
        mode: str,
        callbacks: Any = None,
        on_bad_loss: Callable[[int, Advance], bool] | None = None,
        stopped: Callable[[], bool] = lambda: False,
        training: TrainingRun | None = None,
    ) -> None:
        self.feed = feed
        self._step_of = step_of
        self._callbacks = callbacks
        self._on_bad_loss = on_bad_loss
        self._stopped = stopped
        self._training = training
        self._each = callbacks is not None and callbacks.needs_batches(mode)
        self._begin = getattr(callbacks, f"on_{mode}_batch_begin", None)
        self._end = getattr(callbacks, f"on_{mode}_batch_end", None)

    def run(self, show: bool = True) -> tuple[Totals | None, int]:
        """Runs one epoch.

        Args:
            show: whether to move the progress bar.

        Returns:
            The sums over the batches (None without any) and the number of batches.
        """
        totals, done = self._resumed()
        if not done:
            self.feed.start_epoch()
        shows = show and self._callbacks is not None and self._callbacks.wants_progress
        while self.feed.has_more():
            if self._each and self._begin is not None:
                self._begin(done)
            watch = self._on_bad_loss is not None
            advance = self.feed.advance(self._step_of, self._each, totals, watch)
            totals = advance.totals
            done += advance.steps
            go_on = True
            if not advance.finite and self._on_bad_loss is not None:
                go_on = self._on_bad_loss(done - 1, advance)
                self._on_bad_loss = None
            if self._each and self._end is not None:
                self._end(done - 1, totals.logs())
            elif shows:
                self._callbacks.progress(done, totals.logs())
            if self._each and self._training is not None:
                self._training.after_batch(done, totals)
            if not go_on or (self._each and self._stopped()):
                break
        self.feed.end_epoch()
        return totals, done

    def _resumed(self) -> tuple[Totals | None, int]:
        training = self._training
        if training is None or not training.batch:
            return None, 0
        return training.begin_totals(lambda: Totals(self._step_of(self.feed.spec)))
