"""The large networks, described once for every framework without Keras's API.

A builder has one method a layer; a value is whatever the builder makes of it. Shapes, weights and
work are those of Keras's applications. Strided layers that Keras pads on one side only are padded
on both, which costs nobody more.
"""

from collections.abc import Sequence
from typing import Any, Protocol


class Builder(Protocol):
    """What a framework must be able to build."""

    def conv(
        self, x: Any, filters: int, kernel: int, stride: int = 1, bias: bool = True
    ) -> Any: ...
    def depthwise(self, x: Any, stride: int) -> Any: ...
    def batch_norm(self, x: Any) -> Any: ...
    def relu(self, x: Any, limit: float | None = None) -> Any: ...
    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any: ...
    def global_average(self, x: Any) -> Any: ...
    def add(self, a: Any, b: Any) -> Any: ...
    def flatten(self, x: Any) -> Any: ...
    def dropout(self, x: Any, rate: float) -> Any: ...
    def dense(self, x: Any, units: int) -> Any: ...
    def freeze(self, x: Any) -> Any:
        """No gradient flows to what came before."""


def _vgg16_body(b: Builder, x: Any) -> Any:
    for count, filters in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(count):
            x = b.relu(b.conv(x, filters, 3))
        x = b.max_pool(x, 2, 2)
    return x


def vgg16_features(b: Builder, x: Any) -> Any:
    return _vgg16_body(b, x)


def vgg16(b: Builder, x: Any) -> Any:
    x = b.flatten(_vgg16_body(b, x))
    x = b.relu(b.dense(x, 4096))
    x = b.relu(b.dense(x, 4096))
    return b.dense(x, 1000)


def vgg16_transfer(b: Builder, x: Any) -> Any:
    x = b.flatten(_vgg16_body(b, x))
    return b.dense(b.relu(b.dense(x, 100)), 10)


def vgg16_frozen(b: Builder, x: Any) -> Any:
    x = b.freeze(_vgg16_body(b, x))
    return b.dense(b.relu(b.dense(b.flatten(x), 100)), 10)


def _resnet50(b: Builder, x: Any, classes: int) -> Any:
    x = b.relu(b.batch_norm(b.conv(x, 64, 7, 2)))
    x = b.max_pool(x, 3, 2, 1)
    stages: Sequence[tuple[int, int, int]] = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
    for blocks, filters, first_stride in stages:
        for i in range(blocks):
            stride = first_stride if i == 0 else 1
            shortcut = b.batch_norm(b.conv(x, 4 * filters, 1, stride)) if i == 0 else x
            y = b.relu(b.batch_norm(b.conv(x, filters, 1, stride)))
            y = b.relu(b.batch_norm(b.conv(y, filters, 3)))
            y = b.batch_norm(b.conv(y, 4 * filters, 1))
            x = b.relu(b.add(shortcut, y))
    return b.dense(b.global_average(x), classes)


def resnet50(b: Builder, x: Any) -> Any:
    return _resnet50(b, x, 1000)


def resnet50_small(b: Builder, x: Any) -> Any:
    return _resnet50(b, x, 10)


def _mobilenet(b: Builder, x: Any, classes: int) -> Any:
    def bn_relu6(value: Any) -> Any:
        return b.relu(b.batch_norm(value), 6.0)

    x = bn_relu6(b.conv(x, 32, 3, 2, bias=False))
    blocks = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5,
              (1024, 2), (1024, 1))  # fmt: skip
    for filters, stride in blocks:
        x = bn_relu6(b.depthwise(x, stride))
        x = bn_relu6(b.conv(x, filters, 1, bias=False))
    return b.dense(b.dropout(b.global_average(x), 1e-3), classes)


def mobilenet(b: Builder, x: Any) -> Any:
    return _mobilenet(b, x, 1000)


def mobilenet_small(b: Builder, x: Any) -> Any:
    return _mobilenet(b, x, 10)


def cifar_vggbn(b: Builder, x: Any) -> Any:
    for filters in (32, 64, 128):
        for _ in range(2):
            x = b.relu(b.batch_norm(b.conv(x, filters, 3)))
        x = b.max_pool(x, 2, 2)
    x = b.dropout(b.relu(b.dense(b.flatten(x), 128)), 0.5)
    return b.dense(x, 10)


NETWORKS = {
    f.__name__: f
    for f in (vgg16_features, vgg16, vgg16_transfer, vgg16_frozen, resnet50, resnet50_small,
              mobilenet, mobilenet_small, cifar_vggbn)
}  # fmt: skip


class WorkCounter:
    """Counts multiply-adds for one sample: values are shapes (H, W, C) or (C,)."""

    def __init__(self) -> None:
        self.layers: list[tuple[int, int, int]] = []  # positions, inner sum, outputs
        self.frozen = 0

    def conv(self, x: Any, filters: int, kernel: int, stride: int = 1, bias: bool = True) -> Any:
        h, w = -(-x[0] // stride), -(-x[1] // stride)
        self.layers.append((h * w, kernel * kernel * x[2], filters))
        return h, w, filters

    def depthwise(self, x: Any, stride: int) -> Any:
        h, w = -(-x[0] // stride), -(-x[1] // stride)
        self.layers.append((h * w, 9, x[2]))
        return h, w, x[2]

    def batch_norm(self, x: Any) -> Any:
        return x

    def relu(self, x: Any, limit: float | None = None) -> Any:
        return x

    def dropout(self, x: Any, rate: float) -> Any:
        return x

    def max_pool(self, x: Any, size: int, stride: int, pad: int = 0) -> Any:
        h, w = ((side + 2 * pad - size) // stride + 1 for side in x[:2])
        return h, w, x[2]

    def global_average(self, x: Any) -> Any:
        return x[2:]

    def add(self, a: Any, b: Any) -> Any:
        return a

    def flatten(self, x: Any) -> Any:
        return (x[0] * x[1] * x[2],)

    def dense(self, x: Any, units: int) -> Any:
        self.layers.append((1, x[0], units))
        return (units,)

    def freeze(self, x: Any) -> Any:
        self.frozen = len(self.layers)
        return x
