"""Data sets: `mnist5k` is part of the package, the others are downloaded once and checked."""

from pyframe.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    mnist5k,
    reuters,
)

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "mnist5k",
    "reuters",
]
