"""Model, the base of Sequential and of models of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from pyframe.errors import ConfigurationError
from pyframe.layers.base import Layer
from pyframe.layers.serialization import serialize
from pyframe.models.fitting import Trainer
from pyframe.ops.dtypes import common_float
from pyframe.ops.tensor import Tensor, Trace
from pyframe.saving import LoadReport, load_weights, save_model, save_weights


class Model(Trainer):
    """Layers with training and prediction.

    A model of one's own is a subclass that makes its layers in `__init__` and combines them in
    `call(inputs)` or `call(inputs, training)`. It is traced once and then runs as one plan.

    Args:
        trainable: whether training changes the weights.
        name: name of the model.
        dtype: "float32" or "float64".

    Example:
        >>> class Net(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = Dense(32, activation="relu")
        ...         self.last = Dense(10, activation="softmax")
        ...
        ...     def call(self, inputs):
        ...         return self.last(self.hidden(inputs))
    """

    def __init__(
        self, *, trainable: bool = True, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype)

    @property
    def layers(self) -> list[Any]:
        """The layers of the model, in the order in which they were made."""
        return list(self.sublayers())

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Returns a layer.

        Args:
            name: its name.
            index: its position in `layers`, instead of a name.

        Raises:
            ConfigurationError: if there is none.
        """
        if (name is None) == (index is None):
            raise ConfigurationError("get_layer needs either `name` or `index`.")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ConfigurationError(
                    f"There is no layer {index}: the model has {len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ConfigurationError(
            f"There is no layer {name!r}. Layers: {', '.join(layer.name for layer in layers)}"
        )

    def build(self, input_shape: Any) -> None:
        """Makes the weights of all layers by tracing `call` for inputs of this shape."""
        with Trace(False, self.random_state()) as trace:
            tensor = trace.input("x", tuple(input_shape), common_float([self.dtype]))
            outputs = self.call(tensor)
        if isinstance(outputs, Tensor):
            self._output_shape = outputs.shape
        self.built = True
        self._build_shape = tuple(input_shape)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints a table of the layers.

        Args:
            line_length: width in characters, None for what the terminal has.
            positions: accepted for Keras's sake.
            print_fn: what is called with the text, `print` if None.
            expand_nested: whether to list the layers of nested models.
            show_trainable: whether to add a column that says which layers are trained.
            layer_range: accepted for Keras's sake.
        """
        from pyframe.utils.summary import format_summary

        (print_fn or print)(format_summary(self, line_length, show_trainable, expand_nested))

    def to_json(self, **options: Any) -> str:
        """Returns the architecture as JSON, without weights; `options` go to json.dumps."""
        return json.dumps(serialize(self), default=_plain, **options)

    def save(
        self,
        filepath: Any,
        overwrite: bool = True,
        include_optimizer: bool = True,
        **kwargs: Any,
    ) -> None:
        """Saves architecture, weights, compile arguments and optimizer; see `saving.save_model`."""
        save_model(self, filepath, overwrite, include_optimizer, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Saves the weights and the optimizer's state; see `saving.save_weights`."""
        save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False
    ) -> LoadReport:
        """Reads weights from a file and reports what was loaded; see `saving.load_weights`."""
        return load_weights(self, filepath, skip_mismatch, by_name)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns what `compile` was given as plain data, None before compile."""
        return None if self._compiled is None else self._compiled.get_config()


def _plain(value: Any) -> Any:
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Layer):
        return serialize(value)
    raise TypeError(f"{value!r} cannot be written as JSON")
