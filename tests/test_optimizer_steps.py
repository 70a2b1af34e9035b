"""What happens in one optimizer step: order, fused and composed updates, own optimizers."""

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import pyframe
from pyframe import Variable, layers, ops, optimizers
from pyframe.errors import ConfigurationError, DataError, ShapeError

Array = np.ndarray[Any, Any]
STEPS = 6


def weights(dtype: str = "float32") -> list[Variable]:
    rng = np.random.RandomState(0)
    shapes = {"kernel": (3, 4), "bias": (4,)}
    return [Variable(rng.randn(*s).astype(dtype), dtype, name=n) for n, s in shapes.items()]


def gradients(step: int) -> list[Array]:
    rng = np.random.RandomState(100 + step)
    return [rng.randn(3, 4), rng.randn(4)]


def run(optimizer: Any, dtype: str = "float32", steps: int = STEPS) -> list[Array]:
    variables = weights(dtype)
    for step in range(steps):
        optimizer.apply(gradients(step), variables)
    return [v.numpy() for v in variables]


FUSED = {
    "sgd": (optimizers.SGD, {}),
    "momentum": (optimizers.SGD, {"momentum": 0.9}),
    "nesterov": (optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": (optimizers.RMSprop, {}),
    "rmsprop_momentum": (optimizers.RMSprop, {"momentum": 0.5}),
    "rmsprop_centered": (optimizers.RMSprop, {"centered": True, "momentum": 0.5}),
    "adam": (optimizers.Adam, {}),
    "adamw": (optimizers.AdamW, {"weight_decay": 0.1}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", FUSED)
def test_the_engines_operator_does_what_update_step_does(case: str, dtype: str) -> None:
    cls, options = FUSED[case]
    fused, composed = cls(0.02, **options), cls(0.02, **options)
    composed.fused = False
    tolerance = {"float32": 1e-6, "float64": 1e-14}[dtype]
    for a, b in zip(run(fused, dtype), run(composed, dtype), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    for a, b in zip(fused.variables, composed.variables, strict=True):
        assert a.name == b.name
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)


# -- optimizers of one's own -----------------------------------------------------------------------


class KerasStyle(optimizers.Optimizer):
    """Momentum, written as Keras's guide shows it."""

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.9, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums = [
            self.add_variable_from_reference(reference_variable=v, name="momentum")
            for v in variables
        ]

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        learning_rate = ops.cast(learning_rate, variable.dtype)
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, ops.subtract(ops.multiply(m, self.momentum), gradient * learning_rate))
        self.assign_add(variable, m)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum}


class Short(optimizers.Optimizer):
    """The same in a few lines."""

    slot_names = ("momentum",)
    calls = 0

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        type(self).calls += 1
        m = self.slot(variable, "momentum")
        m.assign(0.9 * m - learning_rate * gradient)
        variable.assign_add(m)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"clipnorm": 0.5, "weight_decay": 0.1},
    {"use_ema": True, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2, "clipvalue": 0.2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
@pytest.mark.parametrize("cls", [KerasStyle, Short])
def test_an_optimizer_of_ones_own_has_all_options(cls: Any, options: dict[str, Any]) -> None:
    own = cls(0.02, **options)
    ready = optimizers.SGD(0.02, momentum=0.9, **options)
    for a, b in zip(run(own), run(ready), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert [v.name for v in own.variables] == [v.name for v in ready.variables]


def test_it_trains_inside_the_plan() -> None:
    model = pyframe.Sequential([layers.Dense(1, input_dim=2)])
    model.compile(Short(0.05), "mse")
    x = np.random.RandomState(0).randn(64, 2)
    Short.calls = 0
    history = model.fit(x, x @ [[1.0], [2.0]], batch_size=16, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    assert Short.calls == 2  # once for each weight, while the plan was made


def test_its_configuration() -> None:
    config = optimizers.serialize(KerasStyle(0.1, momentum=0.5, clipnorm=1.0))
    again = optimizers.deserialize(config, {"KerasStyle": KerasStyle})
    assert (again.momentum, again.clipnorm) == (0.5, 1.0)


def test_a_changed_formula_is_used() -> None:
    class Backwards(optimizers.SGD):
        def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
            super().update_step(-gradient, variable, learning_rate)

    start = [v.numpy() for v in weights()]
    there, back = run(optimizers.SGD(0.1), steps=1), run(Backwards(0.1), steps=1)
    for a, b, c in zip(start, there, back, strict=True):
        np.testing.assert_allclose(a - b, c - a, rtol=1e-5, atol=1e-7)


def test_without_update_step() -> None:
    with pytest.raises(NotImplementedError, match="`update_step`"):
        run(optimizers.Optimizer(0.1))


# -- order and options -----------------------------------------------------------------------------


def test_weights_keep_still_until_enough_gradients_are_there() -> None:
    """Semantics 11: the mean of the gradients, and `iterations` counts the real updates."""
    variables, start = weights("float64"), weights("float64")
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=3)
    for step in range(3):
        for v, s in zip(variables, start, strict=True):
            np.testing.assert_array_equal(v.numpy(), s.numpy())
        assert int(optimizer.iterations) == 0
        optimizer.apply(gradients(step), variables)
    assert int(optimizer.iterations) == 1
    for i, (v, s) in enumerate(zip(variables, start, strict=True)):
        mean = sum(gradients(step)[i] for step in range(3)) / 3
        np.testing.assert_allclose(v.numpy(), s.numpy() - mean, rtol=1e-14)


def test_gradients_are_clipped_before_weights_decay_before_the_step() -> None:
    """Semantics 1 to 3: one clip option; decay reads the weight before the step."""
    (v, _), g = weights("float64"), gradients(0)[0]
    expected = v.numpy() * (1 - 0.1 * 0.5) - 0.1 * g * 0.3 / np.linalg.norm(g)
    optimizers.SGD(0.1, clipnorm=0.3, weight_decay=0.5).apply([g], [v])
    # The rate is kept as float32.
    np.testing.assert_allclose(v.numpy(), expected, rtol=1e-7)


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm", "clipvalue", "weight_decay"])
def test_zero_switches_an_option_off(option: str) -> None:
    for a, b in zip(run(optimizers.SGD(0.1, **{option: 0})), run(optimizers.SGD(0.1)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_infinite_gradient_is_not_hidden_by_the_global_norm() -> None:
    v = Variable(np.ones(2))
    optimizers.SGD(0.1, global_clipnorm=1.0).apply([np.array([np.inf, 1.0])], [v])
    assert np.isnan(v.numpy()).all()


def test_weights_are_spared_from_decay_by_name_or_object() -> None:
    """Semantics 3."""
    for names, objects in ((["bias"], False), (["^b", "gamma"], False), (None, True)):
        variables = weights()
        optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(variables[1:] if objects else None, names)
        optimizer.apply([np.zeros((3, 4)), np.zeros(4)], variables)
        np.testing.assert_allclose(variables[0].numpy(), weights()[0].numpy() * 0.95, rtol=1e-6)
        np.testing.assert_array_equal(variables[1].numpy(), weights()[1].numpy())
    with pytest.raises(ConfigurationError, match="before the optimizer's first step"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


def test_fit_ends_with_the_moving_averages() -> None:
    model = pyframe.Sequential([layers.Dense(1, input_dim=2)])
    model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    x, y = np.random.RandomState(0).randn(8, 2), np.ones((8, 1))
    model.fit(x, y, epochs=3, verbose=0)
    averages = [v.numpy() for v in model.optimizer.variables if v.name.endswith("average")]
    for a, b in zip(model.get_weights(), averages, strict=True):
        np.testing.assert_array_equal(a, b)
    model.train_on_batch(x, y)
    assert not np.array_equal(model.get_weights()[0], averages[0])


def test_the_loss_may_be_scaled() -> None:
    model = pyframe.Sequential([layers.Dense(1, input_dim=2, use_bias=False)])
    results = []
    for scale in (None, 1024.0):
        model.set_weights([np.ones((2, 1))])
        model.compile(optimizers.SGD(0.1, loss_scale_factor=scale), "mse")
        loss = model.train_on_batch(np.eye(2), np.zeros((2, 1)))
        results.append((loss, model.get_weights()[0].tolist()))
    assert results[0] == results[1]


def test_order_of_the_variables() -> None:
    """Semantics 13, and the averages and accumulators before all slots."""
    optimizer = optimizers.Adam(amsgrad=True, use_ema=True, gradient_accumulation_steps=2)
    run(optimizer, steps=1)
    assert [v.name for v in optimizer.variables] == [
        "iteration", "learning_rate", "kernel_average", "bias_average",
        "kernel_gradient_accumulator", "bias_gradient_accumulator", "kernel_momentum",
        "kernel_velocity", "bias_momentum", "bias_velocity", "kernel_velocity_hat",
        "bias_velocity_hat",
    ]  # fmt: skip


@pytest.mark.parametrize("make", [optimizers.Adam, optimizers.Nadam, KerasStyle])
def test_weights_may_join_later(make: Any) -> None:
    model = pyframe.Sequential([layers.Dense(3, input_dim=2), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile(make(0.01), "mse")
    x, y = np.random.RandomState(0).randn(8, 2), np.ones((8, 1))
    model.train_on_batch(x, y)
    kept = model.optimizer.variables[2]
    state = kept.numpy()
    frozen = model.layers[0].get_weights()[0]
    model.layers[0].trainable = True
    assert (state == kept.numpy()).all()
    model.train_on_batch(x, y)
    assert kept in model.optimizer.variables
    assert (state != kept.numpy()).any()
    assert (frozen != model.layers[0].get_weights()[0]).any()
    names = [v.name for v in model.optimizer.variables]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_go_on_alike(copied: Any) -> None:
    optimizer, variables = optimizers.Nadam(0.1, clipnorm=1.0), weights()
    optimizer.apply(gradients(0), variables)
    other, others = copied((optimizer, variables))
    for step in (1, 2):
        optimizer.apply(gradients(step), variables)
        other.apply(gradients(step), others)
    for a, b in zip(variables, others, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


# -- steps with given gradients --------------------------------------------------------------------


def test_a_training_loop_of_ones_own() -> None:
    w, optimizer = Variable(np.zeros(2)), optimizers.Adam(0.1)
    for _ in range(200):
        _, (slope,) = ops.value_and_grad(lambda v: ops.sum((v - 3.0) ** 2), w)
        assert int(optimizer.apply_gradients([(slope, w)])) == int(optimizer.iterations)
    np.testing.assert_allclose(w.numpy(), 3, atol=1e-2)
    optimizer.apply([np.zeros(2)])  # the weights of the first call


def test_missing_gradients() -> None:
    """Semantics 1."""
    variables, optimizer = weights(), optimizers.SGD(0.1)
    with pytest.warns(UserWarning, match=r"these weights: \['bias'\]"):
        optimizer.apply([np.ones((3, 4)), None], variables)
    np.testing.assert_array_equal(variables[1].numpy(), weights()[1].numpy())
    with pytest.raises(DataError, match="No weight has a gradient"):
        optimizer.apply([None, None], variables)


def test_gradients_of_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"'bias' must have its shape \(4,\)"):
        optimizers.SGD().apply([np.ones((3, 4)), np.ones(3)], weights())
    with pytest.raises(ShapeError, match="one gradient for each of 2 weights"):
        optimizers.SGD().apply([np.ones((3, 4))], weights())
    with pytest.raises(ConfigurationError, match="one for each name"):
        optimizers.SGD().add_optimizer_variables(weights(), ["a", "b"], ["zeros"] * 3)
