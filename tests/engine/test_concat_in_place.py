"""Concatenation without copies: the same bits as with them, and fewer steps and bytes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from pyframe import _core, applications
from pyframe.layers import (
    BatchNormalization,
    Concatenate,
    Conv2D,
    Input,
    MaxPooling2D,
    UpSampling2D,
)
from pyframe.models import Model
from tests.models.test_training_memory import training_step
from tests.ops.graphs import isa, threads

DTYPES = ["float32", "float64"]


class Net:
    """A graph over images whose weights are variables and whose operators are drawn or called."""

    def __init__(self, dtype: str, seed: int = 0, shape: Sequence[int] = (4, 6, 7)) -> None:
        self.graph = _core.Graph()
        self.dtype = dtype
        self.random = np.random.default_rng(seed)
        self.weights: list[int] = []
        self.shape = tuple(shape)

    def input(self, channels: int) -> int:
        return self.graph.input("x", (None, *self.shape[1:], channels), self.dtype)

    def weight(self, *shape: int, positive: bool = False) -> int:
        value = self.random.uniform(-1, 1, shape).astype(self.dtype)
        variable = _core.Variable(shape, self.dtype, f"w{len(self.weights)}")
        variable.assign(np.abs(value) + 0.5 if positive else value)
        self.weights.append(self.graph.variable(variable))
        return self.weights[-1]

    def op(self, name: str, inputs: Sequence[int], **attrs: Any) -> int:
        return self.graph.op(name, list(inputs), attrs)[0]

    def channels(self, x: int) -> int:
        channels = self.graph.shape(x)[-1]
        assert channels is not None
        return channels

    def conv(self, x: int, filters: int, kernel: int = 3, groups: int = 1, **attrs: Any) -> int:
        kernels = self.weight(kernel, kernel, self.channels(x) // groups, filters)
        attrs = {"padding": "same", "groups": groups, **attrs}
        return self.op("conv2d", [x, kernels, self.weight(filters)], **attrs)

    def norm(self, x: int, name: str = "batch_norm_inference") -> int:
        c = self.channels(x)
        params = [self.weight(c), self.weight(c)]
        if name == "batch_norm_inference":
            params += [self.weight(c), self.weight(c, positive=True)]
        return self.op(name, [x, *params])

    def concat(self, *inputs: int) -> int:
        return self.op("concat", inputs, axis=-1)

    def loss(self, outputs: Sequence[int]) -> int:
        total = None
        for y in outputs:
            part = self.op("reduce_mean", [self.op("square", [y])])
            total = part if total is None else self.op("add", [total, part])
        assert total is not None
        return total


# Operators that write columns of a wider tensor and those that read them: images to images of the
# same size, with about `width` channels.
OPERATORS: dict[str, Callable[[Net, int, int], int]] = {
    "conv 1x1": lambda net, x, width: net.conv(x, width, 1),
    "conv 3x3": lambda net, x, width: net.conv(x, width, 3),
    "conv dilated": lambda net, x, width: net.conv(x, width, 3, dilation=[2, 1]),
    "conv groups": lambda net, x, width: net.conv(net.conv(x, 4, 1), width // 2 * 2, 3, 2),
    "conv gelu": lambda net, x, width: net.op("gelu", [net.conv(x, width, 3)]),
    "dense": lambda net, x, width: net.op(
        "dense", [x, net.weight(net.channels(x), width), net.weight(width)]
    ),
    "transposed": lambda net, x, width: net.op(
        "conv2d_transpose", [x, net.weight(3, 3, width, net.channels(x))], padding="same"
    ),
    "norm": lambda net, x, width: net.norm(net.op("relu", [net.conv(x, width, 1)])),
    "norm elu": lambda net, x, width: net.op(
        "elu", [net.norm(net.op("tanh", [net.conv(x, width)]))]
    ),
    "batch norm": lambda net, x, width: net.norm(net.conv(x, width, 1), "batch_norm"),
    "max pool": lambda net, x, width: net.op(
        "max_pool2d", [net.conv(x, width, 1)], pool_size=[3, 3], strides=[1, 1], padding="same"
    ),
    "average pool": lambda net, x, width: net.op(
        "average_pool2d", [net.conv(x, width, 1)], pool_size=[2, 2], strides=[1, 1], padding="same"
    ),
    "sigmoid": lambda net, x, width: net.op("sigmoid", [net.op("softsign", [net.conv(x, width)])]),
    "multiply": lambda net, x, width: net.op(
        "multiply", [net.conv(x, width, 1), net.op("relu", [net.conv(x, width, 1)])]
    ),
    "concat": lambda net, x, width: net.concat(
        net.conv(x, width - width // 2, 1), net.conv(x, width // 2, 3)
    ),
}


@contextmanager
def algorithm(name: str) -> Iterator[None]:
    before = _core.get_conv_algorithm()
    _core.set_conv_algorithm(name)
    try:
        yield
    finally:
        _core.set_conv_algorithm(before)


def steps_of(plan: _core.Plan, name: str) -> int:
    return sum(line.split()[0] == name for line in plan.describe().splitlines() if line.strip())


def chunks(plan: _core.Plan) -> list[str]:
    return [line.split(", ")[1] for line in plan.describe().splitlines() if line.startswith("rows")]


def check_same_bits(net: Net, outputs: Sequence[int], counts: Sequence[int] = (1, 2, 3, 7)) -> Any:
    """Compares the plan with the one that copies; returns both.

    Sums of gradients over the batch are cut in chunks, which depend on the memory that a row needs:
    where these differ, so may the last bits. They never depend on the number of threads.
    """
    channels = net.graph.shape(0)[-1]
    assert channels is not None
    shape = (*net.shape, channels)
    x = np.random.default_rng(1).uniform(-2, 2, shape).astype(net.dtype)
    plain = net.graph.compile(outputs, [shape], join_in_place=False)
    plan = net.graph.compile(outputs, [shape], join_in_place=True)
    with threads(1):
        want = plain.run([x])
        if chunks(plan) != chunks(plain):
            close = want
            want = plan.run([x])
            scale = max(np.abs(value).max(initial=0) for value in close)
            limit = 1e-5 if net.dtype == "float32" else 1e-12
            for got, expected in zip(want, close, strict=True):
                assert np.abs(got - expected).max(initial=0) < limit * scale
    for count in counts:
        with threads(count):
            for got, expected in zip(plan.run([x]), want, strict=True):
                assert got.tobytes() == expected.tobytes()
    return plan, plain


@pytest.mark.parametrize("level", _core.isa_levels())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(OPERATORS))
def test_operators_write_and_read_columns(name: str, dtype: str, level: str) -> None:
    make = OPERATORS[name]
    with isa(level):
        for width, batch in ((3, 1), (16, 5), (40, 4)):
            for conv in ("direct", "winograd") if "conv" in name else ("auto",):
                with algorithm(conv):
                    net = Net(dtype, shape=(batch, 6, 7))
                    x = net.input(6)
                    first = net.op("relu", [net.op("softplus", [net.conv(x, 5, 1)])])
                    column = make(net, x, width)
                    joined = net.concat(first, column)
                    read = make(net, column, width + 1)
                    last = net.concat(joined, read)
                    outputs = [net.op("negative", [last])]
                    plan, _ = check_same_bits(net, outputs, (1, 3))
                    assert steps_of(plan, "concat") == 0
                    loss = net.loss(outputs)
                    grads = [g for g in net.graph.gradients(loss, net.weights) if g is not None]
                    check_same_bits(net, [loss, *grads], (1, 3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_input_in_two_places(dtype: str) -> None:
    """An input of two concatenations, and one that occurs twice, is copied but once each."""
    net = Net(dtype)
    x = net.input(8)
    a, b = net.conv(x, 12), net.conv(x, 7)
    first, second, twice = net.concat(a, b), net.concat(b, a), net.concat(a, a)
    outputs = [net.conv(y, 4) for y in (first, second, twice)]
    plan, plain = check_same_bits(net, outputs)
    assert steps_of(plan, "concat") == 2
    assert steps_of(plain, "concat") == 3
    loss = net.loss(outputs)
    check_same_bits(net, [loss, *net.graph.gradients(loss, net.weights)])


def test_what_the_user_sees_lies_together() -> None:
    """Outputs of the plan, inputs, variables and constants are copied as ever."""
    net = Net("float32")
    x = net.input(8)
    y, z = net.conv(x, 12), net.conv(x, 4, 1)
    fixed = net.op("broadcast_like", [net.weight(1, 1, 1, 4), z])
    table = net.op("tanh", [net.op("tanh", [fixed])])
    joined = net.concat(x, y, z, table)
    plan, _ = check_same_bits(net, [y, joined, net.op("negative", [joined])])
    assert steps_of(plan, "concat") == 1


def random_net(seed: int, dtype: str) -> tuple[Net, list[int]]:
    """Some 15 operators on tensors drawn from all that are there, concatenations above all."""
    net = Net(dtype, seed, shape=((1, 1, 4, 6)[seed // 2 % 4], 5, 4))
    random = net.random
    tensors = [net.input(4)]
    names = list(OPERATORS)
    for _ in range(int(random.integers(6, 16))):
        pick = [tensors[i] for i in random.integers(max(0, len(tensors) - 5), len(tensors), 3)]
        if random.random() < 0.5:
            y = net.concat(*pick[: int(random.integers(1, 4))])
            if net.channels(y) > 200:
                y = net.conv(y, 8, 1)
        else:
            y = OPERATORS[names[int(random.integers(len(names)))]](
                net, pick[0], int(random.choice([2, 4, 16, 20]))
            )
        tensors.append(y)
    return net, [tensors[-1], *(tensors[i] for i in random.integers(1, len(tensors), 2))]


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int) -> None:
    net, outputs = random_net(seed, DTYPES[seed % 2])
    check_same_bits(net, outputs, (1, 3))
    loss = net.loss(outputs)
    grads = net.graph.gradients(loss, net.weights)
    check_same_bits(net, [loss, *(g for g in grads if g is not None)], (1, 2, 7))


def predicting(model: Model, batch: int, join_in_place: bool = True) -> _core.Plan:
    x = np.zeros((batch, *model.input_shape[1:]), np.float32)
    function, _ = model.forward_function([x])
    return function.graph.compile(function.output_ids, [x.shape], join_in_place=join_in_place)


@pytest.mark.parametrize(
    ("name", "size", "copies"), [("DenseNet121", 64, 0), ("InceptionV3", 75, 0)]
)
def test_networks_predict_without_copies(name: str, size: int, copies: int) -> None:
    model = getattr(applications, name)(
        weights=None, include_top=False, input_shape=(size, size, 3)
    )
    x = np.random.default_rng(0).random((2, size, size, 3), np.float32)
    plan, plain = predicting(model, 2), predicting(model, 2, False)
    assert steps_of(plan, "concat") == copies < steps_of(plain, "concat")
    want = plain.run([x])[0]
    for count in (1, 3):
        with threads(count):
            assert plan.run([x])[0].tobytes() == want.tobytes()


def test_a_dense_block_trains_in_two_tensors() -> None:
    """The block and its gradient: every sum of gradients is added up in its place."""
    net = Net("float32", shape=(1, 6, 7))
    y = net.conv(net.input(4), 16)
    for _ in range(5):
        z = net.op("relu", [net.norm(y, "batch_norm")])
        y = net.concat(
            y, net.conv(net.op("relu", [net.norm(net.conv(z, 24, 1), "batch_norm")]), 16)
        )
    loss = net.loss([net.op("relu", [net.norm(y, "batch_norm")])])
    grads = [g for g in net.graph.gradients(loss, net.weights) if g is not None]
    plan, plain = check_same_bits(net, [loss, *grads])
    assert steps_of(plan, "concat") == steps_of(plan, "concat_piece") == 0
    assert steps_of(plain, "concat_piece") == 10


def test_gradients_of_one_sum_of_concatenations() -> None:
    """Both concatenations get the same gradient: none of its pieces may be overwritten."""
    net = Net("float64", shape=(1, 6, 7))
    x = net.input(4)
    a, b, c, d = (net.conv(x, width, 1) for width in (8, 12, 10, 10))
    both = net.op("add", [net.concat(a, b), net.concat(c, d)])
    loss = net.loss([both, net.conv(a, 3), net.conv(c, 3), net.conv(d, 3)])
    grads = net.graph.gradients(loss, net.weights)
    check_same_bits(net, [loss, *(g for g in grads if g is not None)])


def test_dense_net_trains_without_copies() -> None:
    """What its gradients need are the results of convolutions and normalisations, no more."""
    size, batch = 96, 8
    model = applications.DenseNet121(weights=None, input_shape=(size, size, 3), classes=10)
    function = training_step(model)
    shapes = ((batch, size, size, 3), (batch,))
    plan, plain = (
        function.graph.compile(function.output_ids, shapes, join_in_place=join)
        for join in (None, False)
    )
    assert steps_of(plan, "concat") == steps_of(plan, "concat_piece") == 0
    assert steps_of(plain, "concat") == 58
    bytes_of = {layer: 4 * batch * int(np.prod(layer.output.shape[1:])) for layer in model.layers}
    kept = sum(n for layer, n in bytes_of.items() if isinstance(layer, Conv2D | BatchNormalization))
    block = max(n for layer, n in bytes_of.items() if isinstance(layer, Concatenate))
    assert plan.arena_bytes < kept + 2 * block < 0.75 * plain.arena_bytes


def test_a_result_that_would_wait_too_long_is_copied() -> None:
    """The skips of a U-Net leave half of a large tensor empty for as long as the net is deep."""
    x = inputs = Input((64, 64, 3))
    skips = []
    for filters in (16, 32):
        x = Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = MaxPooling2D()(x)
    for filters in (32, 16):
        x = Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = Conv2D(filters, 3, padding="same")(Concatenate()([skips.pop(), UpSampling2D()(x)]))
    model = Model(inputs, x)
    x = np.zeros((8, 64, 64, 3), np.float32)
    function, _ = model.forward_function([x])
    joined, copied, chosen = (
        function.graph.compile(function.output_ids, [x.shape], join_in_place=join)
        for join in (True, False, None)
    )
    assert chosen.arena_bytes == copied.arena_bytes < joined.arena_bytes
