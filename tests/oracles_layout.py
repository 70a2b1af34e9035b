"""What the operators on layouts and images mean; see tests/oracles.py."""

import math
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


def gather(table: Array, ids: Array) -> Array:
    return np.asarray(table[ids.astype(np.int64)])


def conv2d_transpose(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    strides: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: str = "valid",
    output_padding: Sequence[int] = (-1, -1),
) -> Array:
    """Every pixel of x puts its multiple of the kernel on the result; then the border is cut."""
    (n, h, width, _), (kh, kw, filters, _) = x.shape, w.shape
    spans = [(k - 1) * d + 1 for k, d in zip((kh, kw), dilation, strict=True)]
    sizes, befores = [], []
    for length, span, s, extra in zip((h, width), spans, strides, output_padding, strict=True):
        if padding == "valid":
            sizes.append((length - 1) * s + (max(span, s) if extra < 0 else span + extra))
            befores.append(0)
        else:
            out = length * s if extra < 0 else (length - 1) * s + span % 2 + extra
            sizes.append(out)
            befores.append(max(0, (length - 1) * s + span - out) // 2)
    full = np.zeros((n, h * strides[0] + spans[0], width * strides[1] + spans[1], filters))
    full = np.pad(full, ((0, 0), (0, sizes[0]), (0, sizes[1]), (0, 0)))
    for i in range(h):
        for j in range(width):
            for a in range(kh):
                for b in range(kw):
                    row, column = i * strides[0] + a * dilation[0], j * strides[1] + b * dilation[1]
                    full[:, row, column] += x[:, i, j] @ w[a, b].T
    (top, left), (rows, columns) = befores, sizes
    y = full[:, top : top + rows, left : left + columns]
    return np.asarray(y if bias is None else y + bias)


def _coordinate(at: float, n: int, fill: str) -> float:
    """Where a sample outside the image is taken from, as in TensorFlow."""
    if fill == "constant" or 0 <= at <= n - 1:
        return at
    if n == 1:
        return 0.0
    if fill == "reflect":
        at = (-at - 1 if at < 0 else at) % (2 * n) if at < -1 or at > 0 else 0.0
        at = 2 * n - 1 - at if at >= n else at
    elif fill == "wrap":
        at += n * (math.floor(-at / (n - 1)) + 1) if at < 0 else -n * math.floor(at / (n - 1))
    return min(max(at, 0.0), n - 1.0)


def affine_transform(
    x: Array,
    transforms: Array,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Array:
    height, width = x.shape[1:3]
    y = np.empty_like(x)
    # A border of one pixel of the fill value is as far as a sample reaches.
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=fill_value)

    def pixel(image: Array, row: float, column: float) -> Array:
        inside = -1 <= row <= height and -1 <= column <= width
        return image[int(row) + 1, int(column) + 1] if inside else np.full(x.shape[3], fill_value)

    for image, t, result in zip(wide, transforms, y, strict=True):
        for i in range(height):
            for j in range(width):
                k = t[6] * j + t[7] * i + 1
                column = _coordinate((t[0] * j + t[1] * i + t[2]) / k, width, fill_mode)
                row = _coordinate((t[3] * j + t[4] * i + t[5]) / k, height, fill_mode)
                if interpolation == "nearest":
                    result[i, j] = pixel(image, math.floor(row + 0.5), math.floor(column + 0.5))
                    continue
                top, left = math.floor(row), math.floor(column)
                down, right = row - top, column - left
                result[i, j] = (1 - down) * (
                    (1 - right) * pixel(image, top, left) + right * pixel(image, top, left + 1)
                ) + down * (
                    (1 - right) * pixel(image, top + 1, left)
                    + right * pixel(image, top + 1, left + 1)
                )
    return y


def merge_rows(x: Array) -> Array:
    return x.reshape(-1, *x.shape[2:])


def split_rows(x: Array, like: Array) -> Array:
    return x.reshape(*like.shape[:2], *x.shape[1:])
