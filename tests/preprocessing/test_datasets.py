"""Data sets from folders and time series; padded sequences."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe.errors import ConfigurationError, DataError
from pyframe.preprocessing import image_dataset
from pyframe.preprocessing.resizing import METHODS, resize, resize_with_pad
from pyframe.utils import (
    image_dataset_from_directory,
    img_to_array,
    load_img,
    pad_sequences,
    save_img,
    timeseries_dataset_from_array,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("PIL")
    rng = np.random.default_rng(0)
    for name, count in (("b", 6), ("a", 4)):
        (tmp_path / name).mkdir()
        for i in range(count):
            save_img(tmp_path / name / f"{i}.png", rng.integers(0, 256, (6, 8, 3)), scale=False)
    return tmp_path


def load(folder: Path, **options: Any) -> Any:
    options = {"image_size": (6, 8), "batch_size": 4, "verbose": False, **options}
    return image_dataset_from_directory(folder, **options)


def test_a_folder(folder: Path, capsys: Any) -> None:
    data = load(folder, shuffle=False, verbose=True)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert data.class_names == ["a", "b"]
    batches = list(data)
    assert [x.shape for x, _ in batches] == [(4, 6, 8, 3), (4, 6, 8, 3), (2, 6, 8, 3)]
    labels = np.concatenate([y for _, y in batches])
    assert labels.dtype == np.int32
    assert labels.tolist() == [0] * 4 + [1] * 6
    assert batches[0][0].dtype == np.float32
    assert len(load(folder, batch_size=None)) == 10
    assert next(iter(load(folder, batch_size=None)))[0].shape == (6, 8, 3)
    first = load(folder, label_mode=None, data_format="channels_first")[0]
    assert first.shape == (4, 3, 6, 8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(20, 30), (16, 9)])
@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
def test_jpegs_are_those_of_load_img(
    tmp_path: Path,
    method: str,
    size: tuple[int, int],
    color_mode: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("PIL")
    rng, wanted = np.random.default_rng(1), []
    channels = 3 if color_mode == "rgb" else 1
    for i in range(9):  # of one size: none may be that of the one before
        path = tmp_path / f"{i}.jpg"
        save_img(path, rng.integers(0, 256, (20, 30, channels)), scale=False)
        picture = img_to_array(load_img(path, color_mode), dtype="uint8")
        wanted.append([resize(picture, size, method), resize_with_pad(picture, size, method)])
    options = {"labels": None, "shuffle": False, "color_mode": color_mode, "batch_size": 9}
    monkeypatch.setattr(image_dataset, "load_img", None)
    for k, pad in enumerate((False, True)):
        got = load(
            tmp_path, image_size=size, interpolation=method, pad_to_aspect_ratio=pad, **options
        )
        np.testing.assert_array_equal(next(iter(got)), [both[k] for both in wanted])


def test_labels(folder: Path) -> None:
    assert load(folder, label_mode="categorical")[0][1].shape == (4, 2)
    assert load(folder, label_mode="binary")[0][1].shape == (4, 1)
    assert load(folder, labels=list(range(10)), shuffle=False)[1][1].tolist() == [4, 5, 6, 7]
    assert load(folder, class_names=["b", "a"], shuffle=False)[0][1].tolist() == [0] * 4


def test_shuffling_goes_on_with_the_epochs_and_splits_do_not_meet(folder: Path) -> None:
    data = load(folder, seed=3)
    epochs = [np.concatenate([x for x, _ in data]).tobytes() for _ in range(2)]
    assert epochs[0] != epochs[1]
    again = load(folder, seed=3)
    assert [np.concatenate([x for x, _ in again]).tobytes() for _ in range(2)] == epochs
    options = {"seed": 3, "validation_split": 0.3}
    both = load(folder, subset="both", **options)
    parts = [load(folder, subset=s, **options) for s in ("training", "validation")]
    assert [len(part.file_paths) for part in parts] == [7, 3]
    assert [part.file_paths for part in both] == [part.file_paths for part in parts]
    assert not set(parts[0].file_paths) & set(parts[1].file_paths)
    files = sorted(str(path) for path in folder.rglob("*.png"))
    np.random.RandomState(3).shuffle(files)
    assert parts[0].file_paths + parts[1].file_paths == files


def test_fit_map_and_take(folder: Path) -> None:
    from pyframe.layers import Dense, Flatten, Input
    from pyframe.models import Sequential

    data = load(folder, seed=1).map(lambda x, y: (x / 255, y)).prefetch(2)
    assert max(x.max() for x, _ in data.take(2)) <= 1
    assert len(list(data.take(2))) == 2
    model = Sequential([Input((6, 8, 3)), Flatten(), Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(data, validation_data=data, epochs=2, verbose=0)
    assert model.predict(load(folder, label_mode=None), verbose=0).shape == (10, 2)


def test_what_does_not_fit_is_told(folder: Path) -> None:
    for options, text in (
        ({"label_mode": "one"}, "label_mode"),
        ({"interpolation": "cubic"}, "interpolation"),
        ({"image_size": (0, 1)}, "image_size"),
        ({"validation_split": 0.2}, "together"),
        ({"validation_split": 2, "subset": "both"}, "between 0 and 1"),
        ({"validation_split": 0.2, "subset": "both"}, "seed"),
        ({"labels": [1, 2, 3]}, "10 numbers"),
        ({"class_names": ["c"]}, "no folders"),
        ({"color_mode": "bgr"}, "color_mode"),
        ({"batch_size": 0}, "batch_size"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "exclude"),
    ):
        with pytest.raises((ConfigurationError, DataError), match=text):
            load(folder, **options)  # type: ignore[arg-type]
    (folder / "a" / "0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a/0\.png"):
        list(load(folder))
    with pytest.warns(UserWarning, match=r"a/0\.png.*left out"):
        assert sum(len(y) for _, y in load(folder, on_error="skip")) == 9


@pytest.mark.parametrize("method", METHODS)
def test_resizing_keeps_constants_and_sizes(method: str) -> None:
    x = np.full((7, 9, 3), 100, np.uint8)
    for size in ((7, 9), (3, 20), (14, 4), (1, 1)):
        out = resize(x, size, method)
        assert out.shape == (*size, 3)
        np.testing.assert_allclose(out, 100, rtol=1e-5)
    padded = resize_with_pad(x, (10, 30), method)
    assert padded[:, :8].max() == 0
    np.testing.assert_allclose(padded[5, 15], 100, rtol=1e-5)


def test_resizing_rounds_like_tensorflow() -> None:
    """Where padding begins and which pixel is nearest; the numbers are TensorFlow's."""
    x = np.full((31, 29, 1), 9, np.uint8)
    filled = np.flatnonzero(resize_with_pad(x, (20, 30), "bilinear")[10, :, 0])
    assert (filled[0], filled[-1]) == (5, 22)
    filled = np.flatnonzero(resize_with_pad(np.full((40, 60, 1), 9, np.uint8), (70, 50), "area"))
    assert (filled[0] // 50, len(filled)) == (18, 33 * 49)
    ramp = np.arange(12, dtype=np.uint8).reshape(12, 1, 1)
    assert resize(ramp, (70, 1), "nearest")[[17, 52], 0, 0].tolist() == [3, 9]


def test_windows() -> None:
    data = np.arange(20.0)
    windows = timeseries_dataset_from_array(data, data * 10, 4, 2, 3, batch_size=3)
    x, y = windows[0]
    assert x.tolist() == [[0, 3, 6, 9], [2, 5, 8, 11], [4, 7, 10, 13]]
    assert y.tolist() == [0, 20, 40]
    assert sum(len(x) for x, _ in windows) == 6
    part = timeseries_dataset_from_array(data, None, 4, start_index=5, end_index=12)
    assert np.concatenate(list(part)).tolist() == [[i, i + 1, i + 2, i + 3] for i in range(5, 9)]
    single = timeseries_dataset_from_array(data, None, 4, batch_size=None)
    assert single[3].tolist() == [3, 4, 5, 6]
    mixed = timeseries_dataset_from_array(data, data, 2, shuffle=True, seed=1, batch_size=20)
    orders = [next(iter(mixed))[1].tolist() for _ in range(1)] + [mixed[0][1].tolist()]
    assert sorted(orders[0]) == list(range(19))
    for arguments in ((0,), (4, 0), (4, 1, 0), (4, 1, 1, 0)):
        with pytest.raises(ConfigurationError, match="positive integer"):
            timeseries_dataset_from_array(data, None, *arguments)
    with pytest.raises(DataError, match="No window"):
        timeseries_dataset_from_array(data, None, 30)
    with pytest.raises(ConfigurationError, match="start_index"):
        timeseries_dataset_from_array(data, None, 3, start_index=30)


def test_padding() -> None:
    ragged = [[1], [2, 3], [4, 5, 6], []]
    assert pad_sequences(ragged).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]
    assert pad_sequences(ragged).dtype == np.int32
    assert pad_sequences(ragged, 2, padding="post", truncating="post", value=-1).tolist() == [
        [1, -1], [2, 3], [4, 5], [-1, -1],
    ]  # fmt: skip
    assert pad_sequences([np.ones((2, 3)), np.ones((4, 3))], dtype="float32").shape == (2, 4, 3)
    assert pad_sequences([["a"], ["b", "c"]], dtype=object, value="-").tolist()[0] == ["-", "a"]
    for bad, text in (([1, 2], "not a sequence"), ([[[1]], [[1, 2]]], "elements of shape")):
        with pytest.raises(DataError, match=text):
            pad_sequences(bad)
    with pytest.raises(ConfigurationError, match="padding"):
        pad_sequences(ragged, padding="left")
    with pytest.raises(ConfigurationError, match="dtype=object"):
        pad_sequences([["a"]], value="x")
