"""The course's transfer learning, and what a frozen base costs."""

import re

import numpy as np
import pytest

from pyframe.applications.vgg16 import VGG16
from pyframe.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D
from pyframe.models import Model, Sequential
from pyframe.models.data import check_batch

X = np.random.default_rng(0).normal(size=(8, 16, 16, 3)).astype(np.float32)
Y = np.arange(8) % 3


def test_the_courses_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    patch_size = 64
    nb_classes = 10
    conv_base = VGG16(weights=None, include_top=False, input_shape=(patch_size, patch_size, 3))
    model = Sequential()
    model.add(conv_base)
    model.add(Flatten())
    model.add(Dense(units=100, activation="relu"))
    model.add(Dense(nb_classes, activation="softmax"))
    conv_base.trainable = False
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    rows = [re.split(r" *[│|] *", line)[1:-1] for line in lines[0].splitlines() if "(None" in line]
    assert [row[1:] for row in rows] == [
        ["(None, 2, 2, 512)", "14,714,688"],
        ["(None, 2048)", "0"],
        ["(None, 100)", "204,900"],
        ["(None, 10)", "1,010"],
    ]
    assert rows[0][0] == "vgg16 (Functional)"
    for total in (
        "Total params: 14,920,598", "Trainable params: 205,910", "Non-trainable params: 14,714,688"
    ):  # fmt: skip
        assert total in lines[0]
    assert model.input_shape == (None, 64, 64, 3)
    # Then the last block is trained on.
    conv_base.trainable = True
    for layer in conv_base.layers:
        layer.trainable = layer.name.startswith("block5")
    assert len(model.trainable_weights) == 6 + 4
    names = {w.path.partition("/")[0] for w in model.trainable_weights[:6]}
    assert names == {"block5_conv1", "block5_conv2", "block5_conv3"}


def network() -> tuple[Model, Model]:
    """A base with batch normalisation, and a model with a head on it."""
    x = inputs = Input((16, 16, 3))
    for number in range(3):
        x = Conv2D(16, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = BatchNormalization(name=f"norm{number}")(x)
    base = Model(inputs, MaxPooling2D(4)(x), name="base")
    outer = Input((16, 16, 3))
    head = Dense(3, activation="softmax")(Flatten()(base(outer)))
    model = Model(outer, head)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return base, model


def training_plan(model: Model) -> tuple[int, int, str]:
    batch = check_batch(model, X, Y)
    plan = model.step_for("train")(batch.spec).function.plan_for(batch.arrays)
    return plan.arena_bytes, plan.flops, plan.describe()


def test_a_frozen_base_costs_no_backward_pass_and_keeps_nothing() -> None:
    base, model = network()
    arena, flops, steps = training_plan(model)
    assert "conv2d_grad" in steps
    base.trainable = False
    frozen_arena, frozen_flops, frozen_steps = training_plan(model)
    assert "conv2d_grad" not in frozen_steps
    assert "max_pool2d_grad" not in frozen_steps
    assert frozen_flops < 0.4 * flops
    # What the base computes lives no longer than in a prediction.
    function, _ = model.forward_function([X])
    predicting = function.plan_for([X]).arena_bytes
    head = 6 * 4 * sum(w.size for w in model.trainable_weights)
    assert frozen_arena <= predicting + head < 0.3 * arena
    base.get_layer("conv2").trainable = True
    assert training_plan(model)[2] == frozen_steps
    base.trainable = True
    for layer in base.layers[:-3]:
        layer.trainable = False
    partly = training_plan(model)
    assert partly[2].count("conv2d_grad_kernel") == 1
    assert partly[0] < arena


def test_a_frozen_base_stays_as_it_is() -> None:
    base, model = network()
    base.trainable = False
    before = [w.tobytes() for w in base.get_weights()]
    head = model.layers[-1].get_weights()
    model.fit(X, Y, epochs=3, verbose=0)
    assert [w.tobytes() for w in base.get_weights()] == before
    assert not np.array_equal(model.layers[-1].get_weights()[0], head[0])
    # Thawed after compile, without compiling again.
    base.trainable = True
    model.fit(X, Y, verbose=0)
    assert all(a != w.tobytes() for a, w in zip(before, base.get_weights(), strict=True))
