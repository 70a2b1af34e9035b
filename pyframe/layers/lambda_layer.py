"""A Python function as a layer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pyframe.errors import ConfigurationError
from pyframe.layers.base import Layer
from pyframe.lookup import custom_objects


class Lambda(Layer):
    """Calls a function that is written with `pyframe.ops`.

    The function is code, and code is never taken from a file: a saved model with such a layer
    loads only if a function of the same name is given as a custom object. A class with a `call`
    is the better choice for models that are to be saved.

    Args:
        function: function of the inputs; may take `training`.
        output_shape: accepted for Keras's sake; the shape follows from the function.
        mask: accepted for Keras's sake.
        arguments: further arguments of the function by name.
        **kwargs: name, trainable, dtype, input_shape.

    Raises:
        ConfigurationError: if `function` cannot be called.

    Example:
        >>> double = Lambda(lambda x: x * 2)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ConfigurationError(
                f"{self.label}: `function` must be a function. Received: {function!r}"
            )
        self.function = function
        self.arguments = dict(arguments or {})
        try:
            self._takes_training = "training" in inspect.signature(function).parameters
        except (TypeError, ValueError):  # functions of C have no signature
            self._takes_training = False

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns function(inputs)."""
        extra = {"training": training} if self._takes_training else {}
        return self.function(inputs, **{**extra, **self.arguments})

    def get_config(self) -> dict[str, Any]:
        """Returns the layer's arguments; of the function the name alone."""
        function = self.function
        while isinstance(function, functools.partial):
            function = function.func
        return {**super().get_config(), "function": getattr(function, "__name__", "function")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a layer whose function is the custom object of the name that config holds.

        Raises:
            ConfigurationError: if there is no such custom object.
        """
        name = config.get("function")
        function = custom_objects().get(name) if isinstance(name, str) else name
        if not callable(function):
            raise ConfigurationError(
                f"Lambda '{config.get('name')}' needs its Python function, which is not taken from "
                "a file or configuration. Give your own: custom_objects={'NAME': function} with "
                f"the name {name if isinstance(name, str) else 'that the layer was saved with'!r}, "
                "or write the layer as a class."
            )
        return cls(**{**config, "function": function})
