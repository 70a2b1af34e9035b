"""The progress of a loop: a bar that is redrawn in place, or one line at its end."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, TextIO

import numpy as np

from pyframe.utils._terminal import is_interactive, shows_colour, shows_unicode

REFRESH_SECONDS = 0.05
BAR_WIDTH = 20
FALLBACK_COLUMNS = 80


def format_value(value: Any) -> str:
    """Returns a metric in four decimals, or in scientific notation if it is small."""
    number = float(np.mean(value))
    return f"{number:.4f}" if abs(number) > 1e-3 else f"{number:.4e}"


def format_logs(logs: Mapping[str, Any]) -> str:
    """Returns ` - name: value` for each entry."""
    return "".join(f" - {name}: {format_value(value)}" for name, value in logs.items())


def format_duration(seconds: float) -> str:
    """Returns the time of one step with a fitting unit: `8ms`."""
    if seconds >= 1 or seconds <= 0:
        return f"{max(seconds, 0.0):.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def format_clock(seconds: float) -> str:
    """Returns a waiting time: `12s`, `3:05` or `1:02:03`."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}" if minutes else f"{rest}s"


class Progress:
    """Progress of one epoch, evaluation or prediction.

    On a terminal or in a notebook a bar is redrawn at most 20 times a second; elsewhere one line
    is written at the end, without control characters.

    Args:
        steps: number of steps, or None while it is unknown.
        bar: True for the bar (if the stream can show one), False for the line.
        title: text in front of the line, or above the bar; may be empty.
        stream: where to write; None means the present `sys.stdout`.
    """

    def __init__(
        self, steps: int | None, bar: bool = True, title: str = "", stream: TextIO | None = None
    ) -> None:
        self.steps = steps
        self.title = title
        self._stream = sys.stdout if stream is None else stream
        self.is_bar = bar and is_interactive(self._stream)
        self._start = time.perf_counter()
        self._drawn = -1.0
        self._bar: Any = None
        if self.is_bar and title:
            self._write(title + "\n")

    def update(self, done: int, logs: Mapping[str, Any] | None = None) -> None:
        """Redraws the bar if it is time to.

        Args:
            done: number of steps done so far.
            logs: values to show.
        """
        now = time.perf_counter()
        if self.is_bar and now - self._drawn >= REFRESH_SECONDS:
            self._drawn = now
            self._draw(done, now, logs or {}, last=False)

    def finish(self, done: int, logs: Mapping[str, Any] | None = None) -> None:
        """Draws the bar for the last time, or writes the line.

        Args:
            done: number of steps done.
            logs: values to show.
        """
        now = time.perf_counter()
        if self.is_bar:
            self._draw(done, now, logs or {}, last=True)
            self._bar.close()
            return
        each = format_duration((now - self._start) / max(done, 1))
        title = f"{self.title} - " if self.title else ""
        line = f"{title}{done}/{self.steps or done} - {now - self._start:.0f}s - {each}/step"
        self._write(f"{line}{format_logs(logs or {})}\n")

    def close(self) -> None:
        """Leaves the bar as it is, e.g. after an error; does nothing if it is finished."""
        if self._bar is not None:
            self._bar.close()

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()

    def _draw(self, done: int, now: float, logs: Mapping[str, Any], last: bool) -> None:
        if self._bar is None:
            self._bar = _make_bar(self.steps, self._stream)
        each = (now - self._start) / done if done else 0.0
        clock = f"{now - self._start:.0f}s"
        if not last and self.steps:
            clock = format_clock(each * (self.steps - done))
        if last and self.steps is None:
            self._bar.total = done
            self._bar.bar_format = _bar_format(done)
        self._bar.n = done
        # A line that is redrawn must not wrap; the last one, drawn by `close`, may.
        self._bar.ncols = _columns(self._stream) if not last else None
        text = f"{clock} {format_duration(each)}/step{format_logs(logs)}"
        self._bar.set_description_str(text, refresh=not last)


def _columns(stream: TextIO) -> int | None:
    if not stream.isatty():
        return None
    columns = shutil.get_terminal_size((FALLBACK_COLUMNS, 24)).columns
    # Some pseudo-terminals say that they have no columns, or one: a bar that fits is empty.
    return (columns if columns > 1 else FALLBACK_COLUMNS) - 1


def _bar_format(steps: int | None) -> str:
    if not steps:
        return "{n_fmt:>7}/Unknown {desc}"
    return f"{{n_fmt:>{len(str(steps))}}}/{steps} {{bar:{BAR_WIDTH}}} {{desc}}"


def _make_bar(steps: int | None, stream: TextIO) -> Any:
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        """A tqdm bar without the monitor thread and the lock shared between processes."""

        monitor_interval = 0

    Bar.set_lock(threading.RLock())
    return Bar(
        total=steps,
        file=stream,
        bar_format=_bar_format(steps),
        ascii="\u2500\u2501" if shows_unicode(stream) else ".=",
        colour="green" if shows_colour(stream) else None,
        mininterval=REFRESH_SECONDS,
        ncols=_columns(stream),
        nrows=24,  # tqdm draws nothing on a terminal that says it has no rows
        position=0,
    )
