"""How files become arrays, against Pillow's own way."""

import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pyframe.errors import DataError
from pyframe.preprocessing import decoding, jpeg
from pyframe.preprocessing._jpeg import read_head
from pyframe.preprocessing._pixels import take_pixels
from pyframe.preprocessing.decoding import Decoder, Failures, for_each_file
from pyframe.preprocessing.image import img_to_array, load_img
from pyframe.preprocessing.jpeg import nearest
from pyframe.utils import image_utils

image = pytest.importorskip("PIL.Image")
SIZES = [(33, 40), (40, 33), (33, 40), (1, 1), (90, 7), (64, 64)]


def plain(path: Path, mode: str, size: tuple[int, int], **options: Any) -> NDArray[Any]:
    return img_to_array(load_img(path, mode, size, **options), dtype="uint8")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for i, (height, width) in enumerate(SIZES):
        for mode in ("RGB", "L", "CMYK"):
            shape = (height, width) if mode == "L" else (height, width, len(mode))
            picture = image.fromarray(rng.integers(0, 256, shape).astype(np.uint8), mode=None)
            picture = picture if picture.mode == mode else image.new(mode, (width, height), 77)
            paths.append(tmp_path / f"{i}{mode}.jpg")
            picture.save(paths[-1], quality=90)
    return paths


@pytest.mark.parametrize("draft", [False, True])
@pytest.mark.parametrize("color_mode", ["rgb", "grayscale", "rgba"])
@pytest.mark.parametrize("size", [(16, 20), (33, 40), (50, 3)])
def test_pictures_are_those_of_pillow(
    files: list[Path], color_mode: str, size: tuple[int, int], draft: bool
) -> None:
    decoder = Decoder.checked(size, color_mode, "nearest", False, draft)
    got = [decoder(str(path)) for path in files]  # all first: none may be that of the one before
    for path, pixels in zip(files, got, strict=True):
        np.testing.assert_array_equal(pixels, plain(path, color_mode, size, draft=draft))


def test_threads_decode_into_memory_of_their_own(files: list[Path]) -> None:
    decoder = Decoder.checked((30, 30), "rgb", "nearest", False, False)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(decoder, [str(path) for path in files * 20]))
    for pixels, path in zip(got, files * 20, strict=True):
        np.testing.assert_array_equal(pixels, plain(path, "rgb", (30, 30)))


def test_pixels_taken_are_pillows() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        old, new = rng.integers(1, 700, 2).tolist()
        row = image.fromarray(np.arange(old, dtype=np.float32)[np.newaxis])
        wanted = np.asarray(row.resize((new, 1), image.Resampling.NEAREST))[0]
        np.testing.assert_array_equal(nearest(old, new), wanted, err_msg=f"{old} {new}")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"exif": b"e"}])
@pytest.mark.parametrize("mode", ["rgb", "grayscale"])
@pytest.mark.parametrize("draft", [False, True])
def test_ordinary_jpegs_do_not_need_pillows_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, draft: bool, options: Any
) -> None:
    rng, path = np.random.default_rng(3), tmp_path / "a.jpg"
    shape = (70, 90, 3) if mode == "rgb" else (70, 90)
    image.fromarray(rng.integers(0, 256, shape).astype(np.uint8)).save(path, **options)
    wanted = plain(path, mode, (30, 40), draft=draft)
    monkeypatch.setattr(decoding, "open_image", None)
    decoder = Decoder.checked((30, 40), mode, "nearest", False, draft)
    np.testing.assert_array_equal(decoder(str(path)), wanted)


def test_a_pillow_that_is_made_in_another_way(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise TypeError

    monkeypatch.setattr(image.core, "jpeg_decoder", refuse)
    decoder = Decoder.checked((12, 14), "rgb", "nearest", False, False)
    with pytest.raises(DataError):  # its own way is the one that fails
        decoder(str(files[0]))
    assert jpeg.decoded(files[0].read_bytes(), "RGB") is None


def jpeg_file(height: int, width: int) -> bytes:
    data = io.BytesIO()
    image.new("RGB", (width, height), (9, 99, 199)).save(data, "jpeg")
    return data.getvalue()


def test_the_head_of_a_jpeg() -> None:
    data = jpeg_file(300, 500)
    assert read_head(data) == (500, 300, 3)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    segment = data[frame : frame + 2 + int.from_bytes(data[frame + 2 : frame + 4], "big")]
    for unusual in (
        data[:scan],  # no scan
        data[:frame] + segment + data[frame:],  # two frames: which one counts?
        data[:frame] + data[frame + len(segment) :],  # none
        data[:frame] + b"\xff" + data[frame:],  # bytes between segments
        data[:frame] + b"\xff\xe2\x00\x06MPF\x00" + data[frame:],  # several pictures
        data.replace(b"\xff\xc0", b"\xff\xc9", 1),  # arithmetic coding
        data[: frame + 4] + b"\x0c" + data[frame + 5 :],  # 12 bits
        data[: frame + 5] + bytes(2) + data[frame + 7 :],  # no rows
        b"x" + data[1:],
    ):
        assert read_head(unusual) is None
    for end in range(scan):
        assert read_head(data[:end]) is None


def values_or_text(read: Callable[[], NDArray[Any]]) -> NDArray[Any] | str:
    try:
        return read()
    except DataError as error:
        return str(error)


def test_heads_of_any_bytes_fit_what_pillow_decodes(tmp_path: Path) -> None:
    """The decoder trusts the size it is told: it must be that of the file, or none."""
    data, rng = bytearray(jpeg_file(40, 56)), np.random.default_rng(4)
    path, decoder = tmp_path / "a.jpg", Decoder.checked((9, 8), "rgb", "nearest", False, False)
    ends = data.index(b"\xff\xda") + 20
    read = 0
    for _ in range(600):
        changed = bytearray(data)
        for place in rng.integers(0, ends, rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        path.write_bytes(changed)
        wanted = values_or_text(partial(plain, path, "rgb", (9, 8)))
        np.testing.assert_array_equal(values_or_text(partial(decoder, str(path))), wanted)
        read += not isinstance(wanted, str)
    assert 100 < read < 500


def test_the_limit_of_pixels_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg_file(50, 50))
    decoder = Decoder.checked((9, 8), "rgb", "nearest", False, False)
    decoder(str(path))
    monkeypatch.setattr(image_utils, "MAX_PIXELS", 2499)
    with pytest.raises(DataError, match="more than the limit of 2499"):
        decoder(str(path))


def test_nothing_is_left_of_the_picture_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    data = io.BytesIO()
    image.fromarray(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)).save(data, "jpeg")
    whole, cut = tmp_path / "whole.jpg", tmp_path / "cut.jpg"
    whole.write_bytes(data.getvalue())
    cut.write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
    decoder = Decoder.checked((64, 64), "rgb", "nearest", False, False)
    first = decoder(str(whole)).copy()
    with pytest.raises(DataError, match=r"cut\.jpg is damaged or cut short"):
        decoder(str(cut))
    np.testing.assert_array_equal(decoder(str(whole)), first)
    monkeypatch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)
    np.testing.assert_array_equal(decoder(str(cut)), plain(cut, "rgb", (64, 64)))


def test_all_threads_work_at_one_batch_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    order = []

    class Pool(ThreadPoolExecutor):
        def submit(self, work: Any) -> Any:  # type: ignore[override]
            order.append(id(work.__self__))
            time.sleep(0.01)  # for others to come between
            return super().submit(work)

    with Pool(1) as pool, ThreadPoolExecutor(3) as makers:
        monkeypatch.setattr(decoding, "executor", lambda: pool)
        monkeypatch.setattr("pyframe._core.get_num_threads", lambda: 4)
        batches = [
            makers.submit(for_each_file, ["a"] * 9, lambda i: None, Failures("raise"))
            for _ in range(3)
        ]
        assert [len(batch.result()) for batch in batches] == [9, 9, 9]
    assert [order[i] for i in (0, 4, 8) for _ in range(4)] == order


def test_large_pictures_leave_no_memory_behind(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg, "_CANVAS_PIXELS", 10)
    monkeypatch.setattr(jpeg, "_canvases", None)
    decoder = Decoder.checked((20, 20), "rgb", "nearest", False, False)
    np.testing.assert_array_equal(decoder(str(files[0])), plain(files[0], "rgb", (20, 20)))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=str(tmp_path)):
        load_img(tmp_path)


def test_pixels_that_are_not_there_are_refused() -> None:
    source, out = np.zeros((4, 5, 4), np.uint8), np.zeros((1, 1, 4), np.uint8)
    zero, five = np.zeros(1, np.int32), np.full(1, 5, np.int32)
    for rows, columns in ((five, zero), (-five, zero), (zero, five), (zero, -five)):
        with pytest.raises(IndexError):
            take_pixels(source, rows, columns, out)
    with pytest.raises(ValueError, match="channels"):
        take_pixels(source[:, :, :3].copy(), zero, zero, out)
    with pytest.raises(ValueError, match="for each number"):
        take_pixels(source, np.zeros(2, np.int32), zero, out)
