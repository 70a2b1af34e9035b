"""Typed face of the Cython module that augments batches of images."""

from typing import Any

from numpy.typing import NDArray

def augment(
    source: NDArray[Any],
    index: NDArray[Any],
    geometry: NDArray[Any],
    colours: NDArray[Any],
    out: NDArray[Any],
    *,
    order: int = 1,
    mode: int = 1,
    cval: float = 0.0,
    rescale: float | None = None,
    centre: bool = False,
    std: bool = False,
    mean: NDArray[Any] | None = None,
    deviation: NDArray[Any] | None = None,
    threads: int = 1,
    avx2: bool = False,
) -> None:
    """Fills `out` with augmented images.

    Args:
        source: images (M, H, W, C), uint8 or float32, with any strides.
        index: number of the source of each of the N results, int64.
        geometry: (N, 9) float64: the 2x2 matrix and the offset that take (row, column) of the
            result to the source; 1 to flip columns and rows of the result; 1 if it is warped.
        colours: (N, 2) float32: channel shift and factor of brightness, NaN for none.
        out: (N, H', W', C) float32, contiguous; size of the sources unless warped.
        order: 0 nearest pixel, 1 bilinear.
        mode: beyond the edges 0 constant `cval`, 1 nearest, 2 reflect, 3 wrap, as in SciPy.
        cval: value outside for mode 0.
        rescale: factor after the colours.
        centre: subtract the mean of each image.
        std: divide by the standard deviation of each image.
        mean: (1 or H', W' C) float32, subtracted after that.
        deviation: (1 or H', W' C) float32, divided by after that.
        threads: images in work at once.
        avx2: use these instructions, which the CPU must have; results have the same bits.

    Raises:
        ValueError: if shapes do not fit.
        IndexError: if `index` points outside.
    """
