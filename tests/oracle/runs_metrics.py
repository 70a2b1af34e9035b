"""Puts the cases of specs_losses.py and specs_metrics.py through one framework."""

from typing import Any

import numpy as np

from tests.oracle.specs import Array, TrainCase, dense_net, rng_for
from tests.oracle.specs_losses import LOSS_NAMES, LossCase
from tests.oracle.specs_metrics import CompileCase, MetricCase, ReductionCase

Results = dict[str, Array]
Rng = np.random.RandomState


def soft(rng: Rng, shape: tuple[int, ...]) -> Array:
    values = rng.uniform(0.1, 1, shape)
    return (values / values.sum(axis=-1, keepdims=True)).astype(np.float32)


def values_of(rng: Rng, kind: str, shape: tuple[int, ...]) -> Array:
    """Targets or predictions of a kind; `shape` has the class axis last."""
    classes = shape[-1]
    ids = rng.randint(0, classes, shape[:-1])
    kinds: dict[str, Any] = {
        "one_hot": lambda: np.eye(classes, dtype=np.float32)[ids],
        "ids": lambda: ids.astype(np.int32),
        "id_column": lambda: ids.astype(np.int32)[..., None],
        "id_guess": lambda: ids.astype(np.int32),
        "ids_or_minus_one": lambda: np.where(rng.uniform(size=ids.shape) < 0.3, -1, ids),
        "ranking": lambda: np.argsort(rng.uniform(size=shape), axis=-1).astype(np.float32),
        "bits": lambda: rng.randint(0, 2, shape).astype(np.float32),
        "signs": lambda: (2 * rng.randint(0, 2, shape) - 1).astype(np.float32),
        "soft": lambda: soft(rng, shape),
        "unit": lambda: rng.uniform(0.02, 0.98, shape).astype(np.float32),
        "grid": lambda: (rng.randint(0, 5, shape) / 4).astype(np.float32),
        "real": lambda: rng.standard_normal(shape).astype(np.float32),
        "near": lambda: rng.standard_normal(shape).astype(np.float32),
        "positive": lambda: rng.uniform(0.2, 3, shape).astype(np.float32),
    }
    made: Array = kinds[kind]()
    return made


def run_loss(k: Any, case: LossCase, seed: int) -> Results:
    rng = rng_for(case.name, seed)
    target = values_of(rng, case.target, case.shape)
    prediction = values_of(rng, case.prediction, case.shape)
    results: Results = {}
    values = np.asarray(case.make(k, reduction="none")(target, prediction))
    results["values"] = values
    weight = rng.uniform(0.2, 2, values.shape).astype(np.float32)
    for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"):
        loss = case.make(k, reduction=reduction)
        results[reduction] = np.asarray(loss(target, prediction))
        if values.shape:
            weighted = loss(target, prediction, sample_weight=weight)
            results[f"weighted_{reduction}"] = np.asarray(weighted)
    return results


def run_loss_training(k: Any, case: TrainCase, seed: int) -> Results:
    """Three steps of gradient descent."""
    rng = rng_for(case.name, seed)
    net = (case.layers or dense_net("softmax"))(k)
    model = k.models.Sequential([k.layers.Input(shape=case.input_shape), *net])
    model.compile(optimizer=case.optimizer(k), loss=case.loss(k))
    weights = [w.shape for w in model.get_weights()]
    model.set_weights([rng.uniform(-0.7, 0.7, shape).astype(np.float32) for shape in weights])
    logs = []
    for _ in range(3):
        x = rng.standard_normal((8, *case.input_shape)).astype(np.float32)
        y = values_of(rng, case.target, (8, case.classes))
        weight = rng.uniform(0.2, 2, 8).astype(np.float32)
        extra = {"sample_weight": weight} if case.sample_weight else {}
        logs.append(np.asarray(model.train_on_batch(x, y, **extra), np.float32))
    # Penalties are part of the loss of evaluate as well.
    results = {"evaluate": np.asarray(model.test_on_batch(x, y), np.float32)}
    trained = {f"weight{i}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    return {"train": np.array(logs), **results, **trained}


def run_loss_names(k: Any, case: str, seed: int) -> Results:
    """Every spelling of every loss on the same numbers."""
    rng = rng_for(case, seed)
    target, prediction = soft(rng, (5, 4)), soft(rng, (5, 4))
    results = {}
    for name in LOSS_NAMES:
        loss = k.losses.get(name)
        results[name] = np.asarray(np.mean(np.asarray(loss(target, prediction))), np.float32)
    return results


def _weights(rng: Rng, kind: str, target: Array, rows: int) -> Array | None:
    shapes = {"sample": (rows,), "whole": target.shape[:1], "element": target.shape}
    shapes["image"] = target.shape[:-1]
    if kind == "whole":
        return rng.randint(0, 4, rows).astype(np.int32)
    return rng.uniform(0.2, 2, shapes[kind]).astype(np.float32) if kind else None


def run_metric(k: Any, case: MetricCase, seed: int) -> Results:
    rng = rng_for(case.name, seed)
    metric = case.make(k)
    plain, weighted = [], []
    batches = []
    for rows in (7, 1, 12):
        # A shape without a class axis: vectors of rows.
        shape = (rows, *case.shape)
        batches.append((values_of(rng, case.target, shape),
                        values_of(rng, case.prediction, shape)))  # fmt: skip
    for target, prediction in batches:
        metric.update_state(target, prediction)
        plain.append(np.asarray(metric.result(), np.float32))
    results = {"plain": np.array(plain)}
    if case.weights:
        metric.reset_state()
        for target, prediction in batches:
            weight = _weights(rng, case.weights, target, len(target))
            metric.update_state(target, prediction, sample_weight=weight)
            weighted.append(np.asarray(metric.result(), np.float32))
        results["weighted"] = np.array(weighted)
    if not case.keeps_config:
        return results
    config = {n: v for n, v in metric.get_config().items() if n not in ("dtype", "name")}
    again = type(metric).from_config(config)
    again.update_state(*batches[0])
    results["from_config"] = np.asarray(again.result(), np.float32)
    return results


def run_reduction(k: Any, case: ReductionCase, seed: int) -> Results:
    rng = rng_for(case.name, seed)
    metric = getattr(k.metrics, case.class_name)()
    found = []
    for _ in range(3):
        values = rng.standard_normal(case.shape).astype(np.float32)
        if case.weight_shape is None:
            metric.update_state(values)
        else:
            weight = rng.uniform(0.2, 2, case.weight_shape).astype(np.float32)
            metric.update_state(values, sample_weight=weight)
        found.append(np.asarray(metric.result(), np.float32))
    return {"results": np.array(found)}


def run_compile(k: Any, case: CompileCase, seed: int) -> Results:
    """Keys of the logs in their order, epochs of fit, and evaluate; batches of unequal size."""
    k.utils.clear_session()  # names of metrics are counted
    rng = rng_for(case.name, seed)
    model = k.models.Sequential([k.layers.Input(shape=(6,)), *case.layers(k)])
    model.compile(case.optimizer(k), case.loss, metrics=case.metrics(k),
                  weighted_metrics=case.weighted_metrics(k))  # fmt: skip
    shapes = [w.shape for w in model.get_weights()]
    model.set_weights([rng.uniform(-0.7, 0.7, shape).astype(np.float32) for shape in shapes])
    kind = "bits" if case.target == "bit_column" else case.target
    x = rng.standard_normal((40, 6)).astype(np.float32)
    y = values_of(rng, kind, (40, case.units))
    weight = rng.uniform(0.2, 2, 40).astype(np.float32)
    history = model.fit(x[:27], y[:27], sample_weight=weight[:27], batch_size=8, epochs=2,
                        shuffle=False, verbose=0,
                        validation_data=(x[27:], y[27:], weight[27:])).history  # fmt: skip
    results = {f"history_{n}": np.asarray(v, np.float32) for n, v in history.items()}
    results["keys"] = np.array(list(history), dtype=np.str_)
    logs = model.evaluate(x, y, sample_weight=weight, batch_size=16, verbose=0, return_dict=True)
    results |= {f"evaluate_{n}": np.asarray(logs[n], np.float32) for n in sorted(logs)}
    if not any(name.endswith("_1") or name.startswith("weighted_") for name in logs):
        # With two metrics of one name Keras repeats the first one in the list.
        found = model.evaluate(x, y, sample_weight=weight, batch_size=16, verbose=0)
        results["evaluate"] = np.concatenate([np.ravel(np.asarray(v, np.float32)) for v in found])
    single = model.test_on_batch(x, y, sample_weight=weight, return_dict=True)
    return results | {f"batch_{n}": np.asarray(single[n], np.float32) for n in sorted(single)}
