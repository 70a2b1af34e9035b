import io
import os
import re
from contextlib import redirect_stdout
from typing import Any

import pytest

from pyframe.callbacks import CallbackList
from pyframe.utils import progress
from pyframe.utils._terminal import is_interactive, shows_colour, shows_unicode

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Screen(io.StringIO):
    """A terminal in memory."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> list[str]:
        """The lines as a reader sees them at the end, without colours."""
        lines = COLOUR.sub("", self.getvalue()).split("\n")
        return [line.rsplit("\r", 1)[-1].rstrip() for line in lines]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "PYCHARM_HOSTED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.0)
    return Screen()


@pytest.fixture
def plain_file(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.delenv("PYCHARM_HOSTED", raising=False)
    return io.StringIO()


def run_epochs(
    stream: Any, epochs: int, steps: int | None, verbose: int | str, seen: int = 12
) -> CallbackList:
    with redirect_stdout(stream):
        return _run_epochs(epochs, steps, verbose, seen)


def _run_epochs(epochs: int, steps: int | None, verbose: int | str, seen: int) -> CallbackList:
    callbacks = CallbackList(
        params={"epochs": epochs, "steps": steps}, add_progbar=True, verbose=verbose
    )
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        for step in range(1, seen + 1):
            callbacks.progress(step, {"loss": 2.0 / step, "accuracy": 0.5})
        callbacks.on_test_begin()
        callbacks.on_test_batch_end(0, {"loss": 9.0})
        callbacks.on_test_end({"loss": 9.0})
        callbacks.on_epoch_end(epoch, {"loss": 0.25, "accuracy": 0.75, "val_loss": 0.0005})
    callbacks.on_train_end()
    return callbacks


METRICS = r" - accuracy: 0\.7500 - loss: 0\.2500 - val_loss: 5\.0000e-04"


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_bar_on_a_terminal(screen: Screen, verbose: int | str) -> None:
    run_epochs(screen, 2, 12, verbose)
    lines = screen.shown
    assert lines[0] == "Epoch 1/2"
    assert re.fullmatch(rf"12/12 ━{{20}} 0s \d+(us|ms|s)/step{METRICS}", lines[1])
    assert lines[2] == "Epoch 2/2"
    assert lines[4:] == [""]
    assert "\x1b[32m" in screen.getvalue()
    assert " 6/12 ━━━━━━━━━━──────────" in COLOUR.sub("", screen.getvalue())


def test_no_title_for_one_epoch(screen: Screen) -> None:
    run_epochs(screen, 1, 12, 1)
    assert screen.shown[0].startswith("12/12 ━")


def test_only_the_last_line_may_be_longer_than_the_terminal(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    run_epochs(screen, 1, 12, 1)
    *drawn, last, _ = COLOUR.sub("", screen.getvalue()).replace("\n", "\r").split("\r")
    assert max(map(len, drawn)) == 49
    assert last.endswith("val_loss: 5.0000e-04")


def test_a_terminal_of_unknown_size(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    run_epochs(screen, 1, 12, 1)
    assert " 6/12 ━━━━━━━━━━──────────" in COLOUR.sub("", screen.getvalue())


def test_no_color_is_respected(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    run_epochs(screen, 1, 12, 1)
    assert not COLOUR.search(screen.getvalue())
    assert "━" in screen.getvalue()


def test_a_stream_without_unicode_gets_ascii(screen: Screen) -> None:
    screen.encoding = "latin-1"
    run_epochs(screen, 1, 12, 1)
    assert screen.getvalue().isascii()
    assert "12/12 ====================" in screen.shown[0]


def test_unknown_number_of_steps(screen: Screen) -> None:
    run_epochs(screen, 2, None, 1)
    first, second = screen.shown[1], screen.shown[3]
    assert "     3/Unknown " in screen.getvalue()
    assert first.startswith("12/12 ━")
    assert second.startswith("12/12 ━")


def test_evaluate_and_predict(screen: Screen) -> None:
    with redirect_stdout(screen):
        callbacks = CallbackList(params={"epochs": 1, "steps": 2}, add_progbar=True)
        callbacks.on_test_begin()
        callbacks.on_test_batch_end(0, {"loss": 1.0})
        callbacks.on_test_batch_end(1, {"loss": 1.0})
        callbacks.on_test_end({"loss": 1.0})
        callbacks.on_predict_begin()
        callbacks.on_predict_batch_end(1, {"outputs": [1, 2]})
        callbacks.on_predict_end()
    assert re.fullmatch(r"2/2 ━{20} 0s \d+(us|ms)/step - loss: 1\.0000", screen.shown[0])
    assert re.fullmatch(r"2/2 ━{20} 0s \d+(us|ms)/step", screen.shown[1])


def test_a_bar_left_by_an_error_is_closed(screen: Screen) -> None:
    with redirect_stdout(screen):
        callbacks = CallbackList(params={"epochs": 1, "steps": 9}, add_progbar=True)
        callbacks.on_epoch_begin(0)
        callbacks.progress(3, {"loss": 1.0})
        callbacks.close()
    assert screen.getvalue().endswith("\n")
    callbacks.close()


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_one_line_an_epoch_elsewhere(plain_file: io.StringIO, verbose: int | str) -> None:
    callbacks = run_epochs(plain_file, 3, 12, verbose)
    text = plain_file.getvalue()
    assert not CONTROL.search(text)
    lines = text.splitlines()
    assert len(lines) == 3
    for i, line in enumerate(lines):
        assert re.fullmatch(rf"Epoch {i + 1}/3 - 12/12 - 0s - \d+(us|ms|s)/step{METRICS}", line)
    with redirect_stdout(plain_file):
        assert not callbacks.wants_progress


def test_verbose_2_writes_lines_on_a_terminal_too(screen: Screen) -> None:
    callbacks = run_epochs(screen, 2, 12, 2)
    assert not CONTROL.search(screen.getvalue())
    assert len(screen.getvalue().splitlines()) == 2
    with redirect_stdout(screen):
        assert not callbacks.wants_progress


def test_verbose_0_writes_nothing(screen: Screen) -> None:
    callbacks = run_epochs(screen, 2, 12, 0)
    assert screen.getvalue() == ""
    with redirect_stdout(screen):
        assert not callbacks.wants_progress
        assert CallbackList(add_progbar=True, verbose=1).wants_progress
        assert not CallbackList(verbose=1).wants_progress


def test_a_dumb_terminal_gets_lines(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    run_epochs(screen, 1, 12, 1)
    assert not CONTROL.search(screen.getvalue())


def test_no_output_stream_at_all() -> None:
    run_epochs(None, 1, 12, 1)
    assert not is_interactive(None)
    with redirect_stdout(None):
        assert not shows_unicode()


def test_refresh_is_limited(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 3600.0)
    run_epochs(screen, 1, 500, 1, seen=500)
    assert screen.getvalue().count("\r") < 10


def test_terminal_questions(screen: Screen, plain_file: io.StringIO, monkeypatch: Any) -> None:
    assert is_interactive(screen)
    assert shows_colour(screen)
    assert not is_interactive(plain_file)
    assert not shows_colour(plain_file)
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    assert is_interactive(plain_file)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "0.2500"),
        (-2, "-2.0000"),
        (0.0005, "5.0000e-04"),
        (0, "0.0000e+00"),
        ([1, 2], "1.5000"),
    ],
)
def test_format_value(value: Any, text: str) -> None:
    assert progress.format_value(value) == text


def test_format_times() -> None:
    assert [progress.format_duration(s) for s in (0, 3.2, 0.012, 45e-6)] == [
        "0s",
        "3s",
        "12ms",
        "45us",
    ]
    assert [progress.format_clock(s) for s in (12, 185, 3723)] == ["12s", "3:05", "1:02:03"]


@pytest.mark.parametrize("columns", [0, 1])
def test_a_terminal_that_says_it_has_no_columns(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    size = os.terminal_size((columns, 0))
    monkeypatch.setattr("shutil.get_terminal_size", lambda fallback=(80, 24): size)
    run_epochs(screen, 1, 12, 1)
    assert "12/12" in screen.shown[0]
    assert "loss" in screen.shown[0]
    assert not any(line == "" for line in screen.shown[:-1])
