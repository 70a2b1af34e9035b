"""What a training plan needs: counted, not run, so that planning itself touches no memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import applications
from pyframe.layers import Activation, BatchNormalization, Conv2D, Dense, Flatten, Input
from pyframe.models import Model, Sequential
from pyframe.models.steps import BatchSpec, Spec, make_step
from tests.ops.graphs import threads

MB = 1e6


def training_plan(model: Model, batch: int, optimizer: Any = "sgd") -> Any:
    """The plan of a training step with one class number a sample."""
    model.compile(optimizer, "sparse_categorical_crossentropy")
    shape = tuple(model.input_shape[1:])
    spec = BatchSpec((Spec((None, *shape), "float32"),), (Spec((None,), "int32"),), ())
    step = make_step(model, model.compiled_state, spec, True)
    return step.function.plan(((batch, *shape), (batch,)))


def vgg16() -> Model:
    base = applications.VGG16(weights=None, include_top=False, input_shape=(64, 64, 3))
    return Sequential([base, Flatten(), Dense(100, activation="relu"), Dense(10)])


def resnet50() -> Model:
    return applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=10)


@pytest.mark.parametrize(
    ("build", "optimizer", "limit"),
    [
        # 78 MB of activations; the transformed kernel of one layer has 38, its gradient 9.
        (vgg16, "sgd", 135 * MB),
        (resnet50, "adam", 165 * MB),
        # All gradients are wanted before the first update.
        (vgg16, pyframe.optimizers.SGD(global_clipnorm=1.0), 195 * MB),
    ],
)
def test_arena(build: Callable[[], Model], optimizer: Any, limit: float) -> None:
    plan = training_plan(build(), 16, optimizer)
    assert plan.arena_bytes < limit


def large_net(seed: int = 1) -> Model:
    """Layers large enough for updates of their own in the middle of the backward pass."""
    pyframe.utils.set_random_seed(seed)
    model = Sequential([Input((8, 8, 16))])
    for filters in (128, 256, 128):
        model.add(Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(BatchNormalization())
        model.add(Activation("relu"))
    model.add(Flatten())
    model.add(Dense(64, activation="relu"))
    model.add(Dense(5, activation="softmax"))
    return model


def large_data(batch: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(2)
    return rng.standard_normal((batch, 8, 8, 16)).astype("float32"), rng.integers(0, 5, batch)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_updates_in_the_backward_pass(optimizer: str) -> None:
    """Gradients see the weights from before the step, whatever the order of the updates.

    With `global_clipnorm` no update comes before the last gradient; a norm that is never reached
    changes nothing else.
    """
    x, y = large_data(16)
    weights = []
    for clipnorm in (None, 1e9):
        model = large_net()
        cls = getattr(
            pyframe.optimizers, {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop"}[optimizer]
        )
        model.compile(cls(1e-3, global_clipnorm=clipnorm), "sparse_categorical_crossentropy")
        plan = training_plan(model, 16, model.optimizer).describe()
        update, gradient = plan.index("_update "), plan.rindex("conv2d_grad_kernel")
        assert (update < gradient) == (clipnorm is None)
        model.fit(x, y, batch_size=16, epochs=3, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_no_update_when_the_loss_is_not_finite() -> None:
    model = large_net()
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = large_data(16)
    before = [w.tobytes() for w in model.get_weights()]
    x[3] = np.nan
    with pytest.warns(RuntimeWarning, match="The loss became NaN"):
        model.fit(x, y, batch_size=16, epochs=2, verbose=0, on_nan="stop")
    assert [w.tobytes() for w in model.get_weights()] == before


def test_same_bits_on_any_number_of_threads() -> None:
    x, y = large_data(32)
    results = set()
    for count in (1, 2, 3, 7):
        with threads(count):
            model = large_net()
            model.compile("adam", "sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=16, epochs=2, verbose=0)
            results.add(b"".join(w.tobytes() for w in model.get_weights()))
    assert len(results) == 1
