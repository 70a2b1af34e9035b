"""ImageDataGenerator on arrays; the numbers themselves are in tests/oracle."""

import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pyframe
from pyframe.errors import ConfigurationError, DataError, ShapeError
from pyframe.preprocessing.image import ImageDataGenerator
from tests.subprocesses import run_python

Array = NDArray[Any]
CHANGES: dict[str, Any] = {"rotation_range": 30, "zoom_range": 0.2, "horizontal_flip": True}


@pytest.fixture
def x() -> Array:
    return np.random.default_rng(0).integers(0, 256, (20, 12, 10, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        left = [t.name for t in threading.enumerate() if t.name.startswith("pyframe-worker")]
        if not left:
            return
        time.sleep(0.01)
    raise AssertionError(f"threads are left: {left}")


def take(iterator: Any, n: int) -> Array:
    return np.concatenate([next(iterator) for _ in range(n)])


def test_bytes_are_neither_copied_nor_changed(x: Array) -> None:
    before = x.copy()
    iterator = ImageDataGenerator(**CHANGES, rescale=1 / 255).flow(x, seed=1)
    batch = next(iterator)
    assert np.shares_memory(iterator.x, x)
    assert (x == before).all()
    assert batch.dtype == np.float32
    assert 0 <= batch.min() < batch.max() <= 1


def test_results_depend_on_the_seed_alone(x: Array) -> None:
    generator = ImageDataGenerator(**CHANGES)
    first = take(generator.flow(x, batch_size=6, seed=5), 9)
    pyframe.set_num_threads(1)
    np.random.seed(3)  # noqa: NPY002 - must not matter
    iterator = generator.flow(x, batch_size=6, seed=5)
    parts = []
    for _ in range(9):
        parts.append(next(iterator))
        np.random.random_sample(7)  # noqa: NPY002
        time.sleep(0.002)
    assert np.concatenate(parts).tobytes() == first.tobytes()
    assert take(generator.flow(x, batch_size=6, seed=6), 9).tobytes() != first.tobytes()


def test_a_seed_leaves_numpys_generator_alone(x: Array) -> None:
    np.random.seed(1)  # noqa: NPY002
    take(ImageDataGenerator(**CHANGES).flow(x, seed=5), 3)
    drawn = np.random.random_sample()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert drawn == np.random.random_sample()  # noqa: NPY002


def test_two_flows_with_one_seed_change_alike(x: Array) -> None:
    """Pictures and masks."""
    generator = ImageDataGenerator(**CHANGES)
    masks = x[..., :1]
    pictures, marks = (generator.flow(part, batch_size=7, seed=2) for part in (x, masks))
    for _ in range(5):
        np.testing.assert_allclose(next(pictures)[..., :1], next(marks), atol=1e-4)


def test_an_epoch_has_every_sample_once(x: Array) -> None:
    iterator = ImageDataGenerator().flow(x, np.arange(20), batch_size=6, seed=1)
    assert len(iterator) == 4
    orders = []
    for _ in range(3):
        batches = [next(iterator) for _ in range(4)]
        assert [len(labels) for _, labels in batches] == [6, 6, 6, 2]
        labels = np.concatenate([labels for _, labels in batches])
        assert sorted(labels) == list(range(20))
        for pictures, numbers in batches:
            assert (pictures == x[numbers]).all()
        orders.append(labels.tolist())
    assert orders[0] != orders[1] != orders[2]


def test_reset_begins_an_epoch_and_throws_nothing_but_the_rest_away(x: Array) -> None:
    iterator = ImageDataGenerator().flow(x, np.arange(20), batch_size=6, seed=1)
    next(iterator)
    next(iterator)
    assert (iterator.batch_index, iterator.total_batches_seen) == (2, 2)
    iterator.reset()
    assert (iterator.batch_index, iterator.total_batches_seen) == (0, 2)
    labels = np.concatenate([next(iterator)[1] for _ in range(4)])
    assert sorted(labels) == list(range(20))


def test_what_goes_along(x: Array) -> None:
    y, weight = np.arange(20), np.arange(20) / 10
    extra = [np.arange(20) * 2, np.arange(40).reshape(20, 2)]
    iterator = ImageDataGenerator().flow((x, extra), y, sample_weight=weight, batch_size=5, seed=3)
    (pictures, double, pairs), labels, weights = next(iterator)
    assert (pictures == x[labels]).all()
    assert (double == 2 * labels).all()
    assert (pairs[:, 0] == 2 * labels).all()
    assert (weights == labels / 10).all()


def test_fit_evaluate_and_predict_take_an_iterator(x: Array) -> None:
    from pyframe.layers import Dense, Flatten, Input
    from pyframe.models import Sequential

    def trained(threads: int, name: str) -> list[Array]:
        pyframe.set_num_threads(threads)
        pyframe.utils.set_random_seed(4)
        model = Sequential([Input(x.shape[1:]), Flatten(), Dense(4, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        iterator = ImageDataGenerator(**CHANGES, rescale=1 / 255).flow(
            x, np.arange(20) % 4, batch_size=6, seed=9
        )
        fit = getattr(model, name)
        fit(iterator, epochs=2, verbose=0, validation_data=iterator)
        fit(iterator, steps_per_epoch=3, epochs=3, verbose=0)
        model.evaluate(iterator, verbose=0)
        assert model.predict(iterator, verbose=0).shape == (20, 4)
        assert iterator.total_batches_seen == 4 * 4 + 9 + 4 + 4
        return [np.asarray(w) for w in model.get_weights()]

    first = trained(1, "fit")
    for again in (trained(2, "fit"), trained(2, "fit_generator")):
        for a, b in zip(first, again, strict=True):
            assert a.tobytes() == b.tobytes()


def test_an_error_of_the_function_reaches_the_caller(x: Array) -> None:
    def fails(image: Array) -> Array:
        raise KeyError("my function")

    iterator = ImageDataGenerator(preprocessing_function=fails).flow(x)
    for _ in range(2):
        with pytest.raises(KeyError, match="my function"):
            next(iterator)
    with pytest.raises(KeyError, match="my function"):
        iterator[0]


def test_function_comes_before_scaling(x: Array) -> None:
    seen: list[Any] = []

    def negative(image: Array) -> Array:
        seen.append((image.dtype, image.shape))
        return -image

    with pytest.warns(UserWarning, match="preprocess_input"):
        generator = ImageDataGenerator(preprocessing_function=negative, rescale=0.5)
    batch = next(generator.flow(x, batch_size=4, shuffle=False))
    np.testing.assert_allclose(batch, -0.5 * x[:4].astype(np.float32))
    assert seen[0] == (np.float32, (12, 10, 3))
    wrong = ImageDataGenerator(preprocessing_function=lambda image: image[:5])
    with pytest.raises(DataError, match="keep the shape"):
        next(wrong.flow(x))


def test_statistics_of_any_shape(x: Array) -> None:
    generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    pictures = x[:4].astype(np.float32)
    for shape in ((1, 1, 3), (3,), (12, 1, 1), (12, 10, 3), (1, 10, 1), ()):
        rng = np.random.default_rng(1)
        generator.mean, generator.std = rng.uniform(1, 9, shape), rng.uniform(1, 9, shape)
        batch = next(generator.flow(x, batch_size=4, shuffle=False))
        wanted = (pictures - generator.mean) / (generator.std + 1e-6)
        np.testing.assert_allclose(batch, wanted, rtol=1e-5, atol=1e-5)


def test_statistics_that_were_not_computed_are_told(x: Array) -> None:
    generator = ImageDataGenerator(featurewise_center=True)
    with pytest.warns(UserWarning, match="before `fit`"):
        assert (generator.flow(x, shuffle=False)[0] == x).all()


def test_subsets(x: Array) -> None:
    generator = ImageDataGenerator(validation_split=0.3)
    y = np.arange(20) % 2
    training = generator.flow(x, y, subset="training", shuffle=False)
    validation = generator.flow(x, y, subset="validation", shuffle=False)
    assert (training.n, validation.n) == (14, 6)
    assert (validation.x == x[:6]).all()
    with pytest.raises(DataError, match="in one of the subsets only"):
        generator.flow(x, np.arange(20), subset="training")
    assert generator.flow(x, np.arange(20), subset="training", ignore_class_split=True).n == 14
    with pytest.warns(UserWarning, match="augmented as well"):
        ImageDataGenerator(validation_split=0.3, **CHANGES).flow(x, subset="validation")
    with pytest.raises(ConfigurationError, match="validation_split"):
        ImageDataGenerator().flow(x, subset="training")


@pytest.mark.parametrize(
    "arguments",
    [
        {"fill_mode": "mirror"},
        {"zoom_range": (1, 2, 3)},
        {"zoom_range": "x"},
        {"brightness_range": 0.5},
        {"validation_split": 1.5},
        {"data_format": "first"},
        {"rotation_range": float("nan")},
        {"width_shift_range": "a"},
        {"interpolation_order": 6},
        {"cval": float("inf")},
        {"rescale": "1/255"},
    ],
)
def test_impossible_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        ImageDataGenerator(**arguments)


def test_impossible_data(x: Array) -> None:
    generator = ImageDataGenerator()
    with pytest.raises(DataError, match="4 dimensions"):
        generator.flow(x[0])
    with pytest.raises(DataError, match="`y` has the shape"):
        generator.flow(x, np.arange(3))
    with pytest.raises(DataError, match="needs `y`"):
        generator.flow(x, sample_weight=np.arange(20))
    with pytest.raises(ConfigurationError, match="batch_size"):
        generator.flow(x, batch_size=0)
    with pytest.raises(ConfigurationError, match="seed"):
        generator.flow(x, seed=-1)
    with pytest.raises(DataError, match="no pictures"):
        next(generator.flow(x[:0]))
    with pytest.warns(UserWarning, match="channels"):
        generator.flow(x[..., :2])
    with pytest.raises(ShapeError, match="3 dimensions"):
        generator.apply_transform(x, {})
    with pytest.raises(ConfigurationError, match="Unknown parameters"):
        generator.apply_transform(x[0], {"angle": 3})
    with pytest.raises(ConfigurationError, match="finite"):
        generator.apply_transform(x[0], {"theta": float("nan")})
    with pytest.raises(DataError, match="too large"):
        generator.apply_transform(x[0], {"tx": 1e300})


def test_pictures_are_written(x: Array, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    iterator = ImageDataGenerator().flow(x, batch_size=4, save_to_dir=tmp_path, save_prefix="a")
    iterator[0]
    files = sorted(tmp_path.glob("a_*.png"))
    assert len(files) == 4
    with image.open(files[0]) as picture:
        assert picture.size == (10, 12)
    with pytest.raises(ConfigurationError, match="not a folder"):
        ImageDataGenerator().flow(x, save_to_dir=tmp_path / "no")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_iterator_works_in_the_child_of_a_fork(tmp_path: Path) -> None:
    code = """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import numpy as np, pyframe
from pyframe.preprocessing.image import ImageDataGenerator
pyframe.set_num_threads(2)
x = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3)).astype("uint8")
iterator = ImageDataGenerator(rotation_range=40).flow(x, batch_size=16, seed=1)
next(iterator)
child = os.fork()
batch = next(iterator).tobytes()
import zlib
os.write(1, b"%d\\n" % zlib.crc32(batch))  # in one piece: both write to one pipe
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    run = run_python("-c", code, cwd=tmp_path, timeout=60)
    assert run.returncode == 0, run.stderr
    first, second = run.stdout.split()
    assert first == second


def test_a_program_ends_while_batches_are_made(tmp_path: Path) -> None:
    code = """
import numpy as np
from pyframe.preprocessing.image import ImageDataGenerator
x = np.zeros((64, 200, 200, 3), "uint8")
iterator = ImageDataGenerator(rotation_range=40).flow(x)
next(iterator)
"""
    for _ in range(5):
        run = run_python("-c", code, cwd=tmp_path, timeout=60)
        assert (run.returncode, run.stderr) == (0, "")
