"""Parts of tensors by brackets, and the errors of functions that move elements."""

from typing import Any

import numpy as np
import pytest

from pyframe import layers, ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.models import Model
from pyframe.saving import model_from_json

INDICES: list[Any] = [
    np.s_[:, 0], np.s_[..., 1:], np.s_[:, ::2, 1:5:2], np.s_[:, -1], np.s_[:, ::-1], np.s_[:, None],
    np.s_[0], np.s_[-1, ..., 0], np.s_[:, 1:100], np.s_[..., None], np.s_[:, 3:0:-2, 2], np.s_[:],
    np.s_[...], np.s_[:, np.int64(2), None, -5:-1],
]  # fmt: skip


@pytest.mark.parametrize("key", INDICES, ids=repr)
def test_parts_by_brackets(key: Any) -> None:
    x = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(ops.get_item(x, key), x[key])
    np.testing.assert_array_equal(ops.Variable(x)[key], x[key])
    inputs = layers.Input((5, 6, 3))
    tensor = inputs[key]
    model = Model(inputs, tensor)
    if tensor.shape[:1] == (None,):
        np.testing.assert_array_equal(model.predict(x, verbose=0), x[key])
        again = model_from_json(model.to_json())
        np.testing.assert_array_equal(again.predict(x, verbose=0), x[key])
    _, (slope,) = ops.value_and_grad(lambda t: ops.sum(t[key] * t[key]), x)
    expected = np.zeros_like(x)
    expected[key] = 2 * x[key]
    np.testing.assert_allclose(slope, expected)


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (np.s_[:, 5], ShapeError, r"\[:, 5\] is outside axis 1"),
        (np.s_[:, -6], ShapeError, "outside axis 1"),
        (np.s_[:, 0, 9], ShapeError, r"\[:, 0, 9\] is outside axis 2, which has 6"),
        (np.s_[:, None, 0, 9:], ShapeError, r"leaves nothing of the 6 elements of axis 2"),
        (np.s_[:, 0, ..., 3], ShapeError, "outside axis 3, which has 3"),
        (np.s_[:, 3:1], ShapeError, r"\[:, 3:1\] leaves nothing of the 5 elements of axis 1"),
        (np.s_[::2], ShapeError, "needs the size of axis 0"),
        (np.s_[:, :, :, :, 0], ShapeError, "too many entries"),
        (np.s_[..., 0, ...], ShapeError, "too many entries"),
        (np.s_[:, [0, 2]], ConfigurationError, r"ops.take"),
        (np.s_[:, True], ConfigurationError, r"True"),
        (np.s_[:, 0.5], ConfigurationError, r"0\.5"),
        (np.s_[:, "a"], ConfigurationError, r"'a'"),
        (np.s_[:, ::0], ConfigurationError, r"step cannot be zero"),
        (np.s_[:, "a":], ConfigurationError, r"indices must be integers"),
    ],
)
def test_wrong_brackets(key: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        layers.Input((5, 6, 3))[key]


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.stack([]), lambda: ops.stack(3), lambda: ops.concatenate([]),
        lambda: ops.tile(np.ones(3), 0), lambda: ops.tile(np.ones(3), -1),
        lambda: ops.tile(np.ones(3), [1, 0.5]), lambda: ops.reshape(np.ones(4), "x"),
        lambda: layers.Reshape("ab"), lambda: layers.Permute(3), lambda: layers.Permute("ab"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call: Any) -> None:
    with pytest.raises((ConfigurationError, ShapeError), match="Received"):
        call()
