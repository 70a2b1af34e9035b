"""The forward pass on arrays: predict, model(x), predict_on_batch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from pyframe import _core, nest
from pyframe.callbacks import CallbackList
from pyframe.errors import DataError
from pyframe.layers.base import Layer, shapes_in
from pyframe.layers.weights import structure_version
from pyframe.models.feeds import Stretch, check_batch_size, check_count
from pyframe.models.inputs import check_inputs, value_checks
from pyframe.models.old_names import old_arguments
from pyframe.models.outputs import Outputs
from pyframe.models.sources import IterableFeed, is_batch_source, split_item
from pyframe.ops.dtypes import Array
from pyframe.ops.tensor import SymbolicValue

_QUIET = ("auto", 0)
_READY_LIMIT = 8


class Predictor(Layer):
    """A layer that takes whole data sets.

    Weights are only read here and every running call has an arena of its own, so any number of
    threads may predict with one model.
    """

    # Plans by (shape, dtype) of the input, for calls that need no further check.
    _ready: dict[tuple[tuple[int, ...], Any, str], _core.Plan]

    @property
    def outputs_spec(self) -> Outputs:
        """Names, shapes and nesting of the outputs."""
        shapes, structure = shapes_in(self.output_shape)
        return Outputs.of(structure, [None] * len(shapes), shapes)

    def build_from(self, arrays: Any) -> None:
        """Builds the model for samples like those of arrays, nested as `call` takes them."""
        self.ensure_built(nest.map_leaves(lambda a: (None, *a.shape[1:]), arrays))

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Applies the model to arrays (as one batch) or to symbolic tensors.

        Args:
            inputs: arrays or tensors.
            *args: further arguments of `call`.
            training: whether dropout and the like are active.
            **kwargs: further arguments of `call`.

        Returns:
            NumPy arrays for arrays, tensors for tensors.
        """
        if type(inputs) is np.ndarray and not training and not args and not kwargs:
            plan = self._ready_plan(inputs)
            return self._run_whole(inputs) if plan is None else plan.run((inputs,))[0]
        if args or kwargs or any(isinstance(v, SymbolicValue) for v in nest.flatten(inputs)):
            return super().__call__(inputs, *args, training=training, **kwargs)
        return self._run_whole(inputs, bool(training))

    def _ready_plan(self, x: Array) -> _core.Plan | None:
        ready = self.__dict__.get("_ready")
        if ready is None or self._functions_version != structure_version():
            return None
        plan: _core.Plan | None = ready.get((x.shape, x.dtype, _core.get_conv_algorithm()))
        return plan if x.flags.c_contiguous else None

    def _run_whole(self, x: Any, training: bool = False) -> Any:
        arrays, nested = check_inputs(self, x)
        function, structure = self.forward_function(arrays, nested, training)
        plan = function.plan_for(arrays)
        outputs = plan.run(arrays)
        if structure is not None:
            return nest.pack(structure, outputs)
        if arrays[0] is x and not training and not value_checks(self):
            ready = self.__dict__.setdefault("_ready", {})
            if len(ready) >= _READY_LIMIT:
                ready.clear()
            ready[x.shape, x.dtype, _core.get_conv_algorithm()] = plan
        return outputs[0]

    def functions(self) -> dict[Any, Any]:
        """Returns the traced functions of the model; emptied when its structure changed."""
        before = self.__dict__.get("_functions")
        now = super().functions()
        if now is not before:
            self._ready = {}
        return now

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        **legacy: Any,
    ) -> Any:
        """Computes the outputs for all samples.

        Args:
            x: inputs, array of samples (list or dictionary for several inputs); or an iterable
                of batches.
            batch_size: samples that run at once, 32 if None; it does not change the outputs.
            verbose: 0 silent, 1 progress bar; "auto" shows a bar if there are several batches.
            steps: number of batches, None for all.
            callbacks: list of Callback objects.
            **legacy: `workers` and `max_queue_size`, for batches of a Sequence.

        Returns:
            NumPy array of the outputs, or arrays nested as the model returns several outputs.

        Raises:
            DataError, ShapeError: if x cannot be used.
        """
        if (
            type(x) is np.ndarray
            and batch_size is None
            and callbacks is None
            and steps is None
            and verbose in _QUIET
        ):
            plan = self._ready_plan(x)
            if plan is not None:
                return plan.run((x,))[0]
        workers = old_arguments("predict", legacy) if legacy else {}
        if is_batch_source(x):
            steps = check_count(steps, "steps", 1)
            return self._predict_source(IterableFeed(x, None, steps, **workers), verbose, callbacks)
        arrays, nested = check_inputs(self, x)
        rows = len(arrays[0])
        size = check_batch_size(batch_size, rows, check_count(steps, "steps", 1))
        if rows <= size and callbacks is None and verbose in _QUIET:
            return self._run_whole(x)
        hooks = self._prediction_hooks(callbacks, verbose, -(-rows // size))
        return self._predict_arrays(arrays, nested, min(size, rows), steps, hooks)

    def _prediction_hooks(self, callbacks: Any, verbose: int | str, steps: int | None) -> Any:
        bar = verbose != 0 and not (verbose == "auto" and steps == 1)
        return CallbackList(
            callbacks,
            model=self,
            params={"epochs": 1, "steps": steps},
            add_history=False,
            add_progbar=bar,
            verbose=verbose if bar else 0,
        )

    def _predict_arrays(
        self,
        arrays: list[Array],
        nested: nest.Structure,
        size: int,
        steps: int | None,
        hooks: Any,
    ) -> Any:
        function, structure = self.forward_function(arrays, nested)
        rows = len(arrays[0])
        if steps is not None:
            rows = min(rows, steps * size)
        full, rest = divmod(rows, size)
        plans = [(function.plan(tuple((size, *a.shape[1:]) for a in arrays)), full)]
        if rest:
            plans.append((function.plan(tuple((rest, *a.shape[1:]) for a in arrays)), 1))
        outputs: list[Array] = [
            np.empty((len(arrays[0]), *shape[1:]), dtype)
            for shape, dtype in zip(
                plans[0][0].output_shapes, plans[0][0].output_dtypes, strict=True
            )
        ]
        each = hooks.needs_batches("predict")
        stretch = Stretch()
        hooks.on_predict_begin()
        done = 0
        try:
            for plan, batches in plans:
                end = done + batches
                while done < end:
                    count = 1 if each else min(stretch.limit(plan), end - done)
                    if each:
                        hooks.on_predict_batch_begin(done)
                    started = time.perf_counter()
                    plan.run_steps(arrays, outputs, None, done * size, count)
                    stretch.learn(count, time.perf_counter() - started)
                    done += count
                    if each:
                        part = [o[(done - 1) * size : done * size] for o in outputs]
                        hooks.on_predict_batch_end(
                            done - 1, {"outputs": nest.pack(structure, part)}
                        )
                    elif hooks.wants_progress:
                        hooks.progress(done)
            hooks.on_predict_end()
        finally:
            hooks.close()
        return nest.pack(structure, [o[:rows] for o in outputs])

    def _predict_source(self, feed: IterableFeed, verbose: int | str, callbacks: Any) -> Any:
        hooks = self._prediction_hooks(callbacks, verbose, feed.steps)
        hooks.on_predict_begin()
        feed.start_epoch()
        parts: list[Any] = []
        try:
            while feed.has_more():
                hooks.on_predict_batch_begin(len(parts))
                x = split_item(feed.take())[0]
                parts.append(self._run_whole(x))
                hooks.on_predict_batch_end(len(parts) - 1, {"outputs": parts[-1]})
            feed.end_epoch()
            hooks.on_predict_end()
        finally:
            feed.close()
            hooks.close()
        if not parts:
            raise DataError("`x` gave no batches.")
        structure = nest.structure_of(parts[0])
        columns = zip(*map(nest.flatten, parts), strict=True)
        return nest.pack(structure, [np.concatenate(column) for column in columns])

    def predict_on_batch(self, x: Any) -> Any:
        """Computes the outputs for one batch; the same as calling the model."""
        return self(x)
