"""Puts the cases of specs_optimizers.py through one framework."""

import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.oracle.specs import Array, rng_for
from tests.oracle.specs_optimizers import (
    FunctionCase,
    InitializerCase,
    OptimizerCase,
    ScheduleCase,
)

STEPS = 12
SHAPES = {"kernel": (3, 4), "bias": (4,), "filters": (2, 2, 1, 3), "gamma": (3,)}
COMMON = ("iteration", "learning_rate")


def _tensor(k: Any, array: Array) -> Any:
    convert = getattr(k.ops, "convert_to_tensor", None)
    return array if convert is None else convert(array)


def _plain(value: Any) -> Any:
    # The two name their modules differently; some of Keras's factors went through float32.
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        hidden = ("module", "registered_name")
        return {key: _plain(v) for key, v in value.items() if key not in hidden}
    return _plain(value.tolist()) if isinstance(value, (np.generic, np.ndarray)) else value


def _text(config: dict[str, Any]) -> Array:
    return np.array([json.dumps(_plain(config), sort_keys=True)], dtype=np.str_)


def run_optimizer(k: Any, case: OptimizerCase, seed: int) -> dict[str, Array]:
    rng = rng_for(case.name, seed)
    variables = [
        k.Variable(rng.uniform(-1, 1, shape).astype(case.dtype), dtype=case.dtype, name=name)
        for name, shape in SHAPES.items()
    ]
    optimizer = case.make(k)
    if case.exclude == "names":
        optimizer.exclude_from_weight_decay(var_names=["bias", "^gam"])
    elif case.exclude == "list":
        optimizer.exclude_from_weight_decay(var_list=variables[1:3])
    history, rates = [], []
    for step in range(STEPS):
        gradients: list[Any] = []
        for variable in variables:
            values = rng.standard_normal(tuple(variable.shape)) * rng.uniform(0.1, 1)
            values[rng.uniform(size=values.shape) < 0.1] = 0
            gradients.append(_tensor(k, values.astype(case.dtype)))
        if case.without_gradient:
            gradients[2] = None
        rates.append(float(np.asarray(optimizer.learning_rate)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # both warn about the missing gradient
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        if case.new_rate is not None and step == 5:
            optimizer.learning_rate = case.new_rate
        history.append(_flat(variables))
    if case.finalize:
        optimizer.finalize_variable_values(variables)
    return {
        "steps": np.array(history),
        "final": _flat(variables),
        "names": np.array([_own_name(v.name) for v in optimizer.variables], dtype=np.str_),
        # Behind step counter and learning rate, whose dtypes differ.
        "slots": _flat([v for v in optimizer.variables if v.name not in COMMON]),
        "rates": np.array(rates),
        "iterations": np.asarray(int(np.asarray(optimizer.iterations))),
        "config": _text(optimizer.get_config()),
    }


def _flat(variables: Sequence[Any]) -> Array:
    parts = [np.asarray(v, np.float64).ravel() for v in variables]
    return np.concatenate([np.zeros(0), *parts])


def _own_name(name: str) -> str:
    # Keras forgets to name Nadam's product; the name carries a number.
    return "u_product" if name.startswith("variable") else name


def run_schedule(k: Any, case: ScheduleCase, seed: int) -> dict[str, Array]:
    schedule = case.make(k)
    again = k.optimizers.schedules.deserialize(k.optimizers.schedules.serialize(schedule))
    return {
        "rates": np.array([float(schedule(step)) for step in case.steps]),
        "again": np.array([float(again(step)) for step in case.steps]),
        "config": _text(schedule.get_config()),
    }


def run_function(k: Any, case: FunctionCase, seed: int) -> dict[str, Array]:
    function = case.make(k)
    x = rng_for(case.name, seed).standard_normal(case.shape).astype(np.float32)
    return {"value": np.asarray(function(_tensor(k, x))), "config": _text(function.get_config())}


def run_initializer(k: Any, case: InitializerCase, seed: int) -> dict[str, Array]:
    # Keras takes the cosine of float32 angles up to 20, which are 1e-6 off.
    return {"angles" if "stft" in case.name else "value": np.asarray(case.make(k)(case.shape))}
