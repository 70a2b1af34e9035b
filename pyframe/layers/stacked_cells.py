"""Several cells on top of each other as one cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pyframe import nest
from pyframe.errors import ConfigurationError
from pyframe.layers.base import Layer
from pyframe.layers.recurrent_cells import RecurrentCell, Walk


class StackedRNNCells(Layer):
    """Cells of which each works on the output of the one before; for `RNN`.

    Args:
        cells: cells of pyframe.
        **kwargs: name, trainable, dtype.

    Raises:
        ConfigurationError: for something else than such cells.

    Example:
        >>> layer = RNN([LSTMCell(16), LSTMCell(8)])
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not isinstance(cell, RecurrentCell):
                raise ConfigurationError(
                    f"{self.label}: `cells` must be LSTMCell, GRUCell or SimpleRNNCell. "
                    f"Received: {cell!r}"
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """Units of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """Units of the last cell."""
        size: int = self.cells[-1].output_size
        return size

    def build(self, input_shape: Any) -> None:
        """Builds all cells."""
        for cell in self.cells:
            cell._above = f"{self._above}{self.name}/"
            cell.ensure_built(input_shape)
            input_shape = (input_shape[0], cell.output_size)

    def call(  # type: ignore[override]
        self, inputs: Any, states: Any, training: bool = False
    ) -> Any:
        """Makes one time step; returns the output of the last cell and the states of all."""
        after = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, new = cell(inputs, state, training=training)
            after.append(new)
        return inputs, after

    def scan(
        self, inputs: Any, states: Sequence[Any] | None, walk: Walk
    ) -> tuple[Any, Any, list[Any]]:
        """Makes all time steps; see `RecurrentCell.scan`."""
        rest = None if states is None else nest.flatten(states)
        after: list[Any] = []
        # Steps keep their places between the cells, whatever the direction.
        between = dataclasses.replace(walk, time_order=True, zero_output_for_mask=False)
        for cell in self.cells:
            own = None
            if rest is not None:
                own, rest = rest[: cell.states], rest[cell.states :]
            last_cell = cell is self.cells[-1]
            inputs, last, new = cell.scan(inputs, own, walk if last_cell else between)
            after += new
        return inputs, last, after

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns a cell made from what `get_config` returned."""
        from pyframe.layers import deserialize

        cells = [deserialize(c) if isinstance(c, Mapping) else c for c in config["cells"]]
        return cls(**{**config, "cells": cells})
