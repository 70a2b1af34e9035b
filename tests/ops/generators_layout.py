"""Inputs for operators that move elements of images: padding, resizing, gathering."""

from collections.abc import Iterator
from typing import Any

from tests.ops.generators import SIZES, Case, Cases, normal, rng_for, turn


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
