"""The compiled pass over a batch against SciPy, Pillow and NumPy."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pyframe import get_isa
from pyframe._core import isa_levels
from pyframe.preprocessing._affine import augment
from pyframe.preprocessing.transforms import FILL_MODES, Finish, Parameters, run_kernel

ndimage = pytest.importorskip("scipy.ndimage")
Array = NDArray[Any]
ROOT = Path(__file__).resolve().parents[2]


def tables(n: int) -> tuple[Array, Array]:
    return np.zeros((n, 9)), np.full((n, 2), np.nan, np.float32)


def warp(x: Array, matrix: Array, offset: Array, **options: Any) -> Array:
    options = {"avx2": get_isa() in ("avx2", "avx512"), **options}
    geometry, colours = tables(len(x))
    geometry[:, :4], geometry[:, 4:6], geometry[:, 8] = matrix.ravel(), offset, 1
    out = np.full(x.shape, np.nan, np.float32)
    augment(x, np.arange(len(x)), geometry, colours, out, **options)
    return out


def scipy_warp(x: Array, matrix: Array, offset: Array, order: int, mode: str, cval: float) -> Array:
    out = np.empty(x.shape, np.float32)
    for i in range(len(x)):
        for c in range(x.shape[3]):
            out[i, ..., c] = ndimage.affine_transform(
                x[i, ..., c].astype(np.float32), matrix, offset, order=order, mode=mode, cval=cval
            )
    return out


@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_warp_is_scipys(mode: str, order: int, dtype: Any) -> None:
    rng = np.random.default_rng(5)
    for trial in range(60):
        shape = (2, *rng.integers(1, 20, 2), rng.integers(1, 6))
        x = rng.uniform(0, 255, shape).astype(dtype)
        matrix = rng.normal(size=(2, 2)) * rng.choice([0.5, 1, 3])
        offset = rng.normal(size=2) * 20
        if trial % 3 == 0:  # places on pixels, between them and on the edges
            matrix, offset = np.round(2 * matrix) / 2, np.round(2 * offset) / 2
        got = warp(x, matrix, offset, order=order, mode=FILL_MODES.index(mode), cval=7.0)
        wanted = scipy_warp(x, matrix, offset, order, mode, 7.0)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-4, err_msg=f"{trial} {shape}")


@pytest.mark.parametrize("mode", FILL_MODES)
def test_a_row_of_several_blocks(mode: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (1, 5, 333, 3)).astype(np.uint8)
    matrix, offset = np.array([[0.9, 0.02], [-0.1, 1.3]]), np.array([0.3, -40.0])
    got = warp(x, matrix, offset, mode=FILL_MODES.index(mode))
    np.testing.assert_allclose(got, scipy_warp(x, matrix, offset, 1, mode, 0), rtol=0, atol=1e-4)


def test_strided_sources_and_the_end_of_the_buffer() -> None:
    whole = np.random.default_rng(1).uniform(0, 255, (4, 12, 18, 3)).astype(np.float32)
    matrix, offset = np.array([[0.8, 0.1], [0.0, 0.9]]), np.array([1.0, 1.0])
    views = [
        whole[1:3, 2:9, 3:11],
        whole[::-1, ::-1, ::-1],
        whole[..., ::-1],
        np.ascontiguousarray(whole.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1),
        whole[3:, 11:],
    ]
    for view in views:
        wanted = warp(np.ascontiguousarray(view), matrix, offset)
        np.testing.assert_allclose(warp(view, matrix, offset), wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("warped", [False, True])
def test_flips_follow_the_warp(warped: bool) -> None:
    x = np.random.default_rng(2).uniform(0, 255, (3, 7, 6, 3)).astype(np.float32)
    theta = np.full(3, 30.0) if warped else None
    flips = np.array([1, 0, 1]), np.array([0, 1, 1])
    plain, flipped = (
        run_kernel(x, np.arange(3), p.geometry(3, 7, 6), p.colours(3), (7, 6), 1, "reflect", 0.0,
                   Finish())
        for p in (Parameters(theta), Parameters(theta, flip_horizontal=flips[0],
                                                flip_vertical=flips[1]))
    )  # fmt: skip
    np.testing.assert_allclose(flipped[0], plain[0, :, ::-1], atol=1e-4)
    np.testing.assert_allclose(flipped[1], plain[1, ::-1], atol=1e-4)
    np.testing.assert_allclose(flipped[2], plain[2, ::-1, ::-1], atol=1e-4)


def test_same_bits_for_any_number_of_threads() -> None:
    x = np.random.default_rng(3).integers(0, 256, (9, 30, 20, 3)).astype(np.uint8)
    matrix, offset = np.array([[0.8, 0.3], [-0.3, 0.8]]), np.array([2.0, 3.0])
    options = {"centre": True, "std": True, "rescale": 0.1}
    first = warp(x, matrix, offset, threads=1, **options)
    for threads in (2, 3, 16):
        assert warp(x, matrix, offset, threads=threads, **options).tobytes() == first.tobytes()


@pytest.mark.skipif("avx2" not in isa_levels(), reason="needs AVX2")
@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("channels", [3, 4])
def test_same_bits_with_other_instructions(mode: str, channels: int) -> None:
    rng = np.random.default_rng(6)
    for trial in range(60):
        height, width = rng.integers(1, 12), rng.integers(1, 160)
        whole = rng.integers(0, 256, (2, height, width, 4)).astype(np.uint8)
        x = whole[..., :channels]  # with a gap between pixels of three channels
        x = x if trial % 2 else np.ascontiguousarray(x)
        matrix, offset = rng.normal(size=(2, 2)), rng.normal(size=2) * 10
        options = {"mode": FILL_MODES.index(mode), "cval": 7.0, "rescale": 1 / 255}
        plain = warp(x, matrix, offset, avx2=False, **options)
        assert warp(x, matrix, offset, avx2=True, **options).tobytes() == plain.tobytes()


@pytest.mark.parametrize("high", [1, 255, 900])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_brightness_is_pillows(high: float, channels: int) -> None:
    from pyframe.preprocessing.image import apply_brightness_shift

    pytest.importorskip("PIL")
    x = np.random.default_rng(4).uniform(0, high, (1, 9, 8, channels)).astype(np.float32)
    for factor in (0.0, 0.3, 1.0, 1.7, 300.0):
        p = Parameters(brightness=np.array([factor]))
        got = run_kernel(x, np.arange(1), p.geometry(1, 9, 8), p.colours(1), (9, 8), 1, "nearest",
                         0.0, Finish())  # fmt: skip
        wanted = apply_brightness_shift(x[0], factor, scale=False)
        np.testing.assert_allclose(got[0], wanted, rtol=1e-6, atol=1e-4)


def test_shapes_that_do_not_fit_are_refused() -> None:
    x = np.zeros((2, 4, 4, 3), np.float32)
    geometry, colours = tables(2)
    out = np.zeros((2, 4, 4, 3), np.float32)
    index = np.arange(2)
    with pytest.raises(IndexError):
        augment(x, index + 1, geometry, colours, out)
    with pytest.raises(ValueError, match="same length"):
        augment(x, index, geometry[:1], colours, out)
    with pytest.raises(ValueError, match="columns"):
        augment(x, index, geometry[:, :8].copy(), colours, out)
    with pytest.raises(ValueError, match="change their size"):
        augment(x, index, geometry, colours, np.zeros((2, 5, 4, 3), np.float32))
    for name in ("mean", "deviation"):
        with pytest.raises(ValueError, match=name):
            augment(x, index, geometry, colours, out, **{name: np.zeros((1, 5), np.float32)})


@pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="needs the sources")
def test_hot_loops_need_no_interpreter() -> None:
    """Cython refuses calls of Python in functions declared like this."""
    found = set()
    for name, loop in (("_affine", "prange("), ("_pixels", "with nogil:")):
        source = (ROOT / f"pyframe/preprocessing/{name}.pyx").read_text("utf-8")
        functions = re.findall(
            r"^cdef (?:inline )?\w+ (\w+)\((?:[^)]|\n)*\) *([\w ]*):$", source, re.M
        )
        assert {declared for _, declared in functions} == {"noexcept nogil"}
        assert source.count(loop) == len(re.findall(r"nogil=True|with nogil", source)) == 1
        assert "with gil" not in source
        found |= {function for function, _ in functions}
    assert found >= {"augment_image", "blend_pixels", "map_coordinate", "take"}
