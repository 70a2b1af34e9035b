"""The class of `Model(inputs, outputs)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyframe.layers.serialization import policy
from pyframe.models.graph_config import graph_config, graph_from_config
from pyframe.models.model import Model


class Functional(Model):
    """A model made of what lies between tensors; see `Model`.

    Args:
        inputs: tensors of `Input`, or tensors of another model's graph.
        outputs: tensors that depend on nothing but the inputs.
        name: name of the model.
        trainable: whether training changes the weights.
        **kwargs: `dtype`; `input` and `output`, the names of Keras 1.
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        inputs, outputs = kwargs.pop("input", inputs), kwargs.pop("output", outputs)
        super().__init__(inputs, outputs, name=name, trainable=trainable, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns layers, calls, inputs and outputs as plain data, as Keras writes them."""
        own = {"name": self.name, "trainable": self._trainable, "dtype": policy(self.dtype)}
        return own | graph_config(self._graph())

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """Returns a model made from what `get_config` returned; its weights start anew.

        Args:
            config: layers, calls, inputs and outputs, as Keras 2 or 3 writes them.
            custom_objects: the user's own classes by name.

        Raises:
            ConfigurationError: if the layers are not connected, or a class is unknown.
        """
        inputs, outputs = graph_from_config(config, custom_objects)
        trainable = config.get("trainable")
        return cls(inputs, outputs, config.get("name"), True if trainable is None else trainable)
