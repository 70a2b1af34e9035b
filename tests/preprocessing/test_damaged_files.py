"""Picture files with bytes changed, lost or added: an error that names the file, or a picture."""

import io
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pyframe.errors import DataError
from pyframe.preprocessing.decoding import Decoder
from pyframe.preprocessing.image import load_img

Image = pytest.importorskip("PIL.Image")
Array = NDArray[Any]
SIZE = (19, 23)

# How Pillow writes the pictures that are then damaged.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpg": ("RGB", {"quality": 90}),
    "progressive.jpg": ("RGB", {"progressive": True}),
    "cmyk.jpg": ("CMYK", {}),
    "png": ("RGB", {}),
    "palette.png": ("P", {"transparency": b"\x00\x80\xff"}),
    "deep.png": ("I;16", {}),
    "gif": ("P", {}),
    "bmp": ("RGB", {}),
    "webp": ("RGB", {"quality": 80}),
    "lossless.webp": ("RGBA", {"lossless": True}),
    "ppm": ("RGB", {}),
    "tiff": ("RGB", {}),
    "lzw.tiff": ("RGB", {"compression": "tiff_lzw"}),
}


@cache
def whole(kind: str) -> bytes:
    mode, options = KINDS[kind]
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3)).astype(np.uint8))
    picture = coarse.resize(SIZE[::-1], Image.Resampling.BICUBIC)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture)[:, :, 0].astype(np.uint16) * 250)
    elif mode != "RGB":
        picture = picture.convert(mode)
    file = io.BytesIO()
    suffix = kind.rpartition(".")[2]
    picture.save(file, {"jpg": "jpeg"}.get(suffix, suffix), **options)
    return file.getvalue()


def damaged(kind: str, count: int, seed: int) -> Iterator[bytes]:
    """Yields a file in which bytes are changed, zeroed, doubled, cut out or put in."""
    data = whole(kind)
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 8])):
            # Heads are short and say most.
            end = len(changed) if rng.random() < 0.5 else min(64, len(changed))
            at, length = int(rng.integers(0, end)), int(rng.choice([1, 1, 2, 4, 30]))
            what = rng.integers(0, 6)
            if what == 0:
                changed[at] ^= 1 << int(rng.integers(0, 8))
            elif what == 1:
                changed[at] = int(rng.integers(0, 256))
            elif what == 2:
                changed[at : at + length] = bytes([int(rng.choice([0, 255]))]) * length
            elif what == 3:
                del changed[at : at + length]
            elif what == 4:
                changed[at:at] = changed[at : at + length]
            else:
                changed[at:at] = rng.bytes(length)
            if not changed:
                break
        yield bytes(changed)


def read(data: bytes, color_mode: str = "rgb") -> Array | None:
    """Returns what the iterators make of a file; None after the error that is allowed."""
    try:
        return np.asarray(load_img(io.BytesIO(data), color_mode, SIZE))
    except DataError:
        return None


def check_damaged(kind: str, count: int, seed: int) -> None:
    refused = 0
    for number, data in enumerate(damaged(kind, count, seed)):
        mode, channels = (("rgb", (3,)), ("rgba", (4,)), ("grayscale", ()))[number % 3]
        x = read(data, mode)
        refused += x is None
        assert x is None or x.shape == (*SIZE, *channels)
    assert 0 < refused < count


def check_cut(kind: str, lengths: Any) -> None:
    """A file cut short is refused, unless what is lost is no part of the picture."""
    wanted = read(whole(kind))
    assert wanted is not None
    for length in lengths:
        x = read(whole(kind)[:length])
        assert x is None or (x == wanted).all(), f"{kind} cut to {length} bytes"


@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(kind: str) -> None:
    check_damaged(kind, 90, 1)
    length = len(whole(kind))
    check_cut(kind, [*range(0, length, max(1, length // 40)), *range(max(0, length - 20), length)])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files(kind: str) -> None:
    check_damaged(kind, 4000, 2)
    check_cut(kind, range(len(whole(kind))))


def test_the_error_names_the_file(tmp_path: Path) -> None:
    decoder = Decoder.checked(SIZE, "rgb", "nearest", False, False)
    for kind in KINDS:
        path = tmp_path / f"a.{kind}"
        path.write_bytes(whole(kind)[: len(whole(kind)) // 2])
        with pytest.raises(DataError, match=f"a.{kind}"):
            decoder(str(path))
