"""Masks: which time steps of a sequence count, passed on from layer to layer beside the tensors."""

from __future__ import annotations

from typing import Any

from pyframe import nest
from pyframe.errors import warn
from pyframe.ops.dispatch import float_dtype, to_tensor
from pyframe.ops.tensor import Tensor, Trace


def mask_of_call(
    trace: Trace, inputs: Any, args: tuple[Any, ...], kwargs: dict[str, Any], position: int | None
) -> Any:
    """Returns the mask that a layer is called with; puts it into `kwargs` if the layer takes it.

    Args:
        trace: the trace of the call.
        inputs: first argument of the call; the masks of its tensors are taken if none is given.
        args: further arguments.
        kwargs: arguments by name.
        position: where `call` takes `mask`, counted from the inputs; None if it takes none.

    Returns:
        A mask, masks nested as the inputs, or None if there is none.
    """
    given = kwargs.get("mask")
    if given is None and position is not None and len(args) >= position:
        return args[position - 1]
    if given is None:
        given = nest.map_leaves(trace.mask_of, inputs)
    leaves = nest.flatten(given)
    if all(leaf is None for leaf in leaves):
        return None
    dtype = float_dtype(*(leaf for leaf in nest.flatten(inputs) if isinstance(leaf, Tensor)))

    def tensor(leaf: Any) -> Any:
        return None if leaf is None else to_tensor(trace, leaf, dtype)

    given = nest.map_leaves(tensor, given)
    if position is not None:
        kwargs["mask"] = given
    return given


def pass_mask(layer: Any, trace: Trace, inputs: Any, mask: Any, outputs: Any) -> None:
    """Gives the outputs of a layer the masks that its `compute_mask` returns.

    A layer that neither has such a method of its own nor says that it supports masks loses them,
    with a warning.
    """
    if hasattr(layer, "fit"):  # the layers of a model have done it
        return
    from pyframe.layers.base import Layer

    own = type(layer).compute_mask is not Layer.compute_mask
    if not (layer.supports_masking or own):
        if mask is not None:
            warn(
                f"{layer.label} was given an input with a mask, which it does not use and does "
                "not pass on: the layers behind it see every time step."
            )
        return
    if mask is None and not own:
        return
    masks = nest.flatten(layer.compute_mask(inputs, mask))
    for output, value in zip(nest.flatten(outputs), masks, strict=False):
        if isinstance(output, Tensor) and value is not None and trace.mask_of(output) is None:
            trace.set_mask(output, value)
