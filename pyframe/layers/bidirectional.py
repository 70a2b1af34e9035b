"""A recurrent layer in both directions of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe import nest, ops
from pyframe.errors import ConfigurationError
from pyframe.layers.base import Layer
from pyframe.layers.recurrent import RNN

_MODES = ("concat", "sum", "ave", "mul", None)


class Bidirectional(Layer):
    """Two copies of a recurrent layer, one from the first step on, one from the last.

    The outputs of the second are put back into the order of the inputs before they are combined.

    Args:
        layer: a recurrent layer; its configuration is copied, its weights are not.
        merge_mode: "concat", "sum", "ave" (the mean) or "mul"; None returns both outputs.
        weights: the weights to start with, those of the forward layer first; None to make them.
        backward_layer: the layer for the other direction, with `go_backwards`; a copy of `layer`
            if None.
        **kwargs: name, trainable, dtype, activity_regularizer, input_shape.

    Shapes:
        As `layer`, with twice the units for "concat". With `return_state` the states of the
        forward layer follow, then those of the backward layer.

    Raises:
        ConfigurationError: for another mode, or layers that do not belong together.

    Example:
        >>> layer = Bidirectional(LSTM(16, return_sequences=True))
    """

    supports_masking = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(layer, RNN) or not isinstance(backward_layer, (RNN, type(None))):
            raise ConfigurationError(
                "Bidirectional: `layer` and `backward_layer` must be recurrent layers. Received: "
                f"{layer!r}, {backward_layer!r}"
            )
        if kwargs.get("input_shape") is None and layer._input_shape_argument is not None:
            kwargs["input_shape"] = layer._input_shape_argument
        super().__init__(**kwargs)
        if merge_mode not in _MODES:
            raise ConfigurationError(
                f"{self.label}: `merge_mode` must be one of {_MODES}. Received: {merge_mode!r}"
            )
        self.merge_mode = merge_mode
        self.forward_layer = _copy(layer, "forward_", layer.go_backwards)
        self.backward_layer = backward_layer or _copy(layer, "backward_", not layer.go_backwards)
        self._check_pair()
        for each in (self.forward_layer, self.backward_layer):
            each._batch_size = layer._batch_size
            each.zero_output_for_mask = each.return_sequences
        self.input_spec = layer.input_spec
        self._initial_weights = weights

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ConfigurationError(
                f"{self.label}: one of the layers must have go_backwards=True, the other not."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ConfigurationError(
                    f"{self.label}: the layers must have the same `{name}`. Received: "
                    f"{getattr(forward, name)} and {getattr(backward, name)}"
                )

    @property
    def layer(self) -> Any:
        """The forward layer."""
        return self.forward_layer

    @property
    def stateful(self) -> bool:
        """Whether states are carried from batch to batch."""
        return bool(self.forward_layer.stateful)

    def reset_state(self) -> None:
        """Makes the states of stateful layers zero."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def build(self, input_shape: Any) -> None:
        """Builds both layers."""
        for each in (self.forward_layer, self.backward_layer):
            each._above = f"{self._above}{self.name}/"
            each.ensure_built(input_shape)
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Applies the layer; a list of inputs holds the initial states behind the sequences."""
        if isinstance(inputs, (list, tuple)) and all(hasattr(value, "shape") for value in inputs):
            inputs, *states = inputs
            if states:
                kwargs["initial_state"] = states
        return super().__call__(inputs, *args, training=training, **kwargs)

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Returns the outputs of both layers combined, and their states with `return_state`."""
        forward = backward = None
        if initial_state is not None:
            given = nest.flatten(initial_state)
            forward, backward = given[: len(given) // 2], given[len(given) // 2 :]
        options = {"mask": mask, "training": training, "time_order": True}
        y = self.forward_layer(sequences, initial_state=forward, **options)
        y_back = self.backward_layer(sequences, initial_state=backward, **options)
        states: tuple[Any, ...] = ()
        if self.forward_layer.return_state:
            states = (*y[1:], *y_back[1:])
            y, y_back = y[0], y_back[0]
        if self.merge_mode is None:
            return (y, y_back, *states)
        output = self._merged(y, y_back)
        return (output, *states) if states else output

    def _merged(self, y: Any, y_back: Any) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate([y, y_back], -1)
        if self.merge_mode == "mul":
            return y * y_back
        return y + y_back if self.merge_mode == "sum" else (y + y_back) / 2.0

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns the mask of the inputs for all outputs together, None for the last one."""
        mask = self.forward_layer.compute_mask(inputs, previous_mask)
        return [mask, mask] if self.merge_mode is None else mask

    def get_config(self) -> dict[str, Any]:
        """Returns the two layers and how they are combined."""
        from pyframe.layers.serialization import serialize_value

        return {
            **super().get_config(),
            "layer": serialize_value(self.forward_layer),
            "backward_layer": serialize_value(self.backward_layer),
            "merge_mode": self.merge_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a layer made from what `get_config` returned."""
        from pyframe.layers import deserialize

        found = dict(config)
        for name in ("layer", "backward_layer"):
            if isinstance(found.get(name), Mapping):
                found[name] = deserialize(found[name])
        found.pop("num_constants", None)  # of Keras 2
        return cls(**found)


def _copy(layer: Any, prefix: str, go_backwards: bool) -> Any:
    name = f"{prefix}{layer.name.removeprefix(prefix)}"
    return type(layer).from_config(
        {**layer.get_config(), "name": name, "go_backwards": go_backwards}
    )
