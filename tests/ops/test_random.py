"""Uniform random numbers: what the counter-based generator promises."""

import numpy as np

from pyframe import _core, ops
from tests.ops.graphs import Array, State, isa, run_op, threads


def numbers(
    shape: tuple[int, ...] = (100_003,),
    seed: float = 1.0,
    counter: float = 0.0,
    stream: int = 0,
    dtype: str = "float32",
    axes: tuple[int, ...] = (),
) -> Array:
    state = State(np.array([seed, counter]))
    attrs = {"axes": list(axes), "stream": stream}
    return run_op("random_uniform", [state, np.zeros(shape, dtype)], attrs)[0]


def test_statistics() -> None:
    y = numbers().astype(np.float64)
    assert y.min() >= 0
    assert y.max() < 1
    # Five standard deviations of the mean, the variance and the product of neighbours.
    root = np.sqrt(y.size)
    assert abs(y.mean() - 0.5) < 5 / np.sqrt(12) / root
    assert abs(y.var() - 1 / 12) < 5 * np.sqrt(1 / 180) / root
    for lag in (1, 2, 16, 256):
        assert abs(((y[lag:] - 0.5) * (y[:-lag] - 0.5)).mean()) < 5 / 12 / root, lag
    counts = np.histogram(y, 100, (0, 1))[0]
    assert abs(counts - y.size / 100).max() < 5 * np.sqrt(y.size / 100)


def test_every_part_of_the_key_matters() -> None:
    first = numbers()
    for other in (numbers(seed=2), numbers(counter=1), numbers(stream=1)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.02


def test_the_same_numbers_in_both_dtypes_on_every_isa_and_any_number_of_threads() -> None:
    wanted = numbers((513, 101))
    np.testing.assert_array_equal(numbers((513, 101), dtype="float64"), wanted)
    for level in _core.isa_levels():
        for count in (1, 3):
            with isa(level), threads(count):
                assert numbers((513, 101)).tobytes() == wanted.tobytes(), (level, count)


def test_shared_axes_get_size_one() -> None:
    assert numbers((3, 4, 5, 6), axes=(1, 2)).shape == (3, 1, 1, 6)


def test_normal_numbers() -> None:
    x = ops.random_normal(np.zeros(200_000), state=np.array([7.0, 0.0]))
    root = np.sqrt(x.size)
    # The deviations of the first four moments of normal numbers are 1, sqrt 2, sqrt 15, sqrt 96.
    for power, moment, deviation in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**power).mean() - moment) < 5 * np.sqrt(deviation) / root
    again = ops.random_normal(np.zeros(200_000), state=np.array([7.0, 0.0]))
    np.testing.assert_array_equal(x, again)
