"""Iterators over picture files, and pictures that cannot be read."""

import os
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pyframe
from pyframe.errors import ConfigurationError, DataError
from pyframe.preprocessing import decoding
from pyframe.preprocessing.image import (
    ImageDataGenerator,
    array_to_img,
    img_to_array,
    load_img,
    save_img,
)
from tests.subprocesses import PACKAGE

Image = pytest.importorskip("PIL.Image")
pandas = pytest.importorskip("pandas")
Array = NDArray[Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 6 and 4 pictures, of the colour of their number."""
    rng = np.random.default_rng(0)
    for name, count in (("cats", 6), ("dogs", 4)):
        (tmp_path / name / "more").mkdir(parents=True)
        for i in range(count):
            place = tmp_path / name / ("more" if i == 3 else "")
            save_img(place / f"{i}.png", rng.integers(0, 256, (9, 11, 3)), scale=False)
    (tmp_path / "cats" / "notes.txt").write_text("no picture")
    return tmp_path


def flow(folder: Path, generator: Any = None, **options: Any) -> Any:
    options = {"target_size": (8, 10), "batch_size": 4, **options}
    return (generator or ImageDataGenerator()).flow_from_directory(folder, **options)


def names(folder: Path) -> list[str]:
    return [str(p.relative_to(folder)) for p in folder.rglob("*.png")]


def test_what_a_folder_holds(folder: Path, capsys: Any) -> None:
    iterator = flow(folder, shuffle=False)
    assert capsys.readouterr().out == "Found 10 images belonging to 2 classes.\n"
    assert iterator.class_indices == {"cats": 0, "dogs": 1}
    assert (iterator.samples, len(iterator), iterator.num_classes) == (10, 3, 2)
    assert sorted(iterator.filenames) == sorted(names(folder))
    assert iterator.filenames[:2] == ["cats/0.png", "cats/1.png"]
    assert iterator.filenames[5] == "cats/more/3.png"
    assert iterator.classes.tolist() == [0] * 6 + [1] * 4
    x, y = next(iterator)
    assert (x.shape, y.shape) == ((4, 8, 10, 3), (4, 2))
    for i in range(4):
        wanted = img_to_array(load_img(iterator.filepaths[i], target_size=(8, 10)))
        assert (x[i] == wanted).all()
    assert y.tolist() == [[1, 0]] * 4


@pytest.mark.parametrize(
    ("class_mode", "shape"), [("binary", (4,)), ("sparse", (4,)), ("input", (4, 8, 10, 3))]
)
def test_class_modes(folder: Path, class_mode: str, shape: tuple[int, ...]) -> None:
    x, y = next(flow(folder, class_mode=class_mode))
    assert y.shape == shape
    assert y.dtype == np.float32
    assert class_mode != "input" or (x == y).all()


def test_arguments_in_keras_order(folder: Path) -> None:
    generator = ImageDataGenerator()
    iterator = generator.flow_from_directory(
        folder, (8, 10), "grayscale", ["dogs", "cats"], "sparse", 3, False, 1, None, "", "png",
        False, None, "bilinear", True,
    )  # fmt: skip
    assert next(iterator)[0].shape == (3, 8, 10, 1)
    assert (iterator.class_indices["dogs"], iterator.interpolation) == (0, "bilinear")
    table = frame(folder, label=[name[0] for name in sorted(names(folder))], w=np.arange(10.0))
    rows = generator.flow_from_dataframe(
        table, folder, "filename", "label", "w", (8, 10), "rgb", None, "binary", 3, False, 1,
        None, "", "png", None, "box", True,
    )  # fmt: skip
    assert [len(part) for part in next(rows)] == [3, 3, 3]
    assert rows.interpolation == "box"


def test_pictures_without_labels(folder: Path) -> None:
    iterator = flow(folder, class_mode=None, classes=["dogs"], color_mode="grayscale")
    assert next(iterator).shape == (4, 8, 10, 1)
    everything = flow(folder, class_mode=None, classes=["."])
    assert everything.samples == 10


def test_results_depend_on_the_seed_alone(folder: Path) -> None:
    generator = ImageDataGenerator(rotation_range=30, zoom_range=0.3, channel_shift_range=20)
    runs = []
    for _ in range(2):
        iterator = flow(folder, generator, seed=4)
        runs.append(np.concatenate([next(iterator)[0] for _ in range(7)]))
    assert runs[0].tobytes() == runs[1].tobytes()
    x = np.stack([img_to_array(load_img(p, target_size=(8, 10))) for p in iterator.filepaths])
    memory = generator.flow(x, batch_size=4, seed=4)
    np.testing.assert_array_equal(np.concatenate([next(memory) for _ in range(7)]), runs[0])


def test_subsets_are_cut_class_by_class(folder: Path) -> None:
    generator = ImageDataGenerator(validation_split=0.34)
    training, validation = (
        flow(folder, generator, subset=s, shuffle=False) for s in ("training", "validation")
    )
    assert (training.samples, validation.samples) == (7, 3)
    assert validation.filenames == ["cats/0.png", "cats/1.png", "dogs/0.png"]
    assert not set(training.filenames) & set(validation.filenames)


def test_channels_first_and_a_function(folder: Path) -> None:
    generator = ImageDataGenerator(
        data_format="channels_first", preprocessing_function=lambda image: image / 2
    )
    x, _ = next(flow(folder, generator, shuffle=False))
    assert x.shape == (4, 3, 8, 10)
    plain, _ = next(flow(folder, shuffle=False))
    np.testing.assert_allclose(x.transpose(0, 2, 3, 1), plain / 2)


def test_folders_that_are_not_as_they_should_be(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a folder"):
        flow(folder / "birds")
    with pytest.raises(DataError, match="has no folders"):
        flow(folder / "cats" / "more")
    with pytest.raises(DataError, match=r"not a folder.*birds"):
        flow(folder, classes=["cats", "birds"])
    (folder / "birds").mkdir()
    with pytest.warns(UserWarning, match="'birds' has no pictures"):
        flow(folder)
    with (
        pytest.raises(DataError, match="holds no pictures"),
        pytest.warns(UserWarning, match="no pic"),
    ):
        flow(folder, classes=["birds"])
    save_img(folder / "birds" / "a.png", np.zeros((3, 3, 3)))
    generator = ImageDataGenerator(validation_split=0.2)
    with pytest.warns(UserWarning, match="too few for the validation"):
        flow(folder, generator, subset="validation")
    with pytest.warns(UserWarning, match="for 2 classes"):
        flow(folder, class_mode="binary")
    for options in (
        {"color_mode": "cmyk"}, {"interpolation": "cubic"}, {"target_size": (0, 3)},
        {"class_mode": "raw"}, {"on_error": "ignore"},
    ):  # fmt: skip
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            flow(folder, **options)


def test_links_in_circles_end(folder: Path) -> None:
    (folder / "cats" / "again").symlink_to(folder / "cats", target_is_directory=True)
    assert flow(folder, follow_links=True).samples == 10


def bomb(path: Path, width: int, height: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100_000)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def spoil(path: Path, how: str) -> None:
    if how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("<html>404</html>")
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-60])
    elif how == "gone":
        path.unlink()
    elif how == "bomb":
        bomb(path, 60_000, 50_000)
    elif how == "large":
        bomb(path, 9_000, 9_000)
    elif how == "script":
        path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    elif how == "folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize(
    "how", ["empty", "text", "cut", "gone", "bomb", "large", "script", "folder"]
)
def test_a_bad_file_is_named_or_left_out(folder: Path, how: str) -> None:
    iterator = flow(folder, shuffle=False)
    other = flow(folder, shuffle=False, on_error="skip", save_to_dir=folder)
    bad = folder / "cats" / "1.png"
    spoil(bad, how)
    for _ in range(2):
        with pytest.raises(DataError, match=r"cats/1\.png"):
            next(iterator)
    with pytest.raises(DataError, match=r"cats/1\.png"):
        iterator[0]
    assert len(iterator[1][0]) == 4
    with pytest.warns(UserWarning, match=r"cats/1\.png.*left out \(1 so far\)"):
        x, y = other[0]
    assert (len(x), len(y)) == (3, 3)
    assert list(other.skipped) == [str(bad)]
    assert len(other[0][0]) == 3  # and warns no more


def test_the_first_of_several_bad_files_is_named(folder: Path) -> None:
    spoil(folder / "cats" / "2.png", "cut")
    spoil(folder / "cats" / "4.png", "empty")
    iterator = flow(folder, shuffle=False, batch_size=10)
    for _ in range(20):
        with pytest.raises(DataError, match=r"cats/2\.png"):
            iterator[0]


def test_a_batch_without_any_picture(folder: Path) -> None:
    iterator = flow(folder, classes=["dogs"], on_error="skip")
    for path in (folder / "dogs").rglob("*.png"):
        spoil(path, "cut")
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(DataError, match="None of the 4"),
    ):
        iterator[0]


def test_unusual_pictures(folder: Path) -> None:
    cats = folder / "cats"
    grey = np.arange(99, dtype=np.uint8).reshape(9, 11)
    palette = Image.fromarray(grey).convert("P")
    palette.info["transparency"] = 0
    palette.save(cats / "0.png")
    Image.fromarray(np.stack([grey] * 4, -1), "CMYK").save(cats / "1.jpg")
    Image.fromarray(grey.astype(np.uint16) * 600).save(cats / "2.png")
    frames = [Image.fromarray(grey + i) for i in range(3)]
    frames[0].save(cats / "4.png", save_all=True, append_images=frames[1:])
    Image.fromarray(np.stack([grey, grey], -1), "LA").save(cats / "5.png")
    iterator = flow(folder, classes=["cats"], batch_size=9)
    x, _ = next(iterator)
    assert x.shape == (7, 8, 10, 3)
    deep = flow(folder, classes=["cats"], batch_size=9, color_mode="grayscale", shuffle=False)
    assert next(deep)[0].max() > 255  # 16 bits stay 16 bits


def frame(folder: Path, **columns: Any) -> Any:
    files = sorted(names(folder))
    columns = {"class": [name[:4] for name in files], **columns}
    return pandas.DataFrame({"filename": files, **columns})


def flow_frame(folder: Path, table: Any, generator: Any = None, **options: Any) -> Any:
    options = {"target_size": (8, 10), "batch_size": 10, "shuffle": False, **options}
    return (generator or ImageDataGenerator()).flow_from_dataframe(table, folder, **options)


def test_data_frames(folder: Path) -> None:
    table = frame(folder, weight=np.arange(10.0), a=np.arange(10), b=np.arange(10) * 2)
    iterator = flow_frame(folder, table, weight_col="weight")
    x, y, weight = next(iterator)
    assert (x.shape, y.shape) == ((10, 8, 10, 3), (10, 2))
    assert weight.tolist() == iterator.sample_weight.tolist() == list(range(10))
    assert iterator.class_indices == {"cats": 0, "dogs": 1}
    assert y.argmax(1).tolist() == iterator.classes
    assert next(flow_frame(folder, table, class_mode="binary"))[1].tolist() == [0] * 6 + [1] * 4
    raw = next(flow_frame(folder, table, class_mode="raw", y_col="b"))[1]
    assert raw.tolist() == table["b"].tolist()
    pairs = next(flow_frame(folder, table, class_mode="raw", y_col=["a", "b"]))[1]
    assert pairs.shape == (10, 2)
    several = next(flow_frame(folder, table, class_mode="multi_output", y_col=["a", "b"]))[1]
    assert [part.tolist() for part in several] == [table["a"].tolist(), table["b"].tolist()]
    assert next(flow_frame(folder, table, class_mode=None)).shape == (10, 8, 10, 3)
    dogs = flow_frame(folder, table, classes=["dogs"])
    assert (dogs.samples, dogs.class_indices) == (4, {"dogs": 0})
    split = ImageDataGenerator(validation_split=0.3)
    parts = [
        flow_frame(folder, table, split, subset=s).filenames for s in ("validation", "training")
    ]
    assert parts[0] + parts[1] == table["filename"].tolist()
    several_labels = frame(folder, **{"class": [["x"], ["x", "y"]] * 5})
    assert next(flow_frame(folder, several_labels))[1].tolist() == [[1, 0], [1, 1]] * 5


def test_data_frames_that_are_not_as_they_should_be(folder: Path) -> None:
    table = frame(folder)
    with pytest.raises(DataError, match=r"no columns \['label'\]"):
        flow_frame(folder, table, y_col="label")
    table.loc[3, "class"] = None
    with pytest.raises(DataError, match=r"label of 'cats/3.*png'.*row 3.*missing|is missing"):
        flow_frame(folder, table)
    table["class"] = [*["cats"] * 9, 7]
    with pytest.raises(DataError, match="is no text: 7"):
        flow_frame(folder, table)
    table = frame(folder)
    table.loc[2, "filename"] = "cats/nothing.png"
    with pytest.warns(UserWarning, match=r"1 of the files.*nothing\.png"):
        assert flow_frame(folder, table).samples == 9
    iterator = flow_frame(folder, table, validate_filenames=False)
    with pytest.raises(DataError, match=r"nothing\.png"):
        next(iterator)
    with pytest.raises(ConfigurationError, match="2 classes"):
        flow_frame(folder, frame(folder, **{"class": list("abcabcabca")}), class_mode="binary")
    with pytest.raises(ConfigurationError, match="list of columns"):
        flow_frame(folder, table, class_mode="multi_output")
    with pytest.raises(DataError, match="no number"):
        flow_frame(folder, frame(folder, weight=list("abcdefghij")), weight_col="weight")
    with pytest.warns(DeprecationWarning, match="has_ext"):
        flow_frame(folder, frame(folder), has_ext=True)


def test_saved_pictures_come_back(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.float32)
    save_img(tmp_path / "a.png", x, scale=False)
    assert (img_to_array(load_img(tmp_path / "a.png")) == x).all()
    with pytest.warns(UserWarning, match="transparency"):
        save_img(tmp_path / "a.jpg", np.zeros((5, 7, 4)))
    assert array_to_img(x).size == (7, 5)
    cut = load_img(tmp_path / "a.png", target_size=(4, 4), keep_aspect_ratio=True)
    wanted = Image.fromarray(x[:, 1:6].astype(np.uint8)).resize((4, 4), Image.Resampling.NEAREST)
    assert (np.asarray(cut) == np.asarray(wanted)).all()
    with pytest.raises(DataError):
        array_to_img(np.zeros((3, 3, 2)))
    with pytest.raises(TypeError, match="path"):
        load_img(3)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_closed_iterator_leaves_files_alone(
    folder: Path, on_error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, closed, paths = threading.Event(), threading.Event(), []

    def read(path: str) -> bytes:
        paths.append(path)
        begun.set()
        assert closed.wait(10)
        return Path(path).read_bytes()

    iterator = flow(folder, batch_size=10, seed=1, on_error=on_error)
    wanted = next(iterator)
    iterator.close()
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "read_file", read)
        ahead = iterator.ordered_batches(range(1), 1, 1)
        assert begun.wait(10)
        ahead.close()
        closed.set()
        ahead.join(10)
        assert not any(thread.is_alive() for thread in ahead._threads)
        with pytest.raises(StopIteration):
            next(ahead)
    assert len(paths) <= pyframe.get_num_threads()
    assert not iterator.skipped
    iterator.set_state(flow(folder, batch_size=10, seed=1).get_state())
    np.testing.assert_array_equal(next(iterator)[0], wanted[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals")
def test_an_interrupt_ends_the_wait(folder: Path) -> None:
    code = f"""
import sys, time
from pyframe.preprocessing.image import ImageDataGenerator
def slow(image):
    time.sleep(0.2)
    return image
iterator = ImageDataGenerator(preprocessing_function=slow).flow_from_directory({str(folder)!r})
print("ready", flush=True)
try:
    while True: next(iterator)
except KeyboardInterrupt:
    sys.exit(7)
"""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        while process.stdout.readline().strip() != "ready":
            pass
        time.sleep(0.3)
        process.send_signal(2)
        assert process.wait(timeout=10) == 7
