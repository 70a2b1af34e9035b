"""The whole small network, with its fusions, against NumPy in float64."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests import oracles
from tests.engine.small_net import Array, make_data, make_net


def forward(weights: Sequence[Array], x: Array) -> Array:
    kernel, bias, dense, dense_bias = weights
    y = np.maximum(oracles.conv2d(x, kernel, bias, padding="same"), 0)
    y = oracles.max_pool2d(y, (2, 2), (2, 2), "valid")
    return oracles.dense(oracles.flatten(y), dense, dense_bias)


def loss_of(weights: Sequence[Array], x: Array, ids: Array) -> float:
    return float(oracles.sparse_softmax_crossentropy(forward(weights, x), ids)[0].mean())


@pytest.mark.parametrize("batch", [1, 2, 7, 16, 50])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward(batch: int, dtype: str) -> None:
    net = make_net(train=False, dtype=dtype)
    x, ids = make_data(batch)
    weights = [v.numpy().astype(np.float64) for v in net.variables]
    loss, probabilities = net.plan(batch).run([x, ids])
    logits = forward(weights, x.astype(np.float64))
    rtol = 1e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(probabilities, oracles.softmax(logits), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(loss, loss_of(weights, x.astype(np.float64), ids), rtol=rtol)


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_gradients_and_update(batch: int) -> None:
    """One step without dropout: every weight moves by learning rate times its slope."""
    net = make_net(train=False, dtype="float64")
    x, ids = make_data(batch)
    tensors = [net.graph.variable(v) for v in net.variables]
    gradients = [g for g in net.graph.gradients(net.loss, tensors) if g is not None]
    assert len(gradients) == 4
    results = net.graph.compile(gradients, [x.shape, ids.shape]).run([x, ids])
    weights = [v.numpy() for v in net.variables]
    rng, h = np.random.RandomState(0), 1e-7
    for position, gradient in enumerate(results):
        direction = rng.standard_normal(gradient.shape)
        moved = [[w.copy() for w in weights] for _ in range(2)]
        moved[0][position] += h * direction
        moved[1][position] -= h * direction
        wide = x.astype(np.float64)
        slope = (loss_of(moved[0], wide, ids) - loss_of(moved[1], wide, ids)) / (2 * h)
        assert abs(slope - (gradient * direction).sum()) < 1e-6

    operands = [net.graph.constant(np.array(0.5))]
    for tensor, gradient_tensor in zip(tensors, gradients, strict=True):
        operands += [tensor, gradient_tensor]
    net.graph.op("sgd_update", operands, {"momentum": 0.0, "nesterov": False})
    net.plan(batch).run([x, ids])
    for variable, before, gradient in zip(net.variables, weights, results, strict=True):
        np.testing.assert_allclose(variable.numpy(), before - 0.5 * gradient, 1e-12, 1e-14)


def test_training_reduces_the_loss() -> None:
    net = make_net(train=True)
    x, ids = make_data(64)
    plan = net.plan(16)
    out = np.zeros((64, 10), np.float32)
    sums = [plan.run_steps([x, ids], [None, out], None, 0, 4)[1][0] for _ in range(150)]
    assert sums[-1] < 0.3 * sums[0]
    assert (out.argmax(axis=1) == ids).mean() > 0.8
