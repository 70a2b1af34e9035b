"""InceptionV3: convolutions of several sizes side by side, large ones in factors."""

from __future__ import annotations

from typing import Any

from pyframe.applications.architecture import application
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.applications.inception_blocks import AVERAGE, MAXIMUM, STEM, branch, mixed
from pyframe.layers import Concatenate

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessor("tf")


def _block_a(x: Any, name: str, pooled: int) -> Any:
    double = ((64, 1), (96, 3), (96, 3))
    return mixed(x, name, ((64, 1),), ((48, 1), (64, 5)), double, (AVERAGE, (pooled, 1)))


def _block_b(x: Any, name: str, n: int) -> Any:
    wide, high = (1, 7), (7, 1)
    single = ((n, 1), (n, wide), (192, high))
    double = ((n, 1), (n, high), (n, wide), (n, high), (192, wide))
    return mixed(x, name, ((192, 1),), single, double, (AVERAGE, (192, 1)))


def _split(x: Any, name: str | None, *steps: Any) -> Any:
    return mixed(branch(x, *steps), name, ((384, (1, 3)),), ((384, (3, 1)),))


def _block_c(x: Any, name: str, split_name: str) -> Any:
    parts = [
        branch(x, (320, 1)),
        _split(x, split_name, (384, 1)),
        _split(x, None, (448, 1), (384, 3)),
        branch(x, AVERAGE, (192, 1)),
    ]
    return Concatenate(name=name)(parts)


@application("inception_v3", size=299, smallest=75)
def InceptionV3(x: Any) -> Any:
    """Makes the third Inception network (Szegedy et al. 2016, arXiv:1512.00567)."""
    x = branch(x, *STEM)
    for i, pooled in enumerate((32, 64, 64)):
        x = _block_a(x, f"mixed{i}", pooled)
    double = ((64, 1), (96, 3), (96, 3, 2, "valid"))
    x = mixed(x, "mixed3", ((384, 3, 2, "valid"),), double, (MAXIMUM,))
    for i, n in enumerate((128, 160, 160, 192)):
        x = _block_b(x, f"mixed{4 + i}", n)
    factored = ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "valid"))
    x = mixed(x, "mixed8", ((192, 1), (320, 3, 2, "valid")), factored, (MAXIMUM,))
    for i in range(2):
        x = _block_c(x, f"mixed{9 + i}", f"mixed9_{i}")
    return x
