"""Initializers without random numbers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pyframe.errors import ConfigurationError, ShapeError
from pyframe.initializers.base import Array, Initializer, finite
from pyframe.utils.optional import import_optional


class Zeros(Initializer):
    """All 0."""

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        return np.zeros(shape, dtype)


class Ones(Initializer):
    """All 1."""

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        return np.ones(shape, dtype)


class Constant(Initializer):
    """All the same number, or a given array.

    Args:
        value: a number, or an array that can be broadcast to the shape asked for.
    """

    def __init__(self, value: float | Array = 0.0) -> None:
        self.value = value

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        values = np.asarray(self.value, dtype)
        try:
            return np.array(np.broadcast_to(values, shape))
        except ValueError:
            raise ShapeError(
                f"Constant: an array of shape {values.shape} cannot fill a weight of shape {shape}."
            ) from None

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        value = self.value
        return {"value": value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value}


class Identity(Initializer):
    """`gain` times the identity matrix (rectangular shapes: ones on the main diagonal).

    Args:
        gain: factor, any finite number.
    """

    arguments: ClassVar[tuple[str, ...]] = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = finite("gain", gain)

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        if len(shape) != 2:
            raise ConfigurationError(f"Identity makes matrices only. Received: shape={shape}")
        return self.gain * np.eye(*shape, dtype=dtype)


class STFT(Initializer):
    """Kernel of a one-dimensional convolution that computes a short-time Fourier transform.

    Shape (frame length, 1, bins): value cos or sin of -2 pi t f / (2 (bins - 1)) for the time t
    and the bin f, times the window.

    Args:
        side: "real" or "imag", the part of the transform.
        window: name of a window of scipy.signal.windows ("hann", "hamming" ...; needs SciPy), an
            array of the frame length, or None for no window.
        scaling: "density" divides by the root of the window's sum of squares, "spectrum" by the
            sum of its absolute values, None by nothing.
        periodic: whether the window is periodic rather than symmetric.

    Raises:
        ConfigurationError: for an impossible value.
    """

    arguments: ClassVar[tuple[str, ...]] = ("side", "window", "scaling", "periodic")

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        if side not in ("real", "imag"):
            raise ConfigurationError(f"`side` must be 'real' or 'imag'. Received: {side!r}")
        if scaling not in (None, "density", "spectrum"):
            raise ConfigurationError(
                f"`scaling` must be 'density', 'spectrum' or None. Received: {scaling!r}"
            )
        self.side, self.window, self.scaling = side, window, scaling
        self.periodic = bool(periodic)

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        if len(shape) != 3 or shape[1] != 1 or shape[2] < 2:
            raise ShapeError(
                f"STFT makes kernels of shape (frame length, 1, bins >= 2). Received: {shape}"
            )
        length, _, bins = shape
        angle = -2 * np.pi * np.arange(length)[:, None, None] * np.arange(bins) / (2 * (bins - 1))
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is None:
            return kernel
        window = self._window(length)
        scale = 1.0
        if self.scaling == "density":
            scale = np.sqrt(np.square(window).sum())
        elif self.scaling == "spectrum":
            scale = np.abs(window).sum()
        return np.asarray(kernel * window[:, None, None] / scale)

    def _window(self, length: int) -> Array:
        if not isinstance(self.window, str):
            values = np.asarray(self.window, np.float64)
            if values.shape != (length,):
                raise ShapeError(
                    f"`window` must have shape ({length},), the frame length. "
                    f"Received: {values.shape}"
                )
            return values
        purpose = f"STFT(window={self.window!r}), unless the window is an array,"
        signal = import_optional("scipy.signal", purpose, "image")
        return np.asarray(signal.get_window(self.window, length, self.periodic), np.float64)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = super().get_config()
        window = self.window
        return config | {"window": window.tolist() if isinstance(window, np.ndarray) else window}
