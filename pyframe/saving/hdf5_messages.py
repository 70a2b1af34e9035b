"""Messages in the headers of HDF5 objects: shapes, number types, storage, attributes.

Follows the HDF5 File Format Specification, version 3.0, chapter IV.A.2. Only what Keras and h5py
write is understood; everything else is refused, above all what refers to other files.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyframe.errors import ResourceLimitError, UnsafeModelError
from pyframe.saving.source import Source

UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32"}
_MAX_RANK = 32
_MAX_TEXT = 64 << 20
_ADDRESS = struct.Struct("<Q")
_PAIR = struct.Struct("<QQ")
_REFERENCE = struct.Struct("<LQL")


@dataclass
class Storage:
    """Where the numbers of a dataset are.

    Attributes:
        kind: "compact", "contiguous" or "chunked".
        address: position in the file; of the index for chunks.
        size: number of bytes, 0 for chunks.
        chunk: shape of a chunk.
    """

    kind: str
    address: int
    size: int = 0
    chunk: tuple[int, ...] = ()


def padded(size: int) -> int:
    """Returns the next multiple of 8."""
    return -(-size // 8) * 8


def shape_of(source: Source, data: bytes) -> tuple[int, ...]:
    """Reads a dataspace message: () for a single number."""
    version, rank, flags = data[:3]
    if version not in (1, 2) or rank > _MAX_RANK or flags & ~1:
        raise source.refuse("has an unknown kind of shape")
    if version == 2 and data[3] not in (0, 1):
        raise source.refuse("has a dataset without numbers")
    start = 8 if version == 1 else 4
    return struct.unpack_from(f"<{rank}Q", data, start)


def type_of(source: Source, data: bytes) -> np.dtype[Any] | None:
    """Reads a datatype message: a NumPy type, None for a text of variable length."""
    kind, version, bits, size = (
        data[0] & 15,
        data[0] >> 4,
        data[1],
        struct.unpack_from("<L", data, 4)[0],
    )
    if version not in (1, 2, 3):
        raise source.refuse("has an unknown kind of numbers")
    order = ">" if bits & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8):
        _, precision = struct.unpack_from("<HH", data, 8)
        if precision == 8 * size:
            return np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}")
    if kind == 1 and size in (2, 4, 8) and not bits & 0x40:
        layout = struct.unpack_from("<HHBBBBL", data, 8)
        if layout == _FLOATS[size]:
            return np.dtype(f"{order}f{size}")
    if kind == 3 and 0 < size <= _MAX_TEXT:
        return np.dtype(f"S{size}")
    if kind == 9 and bits & 15 == 1 and size == 16:
        return None
    raise source.refuse("has numbers of an unknown kind (neither integers nor floats nor texts)")


_FLOATS = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}


def storage_of(source: Source, data: bytes, begin: int) -> Storage:
    """Reads a layout message; `begin` is its position in the file."""
    version, kind = data[:2]
    if version not in (3, 4):
        raise source.refuse("has a dataset in the layout of another version of HDF5")
    if kind == 0:
        return Storage("compact", begin + 4, struct.unpack_from("<H", data, 2)[0])
    if kind == 1:
        return Storage("contiguous", *_PAIR.unpack_from(data, 2))
    if kind == 2 and version == 3:
        sizes = struct.unpack_from(f"<{data[2]}L", data, 11)
        return Storage("chunked", _ADDRESS.unpack_from(data, 3)[0], 0, tuple(sizes[:-1]))
    if kind == 3:
        raise source.refuse(
            "has a virtual dataset, whose numbers are in other files", UnsafeModelError
        )
    raise source.refuse("has a dataset in the layout of another version of HDF5")


def filters_of(source: Source, data: bytes) -> list[int]:
    """Reads a filter message: numbers of the filters, in the order of writing."""
    version, count = data[:2]
    place = 8 if version == 1 else 2
    found = []
    for _ in range(count):
        number, length = struct.unpack_from("<HH", data, place)
        if number not in FILTERS or version not in (1, 2):
            raise source.refuse(f"has a dataset with the filter {number}; known are {FILTERS}")
        if version == 2:  # no name for the filters below 256
            length = 0
            values = struct.unpack_from("<H", data, place + 4)[0]
            place += 6 + 4 * values
        else:
            values = struct.unpack_from("<H", data, place + 6)[0]
            place += 8 + padded(length) + 4 * (values + values % 2)
        found.append(number)
    return found


def attribute_of(
    source: Source, data: bytes, text: Callable[[int, int, int], bytes]
) -> tuple[str, Any]:
    """Reads an attribute message.

    Args:
        source: the file.
        data: the message.
        text: returns the bytes of a text of variable length.

    Returns:
        Name, and a text, a list of texts or an array.
    """
    version, flags = data[:2]
    if version not in (1, 2, 3) or (version > 1 and flags):
        raise source.refuse("has an attribute of an unknown kind")
    sizes = struct.unpack_from("<HHH", data, 2)
    place = 9 if version == 3 else 8
    parts = []
    for size in sizes:
        parts.append(data[place : place + size])
        place += padded(size) if version == 1 else size
    name = parts[0].rstrip(b"\0").decode("utf-8")
    dtype, shape = type_of(source, parts[1]), shape_of(source, parts[2])
    count = math.prod(shape)
    width = 16 if dtype is None else dtype.itemsize
    if count * width > len(data) - place:
        raise source.refuse(f"has an attribute {name!r} larger than its space")
    if dtype is not None and dtype.kind != "S":
        return name, np.frombuffer(data, dtype, count, place).reshape(shape)
    if dtype is not None:
        texts = [data[place + i * width :][:width].rstrip(b"\0") for i in range(count)]
    else:
        references = [_REFERENCE.unpack_from(data, place + 16 * i) for i in range(count)]
        if sum(length for length, _, _ in references) > _MAX_TEXT:
            raise source.refuse(f"has an attribute {name!r} that is too large", ResourceLimitError)
        texts = [text(*reference) if reference[0] else b"" for reference in references]
    found = [t.rstrip(b"\0").decode("utf-8") for t in texts]
    return name, found if shape else found[0]
