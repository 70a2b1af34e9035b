"""Masks of symbolic tensors: 1.0 for the time steps that count, 0.0 for the others."""

from __future__ import annotations

from typing import Any

from pyframe.ops.tensor import Tensor


def mask_of(value: Any) -> Tensor | None:
    """Returns the mask that the layer behind a tensor has given it, None if it has none."""
    return value.trace.mask_of(value) if isinstance(value, Tensor) else None


def both(mask: Any, other: Any) -> Any:
    """Returns the mask of what two masks leave; None stands for everything."""
    if mask is None or other is None:
        return other if mask is None else mask
    return mask * other
