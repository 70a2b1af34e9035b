"""Builds the networks of bench/networks.py as torch modules."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bench.networks import NETWORKS
from bench.workloads import Workload


class Program(nn.Module):  # type: ignore[misc]
    """The layers of a network in the order of their use, each with the numbers of its inputs."""

    def __init__(self, steps: list[tuple[Callable[..., Any], tuple[int, ...]]]) -> None:
        super().__init__()
        self.parts = nn.ModuleList([f for f, _ in steps if isinstance(f, nn.Module)])
        self.steps = steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = [x]
        for function, inputs in self.steps:
            values.append(function(*[values[i] for i in inputs]))
        return values[-1]


class TorchBuilder:
    """Values are (number, shape of one sample (C, H, W) or (C,))."""

    def __init__(self) -> None:
        self.steps: list[tuple[Callable[..., Any], tuple[int, ...]]] = []

    def put(self, function: Any, shape: tuple[int, ...], *inputs: Any) -> Any:
        self.steps.append((function, tuple(i[0] for i in inputs)))
        return len(self.steps), shape

    def conv(self, x: Any, filters: int, kernel: int, stride: int = 1, bias: bool = True) -> Any:
        c, h, w = x[1]
        layer = nn.Conv2d(c, filters, kernel, stride, kernel // 2, bias=bias)
        return self.put(layer, (filters, -(-h // stride), -(-w // stride)), x)

    def depthwise(self, x: Any, stride: int) -> Any:
        c, h, w = x[1]
        layer = nn.Conv2d(c, c, 3, stride, 1, groups=c, bias=False)
        return self.put(layer, (c, -(-h // stride), -(-w // stride)), x)

    def batch_norm(self, x: Any) -> Any:
        return self.put(nn.BatchNorm2d(x[1][0], eps=1e-3, momentum=0.01), x[1], x)

    def relu(self, x: Any, limit: float | None = None) -> Any:
        return self.put(functional.relu if limit is None else functional.relu6, x[1], x)

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        c, h, w = x[1]
        shape = (c, (h + 2 * pad - size) // stride + 1, (w + 2 * pad - size) // stride + 1)
        return self.put(nn.MaxPool2d(size, stride, pad), shape, x)

    def global_average(self, x: Any) -> Any:
        return self.put(lambda value: value.mean((2, 3)), x[1][:1], x)

    def add(self, a: Any, b: Any) -> Any:
        return self.put(torch.add, a[1], a, b)

    def flatten(self, x: Any) -> Any:
        c, h, w = x[1]
        return self.put(nn.Flatten(), (c * h * w,), x)

    def dropout(self, x: Any, rate: float) -> Any:
        return self.put(nn.Dropout(rate), x[1], x)

    def dense(self, x: Any, units: int) -> Any:
        return self.put(nn.Linear(x[1][0], units), (units,), x)

    def freeze(self, x: Any) -> Any:
        for function, _ in self.steps:
            if isinstance(function, nn.Module):
                function.requires_grad_(False)
        return x


def build(workload: Workload) -> Program:
    h, w, c = workload.input_shape
    builder = TorchBuilder()
    NETWORKS[workload.model](builder, (0, (c, h, w)))
    return Program(builder.steps)


def parameter_count(model: nn.Module) -> int:
    """As Keras counts: the statistics of batch normalisation are weights."""
    tensors = [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]
    return sum(t.numel() for t in tensors)
