"""First values of weights.

Each initializer is called as `initializer(shape, dtype="float32")` and returns a NumPy array. One
made with a seed returns the same values at every call; one without draws new values each time.

Fans of a shape: for a matrix (in, out) these two numbers; for a convolution kernel
(kh, kw, in, out) `kh*kw*in` and `kh*kw*out`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyframe import config
from pyframe.errors import ConfigurationError
from pyframe.lookup import object_config
from pyframe.naming import to_snake_case
from pyframe.utils.identifiers import Configurable, build, resolve
from pyframe.utils.random import check_seed, seeded_generator

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = Sequence[int]


def compute_fans(shape: Shape) -> tuple[int, int]:
    """Returns (fan_in, fan_out) of a weight of this shape."""
    if len(shape) < 2:
        fan = shape[0] if shape else 1
        return fan, fan
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field


def _finite(name: str, value: float, low: float = -math.inf) -> float:
    if not (isinstance(value, (int, float, np.number)) and math.isfinite(value) and value >= low):
        kind = "a finite number" if low == -math.inf else f"a finite number >= {low:g}"
        raise ConfigurationError(f"`{name}` must be {kind}. Received: {value!r}")
    return float(value)


class Initializer(Configurable):
    """Base class: a subclass overrides `__call__` and, if it has arguments, `get_config`."""

    def __call__(self, shape: Shape, dtype: str | None = None) -> Array:
        """Returns a new array.

        Args:
            shape: dimensions, each >= 0.
            dtype: "float32" or "float64"; None means `pyframe.config.floatx()`.
        """
        dtype = np.dtype(dtype or config.floatx()).name
        return np.asarray(self._fill(tuple(int(n) for n in shape), dtype), dtype)

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        # Values of this shape; the dtype may differ, the caller casts.
        raise NotImplementedError(f"{type(self).__name__} must override `__call__`")


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
        return np.array(np.broadcast_to(np.asarray(self.value, dtype), shape))

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
        self.gain = _finite("gain", gain)

    def _fill(self, shape: tuple[int, ...], dtype: str) -> Array:
        if len(shape) != 2:
            raise ConfigurationError(f"Identity makes matrices only. Received: shape={shape}")
        return self.gain * np.eye(*shape, dtype=dtype)


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
        self.minval = _finite("minval", minval)
        self.maxval = _finite("maxval", maxval, low=self.minval)

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
        self.mean = _finite("mean", mean)
        self.stddev = _finite("stddev", stddev, low=0.0)

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
        self.scale = _finite("scale", scale, low=0.0)
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
        self.gain = _finite("gain", gain)

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


_CLASSES: tuple[type[Initializer], ...] = (
    Zeros,
    Ones,
    Constant,
    Identity,
    RandomUniform,
    RandomNormal,
    TruncatedNormal,
    VarianceScaling,
    GlorotUniform,
    GlorotNormal,
    HeUniform,
    HeNormal,
    LecunUniform,
    LecunNormal,
    Orthogonal,
)
_TABLE: dict[str, type[Initializer]] = {
    **{cls.__name__: cls for cls in _CLASSES},
    **{to_snake_case(cls.__name__): cls for cls in _CLASSES},
    "zero": Zeros,
    "one": Ones,
    "uniform": RandomUniform,
    "normal": RandomNormal,
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
}

# The lower-case names that Keras has beside the classes.
zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_uniform, random_normal, truncated_normal = RandomUniform, RandomNormal, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal


def get(identifier: Any) -> Callable[..., Array] | None:
    """Returns an initializer.

    Args:
        identifier: a name ("glorot_uniform", "GlorotUniform"), a configuration dictionary, an
            `Initializer` class or object, a function `f(shape, dtype=None)` that returns an
            array, or None.

    Raises:
        ConfigurationError: if it is none of these.
    """
    return resolve("initializer", identifier, _TABLE)  # type: ignore[no-any-return]


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Returns the dictionary from which `deserialize` builds an equal initializer."""
    return object_config(initializer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, type[Initializer]] | None = None
) -> Initializer:
    """Builds an initializer from what `serialize` returned.

    Args:
        config: dictionary with the keys `class_name` and `config`.
        custom_objects: further classes by name.

    Raises:
        ConfigurationError: if the class is unknown.
    """
    return build("initializer", config, _TABLE, custom_objects)  # type: ignore[no-any-return]
