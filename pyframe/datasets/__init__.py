"""Data sets: `mnist5k` is part of the package, `mnist` is downloaded once."""

from pyframe.datasets import mnist, mnist5k

__all__ = ["mnist", "mnist5k"]
