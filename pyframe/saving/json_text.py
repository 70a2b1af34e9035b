"""JSON from files that nobody vouches for."""

from __future__ import annotations

import json
import re
from typing import Any

from pyframe.errors import ResourceLimitError
from pyframe.saving.source import Source

_MAX_TOKENS = 400_000
_MAX_DEPTH = 200
MAX_BYTES = 16 << 20


def parse_json(source: Source, text: str, what: str) -> Any:
    """Returns the plain data of a JSON text.

    Args:
        source: the file, for error texts.
        text: the text.
        what: what it is, for error texts.

    Raises:
        ModelFormatError: if it is no proper JSON, or has a key twice.
        ResourceLimitError: if it is too large or nested too deeply.
    """
    if len(text) > MAX_BYTES:
        raise source.refuse(f"has too large a {what}", ResourceLimitError)
    # Every value needs one of these characters, so that their number limits the memory.
    if sum(map(text.count, ",[{")) > _MAX_TOKENS or text.count('"') > 4 * _MAX_TOKENS:
        raise source.refuse(f"has too large a {what}", ResourceLimitError)
    if _depth(text) > _MAX_DEPTH:
        raise source.refuse(f"has too deep a nesting in its {what}", ResourceLimitError)
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise source.refuse(f"has an unreadable {what}: {error}") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _depth(text: str) -> int:
    # Brackets inside strings do not count. A pattern for whole strings would need a stack.
    depth = deepest = 0
    inside = False
    for mark in re.finditer(r'["\[{\]}]', text.replace("\\\\", "").replace('\\"', "")):
        kind = mark[0]
        if kind == '"':
            inside = not inside
        elif not inside:
            depth += 1 if kind in "[{" else -1
            deepest = max(deepest, depth)
    return deepest
