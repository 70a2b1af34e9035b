"""Limits on the size of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyframe import ops


def clip_by_value(gradients: Sequence[Any], limit: float) -> list[Any]:
    """Returns the gradients with every element within [-limit, limit]."""
    return [ops.clip(g, -limit, limit) for g in gradients]


def clip_by_norm(gradients: Sequence[Any], limit: float) -> list[Any]:
    """Returns the gradients, each scaled down to norm `limit` if its own is larger."""
    return [g * (limit / ops.maximum(_norm([g], g.dtype), limit)) for g in gradients]


def clip_by_global_norm(gradients: Sequence[Any], limit: float) -> list[Any]:
    """Returns the gradients scaled down by one factor if their common norm is above `limit`.

    References:
        Pascanu et al., "On the difficulty of training recurrent neural networks", ICML 2013.
    """
    norm = _norm(gradients, "float64")
    # The difference is 0, or NaN if the norm is infinite: then no direction is left to follow.
    factor = limit / ops.maximum(norm, limit) + (norm - norm)
    return [g * ops.cast(factor, g.dtype) for g in gradients]


def _norm(gradients: Sequence[Any], dtype: str) -> Any:
    squares = [ops.cast(ops.sum(ops.square(g)), dtype) for g in gradients]
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    return ops.sqrt(total)
