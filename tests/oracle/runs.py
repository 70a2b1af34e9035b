"""Puts the cases of specs.py through one framework and returns what came out, by name."""

from typing import Any

import numpy as np

from tests.oracle.runs_graphs import run_graph
from tests.oracle.runs_metrics import (
    run_compile,
    run_loss,
    run_loss_names,
    run_loss_training,
    run_metric,
    run_reduction,
)
from tests.oracle.runs_optimizers import (
    run_function,
    run_initializer,
    run_optimizer,
    run_schedule,
)
from tests.oracle.runs_recurrent import run_recurrent
from tests.oracle.runs_stacks import run_stack
from tests.oracle.specs import (
    FIT_CASES,
    LAYER_CASES,
    TRAIN_CASES,
    Array,
    FitCase,
    LayerCase,
    TrainCase,
    dense_net,
    rng_for,
)
from tests.oracle.specs_graphs import GRAPH_CASES
from tests.oracle.specs_images import IMAGE_RUNS
from tests.oracle.specs_losses import LOSS_CASES, LOSS_TRAIN_CASES
from tests.oracle.specs_metrics import COMPILE_CASES, METRIC_CASES, REDUCTION_CASES
from tests.oracle.specs_norm import NORM_LAYER_CASES, NORM_TRAIN_CASES
from tests.oracle.specs_optimizers import (
    FUNCTION_CASES,
    INITIALIZER_CASES,
    OPTIMIZER_CASES,
    SCHEDULE_CASES,
    WEIGHT_TRAIN_CASES,
)
from tests.oracle.specs_recurrent import RECURRENT_CASES
from tests.oracle.specs_stacks import STACK_CASES

STEPS = 20
BATCH = 16
Results = dict[str, Array]


def build(k: Any, input_shape: tuple[int, ...], layers: list[Any]) -> Any:
    return k.models.Sequential([k.layers.Input(shape=input_shape), *layers])


def randomize(model: Any, rng: np.random.RandomState) -> None:
    """Weights of the size that keeps signals of size 1 (a kernel's last axis is its outputs)."""
    values = []
    for variable, w in zip(model.weights, model.get_weights(), strict=True):
        fan_in = max(1, int(np.prod(w.shape[:-1])))
        value = rng.standard_normal(w.shape) / np.sqrt(fan_in)
        if variable.name == "moving_variance":
            value = np.abs(value) + 0.5
        values.append(value.astype(np.float32))
    model.set_weights(values)


def inputs(rng: np.random.RandomState, rows: int, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal((rows, *shape)).astype(np.float32)


def targets(rng: np.random.RandomState, rows: int, kind: str, classes: int) -> Array:
    ids = rng.randint(0, classes, rows)
    bits = rng.randint(0, 2, (rows, classes)).astype(np.float32)
    soft = rng.uniform(0.1, 1, (rows, classes))
    real = rng.uniform(-1, 1, (rows, classes)).astype(np.float32)
    kinds: dict[str, Array] = {
        "one_hot": np.eye(classes, dtype=np.float32)[ids],
        "soft": (soft / soft.sum(axis=1, keepdims=True)).astype(np.float32),
        "ids": ids.astype(np.int64),
        "id_column": ids.astype(np.int64)[:, None],
        "bits": bits,
        "bit_column": bits[:, :1],
        "bit_vector": bits[:, 0],
        "real": real,
    }
    return kinds[kind]


def run_layer(k: Any, case: LayerCase, seed: int) -> Results:
    rng = rng_for(case.name, seed)
    model = build(k, case.input_shape, case.layers(k))
    randomize(model, rng)
    x = inputs(rng, 3, case.input_shape)
    results = {"predict": np.asarray(model.predict(x, verbose=0))}
    results["shapes"] = np.array([str(w.shape) for w in model.get_weights()], dtype=np.str_)
    return results


def compiled(k: Any, case: TrainCase, rng: np.random.RandomState) -> Any:
    layers = (case.layers or dense_net("softmax"))(k)
    model = build(k, case.input_shape, layers)
    model.compile(optimizer=case.optimizer(k), loss=case.loss(k), metrics=list(case.metrics))
    randomize(model, rng)
    return model


def weights_of(model: Any) -> Results:
    return {f"weight{i}": np.asarray(w) for i, w in enumerate(model.get_weights())}


def run_training(k: Any, case: TrainCase, seed: int) -> Results:
    rng = rng_for(case.name, seed)
    model = compiled(k, case, rng)
    rows = 3 * BATCH
    x = inputs(rng, rows, case.input_shape)
    y = targets(rng, rows, case.target, case.classes)
    weight = rng.uniform(0.2, 2, rows).astype(np.float32)
    by_class = {c: 0.5 + 0.4 * c for c in range(case.classes)}

    logs = []
    for step in range(STEPS):
        part = slice(BATCH * (step % 3), BATCH * (step % 3 + 1))
        extra: dict[str, Any] = {}
        if case.sample_weight:
            extra["sample_weight"] = weight[part]
        if case.class_weight:
            extra["class_weight"] = by_class
        logs.append(np.atleast_1d(np.asarray(model.train_on_batch(x[part], y[part], **extra))))
    results = {"train": np.array(logs, np.float32), **weights_of(model)}

    # 37 rows in batches of 16: the last one is partial.
    x, y, weight = x[:37], y[:37], weight[:37]
    extra = {"sample_weight": weight} if case.sample_weight else {}
    evaluated = model.evaluate(x, y, batch_size=BATCH, verbose=0, **extra)
    results["evaluate"] = np.atleast_1d(np.asarray(evaluated, np.float32))
    results["predict"] = np.asarray(model.predict(x, batch_size=BATCH, verbose=0))
    return results


def run_fit(k: Any, case: FitCase, seed: int) -> Results:
    rng = rng_for(case.name, seed)
    train = case.train
    model = compiled(k, train, rng)
    x = inputs(rng, case.rows, train.input_shape)
    y = targets(rng, case.rows, train.target, train.classes)
    arguments = dict(case.arguments)
    if case.validation_rows:
        rows = case.validation_rows
        held_out: tuple[Array, ...] = (
            inputs(rng, rows, train.input_shape), targets(rng, rows, train.target, train.classes)
        )  # fmt: skip
        if case.validation_weights:
            held_out += (rng.uniform(0.2, 2, rows).astype(np.float32),)
        arguments["validation_data"] = held_out
    history = model.fit(x, y, shuffle=False, verbose=0, **arguments)
    results = {f"history_{n}": np.asarray(v, np.float32) for n, v in history.history.items()}
    results["keys"] = np.array(list(history.history), dtype=np.str_)
    results["epoch"] = np.asarray(history.epoch)
    return {**results, **weights_of(model)}


RUNS: dict[str, tuple[Any, Any]] = {
    **{f"layer/{case.name}": (run_layer, case) for case in LAYER_CASES},
    **{f"stack/{case.name}": (run_stack, case) for case in STACK_CASES},
    **{f"recurrent/{case.name}": (run_recurrent, case) for case in RECURRENT_CASES},
    **{f"train/{case.name}": (run_training, case) for case in TRAIN_CASES},
    **{f"fit/{case.name}": (run_fit, case) for case in FIT_CASES},
    **{f"norm/layer_{case.name}": (run_layer, case) for case in NORM_LAYER_CASES},
    **{f"norm/train_{case.name}": (run_training, case) for case in NORM_TRAIN_CASES},
    **{f"graph/{case.name}": (run_graph, case) for case in GRAPH_CASES},
    **{f"optimizer/{case.name}": (run_optimizer, case) for case in OPTIMIZER_CASES},
    **{f"schedule/{case.name}": (run_schedule, case) for case in SCHEDULE_CASES},
    **{f"weight/{case.name}": (run_function, case) for case in FUNCTION_CASES},
    **{f"weight/init_{case.name}": (run_initializer, case) for case in INITIALIZER_CASES},
    **{f"weight/train_{case.name}": (run_training, case) for case in WEIGHT_TRAIN_CASES},
    **{f"loss/{case.name}": (run_loss, case) for case in LOSS_CASES},
    **{f"loss/train_{case.name}": (run_loss_training, case) for case in LOSS_TRAIN_CASES},
    "loss/names": (run_loss_names, "names"),
    **{f"metric/{case.name}": (run_metric, case) for case in METRIC_CASES},
    **{f"metric/{case.name}": (run_reduction, case) for case in REDUCTION_CASES},
    **{f"metric/compile_{case.name}": (run_compile, case) for case in COMPILE_CASES},
    **IMAGE_RUNS,
}


def run(k: Any, name: str, seed: int) -> Results:
    function, case = RUNS[name]
    results: Results = function(k, case, seed)
    return results
