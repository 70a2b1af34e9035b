"""5,000 handwritten digits of MNIST, shipped with the package."""

from __future__ import annotations

from pathlib import Path

from pyframe.datasets.arrays import Split, load_images


def load_data() -> tuple[Split, Split]:
    """Returns `(x_train, y_train), (x_test, y_test)`; needs no network.

    500 digits of each class, shuffled: `x_train` has shape (4000, 28, 28), `x_test`
    (1000, 28, 28), both uint8 with grey values 0 (background) to 255; `y_train` (4000,) and
    `y_test` (1000,) are the digits as uint8. Source and licence: mnist5k.md beside this file.
    """
    return load_images(Path(__file__).with_name("mnist5k.npz"), (28, 28), 10)
