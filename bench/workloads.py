"""The workloads of the comparison: shapes, data and floating-point operations."""

import itertools
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.networks import NETWORKS, WorkCounter

Array = NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """Multiply-adds of one layer for one sample, as (output positions, inner sum, outputs)."""

    positions: int
    inner: int
    outputs: int

    @property
    def flops(self) -> int:
        return 2 * self.positions * self.inner * self.outputs


@dataclass(frozen=True)
class Workload:
    """`kind` is train (one step), predict (one call), epoch (one call of fit) or augment.

    The last is eight batches of pictures; `model` says where they come from, see bench/pictures.py.
    """

    name: str
    kind: str
    model: str
    batch: int
    input_shape: tuple[int, ...]
    target: str  # classes or reconstruction
    classes: int
    rows: int  # in the data set; steps go through it in turn
    layers: tuple[Layer, ...]
    parameters: int
    frozen: int = 0  # leading layers that are not trained
    group: str = "small"

    @property
    def flops(self) -> int:
        """One iteration's matrix products and convolutions; all else is not counted.

        Training needs the forward product, the weights' gradient and, except for the first
        trained layer, the input's gradient.
        """
        if self.kind == "augment":
            return 0
        forward = sum(layer.flops for layer in self.layers)
        if self.kind == "predict":
            return self.batch * forward
        trained = self.layers[self.frozen :]
        step = forward + 2 * sum(layer.flops for layer in trained) - trained[0].flops
        return step * (self.rows if self.kind == "epoch" else self.batch)

    @property
    def batches(self) -> int:
        return self.rows // self.batch

    def data(self) -> tuple[Array, Array]:
        """Inputs, and class ids or the inputs again."""
        rng = np.random.RandomState(zlib.crc32(self.name.encode()))
        x = rng.uniform(0, 1, (self.rows, *self.input_shape)).astype(np.float32)
        if self.target == "reconstruction":
            return x, x
        return x, rng.randint(0, max(1, self.classes), self.rows).astype(np.int64)

    def one_hot(self, ids: Array) -> Array:
        return np.eye(self.classes, dtype=np.float32)[ids]


def dense(*widths: int) -> tuple[Layer, ...]:
    return tuple(Layer(1, k, n) for k, n in itertools.pairwise(widths))


def large(
    name: str, kind: str, model: str, size: int, batch: int, classes: int, parameters: int
) -> Workload:
    """A network of bench/networks.py on RGB images of size x size."""
    counter = WorkCounter()
    NETWORKS[model](counter, (size, size, 3))
    return Workload(
        name, kind, model, batch, (size, size, 3), "classes", classes,
        batch if kind == "predict" else 2 * batch, tuple(Layer(*layer) for layer in counter.layers),
        parameters, counter.frozen, "large",
    )  # fmt: skip


def pictures(name: str, source: str) -> Workload:
    return Workload(name, "augment", source, 32, (150, 150, 3), "classes", 4, 256, (), 0,
                    group="pictures")  # fmt: skip


_SLIDE = dense(100, 64, 100, 101)
_LENET = (Layer(28 * 28, 25, 6), Layer(10 * 10, 25 * 6, 6), *dense(150, 120, 10))
_AUTOENCODER = dense(784, 128, 32, 128, 784)
_CONVNET = (Layer(26 * 26, 9, 32), Layer(11 * 11, 9 * 32, 64), *dense(1600, 10))
_DIGITS = dense(64, 64, 10)
# 100 time steps; the states' product with the recurrent kernel counts like a layer of its own.
_LSTM = (Layer(100, 32, 512), Layer(100, 128, 512), *dense(128, 10))

WORKLOADS = {
    w.name: w
    for w in (
        Workload("mlp_slide_b32_train", "train", "mlp_slide", 32, (100,), "classes", 101, 256,
                 _SLIDE, 23165),
        Workload("mlp_slide_b1_predict", "predict", "mlp_slide", 1, (100,), "classes", 101, 1,
                 _SLIDE, 23165),
        Workload("lenet_slide_b32_train", "train", "lenet_slide", 32, (28, 28, 1), "classes", 10,
                 256, _LENET, 20392),
        Workload("lenet_slide_b1_predict", "predict", "lenet_slide", 1, (28, 28, 1), "classes",
                 10, 1, _LENET, 20392),
        Workload("autoencoder_b256_train", "train", "autoencoder", 256, (784,), "reconstruction",
                 0, 1024, _AUTOENCODER, 209968),
        Workload("mnist_convnet_b128_train", "train", "mnist_convnet", 128, (28, 28, 1),
                 "classes", 10, 512, _CONVNET, 34826),
        Workload("lstm_b32_train", "train", "lstm", 32, (100, 32), "classes", 10, 256, _LSTM,
                 83722),
        Workload("digits_fit_epoch", "epoch", "digits", 32, (64,), "classes", 10, 1800, _DIGITS,
                 4810),
        large("cifar_vggbn_b64_train", "train", "cifar_vggbn", 32, 64, 10, 552362),
        large("vgg16_64_b32_features", "predict", "vgg16_features", 64, 32, 0, 14714688),
        large("vgg16_224_b1_predict", "predict", "vgg16", 224, 1, 1000, 138357544),
        large("vgg16_64_b16_train", "train", "vgg16_transfer", 64, 16, 10, 14920598),
        large("vgg16_64_frozen_b32_train", "train", "vgg16_frozen", 64, 32, 10, 14920598),
        large("resnet50_224_b1_predict", "predict", "resnet50", 224, 1, 1000, 25636712),
        large("resnet50_224_b8_predict", "predict", "resnet50", 224, 8, 1000, 25636712),
        large("resnet50_64_b16_train", "train", "resnet50_small", 64, 16, 10, 23608202),
        large("mobilenet_224_b1_predict", "predict", "mobilenet", 224, 1, 1000, 4253864),
        pictures("imagegen_150_b32", "memory"),
        pictures("imagegen_dir_150_b32", "files"),
        pictures("imagegen_dir_150_b32_draft", "drafts"),
        large("mobilenet_96_b16_train", "train", "mobilenet_small", 96, 16, 10, 3239114),
    )
}  # fmt: skip
