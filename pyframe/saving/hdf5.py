"""Reading HDF5 files, as h5py writes them for Keras, without trusting them.

The HDF5 library itself cannot be relied on to survive a damaged file, and it follows links to
other files. This reader knows groups, attributes and datasets of the format of HDF5 1.0 to 1.6,
which h5py writes by default, and checks every position before it goes there.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from pyframe.errors import IntegrityError, ResourceLimitError
from pyframe.ops.dtypes import Array
from pyframe.saving import hdf5_messages as messages
from pyframe.saving.hdf5_objects import OTHER_VERSION, Header, guarded, tree_node
from pyframe.saving.source import Source

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MAX_DEPTH = 64


class Dataset:
    """An array in a file.

    Attributes:
        shape: its shape.
        dtype: its type, as stored.
        attributes: its attributes by name.
    """

    def __init__(self, source: Source, header: Header) -> None:
        self.attributes = header.attributes
        self.shape = messages.shape_of(source, header.one(1))
        dtype = messages.type_of(source, header.one(3))
        if dtype is None or dtype.kind == "S":
            raise source.refuse("has texts where numbers are expected")
        self.dtype = dtype
        self.source = source
        layout = header.one(8)
        self.storage = messages.storage_of(source, layout, header.found[8][0][0])
        self._filters = messages.filters_of(source, header.one(11)) if 11 in header.found else []
        self._check()

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
        return self.size * int(self.dtype.itemsize)

    def _check(self) -> None:
        source, storage = self.source, self.storage
        if storage.kind == "chunked":
            if len(storage.chunk) != len(self.shape) or not all(storage.chunk):
                raise source.refuse("has chunks of another rank than their dataset")
            stored = source.size
            if self.nbytes > 100 * stored or self.chunk_bytes > max(100 * stored, 1 << 20):
                raise source.refuse(
                    f"has a dataset of {self.nbytes} bytes, but only {stored} bytes in all",
                    ResourceLimitError,
                )
        elif self._filters or self.nbytes != storage.size:
            if self.nbytes > storage.size and not self._filters:
                raise source.refuse(
                    f"has a dataset of {self.nbytes} bytes in a space of {storage.size}",
                    ResourceLimitError,
                )
            raise source.refuse("has a dataset whose shape does not fit its space")
        elif self.nbytes:
            source.check(storage.address, storage.size)

    @property
    def chunk_bytes(self) -> int:
        """Number of bytes of a chunk."""
        return math.prod(self.storage.chunk) * int(self.dtype.itemsize)

    @property
    def is_plain(self) -> bool:
        """Whether the bytes are in the file as they are in memory."""
        return self.storage.kind != "chunked" and self.dtype.isnative

    def read(self, out: Array | None = None) -> Array:
        """Returns the array.

        Args:
            out: where to put it, C-contiguous and of the same shape and type, for a plain dataset.
        """
        with guarded(self.source):
            result = np.empty(self.shape, self.dtype) if out is None else out
            if self.storage.kind == "chunked":
                self._read_chunks(result)
            elif self.nbytes:
                flat: Any = memoryview(result.reshape(-1).view(np.uint8).data)
                self.source.read_into(self.storage.address, flat)
            return result

    def _read_chunks(self, result: Array) -> None:
        chunk, seen = self.storage.chunk, set()
        for size, mask, offset, address in self._chunks(self.storage.address, None):
            if offset in seen or any(
                o % c or o >= n for o, c, n in zip(offset, chunk, self.shape, strict=True)
            ):
                raise self.source.refuse("has a chunk at an impossible place")
            seen.add(offset)
            data = self._unfiltered(self.source.read_data(address, size), mask)
            block = np.frombuffer(data, self.dtype).reshape(chunk)
            place = tuple(
                slice(o, min(o + c, n)) for o, c, n in zip(offset, chunk, self.shape, strict=True)
            )
            result[place] = block[tuple(slice(0, p.stop - p.start) for p in place)]
        if len(seen) != math.prod(-(-n // c) for n, c in zip(self.shape, chunk, strict=True)):
            raise self.source.refuse("lacks chunks of a dataset")

    def _chunks(
        self, address: int, level: int | None
    ) -> Iterator[tuple[int, int, tuple[int, ...], int]]:
        key = struct.Struct(f"<LL{len(self.shape) + 1}Q")
        depth, count, place = tree_node(self.source, address, 1, level)
        data = self.source.read(place, count * (key.size + 8))
        for i in range(count):
            size, mask, *offset = key.unpack_from(data, i * (key.size + 8))
            child = struct.unpack_from("<Q", data, i * (key.size + 8) + key.size)[0]
            if depth:
                yield from self._chunks(child, depth)
            else:
                yield size, mask, tuple(offset[:-1]), child

    def _unfiltered(self, data: bytes, mask: int) -> bytes:
        for i, number in reversed(list(enumerate(self._filters))):
            if mask >> i & 1:
                continue
            if number == 1:
                unpacker = zlib.decompressobj()
                data = unpacker.decompress(data, self.chunk_bytes + 16)
            elif number == 2:
                width = self.dtype.itemsize
                data = np.frombuffer(data, np.uint8).reshape(width, -1).T.tobytes()
            else:
                data, sums = data[:-4], data[-4:]
                if _fletcher32(data) != tuple(n % 65535 for n in struct.unpack("<HH", sums)):
                    raise self.source.refuse("is damaged: wrong checksum", IntegrityError)
        if len(data) != self.chunk_bytes:
            raise self.source.refuse("has a chunk of a wrong size")
        return data


class Group:
    """A folder in a file.

    Attributes:
        attributes: its attributes by name.
    """

    def __init__(self, source: Source, header: Header) -> None:
        self.attributes = header.attributes
        self._source = source
        self._header = header
        self._links: dict[str, int] | None = None
        self._made: dict[str, Group | Dataset] = {}

    @property
    def links(self) -> dict[str, int]:
        """Positions of the members by name."""
        if self._links is None:
            with guarded(self._source):
                self._links = {}
                for name, address in self._header.links():
                    if not name or "/" in name or name in self._links:
                        raise self._source.refuse(f"has an impossible or repeated name {name!r}")
                    self._links[name] = address
        return self._links

    def get(self, path: str) -> Group | Dataset | None:
        """Returns the member at a path such as "a/b", None if there is none."""
        name, _, rest = path.partition("/")
        if name not in self._made:
            address = self.links.get(name)
            if address is None:
                return None
            self._made[name] = _open(self._source, address)
        member = self._made[name]
        if not rest:
            return member
        return member.get(rest) if isinstance(member, Group) else None

    def datasets(
        self, prefix: str = "", above: frozenset[int] = frozenset()
    ) -> Iterator[tuple[str, Dataset]]:
        """Yields the datasets in this group and the groups below it, with their paths.

        Raises:
            ModelFormatError: if a group contains itself.
        """
        if len(above) > _MAX_DEPTH:
            raise self._source.refuse("has groups in groups without end")
        for name, address in self.links.items():
            if address in above:
                raise self._source.refuse("has a group that contains itself")
            member = self.get(name)
            if isinstance(member, Dataset):
                yield prefix + name, member
            elif member is not None:
                yield from member.datasets(f"{prefix}{name}/", above | {address})

    def group(self, path: str) -> Group:
        """Returns the group at a path.

        Raises:
            ModelFormatError: if there is none.
        """
        member = self.get(path)
        if not isinstance(member, Group):
            raise self._source.refuse(f"lacks the group {path!r}")
        return member

    def dataset(self, path: str) -> Dataset:
        """Returns the dataset at a path.

        Raises:
            ModelFormatError: if there is none.
        """
        member = self.get(path)
        if not isinstance(member, Dataset):
            raise self._source.refuse(f"lacks the dataset {path!r}")
        return member

    def texts(self, name: str) -> list[str]:
        """Returns a list of texts, which Keras splits into name0, name1, ... if it is long.

        Raises:
            ModelFormatError: if the attribute is something else.
        """
        found: list[str] = []
        keys = [name] if name in self.attributes else []
        while not keys or (keys[-1] != name and f"{name}{len(keys)}" in self.attributes):
            if f"{name}{len(keys)}" not in self.attributes:
                break
            keys.append(f"{name}{len(keys)}")
        for key in keys:
            value = self.attributes[key]
            if isinstance(value, np.ndarray) and not value.size:
                continue
            if not isinstance(value, list):
                raise self._source.refuse(f"has an attribute {key!r} that is no list of texts")
            found += value
        return found

    def text(self, name: str) -> str | None:
        """Returns a text, None if there is no such attribute.

        Raises:
            ModelFormatError: if the attribute is something else.
        """
        value = self.attributes.get(name)
        if value is not None and not isinstance(value, str):
            raise self._source.refuse(f"has an attribute {name!r} that is no text")
        return value


def open_hdf5(source: Source) -> Group:
    """Returns the root group of a file.

    Raises:
        ModelFormatError: if it is no HDF5 file, or none that Keras could have written.
    """
    with guarded(source):
        head = source.read(0, min(source.size, 112))
        if len(head) < 48 or head[:8] != _SIGNATURE:
            raise source.refuse("is no HDF5 file")
        version = head[8]
        if version in (0, 1):
            offsets, start = head[13:15], 24 if version == 0 else 28
            base, _, end = struct.unpack_from("<QQQ", head, start)
            root = struct.unpack_from("<Q", head, start + 40)[0]
        elif version in (2, 3):
            offsets = head[9:11]
            base, _, end, root = struct.unpack_from("<QQQQ", head, 12)
        else:
            raise source.refuse(OTHER_VERSION)
        if offsets != b"\x08\x08" or base != 0:
            raise source.refuse(OTHER_VERSION)
        if end > source.size:
            raise source.refuse("ends too early: it was not written completely")
        found = _open(source, root)
        if not isinstance(found, Group):
            raise source.refuse("has no root group")
        return found


def _open(source: Source, address: int) -> Group | Dataset:
    with guarded(source):
        header = Header(source, address)
        if 8 in header.found or 3 in header.found:
            return Dataset(source, header)
        return Group(source, header)


def _fletcher32(data: bytes) -> tuple[int, int]:
    # Both halves modulo 65535, where HDF5 may have 65535 for 0.
    words = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    weights = np.arange(len(words), 0, -1, dtype=np.uint64) % 65535
    return int(words.sum()) % 65535, int((words * weights % 65535).sum()) % 65535
