"""compile, fit, evaluate, predict and their relatives."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from pyframe.errors import ConfigurationError, DataError, NonFiniteError, NotCompiledError
from pyframe.layers.base import Layer
from pyframe.layers.weights import structure_version
from pyframe.models import data
from pyframe.models.compiled import Compiled
from pyframe.models.diagnosis import explain_bad_loss
from pyframe.models.epochs import EpochLoop
from pyframe.models.feeds import (
    Advance,
    ArrayFeed,
    Feed,
    IterableFeed,
    check_batch_size,
    check_count,
    is_batch_source,
    is_indexable,
)
from pyframe.models.prediction import Predictor
from pyframe.models.steps import BatchSpec, Step, Totals, make_step
from pyframe.ops.dtypes import Array

Logs = dict[str, float]
_ON_NAN = ("warn", "raise", "stop")


class Trainer(Predictor, Layer):
    """The training interface of models."""

    _compiled: Compiled | None = None
    stop_training: bool = False
    history: Any = None
    last_bad_batch: list[Array] | None = None

    # --- compile -----------------------------------------------------------------------------

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
        **unknown: Any,
    ) -> None:
        """Chooses optimizer, loss and metrics.

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss, or function of (y_true, y_pred) written with `pyframe.ops`.
            loss_weights: factor of the loss, None for 1.
            metrics: names, metrics or functions; never weighted by sample weights.
            weighted_metrics: the same, weighted by sample weights.
            run_eagerly: accepted and without effect, as the next three.
            steps_per_execution: many steps always run in one call.
            jit_compile: a model always runs as one compiled plan.
            auto_scale_loss: there is no 16-bit training.
            **unknown: none.

        Raises:
            ConfigurationError: for an unknown name, type or argument.
        """
        if unknown:
            raise ConfigurationError(f"compile has no argument `{next(iter(unknown))}`.")
        self._compiled = Compiled(optimizer, loss, loss_weights, metrics, weighted_metrics)
        for key in [k for k in self.functions() if k[0] != "forward"]:
            del self.functions()[key]
        self.stop_training = False

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

    @property
    def metrics_names(self) -> list[str]:
        """Keys of the logs, "loss" first."""
        state = self.compiled_state
        found = [*state.metrics, *state.weighted_metrics]
        return ["loss", *(m if isinstance(m, str) else getattr(m, "name", m) for m in found)]

    def _step(self, mode: str) -> Callable[[BatchSpec], Step]:
        compiled = self.compiled_state

        def step_of(spec: BatchSpec) -> Step:
            cache = self.functions()
            if (mode, spec) not in cache:
                cache[mode, spec] = make_step(self, compiled, spec, mode == "train")
            return cast(Step, cache[mode, spec])

        return step_of

    # --- fit ---------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        on_nan: str = "warn",
    ) -> Any:
        """Trains the model.

        Args:
            x: inputs, array of samples; or an iterable of (x, y) or (x, y, sample_weight).
            y: targets, array; None if x is an iterable.
            batch_size: samples of one update, 32 if None.
            epochs: number of the last epoch, not a count if `initial_epoch` is given.
            verbose: 0 silent, 1 progress bar, 2 one line an epoch; "auto" is 1.
            callbacks: list of Callback objects.
            validation_split: part of the samples, the last ones before shuffling, that is kept
                for validation.
            validation_data: (x, y) or (x, y, sample_weight), or an iterable of batches.
            shuffle: whether to draw a new order each epoch; "batch" shuffles inside batches.
            class_weight: dictionary {class: weight} for the loss.
            sample_weight: weight of each sample for the loss.
            initial_epoch: epoch to start at, to go on with an earlier training.
            steps_per_epoch: batches of an epoch, None for all.
            validation_steps: batches of a validation, None for all.
            validation_batch_size: samples of a validation batch; `batch_size` if None.
            validation_freq: validate every so many epochs, or a list of epochs (from 1).
            on_nan: what to do when the loss is NaN or infinite: "warn" once and go on, "stop"
                training, or "raise" NonFiniteError. All explain the cause.

        Returns:
            The History: `history.history["loss"]` and so on, one value for each epoch.

        Raises:
            DataError, ShapeError, ConfigurationError: before the first batch, if data or
                arguments cannot be used.
        """
        compiled = self.compiled_state
        last = check_count(epochs, "epochs", 0) or 0
        first = check_count(initial_epoch, "initial_epoch", 0) or 0
        check_count(steps_per_epoch, "steps_per_epoch", 1)
        if on_nan not in _ON_NAN:
            raise ConfigurationError(f"`on_nan` must be one of {_ON_NAN}. Received: {on_nan!r}")
        generator = _generator() if shuffle else None
        feed: Feed
        validation: Feed | None = None
        if is_batch_source(x):
            feed = self._iterable_feed(x, y, class_weight, steps_per_epoch, generator)
            size: int | None = batch_size
            if validation_split:
                raise DataError("`validation_split` needs arrays, not an iterable of batches.")
        else:
            batch = data.check_batch(self, x, y, sample_weight)
            held: data.Batch | None = None
            if validation_split and validation_data is None:
                batch, held = data.split_validation(batch, validation_split)
                self._warn_missing_classes(batch, held)
            if class_weight is not None:
                batch = data.with_class_weight(self, batch, class_weight)
            size = check_batch_size(batch_size, len(batch), steps_per_epoch)
            feed = ArrayFeed(batch, size, shuffle, generator, steps_per_epoch)
            if held is not None:
                validation = ArrayFeed(held, validation_batch_size or size, steps_per_epoch=validation_steps)
        if validation_data is not None:
            validation = self._validation_feed(
                validation_data, validation_batch_size or size, validation_steps
            )
        self._check_first_step(feed, compiled)
        return self._fit_epochs(
            feed, validation, range(first, last), verbose, callbacks, validation_freq, on_nan
        )
