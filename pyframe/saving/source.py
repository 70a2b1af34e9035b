"""Bytes of a file, or of a part of one, with checks of every position."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

from pyframe.errors import ModelFormatError, ResourceLimitError

_METADATA_LIMIT = 48 << 20


class Source:
    """A window on an open file; nothing outside the window can be read.

    Args:
        path: for error texts.
        file: the file, seekable.
        begin: position of the first byte.
        size: number of bytes; up to the end of the file if None.

    Attributes:
        cache: parts that were understood already, by their position.
    """

    def __init__(
        self, path: Path | str, file: BinaryIO, begin: int = 0, size: int | None = None
    ) -> None:
        self.path = path
        self.begin = begin
        self.size = file.seek(0, 2) - begin if size is None else size
        self.cache: dict[int, Any] = {}
        self._file = file
        self._left = _METADATA_LIMIT

    def refuse(self, what: str, kind: type[ModelFormatError] = ModelFormatError) -> Exception:
        """Returns the error that says what is wrong with the file."""
        return kind(f"The file '{self.path}' {what}.")

    def read(self, position: int, count: int) -> bytes:
        """Returns some bytes of the file's structure.

        Raises:
            ModelFormatError: if they are not there, or too much was read already.
        """
        self._left -= count
        if self._left < 0:
            raise self.refuse("has a structure that is too large", ResourceLimitError)
        return self.read_data(position, count)

    def read_data(self, position: int, count: int) -> bytes:
        """Returns some bytes of an array, however many."""
        self.check(position, count)
        self._file.seek(self.begin + position)
        data = self._file.read(count)
        if len(data) != count:
            raise self.refuse("ends too early")
        return data

    def unpack(self, layout: struct.Struct, position: int) -> tuple[Any, ...]:
        """Returns numbers at a position."""
        return layout.unpack(self.read(position, layout.size))

    def read_into(self, position: int, buffer: Any) -> None:
        """Fills a writable buffer of bytes.

        Raises:
            ModelFormatError: if the file ends before.
        """
        self.check(position, len(buffer))
        self._file.seek(self.begin + position)
        done = 0
        while done < len(buffer):
            count = self._file.readinto(buffer[done:])  # type: ignore[attr-defined]
            if not count:
                raise self.refuse("ends too early")
            done += count

    def check(self, position: int, count: int) -> None:
        """Raises an error unless these bytes lie in the window."""
        if not 0 <= position <= position + count <= self.size:
            raise self.refuse("ends too early, or refers to places outside")
