"""fit: training over epochs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pyframe.callbacks import CallbackList
from pyframe.errors import ConfigurationError, DataError, NonFiniteError, warn
from pyframe.models import data
from pyframe.models.diagnosis import explain_bad_loss
from pyframe.models.epochs import EpochLoop
from pyframe.models.feeds import (
    Advance,
    ArrayFeed,
    Feed,
    check_batch_size,
    check_count,
)
from pyframe.models.legacy import LegacyMethods
from pyframe.models.old_names import old_arguments
from pyframe.models.resume import TrainingRun
from pyframe.models.sources import IterableFeed, is_batch_source, is_indexable
from pyframe.ops.dtypes import Array
from pyframe.utils.random import next_generator

_ON_NAN = ("warn", "raise", "stop")


class Trainer(LegacyMethods):
    """An evaluator that can be trained.

    Attributes:
        stop_training: callbacks set it to end training.
        history: the History of the latest `fit`.
        last_bad_batch: the arrays that led to the first loss that is not finite.
        training_run: what `fit` is doing, None while it does not run.
    """

    _transient = LegacyMethods._transient | {"training_run"}

    stop_training: bool = False
    history: Any = None
    training_run: TrainingRun | None = None
    last_bad_batch: list[Array] | None = None

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
        **legacy: Any,
    ) -> Any:
        """Trains the model.

        Args:
            x: inputs, array of samples; several inputs as a list or a dictionary by their names;
                or an iterable of (x, y) or (x, y, sample_weight).
            y: targets, array; those of several outputs as a list or a dictionary by their names;
                None if x is an iterable.
            batch_size: samples of one update, 32 if None.
            epochs: number of the last epoch, not a count if `initial_epoch` is given.
            verbose: 0 silent, 1 progress bar, 2 one line an epoch; "auto" is 1.
            callbacks: list of Callback objects.
            validation_split: part of the samples, the last ones before shuffling, that is kept
                for validation.
            validation_data: (x, y) or (x, y, sample_weight), or an iterable of batches.
            shuffle: whether to draw a new order each epoch; "batch" shuffles inside batches.
            class_weight: dictionary {class: weight} for the loss; for models with one output.
            sample_weight: weight of each sample for the loss of every output, or such weights
                for each output.
            initial_epoch: epoch to start at, to go on with an earlier training.
            steps_per_epoch: batches of an epoch, None for all.
            validation_steps: batches of a validation, None for all.
            validation_batch_size: samples of a validation batch; `batch_size` if None.
            validation_freq: validate every so many epochs, or a list of epochs (from 1).
            on_nan: what to do when the loss is NaN or infinite: "warn" once and go on, "stop"
                training, or "raise" NonFiniteError. All explain the cause.
            **legacy: `workers` and `max_queue_size`, threads that fetch the batches of a Sequence
                and how many they fetch ahead; `nb_epoch`, the old name of `epochs`.

        Returns:
            The History: `history.history["loss"]` and so on, one value for each epoch.

        Raises:
            DataError, ShapeError, ConfigurationError: before the first batch, if data or
                arguments cannot be used.
        """
        compiled = self.compiled_state
        old = old_arguments("fit", legacy, "epochs") if legacy else {}
        epochs = old.pop("epochs", epochs)
        last = check_count(epochs, "epochs", 0) or 0
        first = check_count(initial_epoch, "initial_epoch", 0) or 0
        check_count(steps_per_epoch, "steps_per_epoch", 1)
        if on_nan not in _ON_NAN:
            raise ConfigurationError(f"`on_nan` must be one of {_ON_NAN}. Received: {on_nan!r}")
        if not 0 <= validation_split < 1:
            raise ConfigurationError(
                f"`validation_split` must be in [0, 1). Received: {validation_split!r}"
            )
        _due(0, validation_freq)
        feed: Feed
        validation: Feed | None = None
        generator = next_generator() if shuffle else None
        if is_batch_source(x):
            if y is not None or validation_split:
                raise DataError(
                    "With an iterable `x`, `y` and `validation_split` cannot be given: it yields "
                    "(x, y) itself; pass `validation_data`."
                )
            feed = self._source_feed(x, class_weight, steps_per_epoch, generator, **old)
        else:
            batch = data.check_batch(self, x, y, sample_weight)
            held: data.Batch | None = None
            if validation_split and validation_data is None:
                batch, held = data.split_validation(batch, validation_split)
                _warn_missing_classes(batch, held)
            if class_weight is not None:
                batch = data.with_class_weight(self, batch, class_weight)
            batch_size = check_batch_size(batch_size, len(batch), steps_per_epoch)
            self.step_for("train")(batch.spec)
            feed = ArrayFeed(batch, batch_size, shuffle, generator, steps_per_epoch)
            if held is not None:
                size = check_batch_size(validation_batch_size or batch_size, len(held))
                validation = ArrayFeed(held, size, steps_per_epoch=validation_steps)
        if validation_data is not None:
            size_or_none = validation_batch_size or batch_size
            validation = self._validation_feed(validation_data, size_or_none, validation_steps)
        if verbose and compiled.choices:
            print("Metrics: " + ", ".join(compiled.choices))
            compiled.choices = []
        hooks = CallbackList(
            callbacks,
            model=self,
            params={"epochs": last, "steps": feed.steps},
            add_history=True,
            add_progbar=verbose != 0,
            verbose=verbose,
        )
        run = TrainingRun(self, feed, hooks, range(first, last), validation)
        self.training_run = run
        try:
            self._run_epochs(run, feed, validation, hooks, validation_freq, on_nan)
        finally:
            self.training_run = None
            hooks.close()
            feed.close()
            if validation is not None:
                validation.close()
        return hooks.history

    def _run_epochs(
        self,
        run: TrainingRun,
        feed: Feed,
        validation: Feed | None,
        hooks: Any,
        validation_freq: Any,
        on_nan: str,
    ) -> None:
        self.stop_training = False

        def bad_loss(batch: int, advance: Advance) -> bool:
            return self._explain(batch, run.epoch, advance, on_nan, hooks)

        step_of = self.step_for("train")
        loop = EpochLoop(feed, step_of, "train", hooks, bad_loss, lambda: self.stop_training, run)
        test_loop: EpochLoop | None = None
        if validation is not None:
            test_loop = EpochLoop(validation, self.step_for("test"), "test", hooks)
        hooks.on_train_begin()
        run.settle()
        for epoch in run.epochs():
            hooks.on_epoch_begin(epoch)
            totals, _ = loop.run()
            if totals is None:
                if not run.logs:
                    raise DataError("The training data gave no batches.")
                warn(
                    f"The training data gave no batches in epoch {epoch + 1}, training ends. A "
                    "generator that ends can be used for one epoch: let it yield batches for ever "
                    "and give `steps_per_epoch`, or use a pyframe.utils.Sequence."
                )
                break
            run.logs = totals.logs()
            if test_loop is not None and _due(epoch, validation_freq):
                found = self.run_test(test_loop, hooks, show=False)
                run.logs |= {f"val_{name}": value for name, value in found.items()}
            hooks.on_epoch_end(epoch, run.logs)
        if run.logs:
            self.optimizer.finalize_variable_values(self._trained_weights())
        hooks.on_train_end(run.logs)

    def _trained_weights(self) -> list[Any]:
        # The search through all layers takes longer than a step of a small model.
        found: list[Any] | None = self.functions().get(("trained",))
        if found is None:
            found = self.functions()["trained",] = self.trainable_weights
        return found

    def _explain(self, batch: int, epoch: int, advance: Advance, on_nan: str, hooks: Any) -> bool:
        arrays = advance.batch()
        self.last_bad_batch = arrays
        text = explain_bad_loss(self, advance.spec, arrays, batch, epoch)
        if on_nan == "raise":
            raise NonFiniteError(text)
        warn(text, RuntimeWarning)
        if on_nan == "stop":
            self.stop_training = True
        hooks.on_invalid_loss(batch, advance.totals.logs()["loss"])
        return on_nan == "warn" and not self.stop_training

    def _source_feed(
        self,
        source: Any,
        class_weight: Any,
        steps: int | None,
        generator: Any,
        workers: int | None = None,
        max_queue_size: int | None = None,
    ) -> IterableFeed:
        def check(x: Any, y: Any, sample_weight: Any) -> data.Batch:
            batch = data.check_batch(self, x, y, sample_weight)
            if class_weight is not None:
                batch = data.with_class_weight(self, batch, class_weight)
            return batch

        order = generator if is_indexable(source) else None
        return IterableFeed(source, check, steps, order, workers, max_queue_size)

    def _validation_feed(
        self, validation_data: Any, batch_size: int | None, steps: int | None
    ) -> Feed:
        if is_batch_source(validation_data):
            return self.data_feed(validation_data, None, None, batch_size, steps)
        parts = tuple(validation_data)
        if len(parts) not in (2, 3):
            raise DataError(
                "`validation_data` must be (x, y) or (x, y, sample_weight). "
                f"Received {len(parts)} parts."
            )
        return self.data_feed(
            parts[0], parts[1], parts[2] if len(parts) == 3 else None, batch_size, steps
        )


def _due(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, (int, np.integer)) and frequency > 0:
        return (epoch + 1) % int(frequency) == 0
    if isinstance(frequency, Iterable) and not isinstance(frequency, str):
        return epoch + 1 in frequency
    raise ConfigurationError(
        f"`validation_freq` must be a positive integer or a list of epochs. Received: {frequency!r}"
    )


def _warn_missing_classes(train: data.Batch, held: data.Batch) -> None:
    if train.target is None or held.target is None:
        return
    missing = data.missing_classes(train.target, held.target)
    if missing:
        warn(
            f"validation_split keeps the last samples for validation; they hold the classes "
            f"{missing[:10]}, which the training part lacks. Are the samples sorted by class? "
            "Shuffle x and y together before fit."
        )
