"""Typed face of the Cython module that takes pixels out of decoded pictures."""

import numpy as np
from numpy.typing import NDArray

def take_pixels(
    source: NDArray[np.uint8],
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    out: NDArray[np.uint8],
) -> None:
    """Fills `out` with the pixels of some rows and columns.

    Args:
        source: (H, W, C) uint8, contiguous, C 1 or 4.
        rows: numbers of N rows.
        columns: numbers of M columns.
        out: (N, M, C) uint8, contiguous.

    Raises:
        ValueError: if shapes do not fit.
        IndexError: if a number points outside.
    """
