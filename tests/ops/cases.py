"""The operator test table: one line an operator.

Every line is run by test_operators.py: forward in float64 and float32 against the oracle,
gradients against finite differences, on every ISA level, with several numbers of threads.
A new operator needs one line here (test_every_operator_is_tested fails without it).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tests import oracles, oracles_layout, oracles_recurrent
from tests.ops import generators as gen
from tests.ops import generators_layout as layout
from tests.ops import generators_nn as nn
from tests.ops import generators_recurrent as rnn
from tests.ops.generators import Case, Cases, away_from, distinct, nonzero, normal, positive
from tests.ops.graphs import Array


@dataclass(eq=False)
class Entry:
    op: str
    make_cases: Callable[[], Cases]
    oracle: Callable[..., Any] | None = None
    suffix: str = ""

    @property
    def id(self) -> str:
        return f"{self.op}{self.suffix}"

    @cached_property
    def cases(self) -> list[Case]:
        return list(self.make_cases())


def unary(op: str, values: gen.Values = normal, suffix: str = "", **attrs: float) -> Entry:
    return Entry(op, lambda: gen.unary(values, True, **attrs), oracles.UNARY[op], suffix)


def steps(op: str) -> Entry:
    """A function without a derivative. Multiples of a half: ties too."""

    def halves(rng: np.random.RandomState, shape: tuple[int, ...]) -> Array:
        return np.asarray(rng.randint(-9, 10, shape) / 2 + rng.choice([0.0, 0.3], shape))

    return Entry(op, lambda: gen.unary(halves, differentiable=False), oracles.UNARY[op])


def binary(op: str, b: gen.Values = normal, gap: float = 0.0) -> Entry:
    return Entry(op, lambda: gen.binary(normal, b, gap), oracles.BINARY[op])


TABLE = [
    unary("relu", away_from(0)),
    unary("relu6", lambda rng, shape: 2 * away_from(0, 3)(rng, shape)),
    unary("leaky_relu", away_from(0), alpha=0.3),
    unary("leaky_relu", away_from(0), suffix="_zero", alpha=0.0),
    unary("elu", away_from(0), alpha=1.0),
    unary("elu", away_from(0), suffix="_half", alpha=0.5),
    unary("selu", away_from(0)),
    unary("sigmoid"),
    unary("tanh"),
    unary("softplus"),
    unary("softsign", away_from(0)),
    unary("gelu"),
    unary("gelu_tanh"),
    unary("silu"),
    unary("hard_sigmoid", away_from(-3, 3)),
    unary("hard_sigmoid_keras2", away_from(-2.5, 2.5)),
    unary("exp"),
    unary("log", positive),
    unary("sqrt", positive),
    unary("rsqrt", positive),
    unary("erf"),
    unary("negative"),
    unary("absolute", away_from(0)),
    unary("square"),
    unary("sign", away_from(0)),
    unary("clip", away_from(-1, 0.5), low=-1.0, high=0.5),
    unary("sin"),
    unary("cos"),
    unary("log1p", positive),
    unary("expm1"),
    steps("floor"),
    steps("ceil"),
    steps("round"),
    binary("add"),
    binary("subtract"),
    binary("multiply"),
    binary("divide", nonzero),
    binary("maximum", gap=0.02),
    binary("minimum", gap=0.02),
    Entry("equal", gen.comparison, oracles.equal),
    Entry("greater", gen.comparison, oracles.greater),
    Entry("greater_equal", gen.comparison, oracles.greater_equal),
    Entry("power", gen.powers, np.power),
    Entry("select", gen.selections, oracles.select),
    Entry("one_hot", gen.ids_and_depths, oracles.one_hot),
    Entry("in_top_k", gen.rankings, oracles.in_top_k),
    Entry("cast", gen.casts, oracles.cast),
    # Its gradient is none at all: see test_stop_gradient.
    Entry("stop_gradient", lambda: (Case(c.operands) for c in gen.unary(normal)), lambda x: x),
    Entry("matmul", gen.matmul, oracles.matmul),
    Entry("dense", gen.dense, oracles.dense),
    Entry("conv2d", gen.conv2d, oracles.conv2d),
    Entry("depthwise_conv2d", nn.depthwise, oracles.depthwise_conv2d),
    Entry("lstm", lambda: rnn.recurrent("lstm"), oracles_recurrent.lstm),
    Entry("gru", lambda: rnn.recurrent("gru"), oracles_recurrent.gru),
    Entry("simple_rnn", lambda: rnn.recurrent("simple_rnn"), oracles_recurrent.simple_rnn),
    Entry("batch_norm", nn.batch_norms, oracles.batch_norm),
    Entry("batch_norm_inference", nn.batch_norms_with_statistics, oracles.batch_norm_inference),
    Entry("max_pool2d", lambda: gen.pool(distinct), oracles.max_pool2d),
    Entry("average_pool2d", lambda: gen.pool(normal), oracles.average_pool2d),
    Entry("reshape", gen.reshapes, oracles.reshape),
    Entry("merge_rows", layout.merged_rows, oracles_layout.merge_rows),
    Entry("split_rows", layout.split_rows, oracles_layout.split_rows),
    Entry("flatten", gen.flattens, oracles.flatten),
    Entry("expand_dims", layout.new_axes, oracles_layout.expand_dims),
    Entry("squeeze", layout.dropped_axes, oracles_layout.squeeze),
    Entry("pad", layout.pads, oracles_layout.pad),
    Entry("gather", layout.gathers, oracles_layout.gather),
    Entry("affine_transform", layout.transforms, oracles_layout.affine_transform),
    Entry("conv2d_transpose", layout.convolutions_transpose, oracles_layout.conv2d_transpose),
    # No oracle: test_random.py says what the numbers have to satisfy.
    Entry("random_uniform", layout.random_numbers),
    Entry("resize", layout.resizes, oracles_layout.resize),
    Entry("transpose", gen.transposes, oracles.transpose),
    Entry("concat", gen.concats, oracles.concat),
    Entry("broadcast_to", gen.broadcasts, oracles.broadcast_to),
    Entry("broadcast_like", gen.broadcasts_like, oracles.broadcast_like),
    Entry("reduce_sum", lambda: gen.reductions(normal), oracles.reduce_sum),
    Entry("reduce_mean", lambda: gen.reductions(normal), oracles.reduce_mean),
    Entry("reduce_max", lambda: gen.reductions(distinct), oracles.reduce_max),
    Entry("softmax", gen.rows, oracles.softmax),
    Entry("log_softmax", gen.rows, oracles.log_softmax),
    Entry("argmax", lambda: gen.rows(distinct, differentiable=False), oracles.argmax),
    # No oracle: the mask is the engine's own. test_dropout.py says what it has to satisfy.
    Entry("dropout", gen.dropouts),
    Entry("softmax_crossentropy", lambda: gen.losses("any"), oracles.softmax_crossentropy),
    Entry(
        "sparse_softmax_crossentropy",
        lambda: gen.losses("ids"),
        oracles.sparse_softmax_crossentropy,
    ),
    Entry("sigmoid_crossentropy", lambda: gen.losses("any"), oracles.sigmoid_crossentropy),
    Entry("mean_squared_error", lambda: gen.losses("any"), oracles.mean_squared_error),
    Entry("mean_absolute_error", lambda: gen.losses("gap"), oracles.mean_absolute_error),
    Entry("l1_penalty", lambda: gen.penalties(nonzero), oracles.l1_penalty),
    Entry("l2_penalty", lambda: gen.penalties(normal), oracles.l2_penalty),
]

# Operators without outputs, tested in tests/engine/test_effects.py.
EFFECTS = {
    "assign",
    "assign_add",
    "accumulate",
    "moving_average",
    "sgd_update",
    "rmsprop_update",
    "adam_update",
}
