"""The part of a layer that knows on which tensors of `Input` it was called."""

from __future__ import annotations

import weakref
from typing import Any

from pyframe.errors import NotBuiltError
from pyframe.layers.weights import WeightHolder
from pyframe.ops.symbolic import Node


class Connected(WeightHolder):
    """Calls of a layer that are part of graphs, and the tensors in front of it and behind it."""

    @property
    def inbound_nodes(self) -> list[Node]:
        """The calls on tensors of `Input` that some model or tensor still needs."""
        references: list[weakref.ref[Node]] = self.__dict__.get("_inbound_nodes", [])
        return [node for node in (reference() for reference in references) if node is not None]

    def add_node(self, node: Node) -> None:
        """Notes a call on tensors of `Input`."""
        references = [weakref.ref(known) for known in self.inbound_nodes]
        self._inbound_nodes = [*references, weakref.ref(node)]

    def _first_node(self, what: str) -> Node:
        nodes = self.inbound_nodes
        if not nodes:
            raise NotBuiltError(
                f"{self.label} was never called on the tensor of an Input, or nothing of that "
                f"graph is left: it has no {what}."
            )
        return nodes[0]

    @property
    def input(self) -> Any:
        """The tensors of `Input` on which the layer was called first.

        Raises:
            NotBuiltError: if it never was.
        """
        args = self._first_node("input").args
        return args[0] if len(args) == 1 else args

    @property
    def output(self) -> Any:
        """What the first call on tensors of `Input` returned.

        Raises:
            NotBuiltError: if there was none.
        """
        return self._first_node("output").outputs
