"""Inputs for operators that move elements: padding, resizing, transforming, gathering."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.ops.generators import SIZES, Case, Cases, normal, rng_for, turn
from tests.ops.graphs import State


def pads() -> Cases:
    def case(shape: tuple[int, ...], before: list[int], after: list[int], **attrs: Any) -> Case:
        x = normal(rng_for(30, *shape), shape)
        return Case((x,), {"before": before, "after": after, **attrs}, (0,))

    for i, n in enumerate(SIZES):
        m = turn(i, 5)
        yield case((2, n, m, 3), [0, 1, 2, 0], [0, 0, 1, 0])
        yield case((2, n, m, 3), [0, 0, 0, i % 3], [0, 2, 0, 1], value=1.5)
        yield case((n, m), [1, 0], [0, i % 2])
        yield case((1, n, 5), [0, 1 - n, 0], [0, 0, -2])  # cuts off all but one
        yield case((3, n, 7, 2), [0, 2, -3, 0], [0, -1, 1, 0])
        yield case((n,), [-n + 1], [3], value=-1.0)
    yield case((), [], [])
    yield case((3, 4), [0, 0], [0, 0])
    yield case((3, 4), [-2, 0], [2, 0])  # all that is left moves
    yield case((5, 60, 50, 8), [0, 3, 3, 0], [0, 3, 3, 0])  # shared among threads
    yield case((1, 200, 200, 3), [0, 1, 1, 0], [0, 1, 1, 0])


def resizes() -> Cases:
    def case(shape: tuple[int, ...], **attrs: Any) -> Case:
        x = normal(rng_for(31, *shape), shape)
        size = attrs.get("size") or [2 * n for n in shape[1:3]]
        shrink = max(max(shape[1:3]) / min(size), max(size) / min(shape[1:3]))
        return Case((x,), attrs, (0,), int(100 * (1 + shrink) ** 2))

    methods = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    for i, n in enumerate(SIZES):
        method = methods[i % 5]
        yield case((2, n, 6, 3), method=method, size=[turn(i, 5), 5])
        yield case((2, 5, 4, n), method=methods[(i + 1) % 5], scale=[2, 3])
        yield case((n, 3, 4, 1), method=methods[(i + 2) % 5], size=[5, 9])
        yield case((1, 20, n, 2), method=methods[(i + 3) % 5], size=[7, 4], antialias=True)
    for method in methods:
        yield case((4, 28, 30, 16), method=method, scale=[2, 2])
        yield case((1, 90, 70, 3), method=method, size=[64, 100])
        yield case((3, 5, 6, 2), method=method, size=[5, 6])  # nothing to do


def new_axes() -> Iterator[Case]:
    for i, n in enumerate(SIZES):
        x = normal(rng_for(32, n), (n, 3, 2))
        yield Case((x,), {"axis": (0, 1, 3, -1, -4)[i % 5]}, (0,))


def dropped_axes() -> Iterator[Case]:
    for i, n in enumerate(SIZES):
        axis = (0, 1, 2, -1)[i % 4]
        shape = [n, 3, 2]
        shape.insert(axis if axis >= 0 else 3, 1)
        yield Case((normal(rng_for(33, n), tuple(shape)),), {"axis": axis}, (0,))


def gathers() -> Cases:
    for i, n in enumerate(SIZES):
        rng, width = rng_for(34, n), turn(i, 5)
        ids = rng.randint(-n, n, (turn(i, 7), 3)).astype(np.int32)
        yield Case((normal(rng, (n, width)), ids), {}, (0,), ids.size)
        yield Case((normal(rng, (n,)), ids[0]), {}, (0,), 3)
        yield Case((normal(rng, (n, 2, 3)), np.array(n - 1, np.int32)), {}, (0,))
    rng = rng_for(34)
    ids = rng.randint(0, 500, (64, 50)).astype(np.int32)
    yield Case((normal(rng, (500, 40)), ids), {}, (0,), 64)


def transforms() -> Cases:
    for i, n in enumerate(SIZES):
        rng, width = rng_for(35, n), max(2, turn(i, 5) % 11)
        x = normal(rng, (2, n, width, (1, 3, 4)[i % 3]))
        # Turned, sheared and moved by fractions, so that no sample falls on a pixel's edge.
        t = np.array([[1, 0, 0, 0, 1, 0, 0, 0]]) + 0.1 * rng.uniform(-1, 1, (2, 8))
        t[:, [2, 5]] += rng.uniform(-0.7, 0.7, (2, 2)) * [width, n]
        t[:, 6:] *= 0.1
        # A coordinate of size n is known to n * 6e-8, pixels differ by up to 6.
        terms = 6 * (n + width)
        for fill in ("constant", "nearest", "reflect", "wrap"):
            attrs = {"fill_mode": fill, "interpolation": "bilinear", "fill_value": 0.5 * (i % 2)}
            yield Case((x, t), attrs, (0,), terms)
            yield Case((x, t), {**attrs, "interpolation": "nearest"}, (0,), terms)
    x = normal(rng_for(35), (9, 40, 50, 3))
    yield Case((x, np.tile([[0.9, 0.2, 3, -0.1, 1.1, 2, 0, 0]], (9, 1))), {}, (0,), 540)


def convolutions_transpose() -> Cases:
    def case(
        x_shape: tuple[int, int, int, int],
        kernel: tuple[int, int],
        filters: int,
        bias: bool = True,
        **attrs: Any,
    ) -> Case:
        rng = rng_for(36, *x_shape, *kernel, filters)
        operands = [normal(rng, x_shape), normal(rng, (*kernel, filters, x_shape[3]))]
        if bias:
            operands.append(normal(rng, (filters,)))
        terms = max(math.prod(kernel) * max(x_shape[3], filters), math.prod(x_shape[:3])) * 9
        return Case(tuple(operands), attrs, tuple(range(len(operands))), terms)

    for i, n in enumerate(SIZES):
        w, padding = max(2, turn(i, 5) % 13), ("valid", "same")[i % 2]
        kernel = ((3, 3), (4, 4), (1, 2), (2, 5), (5, 5))[i % 5]
        strides = ((1, 1), (2, 2), (3, 2))[i % 3]
        yield case((2, n, w, 3), kernel, 5, i % 3 > 0, strides=list(strides), padding=padding)
        yield case((1, 4, 3, n), kernel, turn(i, 7), strides=[2, 2], padding=padding)
        yield case((2, 5, 4, 3), (3, 3), n, False, strides=[2, 2], padding="same")
        yield case((n, 3, 3, 2), (2, 2), 3, strides=[2, 2])
    yield case((2, 6, 5, 3), (3, 3), 4, dilation=[2, 2], padding="same")
    yield case((2, 6, 5, 3), (3, 2), 4, dilation=[1, 3])
    yield case((2, 6, 5, 3), (3, 3), 4, strides=[2, 3], padding="same", output_padding=[1, 2])
    yield case((2, 6, 5, 3), (3, 3), 4, strides=[3, 3], output_padding=[1, 2])
    yield case((2, 6, 5, 3), (1, 1), 4, strides=[3, 2])  # pixels that no window reaches
    yield case((3, 16, 16, 24), (4, 4), 16, strides=[2, 2], padding="same")


def random_numbers() -> Cases:
    state = State(np.array([123.0, 5.0]))
    for n in (*SIZES, 70_001):
        yield Case((state, np.zeros((n,))), {"axes": [], "stream": 3})
    yield Case((state, np.zeros((4, 5, 6, 7))), {"axes": [1, 2], "stream": 1})


def merged_rows() -> Cases:
    for n in SIZES:
        yield Case((normal(rng_for(42, n), (n, 3, 4)),), {}, (0,))
        yield Case((normal(rng_for(42, n), (2, n)),), {}, (0,))


def split_rows() -> Cases:
    for n in SIZES:
        rng = rng_for(43, n)
        yield Case((normal(rng, (3 * n, 4)), normal(rng, (n, 3, 2))), {}, (0,))
        yield Case((normal(rng, (2 * n,)), normal(rng, (2, n))), {}, (0,))
