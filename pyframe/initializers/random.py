"""Initializers that draw numbers."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from pyframe.errors import ConfigurationError
from pyframe.initializers.base import Array, Initializer, Shape, finite
from pyframe.utils.random import check_seed, seeded_generator


def compute_fans(shape: Shape) -> tuple[int, int]:
    """Returns (fan_in, fan_out) of a weight of this shape."""
    if len(shape) < 2:
        fan = shape[0] if shape else 1
        return fan, fan
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field


class RandomInitializer(Initializer):
    """Base of the initializers that draw numbers.

    Args:
        seed: None, or an integer from 0 to 2**32 - 1 that makes every call return the same.
    """

    arguments: ClassVar[tuple[str, ...]] = ("seed",)

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else check_seed(seed)

    def generator(self) -> np.random.Generator:
        """Returns the generator of one call."""
        return seeded_generator(self.seed)


def _uniform(rng: np.random.Generator, shape: Shape, dtype: str, low: float, high: float) -> Array:
    # float32 numbers are drawn as such: half the memory and time for the largest kernels.
    values = rng.random(shape, np.float64 if dtype == "float64" else np.float32)
    values *= high - low
    values += low
    return values


def _normal(rng: np.random.Generator, shape: Shape, dtype: str, truncate: bool) -> Array:
    kind = np.float64 if dtype == "float64" else np.float32
    values = rng.standard_normal(shape, kind)
    if truncate:
        flat = values.reshape(-1)
        outside = np.flatnonzero(np.abs(flat) > 2.0)
        while outside.size:
            flat[outside] = rng.standard_normal(outside.size, kind)
            outside = outside[np.abs(flat[outside]) > 2.0]
    return values


class RandomUniform(RandomInitializer):
    """Uniform in [minval, maxval).

    Args:
        minval: lower end.
        maxval: upper end, >= minval.
        seed: see `RandomInitializer`.
    """

    arguments: ClassVar[tuple[str, ...]] = ("minval", "maxval", "seed")

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = finite("minval", minval)
        self.maxval = finite("maxval", maxval, low=self.minval)

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        return _uniform(self.generator(), shape, dtype, self.minval, self.maxval)


class RandomNormal(RandomInitializer):
    """Normal distribution.

    Args:
        mean: centre.
        stddev: standard deviation, >= 0.
        seed: see `RandomInitializer`.
    """

    arguments: ClassVar[tuple[str, ...]] = ("mean", "stddev", "seed")
    truncate = False

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = finite("mean", mean)
        self.stddev = finite("stddev", stddev, low=0.0)

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        values = _normal(self.generator(), shape, dtype, self.truncate)
        return values * self.stddev + self.mean


class TruncatedNormal(RandomNormal):
    """Normal distribution whose values further than 2 `stddev` from `mean` are drawn again.

    The standard deviation of the result is therefore about 0.88 `stddev`.
    """

    truncate = True


# Standard deviation of a standard normal variable truncated to [-2, 2].
_TRUNCATED_STDDEV = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Variance `scale / n`, n being a fan of the shape: signals keep their size through layers.

    Args:
        scale: factor > 0.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" (its variance after truncation is meant),
            "untruncated_normal" or "uniform" (limit sqrt(3 scale / n)).
        seed: see `RandomInitializer`.

    References:
        He et al., "Delving deep into rectifiers", ICCV 2015, section 2.2.
    """

    arguments: ClassVar[tuple[str, ...]] = ("scale", "mode", "distribution", "seed")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        self.scale = finite("scale", scale, low=0.0)
        if self.scale == 0.0:
            raise ConfigurationError(f"`scale` must be positive. Received: {scale!r}")
        modes = ("fan_in", "fan_out", "fan_avg")
        distribution = distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        distributions = ("truncated_normal", "untruncated_normal", "uniform")
        if mode not in modes:
            raise ConfigurationError(f"`mode` must be one of {modes}. Received: {mode!r}")
        if distribution not in distributions:
            raise ConfigurationError(
                f"`distribution` must be one of {distributions}. Received: {distribution!r}"
            )
        self.mode, self.distribution = mode, distribution

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        fan_in, fan_out = compute_fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return _uniform(self.generator(), shape, dtype, -limit, limit)
        truncate = self.distribution == "truncated_normal"
        stddev = math.sqrt(variance) / (_TRUNCATED_STDDEV if truncate else 1.0)
        values = _normal(self.generator(), shape, dtype, truncate)
        values *= stddev
        return values


class _Scaled(VarianceScaling):
    """A VarianceScaling with fixed arguments; only the seed is free."""

    arguments: ClassVar[tuple[str, ...]] = ("seed",)
    preset: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.preset, seed=seed)


class GlorotUniform(_Scaled):
    """Uniform within sqrt(6 / (fan_in + fan_out)); Glorot and Bengio, AISTATS 2010, eq. 16."""

    preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal with variance 2 / (fan_in + fan_out)."""

    preset = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform within sqrt(6 / fan_in), for layers followed by relu."""

    preset = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal with variance 2 / fan_in, for layers followed by relu."""

    preset = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform within sqrt(3 / fan_in)."""

    preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal with variance 1 / fan_in, for layers followed by selu."""

    preset = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal rows or columns (whichever are fewer), times `gain`.

    A shape with more than two dimensions is made as a (product of the first ones, last) matrix.

    Args:
        gain: factor, any finite number.
        seed: see `RandomInitializer`.

    References:
        Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural
        networks", ICLR 2014.
    """

    arguments: ClassVar[tuple[str, ...]] = ("gain", "seed")

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = finite("gain", gain)

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        if len(shape) < 2:
            raise ConfigurationError(
                f"Orthogonal needs at least two dimensions. Received: shape={shape}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        gauss = self.generator().standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(gauss)
        q *= np.sign(np.diag(r))  # without this Q is not uniform over the orthogonal group
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
