"""Headers of HDF5 objects, members of groups, and texts.

Follows the HDF5 File Format Specification, version 3.0, chapters III and IV.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from pyframe.errors import ModelFormatError, UnsafeModelError
from pyframe.saving.hdf5_messages import UNDEFINED, attribute_of, padded
from pyframe.saving.source import Source

OTHER_VERSION = "was written with a newer file format of HDF5 than Keras's (libver='latest')"
_ADDRESS = struct.Struct("<Q")
_NODE = struct.Struct("<4sBBHQQ")
_SYMBOL = struct.Struct("<QQLL16s")
_HEAP = struct.Struct("<4sB3xQQQ")
_COLLECTION = struct.Struct("<4sB3xQ")
_OBJECT = struct.Struct("<HH4xQ")
_BLOCK = struct.Struct("<QQ")
_MAX_BLOCKS = 10_000
_MAX_LEVEL = 16
_BROKEN = (
    struct.error, LookupError, ValueError, UnicodeDecodeError, OverflowError, TypeError, zlib.error,
    RecursionError, MemoryError,
)  # fmt: skip


class guarded:
    """Turns whatever a damaged file leads to into a ModelFormatError that names the file."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, ModelFormatError) or error is None:
            return
        if isinstance(error, _BROKEN):
            raise self._source.refuse(f"is damaged: {error}") from error


class Header:
    """Messages of an object in a file.

    Args:
        source: the file.
        address: position of the object.

    Attributes:
        found: (position, data) of the messages, by the number of their kind.

    Raises:
        ModelFormatError: if it is damaged.
        UnsafeModelError: if it refers to another file.
    """

    def __init__(self, source: Source, address: int) -> None:
        self._source = source
        self.found: dict[int, list[tuple[int, bytes]]] = {}
        self._attributes: dict[str, Any] | None = None
        start = source.read(address, 16)
        if start[:4] == b"OHDR":
            self._read_new(address, start)
        elif start[0] == 1:
            self._read_old(address, start)
        else:
            raise source.refuse("has a damaged object")
        if 7 in self.found:
            raise source.refuse("has a dataset whose numbers are in another file", UnsafeModelError)

    def _add(self, kind: int, flags: int, position: int, data: bytes) -> None:
        if flags & 2 and kind in (1, 3, 8, 11, 12):
            raise self._source.refuse("has a shared message, which Keras does not write")
        self.found.setdefault(kind, []).append((position, data))

    def _read_old(self, address: int, start: bytes) -> None:
        count = struct.unpack_from("<H", start, 2)[0]
        blocks = [(address + 16, struct.unpack_from("<L", start, 8)[0])]
        for number, (place, size) in enumerate(blocks):
            data = self._source.read(place, size)
            position = 0
            while position + 8 <= size and count:
                kind, length, flags = struct.unpack_from("<HHB", data, position)
                body = data[position + 8 : position + 8 + length]
                if len(body) != length or number > _MAX_BLOCKS:
                    raise self._source.refuse("has a damaged object")
                if kind == 16:
                    blocks.append(_BLOCK.unpack_from(body))
                else:
                    self._add(kind, flags, place + position + 8, body)
                position += 8 + length
                count -= 1

    def _read_new(self, address: int, start: bytes) -> None:
        flags = start[5]
        place = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(self._source.read(place, width), "little")
        blocks = [(place + width, size)]
        head = 6 if flags & 4 else 4
        for number, (where, length) in enumerate(blocks):
            data, position = self._source.read(where, length), 0
            while position + head <= length:
                kind, count, bits = struct.unpack_from("<BHB", data, position)
                body = data[position + head : position + head + count]
                if len(body) != count or number > _MAX_BLOCKS:
                    raise self._source.refuse("has a damaged object")
                if kind == 16:
                    begin, extent = _BLOCK.unpack_from(body)
                    if self._source.read(begin, 4) != b"OCHK" or extent < 8:
                        raise self._source.refuse("has a damaged object")
                    blocks.append((begin + 4, extent - 8))
                else:
                    self._add(kind, bits, where + position + head, body)
                position += head + count

    def one(self, kind: int) -> bytes:
        """Returns the message of a kind of which there must be one."""
        if kind not in self.found:
            raise self._source.refuse("has an incomplete dataset")
        return self.found[kind][0][1]

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes by name."""
        if self._attributes is None:
            if 21 in self.found:
                info = self.one(21)
                if _ADDRESS.unpack_from(info, 2 + 2 * (info[1] & 1))[0] != UNDEFINED:
                    raise self._source.refuse(OTHER_VERSION)
            self._attributes = dict(
                attribute_of(self._source, data, self._text) for _, data in self.found.get(12, ())
            )
        return self._attributes

    def _text(self, length: int, address: int, index: int) -> bytes:
        if address not in self._source.cache:
            self._source.cache[address] = _collection(self._source, address)
        place, count = self._source.cache[address].get(index, (0, -1))
        if length > count:
            raise self._source.refuse("lacks a text")
        return self._source.read(place, length)

    def links(self) -> Iterator[tuple[str, int]]:
        """Yields names and positions of the members of a group.

        Raises:
            UnsafeModelError: if one of them is in another file or at another path.
        """
        if 17 in self.found:
            tree, heap = _BLOCK.unpack_from(self.one(17))
            signature, _, size, _, place = self._source.unpack(_HEAP, heap)
            if signature != b"HEAP":
                raise self._source.refuse("has a damaged group")
            yield from self._symbols(tree, self._source.read(place, size), None)
        if 2 in self.found:
            data = self.one(2)
            if _ADDRESS.unpack_from(data, 2 + 8 * (data[1] & 1))[0] != UNDEFINED:
                raise self._source.refuse(OTHER_VERSION)
        for _, data in self.found.get(6, ()):
            yield self._link(data)

    def _symbols(self, address: int, names: bytes, level: int | None) -> Iterator[tuple[str, int]]:
        depth, count, place = tree_node(self._source, address, 0, level)
        data = self._source.read(place, 16 * count)
        for i in range(count):
            child = _ADDRESS.unpack_from(data, 16 * i + 8)[0]
            if depth:
                yield from self._symbols(child, names, depth)
                continue
            signature, entries = struct.unpack("<4s2xH", self._source.read(child, 8))
            if signature != b"SNOD":
                raise self._source.refuse("has a damaged group")
            table = self._source.read(child + 8, entries * _SYMBOL.size)
            for name, header, kind, _, _ in _SYMBOL.iter_unpack(table):
                if kind == 2:
                    raise self._source.refuse("has a link to another place", UnsafeModelError)
                yield names[name : names.index(b"\0", name)].decode("utf-8"), header

    def _link(self, data: bytes) -> tuple[str, int]:
        flags, place = data[1], 2
        kind = data[place] if flags & 8 else 0
        place += (1 if flags & 8 else 0) + (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
        if kind:
            raise self._source.refuse("has a link to another place", UnsafeModelError)
        width = 1 << (flags & 3)
        length = int.from_bytes(data[place : place + width], "little")
        place += width
        name = data[place : place + length].decode("utf-8")
        return name, _ADDRESS.unpack_from(data, place + length)[0]


def _collection(source: Source, address: int) -> dict[int, tuple[int, int]]:
    # Position and size of the objects of a global heap, by number.
    signature, _, size = source.unpack(_COLLECTION, address)
    if signature != b"GCOL":
        raise source.refuse("has a damaged text")
    data, place, found = source.read(address, size), 16, {}
    while place + 16 <= size:
        number, _, count = _OBJECT.unpack_from(data, place)
        if not number:
            break
        found[number] = (address + place + 16, min(count, size - place - 16))
        place += 16 + padded(count)
    return found


def tree_node(source: Source, address: int, kind: int, level: int | None) -> tuple[int, int, int]:
    """Reads the beginning of a node of an index (a B-tree of version 1).

    Args:
        source: the file.
        address: position of the node.
        kind: 0 for groups, 1 for chunks.
        level: level of the node above; levels go down, so that there is no cycle.

    Returns:
        Level, number of children, and where the keys begin.
    """
    signature, found, depth, count, _, _ = source.unpack(_NODE, address)
    deep = depth > _MAX_LEVEL if level is None else depth != level - 1
    if signature != b"TREE" or found != kind or deep:
        raise source.refuse("has a damaged index")
    return depth, count, address + _NODE.size
