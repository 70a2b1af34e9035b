"""Inputs for the operator table: for every operator a list of cases over SIZES."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.ops.graphs import Array, Operand, State

# One below, at and one above the widths of vectors and register tiles.
SIZES = (1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64)

# Stands in attributes for the float type under test.
FLOAT = "float"


@dataclass(eq=False)
class Case:
    """One call of an operator. `terms` is the longest sum in its forward or gradient pass."""

    operands: tuple[Operand, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    wrt: tuple[int, ...] = ()
    terms: int = 1

    @property
    def label(self) -> str:
        shapes = [o.value.shape if isinstance(o, State) else o.shape for o in self.operands]
        return f"shapes {shapes} attrs {self.attrs}"


Cases = Iterator[Case]
Values = Callable[[np.random.RandomState, tuple[int, ...]], Array]


def turn(i: int, step: int) -> int:
    """Another size for position i, so that lists of sizes do not run in step."""
    return SIZES[(i * step + step) % len(SIZES)]


def rng_for(*key: int) -> np.random.RandomState:
    return np.random.RandomState(list(key))


# -- values --------------------------------------------------------------------------------------


def normal(rng: np.random.RandomState, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.standard_normal(shape))


def positive(rng: np.random.RandomState, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.uniform(0.2, 4.0, shape))


def nonzero(rng: np.random.RandomState, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.uniform(0.3, 3.0, shape) * rng.choice([-1.0, 1.0], shape))


def away_from(*kinks: float) -> Values:
    """Values in -4 .. 4 farther than any finite-difference step from the kinks."""

    def values(rng: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        x = np.asarray(rng.uniform(-4, 4, shape))
        for kink in kinks:
            x = np.where(np.abs(x - kink) < 0.01, kink + 0.1, x)
        return x

    return values


def distinct(rng: np.random.RandomState, shape: tuple[int, ...]) -> Array:
    """No two values closer than 4 / size: the largest one is the same after a small step."""
    size = math.prod(shape)
    return np.asarray((rng.permutation(size) - size / 2).reshape(shape) * (4 / max(size, 1)))


# -- cases ---------------------------------------------------------------------------------------


def unary(values: Values, differentiable: bool = True, **attrs: Any) -> Cases:
    wrt = (0,) if differentiable else ()
    for n in (*SIZES, 70_001):
        yield Case((values(rng_for(1, n), (n,)),), attrs, wrt)
    yield Case((values(rng_for(1), (3, 5, 7)),), attrs, wrt)


def binary_shapes() -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for i, n in enumerate(SIZES):
        m = turn(i, 5)
        yield (n,), (n,)
        yield (m, n), (n,)
        yield (m, n), (m, 1)
        yield (1, n), (m, 1)
        yield (), (n,)
    yield (4, 3, 5), (3, 1)
    yield (2, 1, 3, 1), (4, 1, 5)
    yield (200, 300), (200, 300)
    yield (200, 300), (300,)
    yield (200, 300), (200, 1)


def binary(values_a: Values = normal, values_b: Values = normal, gap: float = 0.0) -> Cases:
    """`gap` is the least distance between a and b."""
    for a_shape, b_shape in binary_shapes():
        rng = rng_for(2, *a_shape, 0, *b_shape)
        a, b = values_a(rng, a_shape), values_b(rng, b_shape)
        if gap:
            a = np.asarray(np.round(a / gap) * gap)
            b = np.asarray((np.round(b / gap) + 0.5) * gap)
        repeats = math.prod(np.broadcast_shapes(a_shape, b_shape)) // min(a.size, b.size)
        yield Case((a, b), {}, (0, 1), repeats)


def powers() -> Cases:
    for n in SIZES:
        rng = rng_for(19, n)
        base = positive(rng, (2, n))
        yield Case((base, normal(rng, (2, n))), {}, (0, 1))
        yield Case((base, np.array(2.5)), {}, (0, 1), 2 * n)
        yield Case((nonzero(rng, (n,)), np.array(3.0)), {}, (0,))


def selections() -> Cases:
    for n in SIZES:
        rng = rng_for(20, n)
        condition = rng.randint(0, 2, (3, n)).astype(np.float64)
        a, b = normal(rng, (3, n)), normal(rng, (3, n))
        yield Case((condition, a, b), {}, (1, 2))
        yield Case((condition, np.array(2.0), b), {}, (1, 2), 3 * n)
        yield Case((condition, a, np.array(-1.0)), {}, (1, 2), 3 * n)
        yield Case((condition, np.array(1.0), np.array(0.5)), {}, (1, 2), 3 * n)


def ids_and_depths() -> Cases:
    for n in SIZES:
        ids = rng_for(21, n).randint(-1, 11, (n, 2)).astype(np.int32)
        yield Case((ids,), {"depth": 10, "dtype": FLOAT})
        yield Case((ids[:, 0].copy(),), {"depth": n, "dtype": FLOAT})
    yield Case((np.array(3, np.int32),), {"depth": 5, "dtype": FLOAT})


def rankings() -> Cases:
    for i, n in enumerate(SIZES):
        rng, classes = rng_for(22, n), turn(i, 5)
        ids = rng.randint(-1, classes + 1, n).astype(np.int32)
        # Few different scores: ties count for the id.
        scores = rng.randint(0, 5, (n, classes)).astype(np.float64)
        for k in (1, 3, 100):
            yield Case((scores, ids), {"k": k})


def comparison() -> Cases:
    for n in SIZES:
        rng = rng_for(3, n)
        a, b = rng.randint(0, 3, (2, 5, n)).astype(np.float64)
        yield Case((a, b), {"dtype": FLOAT})
        yield Case((a.astype(np.int32), b.astype(np.int32)), {"dtype": FLOAT})
    yield Case((rng_for(3).randint(0, 3, (4, 3)) * 1.0, np.ones(3)), {"dtype": FLOAT})


def casts() -> Cases:
    for n in SIZES:
        x = normal(rng_for(4, n), (n,))
        yield Case((x,), {"dtype": FLOAT}, (0,))
        yield Case((np.round(10 * x),), {"dtype": "int32"})
        yield Case((np.round(10 * x).astype(np.int32),), {"dtype": FLOAT})


def matmul() -> Cases:
    triples = [(n, turn(i, 5), turn(i, 7)) for i, n in enumerate(SIZES)]
    triples += [(n, n, n) for n in SIZES] + [(1, 100, 64), (130, 129, 131), (33, 300, 40)]
    triples += [(67, 1030, 70), (300, 33, 530)]  # several blocks of every blocked loop
    triples += [(123, 1024, 200)]  # rows at a distance of 4 KiB, which are copied
    triples += [(300, 200, 260)]  # tasks in both directions
    for position, (m, k, n) in enumerate(triples):
        for ta, tb in ((False, False), (True, False), (False, True), (True, True)):
            rng = rng_for(5, m, k, n)
            a = normal(rng, (k, m) if ta else (m, k))
            b = normal(rng, (n, k) if tb else (k, n))
            attrs = {"transpose_a": ta, "transpose_b": tb}
            terms = max(m, n, k)
            yield Case((a, b), attrs, (0, 1), terms)
            if position % 3 == 0:
                batch = (2,) if position % 2 else (3, 2)
                aa, bb = normal(rng, (*batch, *a.shape)), normal(rng, (*batch, *b.shape))
                yield Case((aa, bb), attrs, (0, 1), terms)
                if not ta:
                    yield Case((aa, b), attrs, (0, 1), terms * math.prod(batch))


def dense() -> Cases:
    triples = [(n, turn(i, 7), turn(i, 5)) for i, n in enumerate(SIZES)]
    triples += [(turn(i, 5), turn(i, 11), n) for i, n in enumerate(SIZES)]
    triples += [(32, 100, 64), (32, 100, 101), (1, 100, 64), (260, 130, 67)]
    triples += [(70, 1100, 540), (2, 600, 2100)]  # several blocks of every blocked loop
    triples += [(123, 1024, 200), (5, 2048, 230)]  # rows at a distance of 4 KiB, which are copied
    triples += [(1, 1030, 300), (3, 27000, 10), (2, 130, 2100)]  # few rows, many weights
    for i, (m, k, n) in enumerate(triples):
        rng = rng_for(6, m, k, n)
        lead = (m,) if i % 4 else (2, m)
        x, w, bias = normal(rng, (*lead, k)), normal(rng, (k, n)), normal(rng, (n,))
        terms = max(math.prod(lead), k, n)
        yield Case((x, w), {}, (0, 1), terms)
        yield Case((x, w, bias), {}, (0, 1, 2), terms)


def conv_case(
    x_shape: tuple[int, int, int, int],
    kernel: tuple[int, int],
    filters: int,
    bias: bool,
    strides: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "same",
    groups: int = 1,
) -> Case:
    rng = rng_for(7, *x_shape, *kernel, filters)
    channels = x_shape[3]
    operands = [normal(rng, x_shape), normal(rng, (*kernel, channels // groups, filters))]
    if bias:
        operands.append(normal(rng, (filters,)))
    attrs = {"strides": list(strides), "dilation": list(dilation)}
    terms = max(math.prod(kernel) * max(channels, filters), math.prod(x_shape[:3]))
    return Case(
        tuple(operands), {**attrs, "padding": padding, "groups": groups},
        tuple(range(len(operands))), terms,
    )  # fmt: skip


def conv2d() -> Cases:
    for i, n in enumerate(SIZES):  # image heights, with every kind of window
        w = max(5, turn(i, 5) % 19)
        kernel = ((3, 3), (5, 5), (1, 1), (2, 4))[i % 4]
        strides = ((1, 1), (2, 2), (1, 3))[i % 3]
        yield conv_case((2, n, w, 3), kernel, 5, i % 2 == 0, strides)
        if n >= 5:
            yield conv_case((2, n, w, 3), kernel, 5, i % 2 == 1, strides, padding="valid")
            yield conv_case((1, n, w, 2), (3, 2), 4, True, dilation=(2, 3), padding="valid")
            yield conv_case((1, n, w, 2), (3, 3), 4, False, dilation=(2, 2))
    for i, c in enumerate(SIZES):  # channels and filters
        yield conv_case((2, 6, 5, c), (3, 3), turn(i, 7), True)
        yield conv_case((2, 6, 5, turn(i, 5)), (3, 3), c, False, (2, 2))
        yield conv_case((3, 4, 3, c), (1, 1), turn(i, 5), True, padding="valid")
        yield conv_case((1, 5, 5, c), (3, 3), c, True, groups=c)
        yield conv_case((1, 5, 4, 2 * c), (3, 2), 4 * c, False, (2, 1), groups=2)
    for n in (1, 3, 7, 9, 17, 33):  # batch
        yield conv_case((n, 6, 6, 2), (3, 3), 6, True)
    # Shapes of the course's networks, large enough to be shared among threads.
    yield conv_case((9, 28, 28, 1), (5, 5), 6, True)
    yield conv_case((9, 14, 14, 6), (5, 5), 6, True, padding="valid")
    yield conv_case((5, 13, 13, 32), (3, 3), 64, True, padding="valid")
    yield conv_case((2, 20, 21, 70), (3, 3), 90, False)
    yield conv_case((1, 9, 9, 300), (1, 1), 130, True)
    yield conv_case((3, 9, 8, 40), (1, 1), 24, False, (2, 2))  # pixels picked and spread
    yield conv_case((2, 6, 6, 1024), (1, 1), 70, False)  # rows 4 KiB apart, which are copied
    yield conv_case((1, 5, 5, 70), (3, 3), 1024, False, (2, 2))  # and so in the input's gradient
    yield conv_case((2, 40, 40, 3), (7, 7), 16, True, (2, 2))
    # Few filters (or few channels for the gradient): pixels in the lanes, in several row blocks.
    yield conv_case((2, 21, 37, 1), (7, 5), 3, True, padding="valid")
    yield conv_case((2, 23, 19, 17), (3, 3), 1, True)
    yield conv_case((1, 20, 21, 2), (3, 4), 8, True, dilation=(2, 3))
    yield conv_case((1, 17, 36, 40), (3, 3), 2, True)
    yield conv_case((1, 17, 36, 2), (2, 3), 40, False)
    yield conv_case((1, 13, 14, 40), (5, 3), 210, True)  # one image shared by many threads
    yield conv_case((24, 4, 3, 520), (1, 1), 530, True)  # one product over all images
    yield conv_case((24, 4, 3, 520), (1, 1), 530, False, (2, 2))
    yield conv_case((24, 2, 1, 530), (1, 1), 520, False)  # gradient of the input turned
    # Small maps with many weights: products across images.
    yield conv_case((7, 2, 2, 170), (3, 3), 180, True)
    yield conv_case((9, 3, 4, 90), (5, 5), 118, False, (2, 1))
    yield conv_case((13, 2, 1, 530), (2, 3), 83, True, dilation=(1, 2))
    yield conv_case((8, 5, 6, 140), (3, 3), 210, False, padding="valid")
    # Gradients of the kernel in tiles over all images, and packed products of 1x1 kernels.
    yield conv_case((3, 19, 18, 72), (3, 3), 45, False, (2, 2))
    yield conv_case((2, 12, 13, 50), (3, 3), 40, True, dilation=(2, 3))
    yield conv_case((2, 4, 5, 60), (7, 7), 40, False, (1, 2))
    yield conv_case((9, 8, 9, 480), (1, 1), 64, False)
    yield conv_case((2, 4, 5, 3), (7, 7), 2, True)  # window larger than the image
    yield conv_case((1, 9, 9, 3), (2, 2), 4, True, (3, 3), padding="valid")  # cells never read


def pool(values: Values) -> Cases:
    def case(
        shape: tuple[int, ...], size: tuple[int, int], strides: tuple[int, int], padding: str
    ) -> Case:
        x = values(rng_for(8, *shape), shape)
        attrs = {"pool_size": list(size), "strides": list(strides), "padding": padding}
        return Case((x,), attrs, (0,), math.prod(size))

    for i, n in enumerate(SIZES):
        w = max(4, turn(i, 5) % 19)
        size = ((2, 2), (3, 3), (3, 2), (2, 2))[i % 4]
        strides = ((2, 2), (2, 2), (1, 1), (3, 2))[i % 4]
        yield case((2, n, w, 3), size, strides, "same")
        if n >= 3:
            yield case((2, n, w, 3), size, strides, "valid")
        yield case((2, 5, 5, n), (2, 2), (2, 2), "valid")
        yield case((2, 5, 6, n), (3, 3), (2, 2), "same")
        yield case((n, 4, 4, 2), (2, 2), (2, 2), "valid")
    yield case((4, 28, 28, 32), (2, 2), (2, 2), "valid")
    yield case((2, 3, 3, 2), (5, 5), (1, 1), "same")
    yield case((1, 6, 6, 4), (6, 6), (6, 6), "valid")


def reductions(values: Values) -> Cases:
    def case(shape: tuple[int, ...], axes: list[int], keepdims: bool) -> Case:
        over = axes or list(range(len(shape)))
        x = values(rng_for(9, *shape), shape)
        terms = math.prod(shape[a] for a in over)
        return Case((x,), {"axes": axes, "keepdims": keepdims}, (0,), terms)

    for i, n in enumerate(SIZES):
        m = turn(i, 5)
        yield case((n,), [], False)
        yield case((n, m), [], True)
        yield case((n, m), [0], i % 2 == 0)
        yield case((n, m), [1], i % 2 == 1)
        yield case((3, n, m), [1], False)
        yield case((3, n, m), [0, 2], True)
        yield case((2, 3, n, 2), [1, 2], False)
    yield case((70_001,), [], False)
    yield case((300, 257), [0], False)
    yield case((300, 257), [1], False)
    yield case((4, 5, 6), [2, 0], False)


def row_shapes() -> Iterator[tuple[int, ...]]:
    for i, n in enumerate(SIZES):
        yield (turn(i, 5), n)
        yield (n, 10)
    yield (3, 4, 5)
    yield (7,)
    yield (500, 101)


def rows(values: Values = normal, differentiable: bool = True) -> Cases:
    for shape in row_shapes():
        x = 2 * values(rng_for(10, *shape), shape)
        yield Case((x,), {}, (0,) if differentiable else (), shape[-1])


def losses(target: str) -> Cases:
    for shape in row_shapes():
        rng = rng_for(11, *shape)
        x = 2 * normal(rng, shape)
        if target == "ids":
            t = np.asarray(rng.randint(0, shape[-1], shape[:-1]), np.int32)
        elif target == "gap":  # mean_absolute_error: keep away from prediction == target
            t = x + nonzero(rng, shape)
        else:  # sums other than 1 are allowed
            t = np.asarray(rng.uniform(0, 1, shape))
        yield Case((x, t), {}, (0,), shape[-1])


def penalties(values: Values) -> Cases:
    for n in (*SIZES, 70_001):
        yield Case((values(rng_for(12, n), (n,)),), {"factor": 0.01}, (0,), n)
    yield Case((values(rng_for(12), (3, 3, 4, 5)),), {"factor": 2.0}, (0,), 180)


def reshapes() -> Cases:
    for n in SIZES:
        x = normal(rng_for(13, n), (n, 2, 6))
        for shape in ([n, 12], [2 * n, -1], [-1], [3, 2, n, 2]):
            yield Case((x,), {"shape": shape}, (0,))


def flattens() -> Cases:
    for n in SIZES:
        yield Case((normal(rng_for(14, n), (n, 3, 4)),), {}, (0,))
        yield Case((normal(rng_for(14, n), (2, n)),), {}, (0,))
        yield Case((normal(rng_for(14, n), (n,)),), {}, (0,))


def transposes() -> Cases:
    for i, n in enumerate(SIZES):
        m = turn(i, 5)
        yield Case((normal(rng_for(15, n), (n, m)),), {"axes": [1, 0]}, (0,))
        x = normal(rng_for(15, n, m), (2, n, 3, 5))
        for axes in ([0, 2, 1, 3], [3, 1, 2, 0], [0, 3, 1, 2], [0, 1, 2, 3]):
            yield Case((x,), {"axes": axes}, (0,))
    yield Case((normal(rng_for(15), (257, 300)),), {"axes": [1, 0]}, (0,))


def concats() -> Cases:
    for i, n in enumerate(SIZES):
        rng, m = rng_for(16, n), turn(i, 5)
        yield Case((normal(rng, (n, 3)), normal(rng, (n, m))), {"axis": 1}, (0, 1))
        yield Case((normal(rng, (n, 3)), normal(rng, (m, 3))), {"axis": 0}, (0, 1))
        parts = tuple(normal(rng, (2, 3, 4, c)) for c in (1, n, 5))
        yield Case(parts, {"axis": 3}, (0, 1, 2))
    yield Case((normal(rng_for(16), (2, 3)),), {"axis": 1}, (0,))


def broadcasts() -> Cases:
    for n in SIZES:
        rng = rng_for(17, n)
        yield Case((normal(rng, (n,)),), {"shape": [4, n]}, (0,), 4)
        yield Case((normal(rng, (n, 1)),), {"shape": [n, 5]}, (0,), 5)
        yield Case((normal(rng, ()),), {"shape": [3, n]}, (0,), 3 * n)
        yield Case((normal(rng, (2, 1, n)),), {"shape": [2, 7, n]}, (0,), 7)


def broadcasts_like() -> Cases:
    for case in broadcasts():
        (x,) = case.operands
        like = np.zeros(case.attrs["shape"])
        yield Case((x, like), {}, (0,), case.terms)


def dropouts() -> Cases:
    state = State(np.array([123.0, 5.0]))
    for n in (*SIZES, 70_001):
        yield Case((normal(rng_for(18, n), (n,)), state), {"rate": 0.4, "stream": 3}, (0,))
    x = normal(rng_for(18), (4, 5, 6, 7))
    yield Case((x, state), {"rate": 0.5, "stream": 1}, (0,))
