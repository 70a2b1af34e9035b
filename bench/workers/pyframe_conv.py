"""pyframe for bench.conv_layers: plans of one operator on variables."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import pyframe
from bench.workers.conv_protocol import ConvWorker
from bench.workers.protocol import Run, serve, thread_count
from pyframe import _core


def variable(graph: _core.Graph, value: NDArray[np.float32]) -> int:
    held = _core.Variable(value.shape, "float32", "operand")
    held.assign(value)
    return graph.variable(held)


def keep(graph: _core.Graph, result: int) -> None:
    """Reads one element of a result, which so has to lie in the plan's memory as a whole."""
    sizes = [n or 0 for n in graph.shape(result)]
    cut = {"before": [1 - n for n in sizes], "after": [0] * len(sizes)}
    (element,) = graph.op("pad", [result], cut)
    graph.op("assign", [variable(graph, np.zeros([1] * len(sizes), "float32")), element])


class PyframeConv(ConvWorker):
    def __init__(self) -> None:
        pyframe.set_num_threads(thread_count())

    def version(self) -> str:
        return f"pyframe {pyframe.__version__} ({_core.get_isa()})"

    def layer(self, request: dict[str, Any]) -> tuple[Run, str]:
        batch, size, c, f, k = (
            request[name] for name in ("batch", "size", "channels", "filters", "kernel")
        )
        out, stride = -(-size // request["stride"]), request["stride"]
        shapes = [(batch, size, size, c), (k, k, c, f), (batch, out, out, f)]
        rng = np.random.default_rng(0)
        graph = _core.Graph()
        x, kernel, dy = (
            variable(graph, rng.standard_normal(shape, dtype="float32")) for shape in shapes
        )
        attrs = {"strides": [stride, stride], "padding": "same"}
        (result,) = graph.op("conv2d", [x, kernel], attrs)
        changing = [x]
        if request["direction"] != "forward":
            (product,) = graph.op("multiply", [result, dy])
            (loss,) = graph.op("reduce_sum", [product])
            gradient = graph.gradients(loss, [x, kernel])[request["direction"] == "kernel"]
            assert gradient is not None
            result = gradient
            # As in training what is made of the kernel is made each time; dy is made of a variable
            # that does not change, once before.
            changing = [x, kernel]
        keep(graph, result)
        plan = graph.compile([], [], changing)
        algorithm = "winograd" if ".winograd" in plan.describe() else "direct"

        def run(iterations: int) -> None:
            plan.run_steps([], [], None, 0, iterations)

        return run, algorithm

    def extra(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "peak":
            return {"flops": _core.measure_fma_peak(thread_count())}
        return super().extra(request)


if __name__ == "__main__":
    serve(PyframeConv())
