"""What the place that text goes to can show."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def is_interactive(stream: TextIO | None) -> bool:
    """Whether a line written to `stream` can be overwritten: a terminal or a notebook."""
    if stream is None or stream.closed:
        return False
    if "PYCHARM_HOSTED" in os.environ or type(stream).__module__.startswith("ipykernel"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def shows_colour(stream: TextIO | None) -> bool:
    """Whether colour codes may be written (see no-color.org)."""
    return is_interactive(stream) and not os.environ.get("NO_COLOR")


def shows_unicode(stream: TextIO | None = None) -> bool:
    """Whether `stream` (standard output if None) can write box-drawing characters."""
    stream = sys.stdout if stream is None else stream
    try:
        "\u2501\u253b\u2514".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
