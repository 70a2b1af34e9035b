"""Operators to time, and how a plan of one operator is made: pytest bench"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pyframe import _core

Array = NDArray[Any]


@dataclass(frozen=True)
class Bench:
    """One operator on operands of given shapes. `flops` or, without any, bytes moved count."""

    op: str
    shapes: tuple[tuple[int, ...], ...]
    attrs: tuple[tuple[str, Any], ...] = ()
    flops: int = 0
    gradient_of: int | None = None  # time the gradient of this operand instead
    dtype: str = "float32"

    @property
    def id(self) -> str:
        shape = "_".join("x".join(map(str, s)) for s in self.shapes[:2])
        tail = "" if self.gradient_of is None else f"_grad{self.gradient_of}"
        stride = dict(self.attrs).get("strides", [1])[0]
        return f"{self.op}{tail}-{shape}{f'_s{stride}' if stride > 1 else ''}-{self.dtype}"


def gemm(m: int, k: int, n: int, **kwargs: Any) -> Bench:
    return Bench("dense", ((m, k), (k, n), (n,)), flops=2 * m * k * n, **kwargs)


def conv(n: int, hw: int, c: int, f: int, kernel: int, stride: int = 1, **kwargs: Any) -> Bench:
    out = -(-hw // stride)
    attrs = (("strides", [stride, stride]), ("padding", "same"))
    shapes = ((n, hw, hw, c), (kernel, kernel, c, f))
    return Bench("conv2d", shapes, attrs, 2 * n * out * out * kernel**2 * c * f, **kwargs)


def depthwise(n: int, hw: int, c: int, stride: int = 1, kernel: int = 3, **kwargs: Any) -> Bench:
    out = -(-hw // stride)
    attrs = (("strides", [stride, stride]), ("padding", "same"))
    shapes = ((n, hw, hw, c), (kernel, kernel, c))
    return Bench("depthwise_conv2d", shapes, attrs, 2 * n * out * out * kernel**2 * c, **kwargs)


def batch_norm(*shape: int, **kwargs: Any) -> Bench:
    return Bench("batch_norm", (shape, shape[-1:], shape[-1:]), **kwargs)


def pool(op: str, n: int, hw: int, c: int, size: int = 2, stride: int = 2, **kwargs: Any) -> Bench:
    padding = "valid" if size == stride else "same"
    attrs = (("pool_size", [size] * 2), ("strides", [stride] * 2), ("padding", padding))
    return Bench(op, ((n, hw, hw, c),), attrs, **kwargs)


GEMMS = [(n, n, n) for n in (16, 32, 64, 128, 256, 512, 1024)]
GEMMS += [(1, 100, 64), (32, 100, 64), (32, 100, 101), (1, 784, 128), (256, 784, 128),
          (256, 128, 784), (128, 1600, 10), (6, 4096, 4096)]  # fmt: skip
CONVS = [(32, 28, 1, 6, 5), (32, 14, 6, 6, 5), (128, 28, 1, 32, 3), (128, 13, 32, 64, 3),
         (8, 56, 64, 64, 3), (8, 28, 128, 128, 3), (8, 56, 64, 256, 1), (8, 56, 64, 128, 3, 2),
         (4, 112, 3, 64, 7, 2)]  # fmt: skip
# The layers of MobileNet for one image, and 5x5 and 7x7 windows.
DEPTHWISE = [(1, 112, 32), (1, 112, 64, 2), (1, 56, 128), (1, 56, 128, 2), (1, 28, 256),
             (1, 28, 256, 2), (1, 14, 512), (1, 14, 512, 2), (1, 7, 1024), (1, 28, 256, 1, 5),
             (1, 28, 256, 1, 7)]  # fmt: skip
NORMS = [(64, 32, 32, 64), (64, 16, 16, 128), (16, 56, 56, 64), (16, 7, 7, 512), (256, 128)]
# ResNet's first pooling and GoogLeNet's.
POOLS = [(1, 112, 64, 3, 2), (16, 112, 64, 3, 2), (1, 28, 192, 3, 1), (16, 28, 192, 3, 1)]
ELEMENTWISE = ("relu", "sigmoid", "tanh", "gelu", "exp", "add", "multiply")

BENCHES = [
    *[gemm(*s) for s in GEMMS],
    gemm(256, 256, 256, dtype="float64"),
    gemm(256, 784, 128, gradient_of=0),
    gemm(256, 784, 128, gradient_of=1),
    *[conv(*s) for s in CONVS],
    *[conv(*s, gradient_of=g) for s in CONVS[1:6] for g in (0, 1)],
    *[pool(op, *s) for op in ("max_pool2d", "average_pool2d")
      for s in ((32, 28, 6), (128, 26, 32), (8, 56, 64))],
    pool("max_pool2d", 128, 26, 32, gradient_of=0),
    *[pool("max_pool2d", *s) for s in POOLS],
    *[pool("max_pool2d", *s, gradient_of=0) for s in POOLS[1::2]],
    *[depthwise(*s) for s in DEPTHWISE],
    *[depthwise(16, 24, 128, s, gradient_of=g) for s in (1, 2) for g in (0, 1)],
    *[batch_norm(*s) for s in NORMS],
    *[batch_norm(*s, gradient_of=0) for s in NORMS],
    *[Bench("reduce_mean", (s,), (("axes", [1, 2]),)) for s in ((1, 7, 7, 1024), (16, 7, 7, 2048))],
    *[Bench("softmax", (s,)) for s in ((32, 101), (1024, 1000))],
    *[Bench(op, (s,) * (1 + (op in ("add", "multiply"))))
      for op in ELEMENTWISE for s in ((4096,), (1 << 20,))],
    Bench("reduce_sum", ((1 << 20,),)),
    Bench("transpose", ((512, 512),), (("axes", [1, 0]),)),
]  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--isa", default="best", help="best, all, or one level's name")
    parser.addoption("--threads", default="1,2", help="numbers of threads, as 1,2")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bench" not in metafunc.fixturenames:
        return
    levels, wanted = _core.isa_levels(), metafunc.config.getoption("--isa")
    isas = levels if wanted == "all" else levels[-1:] if wanted == "best" else [wanted]
    threads = [int(t) for t in metafunc.config.getoption("--threads").split(",")]
    cases = [(b, i, t) for b in BENCHES for i in isas for t in threads]
    metafunc.parametrize(("bench", "isa", "threads"), cases,
                         ids=[f"{b.id}-{i}-{t}" for b, i, t in cases])  # fmt: skip


@pytest.fixture
def engine(isa: str, threads: int) -> Iterator[None]:
    before = _core.get_isa(), _core.get_num_threads()
    _core.set_isa(isa)
    _core.set_num_threads(threads)
    yield
    _core.set_isa(before[0])
    _core.set_num_threads(before[1])


def operands(bench: Bench) -> list[Array]:
    rng = np.random.RandomState(0)
    return [rng.uniform(-1, 1, shape).astype(bench.dtype) for shape in bench.shapes]


def stored(graph: _core.Graph, value: Array) -> int:
    variable = _core.Variable(value.shape, value.dtype.name, "operand")
    variable.assign(value)
    return graph.variable(variable)


def make_runner(bench: Bench) -> Callable[[int], Any]:
    """Operands and result are variables: no copies of arrays are timed, only the operator.

    The first operand and dy count as new in every run; weights stay packed, as in prediction.
    """
    graph = _core.Graph()
    tensors = [stored(graph, value) for value in operands(bench)]
    result = graph.op(bench.op, tensors, dict(bench.attrs))[0]
    changing = tensors[:1]
    if bench.gradient_of is not None:
        dy = stored(graph, np.ones(fixed(graph.shape(result)), bench.dtype))
        (product,) = graph.op("multiply", [result, dy])
        (loss,) = graph.op("reduce_sum", [product])
        (gradient,) = graph.gradients(loss, [tensors[bench.gradient_of]])
        assert gradient is not None
        result = gradient
        changing.append(dy)
    target = stored(graph, np.zeros(fixed(graph.shape(result)), bench.dtype))
    graph.op("assign", [target, result])
    plan = graph.compile([], [], changing)
    return lambda steps: plan.run_steps([], [], None, 0, steps)


def fixed(shape: Sequence[int | None]) -> tuple[int, ...]:
    return tuple(n for n in shape if n is not None)


def moved_bytes(bench: Bench) -> int:
    """Operands read once and a result of the first operand's size written once."""
    size = np.dtype(bench.dtype).itemsize
    return size * (sum(prod(s) for s in bench.shapes) + prod(bench.shapes[0]))
