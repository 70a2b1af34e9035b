"""Names of Keras 1 and 2 that Keras 3 has no more."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError
from pyframe.models.evaluation import Evaluator
from pyframe.ops.dtypes import Array


class LegacyMethods(Evaluator):
    """Methods of Keras 1 and 2; the functions without their endings do the same."""

    def fit_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras 2 name of `fit` on an iterable.

        Args:
            generator: yields (x, y) or (x, y, sample_weight).
            *args: steps_per_epoch, epochs, verbose, callbacks, validation_data,
                validation_steps, validation_freq, class_weight, max_queue_size, workers,
                use_multiprocessing, shuffle, initial_epoch, in this order.
            **kwargs: the same by name.
        """
        names = (
            "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data",
            "validation_steps", "validation_freq", "class_weight", "max_queue_size", "workers",
            "use_multiprocessing", "shuffle", "initial_epoch",
        )  # fmt: skip
        return self.fit(generator, **{"verbose": 1, **_by_name(names, args), **kwargs})

    def evaluate_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras 2 name of `evaluate` on an iterable.

        Args:
            generator: yields (x, y) or (x, y, sample_weight).
            *args: steps, callbacks, max_queue_size, workers, use_multiprocessing, verbose.
            **kwargs: the same by name.
        """
        names = (
            "steps", "callbacks", "max_queue_size", "workers", "use_multiprocessing", "verbose"
        )  # fmt: skip
        return self.evaluate(generator, **{"verbose": 0, **_by_name(names, args), **kwargs})

    def predict_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """Keras 2 name of `predict` on an iterable.

        Args:
            generator: yields x, or tuples that begin with it.
            *args: steps, callbacks, max_queue_size, workers, use_multiprocessing, verbose.
            **kwargs: the same by name.
        """
        names = (
            "steps", "callbacks", "max_queue_size", "workers", "use_multiprocessing", "verbose"
        )  # fmt: skip
        return self.predict(generator, **{"verbose": 0, **_by_name(names, args), **kwargs})

    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Array:
        """Returns the most likely class of each sample (Keras 1 and 2)."""
        outputs = self.predict(x, batch_size, verbose)
        if outputs.shape[-1] == 1:
            return np.asarray(outputs > 0.5).astype("int32")
        return np.asarray(outputs.argmax(axis=-1))

    def predict_proba(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """Keras 1 and 2 name of `predict`."""
        return self.predict(x, batch_size, verbose)

    def reset_states(self) -> None:
        """Makes the states of all stateful recurrent layers zero."""
        for layer in self.flatten_layers():
            if getattr(layer, "stateful", False):
                layer.reset_state()  # type: ignore[attr-defined]

    def fit(self, x: Any = None, **kwargs: Any) -> Any:
        """Trains the model. To be overridden."""
        raise NotImplementedError


def _by_name(names: tuple[str, ...], args: tuple[Any, ...]) -> dict[str, Any]:
    if len(args) > len(names):
        raise ConfigurationError(f"Too many arguments; there are: {', '.join(names)}")
    return dict(zip(names, args, strict=False))
