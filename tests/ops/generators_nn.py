"""Inputs for depthwise convolutions and normalisations."""

import math
from collections.abc import Iterator

from tests.ops.generators import SIZES, Case, Cases, normal, positive, rng_for, turn


def depthwise_case(
    x_shape: tuple[int, int, int, int],
    kernel: tuple[int, int],
    bias: bool = False,
    strides: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "same",
) -> Case:
    rng = rng_for(23, *x_shape, *kernel)
    operands = [normal(rng, x_shape), normal(rng, (*kernel, x_shape[3]))]
    if bias:
        operands.append(normal(rng, (x_shape[3],)))
    attrs = {"strides": list(strides), "dilation": list(dilation), "padding": padding}
    terms = max(math.prod(kernel), math.prod(x_shape[:3]))
    return Case(tuple(operands), attrs, tuple(range(len(operands))), terms)


def depthwise() -> Cases:
    for i, n in enumerate(SIZES):
        side = ((3, 3), (5, 5), (7, 7), (4, 2))[i % 4]
        yield depthwise_case((2, 9, 12, n), (3, 3), i % 2 == 0)  # channels
        yield depthwise_case((2, 8, 7, n), (3, 3), i % 2 == 1, (2, 2))
        yield depthwise_case((1, 9, n, 5), side, True)  # widths, with every kind of window
        yield depthwise_case((2, n, 20, 3), side, False, (2, 2))
        if n >= 7:
            yield depthwise_case((2, n, 8, 4), side, True, padding="valid")
            yield depthwise_case((1, n, 11, 3), (3, 2), True, dilation=(2, 3), padding="valid")
            yield depthwise_case((n, 5, 6, 2), (3, 3), False)  # batch
    for kernel in ((3, 3), (5, 5), (7, 7), (2, 2), (1, 1), (6, 3)):
        yield depthwise_case((1, 11, 13, 33), kernel, True, (2, 2))
        yield depthwise_case((1, 11, 13, 17), kernel, False, (1, 3))
        yield depthwise_case((1, 11, 13, 17), kernel, False, dilation=(2, 2))
    yield depthwise_case((1, 40, 30, 24), (3, 3), True)  # several blocks of rows
    yield depthwise_case((2, 3, 3, 2), (7, 7), False)  # a window larger than the image
    yield depthwise_case((1, 9, 9, 3), (2, 2), True, (3, 3), padding="valid")  # cells never read


def norm_shapes() -> Iterator[tuple[int, ...]]:
    for i, n in enumerate(SIZES):
        yield (turn(i, 5) + 10, n)
        yield (3, 4, 5, n)
        yield (n + 1, 3, 4, 5)
    yield (4, 9, 33)
    yield (1, 40, 41, 20)  # several blocks of rows, one image
    yield (40, 12, 12, 24)  # several lanes


def batch_norms() -> Cases:
    for shape in norm_shapes():
        rng, c = rng_for(24, *shape), shape[-1]
        x = normal(rng, shape) * positive(rng, (c,)) + normal(rng, (c,))
        operands = (x, normal(rng, (c,)), normal(rng, (c,)))
        yield Case(operands, {"epsilon": 1e-3}, (0, 1, 2), math.prod(shape[:-1]))


def batch_norms_with_statistics() -> Cases:
    for shape in norm_shapes():
        rng, c = rng_for(25, *shape), shape[-1]
        operands = (normal(rng, shape), *(normal(rng, (c,)) for _ in range(3)), positive(rng, (c,)))
        yield Case(operands, {"epsilon": 1e-3}, (0, 1, 2, 3, 4), math.prod(shape[:-1]))
