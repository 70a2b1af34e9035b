"""What the operators on layouts and images mean; see tests/oracles.py."""

from collections.abc import Sequence

import numpy as np

from tests.oracles import Array


def pad(x: Array, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Array:
    widths = [(max(0, b), max(0, a)) for b, a in zip(before, after, strict=True)]
    y = np.pad(x, widths, constant_values=value) if x.ndim else x
    cuts = zip(before, after, y.shape, strict=True)
    return np.asarray(y[tuple(slice(max(0, -b), n - max(0, -a)) for b, a, n in cuts)])


def _filter(method: str, x: Array) -> Array:
    """Weight at distance x: bilinear, Keys's cubic with a = -1/2, Lanczos's windowed sinc."""
    x = np.abs(x)
    if method == "bilinear":
        return np.maximum(0, 1 - x)
    if method == "bicubic":
        near = 1.5 * x**3 - 2.5 * x**2 + 1
        far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return np.where(x < 1, near, np.where(x < 2, far, 0.0))
    radius = int(method[-1])
    return np.asarray(np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0.0))


def resize_matrix(method: str, n: int, out: int, antialias: bool) -> Array:
    """(out, n) weights along one axis; samples off the image do not count."""
    step = n / out
    if method == "nearest":
        picked = np.minimum(np.floor((np.arange(out) + 0.5) * step).astype(int), n - 1)
        return np.eye(n)[picked]
    centres = (np.arange(out) + 0.5) * step - 0.5
    if method == "bicubic" and not antialias:  # TensorFlow's table has 1024 steps
        centres = np.round(centres * 1024) / 1024
    wide = max(1.0, step) if antialias else 1.0
    weights = _filter(method, (np.arange(n) - centres[:, None]) / wide)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def resize(
    x: Array,
    method: str = "bilinear",
    size: Sequence[int] | None = None,
    scale: Sequence[int] = (1, 1),
    antialias: bool = False,
) -> Array:
    height, width = x.shape[1:3]
    out = size or (height * scale[0], width * scale[1])
    rows = resize_matrix(method, height, out[0], antialias)
    columns = resize_matrix(method, width, out[1], antialias)
    return np.asarray(np.einsum("ph,qw,nhwc->npqc", rows, columns, x))


def expand_dims(x: Array, axis: int) -> Array:
    return np.expand_dims(x, axis)


def squeeze(x: Array, axis: int) -> Array:
    return np.squeeze(x, axis)
