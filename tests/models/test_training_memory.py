"""What a training plan needs: counted, not run, so that planning itself touches no memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import applications, config, ops
from pyframe.errors import ConfigurationError
from pyframe.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Multiply,
    Reshape,
    ZeroPadding2D,
)
from pyframe.models import Model, Sequential
from pyframe.models.steps import BatchSpec, Spec, make_step
from pyframe.ops.tensor import Trace
from tests.ops.graphs import threads

MB = 1e6


def training_step(model: Model, optimizer: Any = "sgd") -> Any:
    """The function of a training step with one class number a sample."""
    model.compile(optimizer, "sparse_categorical_crossentropy")
    shape = tuple(model.input_shape[1:])
    spec = BatchSpec((Spec((None, *shape), "float32"),), (Spec((None,), "int32"),), ())
    return make_step(model, model.compiled_state, spec, True).function


def training_plan(model: Model, batch: int, optimizer: Any = "sgd") -> Any:
    """Its plan for batches of that many samples."""
    shape = tuple(model.input_shape[1:])
    return training_step(model, optimizer).plan(((batch, *shape), (batch,)))


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


def block(x: Any, filters: int, frozen: bool) -> Any:
    """Expansion, depthwise convolution, squeeze and excitation, projection, sum: all kinds."""
    y = Activation("silu")(BatchNormalization()(Conv2D(3 * filters, 1, use_bias=False)(x)))
    y = DepthwiseConv2D(3, use_bias=False)(ZeroPadding2D(1)(y))
    norm = BatchNormalization()
    norm.trainable = not frozen
    y = Activation("relu6")(norm(y))
    s = Dense(3 * filters, activation="sigmoid")(GlobalAveragePooling2D()(y))
    y = Multiply()([y, Reshape((1, 1, 3 * filters))(s)])
    y = Dropout(0.2)(BatchNormalization()(Conv2D(filters, 1)(y)))
    return Activation("relu")(Add()([x, y]))


def deep_net(frozen: bool = False) -> Model:
    pyframe.utils.set_random_seed(4)
    inputs = Input((16, 16, 8))
    x = stem = Conv2D(32, 3, padding="same", activation="relu")(inputs)
    for _ in range(6):
        x = block(x, 32, frozen)
    x = Concatenate()([x, stem])
    x = Activation("relu")(Conv2D(32, 3, padding="same")(x))
    return Model(inputs, Dense(5, activation="softmax")(GlobalAveragePooling2D()(x)))


def deep_data() -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    return rng.standard_normal((32, 16, 16, 8)).astype("float32"), rng.integers(0, 5, 32)


def trained(frozen: bool) -> bytes:
    x, y = deep_data()
    model = deep_net(frozen)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    return b"".join(w.tobytes() for w in model.get_weights())


@pytest.mark.parametrize("frozen", [False, True])
def test_computing_again_changes_memory_and_no_bit(frozen: bool) -> None:
    config.set_memory_limit(None)
    expected = trained(frozen)
    plain = training_plan(deep_net(frozen), 16)
    assert "batch_norm_again" not in plain.describe()
    for limit, factor in ((plain.arena_bytes - 1, 1.0), (plain.arena_bytes // 2, 0.5), (1, 0.4)):
        config.set_memory_limit(limit)
        plan = training_plan(deep_net(frozen), 16)
        assert plan.arena_bytes < factor * plain.arena_bytes
        assert "batch_norm_again" in plan.describe()
        assert plan.flops == plain.flops
        assert trained(frozen) == expected
    for count in (1, 3, 7):
        with threads(count):
            assert trained(frozen) == expected


def test_a_plan_that_fits_computes_nothing_again() -> None:
    plain = training_plan(deep_net(), 16)
    config.set_memory_limit(plain.arena_bytes)
    assert training_plan(deep_net(), 16).describe() == plain.describe()


def test_convolutions_come_last() -> None:
    """Normalisations and functions first, convolutions only when these are not enough."""
    plain = training_plan(deep_net(), 16)
    forward = plain.describe().count(" depthwise_conv2d work")
    counts = []
    for limit in (plain.arena_bytes - 1, 1):
        config.set_memory_limit(limit)
        counts.append(training_plan(deep_net(), 16).describe().count(" depthwise_conv2d work"))
    assert counts[0] == forward < counts[1]


@pytest.mark.parametrize("value", [0, -1, 1.5, "4GB", True])
def test_memory_limit_must_be_bytes(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="whole number of bytes"):
        config.set_memory_limit(value)


def test_memory_limit() -> None:
    assert 0 < (config.memory_limit() or 0) <= 4 << 30
    config.set_memory_limit(None)
    assert config.memory_limit() is None
    config.set_memory_limit(np.int64(1 << 30))
    assert config.memory_limit() == 1 << 30


@pytest.mark.parametrize(
    "name",
    [
        "NASNetLarge",
        *(pytest.param(f"EfficientNetB{i}", marks=pytest.mark.slow) for i in range(8)),
        pytest.param("InceptionResNetV2", marks=pytest.mark.slow),
    ],
)
def test_large_networks_train_in_six_gigabytes(name: str) -> None:
    """Activations of eight images of the default size, weights and SGD; only planned."""
    config.set_memory_limit(4 << 30)
    model = getattr(applications, name)(weights=None)
    plan = training_plan(model, 8)
    assert plan.arena_bytes <= 4 << 30
    assert plan.arena_bytes + 4 * model.count_params() + 4 * plan.scratch_bytes < 5.5e9


def test_the_same_function_of_one_tensor_is_computed_once() -> None:
    with Trace() as trace:
        x = trace.input("x", (None, 4), "float32")
        assert ops.relu(x).id == ops.relu(x).id
        assert ops.leaky_relu(x, 0.1).id != ops.leaky_relu(x, 0.2).id
        assert (x + 1.0).id != (x * 2.0).id
