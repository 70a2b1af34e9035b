"""First values of weights.

Each initializer is called as `initializer(shape, dtype="float32")` and returns a NumPy array. One
made with a seed returns the same values at every call; one without draws new values each time.

Fans of a shape: for a matrix (in, out) these two numbers; for a convolution kernel
(kh, kw, in, out) `kh*kw*in` and `kh*kw*out`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyframe.initializers.base import Array, Initializer
from pyframe.initializers.constant import STFT, Constant, Identity, Ones, Zeros
from pyframe.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    compute_fans,
)
from pyframe.lookup import object_config
from pyframe.naming import to_snake_case
from pyframe.utils.identifiers import build, resolve

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

_CLASSES: tuple[type[Initializer], ...] = (
    Zeros,
    Ones,
    Constant,
    Identity,
    STFT,
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
    "STFTInitializer": STFT,
}

# The lower-case names that Keras has beside the classes.
zeros, ones, constant, identity, stft = Zeros, Ones, Constant, Identity, STFT
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
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
            array, an array with the values themselves, or None.

    Raises:
        ConfigurationError: if it is none of these.
    """
    if isinstance(identifier, (np.ndarray, np.generic)):
        return Constant(np.asarray(identifier))
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
