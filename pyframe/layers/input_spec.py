"""What a layer expects of its input, checked before any kernel runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyframe.errors import ShapeError

Shape = Sequence[int | None]


@dataclass(frozen=True)
class InputSpec:
    """Expected rank and fixed axes of an input.

    Attributes:
        ndim: exact number of dimensions with the batch, None for any.
        min_ndim: least number of dimensions, None for any.
        axes: required size of some axes, e.g. {-1: 128}.
    """

    ndim: int | None = None
    min_ndim: int | None = None
    axes: Mapping[int, int] = field(default_factory=dict)

    def check(self, layer: str, shape: Shape) -> None:
        """Compares a shape with the expectation.

        Args:
            layer: the layer as error texts call it, e.g. "Dense 'dense_2'".
            shape: shape of its input with the batch axis.

        Raises:
            ShapeError: if the rank or the size of an axis differs.
        """
        received = f"received an input of shape {tuple(shape)}"
        if self.ndim is not None and len(shape) != self.ndim:
            raise ShapeError(
                f"{layer} expects {self.ndim} dimensions (with the batch), but {received}."
                + _rank_hint(self.ndim, shape)
            )
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            raise ShapeError(
                f"{layer} expects at least {self.min_ndim} dimensions (with the batch), but "
                f"{received}."
            )
        for axis, size in self.axes.items():
            if shape[axis] not in (None, size):
                raise ShapeError(
                    f"{layer} was built for {size} {'features' if axis == -1 else 'elements'} "
                    f"on axis {axis}, but {received}. Give it inputs like those it was built "
                    "with, or make a new model for the new size."
                )


def _rank_hint(ndim: int, shape: Shape) -> str:
    if ndim == 4 and len(shape) == 3:
        return (
            " Images are (batch, height, width, channels): grey images need a last axis of "
            "size 1, e.g. x[..., None]."
        )
    if ndim == 4 and len(shape) == 2:
        return " Put a Reshape layer such as Reshape((28, 28, 1)) in front of it."
    if ndim == 2 and len(shape) > 2:
        return " Put a Flatten layer in front of it."
    return ""
