"""compile, evaluate and the functions for single batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from pyframe.callbacks import CallbackList
from pyframe.errors import ConfigurationError, DataError, NotCompiledError
from pyframe.models import data
from pyframe.models.compiled import Compiled
from pyframe.models.epochs import EpochLoop
from pyframe.models.feeds import (
    ArrayFeed,
    Feed,
    check_batch_size,
    check_count,
)
from pyframe.models.old_names import old_arguments
from pyframe.models.prediction import Predictor
from pyframe.models.sources import IterableFeed, is_batch_source
from pyframe.models.steps import BatchSpec, Step, Totals, make_step

Logs = dict[str, Any]
# What a model of Keras may override.
_OWN_STEPS = (
    "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics",
    "make_train_function", "make_test_function", "make_predict_function",
)  # fmt: skip


class Evaluator(Predictor):
    """A predictor with a loss, metrics and an optimizer."""

    _compiled: Compiled | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Chooses optimizer, loss and metrics.

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss, or function of (y_true, y_pred) written with `pyframe.ops`, for all
                outputs; or a list or dictionary (by names) with one for each output, None for an
                output that takes no part.
            loss_weights: factor of the loss, or of each output's loss; None for 1.
            metrics: list of names, metrics or functions; never weighted by sample weights. For
                several outputs a list or dictionary with such a list (or metric) for each.
            weighted_metrics: the same, weighted by sample weights.
            run_eagerly: accepted and without effect, as the next three.
            steps_per_execution: many steps always run in one call.
            jit_compile: a model always runs as one compiled plan.
            auto_scale_loss: there is no 16-bit training.

        Raises:
            ConfigurationError: for an unknown name or type; if the model's class has a step of its
                own (`train_step`, `compute_loss` ...), which would never be called.
        """
        for method in _OWN_STEPS:
            if hasattr(type(self), method):
                raise ConfigurationError(
                    f"{type(self).__name__} has a `{method}` of its own. It would not be called: a "
                    "step is compiled from `call`, loss and optimizer. Use a loss function "
                    "loss(y_true, y_pred), `self.add_loss(...)` in `call` for terms without "
                    "targets, and train_on_batch in a loop for networks that are trained in turn."
                )
        compiled = Compiled(optimizer, loss, loss_weights, metrics, weighted_metrics)
        if self.built and loss is not None:
            compiled.heads_for(self.outputs_spec)
        self._compiled = compiled
        cache = self.functions()
        for key in [k for k in cache if k[0] != "forward"]:
            del cache[key]

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def compiled_state(self) -> Compiled:
        """What `compile` was given.

        Raises:
            NotCompiledError: before `compile`.
        """
        if self._compiled is None:
            raise NotCompiledError(
                f"{self.label} is not compiled. Call model.compile(optimizer=..., loss=...) first."
            )
        return self._compiled

    @property
    def optimizer(self) -> Any:
        """The optimizer, None before `compile`."""
        return None if self._compiled is None else self._compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss given to `compile`."""
        return None if self._compiled is None else self._compiled.loss

    def step_for(self, mode: str) -> Callable[[BatchSpec], Step]:
        """Returns the function that gives the traced "train" or "test" step for a batch."""
        compiled = self.compiled_state

        def step_of(spec: BatchSpec) -> Step:
            key = (mode, spec)
            step = self.functions().get(key)
            if step is None:
                step = make_step(self, compiled, spec, mode == "train")
                # Tracing may have built layers, which empties the cache: look it up again.
                self.functions()[key] = step
            return cast(Step, step)

        return step_of

    def data_feed(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        steps: int | None,
        workers: int | None = None,
        max_queue_size: int | None = None,
    ) -> Feed:
        """Returns the batches of arrays or of an iterable, in their own order.

        Raises:
            DataError, ShapeError: if they cannot be used.
        """
        check_count(steps, "steps", 1)
        if is_batch_source(x):
            if y is not None or sample_weight is not None:
                raise DataError("Targets and weights come from the iterable `x`, not separately.")
            return IterableFeed(
                x,
                lambda *item: data.check_batch(self, *item),
                steps,
                workers=workers,
                max_queue_size=max_queue_size,
            )
        batch = data.check_batch(self, x, y, sample_weight)
        self.step_for("test")(batch.spec)
        return ArrayFeed(
            batch, check_batch_size(batch_size, len(batch), steps), steps_per_epoch=steps
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **legacy: Any,
    ) -> Any:
        """Computes loss and metrics without training.

        Args:
            x: inputs, array of samples; or an iterable of (x, y) or (x, y, sample_weight).
            y: targets; None if x is an iterable.
            batch_size: samples that run at once, 32 if None.
            verbose: 0 silent, 1 progress bar, 2 one line; "auto" is 1.
            sample_weight: weight of each sample.
            steps: number of batches, None for all.
            callbacks: list of Callback objects.
            return_dict: whether to return {"loss": ..., "accuracy": ...}.
            **legacy: `workers` and `max_queue_size`, for batches of a Sequence.

        Returns:
            The loss, or [loss, metrics ...] in the order of compile.

        Raises:
            DataError, ShapeError: if the data cannot be used.
        """
        workers = old_arguments("evaluate", legacy) if legacy else {}
        feed = self.data_feed(x, y, sample_weight, batch_size, steps, **workers)
        hooks = CallbackList(
            callbacks,
            model=self,
            params={"epochs": 1, "steps": feed.steps},
            add_history=False,
            add_progbar=verbose != 0,
            verbose=verbose,
        )
        try:
            logs = self.run_test(EpochLoop(feed, self.step_for("test"), "test", hooks), hooks)
        finally:
            feed.close()
            hooks.close()
        return flatten_logs(logs, self.compiled_state, return_dict)

    def run_test(self, loop: EpochLoop, hooks: Any, show: bool = True) -> Logs:
        """Runs one pass over validation data and returns the logs."""
        hooks.on_test_begin()
        with self.compiled_state.evaluation():
            totals, _ = loop.run(show)
            if totals is None:
                raise DataError("The data to evaluate on gave no batches.")
            logs = totals.logs()
        hooks.on_test_end(logs)
        return logs

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Makes one training step with all samples given.

        Args:
            x: inputs.
            y: targets.
            sample_weight: weight of each sample.
            class_weight: dictionary {class: weight}.
            return_dict: whether to return a dictionary.

        Returns:
            The loss before the step, or [loss, metrics ...].
        """
        batch = data.check_batch(self, x, y, sample_weight)
        if class_weight is not None:
            batch = data.with_class_weight(self, batch, class_weight)
        return flatten_logs(self._run_batch("train", batch), self.compiled_state, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Computes loss and metrics of one batch.

        Args:
            x: inputs.
            y: targets.
            sample_weight: weight of each sample.
            return_dict: whether to return a dictionary.

        Returns:
            The loss, or [loss, metrics ...].
        """
        batch = data.check_batch(self, x, y, sample_weight)
        return flatten_logs(self._run_batch("test", batch), self.compiled_state, return_dict)

    def _run_batch(self, mode: str, batch: data.Batch) -> Logs:
        step = self.step_for(mode)(batch.spec)
        arrays = batch.arrays
        plan = step.function.plan_for(arrays)
        with self.compiled_state.evaluation():
            totals = Totals(step)
            _, sums, _ = plan.run_steps(arrays, [None] * step.outputs, None, 0, 1)
            totals.add(sums, len(batch), 1)
            return totals.logs()

    @property
    def metrics_names(self) -> list[str]:
        """Keys of the logs, "loss" first.

        Raises:
            ConfigurationError: if the shape of the outputs is unknown.
        """
        if not self.built:
            raise ConfigurationError("The metrics are known after the first batch.")
        outputs, compiled = self.outputs_spec, self.compiled_state
        entries = compiled.entries
        if not entries:
            heads = compiled.heads_for(outputs)
            entries = compiled.metrics_for(heads, outputs.shapes, outputs)
        return ["loss", *compiled.loss_keys, *(entry.name for entry in entries)]

    @property
    def metrics(self) -> list[Any]:
        """The metrics of compile as objects; those given by name after the first batch only."""
        return [] if self._compiled is None else [e.metric for e in self._compiled.entries]

    def reset_metrics(self) -> None:
        """Makes all metrics forget what they have seen; `fit` and `evaluate` do so themselves."""
        for metric in self.metrics:
            metric.reset_state()


def flatten_logs(logs: Logs, compiled: Compiled, return_dict: bool) -> Any:
    """Returns the logs as they are, as a list in Keras's order, or a single number.

    The list starts with the loss, the metrics that are called by their own names and the losses
    of single outputs, one for each output even where two share a key; all others, such as the
    metrics of several outputs, follow in the order of their keys.
    """
    if return_dict:
        return logs
    if len(logs) == 1:
        return logs["loss"]
    own = [entry.metric.name for entry in compiled.entries]
    if [*logs] == ["loss", *own]:
        return [*logs.values()]
    first = [key for key in (*dict.fromkeys(["loss", *own]), *compiled.loss_keys) if key in logs]
    values = [logs[key] for key in [*first, *sorted(set(logs) - set(first))]]
    return values[0] if len(values) == 1 else values
