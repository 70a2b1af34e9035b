"""Optimizers with all their options, schedules, constraints, regularizers and initializers.

As in specs.py everything takes `k`, the module `keras` or the module `pyframe`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tests.oracle.specs import TrainCase, conv_net, dense_with

Make = Callable[[Any], Any]


@dataclass(frozen=True)
class OptimizerCase:
    """Twelve steps with given gradients on weights of several shapes."""

    name: str
    make: Make
    dtype: str = "float32"
    exclude: str = ""  # "names" or "list": how weights are kept from decaying
    without_gradient: bool = False  # one weight gets None
    new_rate: float | None = None  # assigned to learning_rate after step 5
    finalize: bool = False


@dataclass(frozen=True)
class ScheduleCase:
    """A schedule at many steps."""

    name: str
    make: Make
    steps: tuple[int, ...] = (
        0,
        1,
        2,
        3,
        5,
        7,
        9,
        10,
        11,
        15,
        19,
        20,
        21,
        30,
        37,
        45,
        69,
        100,
        1000,
    )


@dataclass(frozen=True)
class FunctionCase:
    """A function of one weight: a constraint or a regularizer."""

    name: str
    make: Make
    shape: tuple[int, ...] = (5, 4)


@dataclass(frozen=True)
class InitializerCase:
    """An initializer without random numbers."""

    name: str
    make: Make
    shape: tuple[int, ...] = (5, 4)


def _optimizer(cls: str, k: Any, **kwargs: Any) -> Any:
    return getattr(k.optimizers, cls)(name="opt", **kwargs)


def _case(name: str, cls: str, kwargs: dict[str, Any], **how: Any) -> OptimizerCase:
    return OptimizerCase(name, partial(_optimizer, cls, **kwargs), **how)


# -- methods: semantics 4 to 8 -------------------------------------------------------------------

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.05}),
    "sgd_momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "sgd_nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01}),
    "rmsprop_rho_epsilon": ("RMSprop", {"learning_rate": 0.01, "rho": 0.7, "epsilon": 1e-2}),
    "rmsprop_momentum": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.7}),
    "rmsprop_centered": ("RMSprop", {"learning_rate": 0.01, "centered": True}),
    "rmsprop_centered_momentum": (
        "RMSprop", {"learning_rate": 0.01, "centered": True, "momentum": 0.5}),
    "adam": ("Adam", {"learning_rate": 0.02}),
    "adam_betas": (
        "Adam", {"learning_rate": 0.02, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-2}),
    "adam_amsgrad": ("Adam", {"learning_rate": 0.02, "amsgrad": True, "beta_2": 0.6}),
    "adamw": ("AdamW", {"learning_rate": 0.02}),
    "adamw_decay": ("AdamW", {"learning_rate": 0.02, "weight_decay": 0.5}),
    "adamw_amsgrad": ("AdamW", {"learning_rate": 0.02, "amsgrad": True, "beta_2": 0.6}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adagrad_start": (
        "Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0}),
    "adadelta_rho": ("Adadelta", {"learning_rate": 1.0, "rho": 0.6, "epsilon": 1e-3}),
    "adamax": ("Adamax", {"learning_rate": 0.02}),
    "adamax_betas": (
        "Adamax", {"learning_rate": 0.02, "beta_1": 0.6, "beta_2": 0.7, "epsilon": 1e-2}),
    "nadam": ("Nadam", {"learning_rate": 0.02}),
    "nadam_betas": (
        "Nadam", {"learning_rate": 0.02, "beta_1": 0.6, "beta_2": 0.7, "epsilon": 1e-2}),
    "ftrl": ("Ftrl", {"learning_rate": 0.1}),
    "ftrl_l1": ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.5}),
    "ftrl_l2_beta": (
        "Ftrl", {"learning_rate": 0.1, "l2_regularization_strength": 0.1, "beta": 0.2}),
    "ftrl_shrinkage": ("Ftrl", {"learning_rate": 0.1, "l2_shrinkage_regularization_strength": 0.1}),
    "ftrl_power": (
        "Ftrl",
        {"learning_rate": 0.1, "learning_rate_power": -0.8, "initial_accumulator_value": 0.5},
    ),
    "lion": ("Lion", {"learning_rate": 0.01}),
    "lion_betas": ("Lion", {"learning_rate": 0.01, "beta_1": 0.6, "beta_2": 0.7}),
}  # fmt: skip

# Powers of two: even in float64 Keras rounds such numbers (0.9, 0.999) to float32 first.
_RATE = {"learning_rate": 2.0**-6}
_BETAS = {**_RATE, "beta_1": 0.875, "beta_2": 1 - 2.0**-7, "epsilon": 2.0**-20}
FLOAT64: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd_momentum": ("SGD", {**_RATE, "momentum": 0.875}),
    "rmsprop": ("RMSprop", {**_RATE, "rho": 0.875, "epsilon": 2.0**-20}),
    "adam": ("Adam", _BETAS),
    "adam_amsgrad": ("Adam", {**_BETAS, "amsgrad": True}),
    "adamax": ("Adamax", _BETAS),
    "adagrad": ("Adagrad", {**_RATE, "initial_accumulator_value": 0.125, "epsilon": 2.0**-20}),
    "ftrl": ("Ftrl", {**_RATE, "initial_accumulator_value": 0.125, "beta": 0.5}),
    "lion": ("Lion", {**_RATE, "beta_1": 0.875, "beta_2": 1 - 2.0**-7}),
}

# -- options of all: semantics 1 to 3 and 11 -----------------------------------------------------

OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "clipnorm": ({"clipnorm": 0.8}, {}),
    "clipvalue": ({"clipvalue": 0.3}, {}),
    "global_clipnorm": ({"global_clipnorm": 1.0}, {}),
    "loose_clipnorm": ({"clipnorm": 100.0}, {}),
    "weight_decay": ({"weight_decay": 0.3}, {}),
    "weight_decay_names": ({"weight_decay": 0.3}, {"exclude": "names"}),
    "weight_decay_list": ({"weight_decay": 0.3}, {"exclude": "list"}),
    "ema": ({"use_ema": True, "ema_momentum": 0.8}, {"finalize": True}),
    "ema_overwrite": ({"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 3}, {}),
    "accumulation": ({"gradient_accumulation_steps": 3}, {}),
    "accumulation_of_all": (
        {"gradient_accumulation_steps": 2, "clipnorm": 0.6, "weight_decay": 0.3,
         "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}, {}),
    "clip_and_decay": ({"clipvalue": 0.3, "weight_decay": 0.2}, {}),
    "loss_scale": ({"loss_scale_factor": 8.0}, {}),
    "missing_gradient": ({"weight_decay": 0.3, "clipnorm": 0.8}, {"without_gradient": True}),
    "new_rate": ({}, {"new_rate": 0.003}),
}  # fmt: skip


def _optimizer_cases() -> list[OptimizerCase]:
    cases = [_case(name, cls, kwargs) for name, (cls, kwargs) in METHODS.items()]
    for option, (extra, how) in OPTIONS.items():
        for method in ("sgd", "sgd_momentum", "rmsprop_centered_momentum", "adam", "nadam"):
            cls, kwargs = METHODS[method]
            cases.append(_case(f"{option}_{method}", cls, {**kwargs, **extra}, **how))
    for method in ("adam_amsgrad", "adamw_decay", "adagrad", "adadelta", "adamax", "ftrl", "lion"):
        cls, kwargs = METHODS[method]
        extra, how = OPTIONS["accumulation_of_all"]
        cases.append(_case(f"accumulation_of_all_{method}", cls, {**kwargs, **extra}, **how))
    for method, (cls, kwargs) in FLOAT64.items():
        cases.append(_case(f"float64_{method}", cls, kwargs, dtype="float64"))
    for schedule in ("exponential_staircase", "piecewise", "cosine_warmup", "restarts"):
        for method in ("sgd_momentum", "adam", "nadam"):
            make = partial(_scheduled, METHODS[method][0], schedule)
            cases.append(OptimizerCase(f"{schedule}_{method}", make))
    make = partial(_scheduled, "Adam", "inverse", gradient_accumulation_steps=2)
    cases.append(OptimizerCase("accumulation_scheduled", make))
    return cases


def _scheduled(cls: str, schedule: str, k: Any, **extra: Any) -> Any:
    return _optimizer(cls, k, learning_rate=SCHEDULES[schedule](k), **extra)


# -- schedules: semantics 12 ---------------------------------------------------------------------


def _schedule(cls: str, k: Any, *args: Any, **kwargs: Any) -> Any:
    return getattr(k.optimizers.schedules, cls)(*args, **kwargs)


def _of(cls: str, *args: Any, **kwargs: Any) -> Make:
    return lambda k: _schedule(cls, k, *args, **kwargs)


SCHEDULES: dict[str, Make] = {
    "exponential": _of("ExponentialDecay", 0.02, decay_steps=10, decay_rate=0.5),
    "exponential_staircase": _of("ExponentialDecay", 0.02, 4, 0.7, staircase=True),
    "piecewise": _of("PiecewiseConstantDecay", [2, 5, 20], [0.03, 0.02, 0.01, 0.001]),
    "piecewise_one": _of("PiecewiseConstantDecay", [10], [0.03, 0.01]),
    "polynomial": _of("PolynomialDecay", 0.02, 20),
    "polynomial_square": _of("PolynomialDecay", 0.02, 20, end_learning_rate=0.001, power=2.0),
    "polynomial_root": _of("PolynomialDecay", 0.02, 20, 0.001, power=0.5),
    "polynomial_cycle": _of("PolynomialDecay", 0.02, 20, 0.001, cycle=True),
    "inverse": _of("InverseTimeDecay", 0.02, decay_steps=5, decay_rate=0.5),
    "inverse_staircase": _of("InverseTimeDecay", 0.02, 5, 0.5, staircase=True),
    "cosine": _of("CosineDecay", 0.02, 30),
    "cosine_alpha": _of("CosineDecay", 0.02, 30, alpha=0.2),
    "cosine_warmup": _of("CosineDecay", 0.002, 20, alpha=0.1, warmup_target=0.03, warmup_steps=4),
    "cosine_no_warmup_steps": _of("CosineDecay", 0.01, 20, warmup_target=0.03),
    "restarts": _of("CosineDecayRestarts", 0.02, 7),
    "restarts_equal": _of("CosineDecayRestarts", 0.02, 8, t_mul=1.0, m_mul=0.8, alpha=0.1),
    "restarts_longer": _of("CosineDecayRestarts", 0.02, 6, t_mul=1.5, m_mul=0.9),
}

SCHEDULE_CASES = [ScheduleCase(name, make) for name, make in SCHEDULES.items()]
OPTIMIZER_CASES = _optimizer_cases()

# -- constraints: semantics 25; regularizers: 23; initializers: 26 to 28 -------------------------

CONSTRAINTS: dict[str, Make] = {
    "max_norm": lambda k: k.constraints.MaxNorm(0.8),
    "max_norm_axis": lambda k: k.constraints.MaxNorm(max_value=0.5, axis=1),
    "max_norm_default": lambda k: k.constraints.get("max_norm"),
    "unit_norm": lambda k: k.constraints.UnitNorm(),
    "unit_norm_all": lambda k: k.constraints.unit_norm(axis=[0, 1]),
    "min_max_norm": lambda k: k.constraints.MinMaxNorm(0.9, 1.1),
    "min_max_norm_rate": lambda k: k.constraints.MinMaxNorm(0.2, 0.6, rate=0.3, axis=1),
    "non_neg": lambda k: k.constraints.NonNeg(),
    "non_neg_name": lambda k: k.constraints.get("NonNeg"),
}

FUNCTION_CASES = [
    *(FunctionCase(name, make) for name, make in CONSTRAINTS.items()),
    FunctionCase("conv_max_norm", lambda k: k.constraints.MaxNorm(0.5, [0, 1, 2]), (3, 3, 2, 4)),
    FunctionCase("conv_unit_norm", lambda k: k.constraints.UnitNorm([0, 1, 2]), (3, 3, 2, 4)),
    FunctionCase("l1", lambda k: k.regularizers.L1(0.02)),
    FunctionCase("l2", lambda k: k.regularizers.L2(0.02)),
    FunctionCase("l1_l2", lambda k: k.regularizers.L1L2(0.02, 0.01)),
    FunctionCase("orthogonal_rows", lambda k: k.regularizers.OrthogonalRegularizer(0.1)),
    FunctionCase("orthogonal_columns",
                 lambda k: k.regularizers.OrthogonalRegularizer(0.1, mode="columns")),
    FunctionCase("orthogonal_name", lambda k: k.regularizers.get("orthogonal_regularizer")),
]  # fmt: skip

WINDOW = np.hanning(10)[1:-1]  # an array: the names of windows need SciPy on both sides

INITIALIZER_CASES = [
    InitializerCase("zeros", lambda k: k.initializers.Zeros()),
    InitializerCase("ones", lambda k: k.initializers.get("ones")),
    InitializerCase("constant", lambda k: k.initializers.Constant(0.3)),
    InitializerCase("identity", lambda k: k.initializers.Identity(gain=0.5)),
    InitializerCase("stft_real", lambda k: k.initializers.STFT(window=WINDOW), (8, 1, 5)),
    InitializerCase("stft_imag", lambda k: k.initializers.STFT("imag", WINDOW), (8, 1, 9)),
    InitializerCase("stft_spectrum",
                    lambda k: k.initializers.STFT(window=WINDOW, scaling="spectrum"), (8, 1, 5)),
    InitializerCase("stft_plain", lambda k: k.initializers.STFT(window=None), (8, 1, 5)),
]  # fmt: skip


def _norm_conv_net(k: Any) -> list[Any]:
    layers = conv_net(k)
    norm = k.constraints.MaxNorm(0.9, axis=[0, 1, 2])
    options = {"kernel_constraint": norm, "bias_constraint": "non_neg"}
    layers[0] = k.layers.Conv2D(3, 3, activation="relu", padding="same", **options)
    return layers


def _sgd(k: Any) -> Any:
    return k.optimizers.SGD(0.05)


# In training: constraints after the update, penalties in the loss.
WEIGHT_TRAIN_CASES = [
    *(
        TrainCase(f"constraint_{name}", _sgd, layers=dense_with(kernel_constraint=make))
        for name, make in CONSTRAINTS.items()
    ),
    TrainCase("constraint_bias", lambda k: k.optimizers.Adam(0.01),
              layers=dense_with(kernel_constraint=lambda k: k.constraints.UnitNorm(),
                                bias_constraint=lambda k: k.constraints.NonNeg())),
    TrainCase("constraint_conv", lambda k: k.optimizers.RMSprop(0.005), layers=_norm_conv_net,
              input_shape=(8, 8, 2)),
    TrainCase("constraint_accumulation",
              lambda k: k.optimizers.Adam(0.01, gradient_accumulation_steps=2),
              layers=dense_with(kernel_constraint=lambda k: k.constraints.MaxNorm(0.7))),
    TrainCase("constraint_ema",
              lambda k: k.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5,
                                         ema_overwrite_frequency=4),
              layers=dense_with(kernel_constraint=lambda k: k.constraints.MaxNorm(0.7))),
    TrainCase("orthogonal_rows", _sgd, layers=dense_with(
        kernel_regularizer=lambda k: k.regularizers.OrthogonalRegularizer(0.1))),
    TrainCase("orthogonal_columns", _sgd, layers=dense_with(
        kernel_regularizer=lambda k: k.regularizers.OrthogonalRegularizer(0.1, "columns"))),
]  # fmt: skip
