"""A layer for each step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe import nest, ops
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers.base import Layer


class TimeDistributed(Layer):
    """Applies a layer to every step of a sequence, with the same weights.

    All steps of all samples are one batch for the layer, which is what matters to
    `BatchNormalization` while training (Keras 3 normalises each step by itself).

    Args:
        layer: the layer, or a model.
        **kwargs: name, trainable, dtype, input_shape.

    Shapes:
        (batch, steps, ...) to (batch, steps, ...), `...` being what the layer maps.

    Raises:
        ConfigurationError: if `layer` is no layer.
        ShapeError: when called on fewer than 3 dimensions.

    Example:
        >>> layer = TimeDistributed(Conv2D(8, 3), input_shape=(10, 32, 32, 3))
    """

    supports_masking = True

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ConfigurationError(f"{self.label}: `layer` must be a layer. Received: {layer!r}")
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        """Builds the layer for one step."""
        if len(input_shape) < 3:
            raise ShapeError(
                f"{self.label} needs inputs (batch, steps, ...) of at least 3 dimensions. "
                f"Received shape: {tuple(input_shape)}"
            )
        self.layer._above = f"{self._above}{self.name}/"
        self.layer.ensure_built((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns what the layer makes of each step."""
        outputs = self.layer(ops.merge_rows(inputs), training=training)
        return nest.map_leaves(lambda y: ops.split_rows(y, inputs), outputs)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a layer made from what `get_config` returned."""
        from pyframe.layers import deserialize

        layer = config.get("layer")
        return cls(
            **{**config, "layer": deserialize(layer) if isinstance(layer, Mapping) else layer}
        )
