import math
from typing import Any

import numpy as np
import pytest

from pyframe import initializers
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.utils import set_random_seed

NAMES = [
    "Zeros",
    "Ones",
    "Constant",
    "Identity",
    "RandomUniform",
    "RandomNormal",
    "TruncatedNormal",
    "VarianceScaling",
    "GlorotUniform",
    "GlorotNormal",
    "HeUniform",
    "HeNormal",
    "LecunUniform",
    "LecunNormal",
    "Orthogonal",
]
RANDOM = NAMES[4:]
FIXED = NAMES[:4]


def snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_dtype(name: str, dtype: str) -> None:
    for shape in [(5, 7), (7, 5), (0, 4)]:
        value = initializers.get(name)(shape, dtype)  # type: ignore[misc]
        assert value.shape == shape
        assert value.dtype == dtype
        assert np.isfinite(value).all()


@pytest.mark.parametrize("name", NAMES)
def test_get_by_every_spelling(name: str) -> None:
    cls = getattr(initializers, name)
    for identifier in (name, snake(name), cls, cls()):
        assert type(initializers.get(identifier)) is cls
    assert getattr(initializers, snake(name)) is cls
    config = initializers.serialize(cls())
    assert config["class_name"] == name
    assert type(initializers.get(config)) is cls


@pytest.mark.parametrize(
    "initializer",
    [
        initializers.Constant(0.5),
        initializers.Identity(2.0),
        initializers.RandomUniform(-1, 3, seed=5),
        initializers.RandomNormal(1, 2, seed=5),
        initializers.TruncatedNormal(1, 2, seed=5),
        initializers.VarianceScaling(3, "fan_out", "uniform", seed=5),
        initializers.HeNormal(seed=5),
        initializers.Orthogonal(1.5, seed=5),
    ],
    ids=lambda initializer: type(initializer).__name__,
)
def test_config_builds_an_equal_initializer(initializer: initializers.Initializer) -> None:
    config = initializers.serialize(initializer)
    again = initializers.deserialize(config)
    assert again.get_config() == initializer.get_config() == config["config"]
    np.testing.assert_array_equal(again((6, 4)), initializer((6, 4)))


def test_functions_and_none_pass_through() -> None:
    def ramp(shape: tuple[int, ...], dtype: Any = None) -> Any:
        return np.arange(math.prod(shape), dtype=dtype).reshape(shape)

    assert initializers.get(ramp) is ramp
    assert initializers.get(None) is None


def test_custom_class_is_found_by_deserialize() -> None:
    class Sevens(initializers.Initializer):
        def __call__(self, shape: Any, dtype: str | None = None) -> Any:
            return np.full(shape, 7, dtype or "float32")

    config = initializers.serialize(Sevens())
    with pytest.raises(ConfigurationError, match="Unknown initializer: 'Sevens'"):
        initializers.deserialize(config)
    assert initializers.deserialize(config, {"Sevens": Sevens})((2,)).tolist() == [7, 7]


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((5,), (5, 5)),
        ((3, 4), (3, 4)),
        ((3, 2, 8), (6, 24)),
        ((3, 3, 2, 8), (18, 72)),
    ],
)
def test_fans(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert initializers.compute_fans(shape) == fans


# What the definitions say for a kernel of 5x5, 20 channels in, 30 out: fans 500 and 750.
@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot", 2 / (500 + 750)),
        ("he", 2 / 500),
        ("lecun", 1 / 500),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaled_initializers_have_the_defined_variance(
    name: str, variance: float, dtype: str
) -> None:
    shape = (5, 5, 20, 30)
    count = math.prod(shape)
    uniform = initializers.get(f"{name}_uniform")(shape, dtype)  # type: ignore[misc]
    limit = math.sqrt(3 * variance)
    assert np.abs(uniform).max() <= limit * (1 + 1e-6)
    assert np.abs(uniform).max() > 0.999 * limit
    normal = initializers.get(f"{name}_normal")(shape, dtype)  # type: ignore[misc]
    cut = 2 * math.sqrt(variance) / 0.87962566103423978
    assert np.abs(normal).max() <= cut * (1 + 1e-6)
    for values in (uniform, normal):
        # The sample variance of n values spreads by less than sqrt(2 / n); 6 times that is safe.
        assert values.var() == pytest.approx(variance, rel=6 * math.sqrt(2 / count))
        assert abs(values.mean()) < 6 * math.sqrt(variance / count)


def test_random_normal_and_uniform() -> None:
    normal = initializers.RandomNormal(mean=3.0, stddev=0.5, seed=1)((300, 300))
    assert normal.mean() == pytest.approx(3.0, abs=0.02)
    assert normal.std() == pytest.approx(0.5, rel=0.02)
    assert np.abs(normal - 3.0).max() > 1.0
    truncated = initializers.TruncatedNormal(mean=3.0, stddev=0.5, seed=1)((300, 300))
    assert np.abs(truncated - 3.0).max() <= 1.0 + 1e-6
    assert truncated.std() == pytest.approx(0.5 * 0.87962566, rel=0.02)
    uniform = initializers.RandomUniform(2, 5, seed=1)((300, 300))
    assert uniform.min() >= 2
    assert uniform.max() <= 5
    assert uniform.mean() == pytest.approx(3.5, abs=0.02)
    default = initializers.get("uniform")((100, 100))  # type: ignore[misc]
    assert np.abs(default).max() <= 0.05


@pytest.mark.parametrize("shape", [(8, 8), (4, 9), (9, 4), (3, 3, 2, 5)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    value = initializers.Orthogonal(gain=2.0)(shape, "float64")
    matrix = value.reshape(-1, shape[-1]) / 2.0
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_fixed_initializers() -> None:
    assert initializers.Zeros()((2, 2)).tolist() == [[0, 0], [0, 0]]
    assert initializers.Ones()((2,)).tolist() == [1, 1]
    assert initializers.Constant(2.5)((2,)).tolist() == [2.5, 2.5]
    assert initializers.Constant(np.array([1.0, 2.0]))((2, 2)).tolist() == [[1, 2], [1, 2]]
    assert initializers.Identity(3)((2, 3)).tolist() == [[3, 0, 0], [0, 3, 0]]


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_repeats_and_no_seed_does_not(name: str) -> None:
    cls = getattr(initializers, name)
    seeded, free = cls(seed=3), cls()
    np.testing.assert_array_equal(seeded((4, 5)), seeded((4, 5)))
    np.testing.assert_array_equal(seeded((4, 5)), cls(seed=3)((4, 5)))
    assert not np.array_equal(seeded((4, 5)), cls(seed=4)((4, 5)))
    assert not np.array_equal(free((4, 5)), free((4, 5)))


@pytest.mark.parametrize("name", RANDOM)
def test_set_random_seed_repeats_the_sequence(name: str) -> None:
    initializer = getattr(initializers, name)()
    set_random_seed(11)
    first = [initializer((3, 3)) for _ in range(3)]
    set_random_seed(11)
    np.testing.assert_array_equal(first, [initializer((3, 3)) for _ in range(3)])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: initializers.get("glorot_unform"), "Did you mean 'glorot_uniform'"),
        (lambda: initializers.get(3), "must be a name"),
        (lambda: initializers.get({"a": 1}), "'class_name' and 'config'"),
        (lambda: initializers.VarianceScaling(scale=-1), "`scale`"),
        (lambda: initializers.VarianceScaling(scale=0), "`scale`"),
        (lambda: initializers.VarianceScaling(mode="fan"), "`mode`"),
        (lambda: initializers.VarianceScaling(distribution="x"), "`distribution`"),
        (lambda: initializers.RandomNormal(stddev=-0.1), "`stddev`"),
        (lambda: initializers.RandomNormal(mean=math.nan), "`mean`"),
        (lambda: initializers.RandomUniform(1, 0), "`maxval`"),
        (lambda: initializers.Orthogonal(gain=math.inf), "`gain`"),
        (lambda: initializers.HeNormal(seed=-1), "`seed`"),
        (lambda: initializers.HeNormal(seed=1.5), "`seed`"),  # type: ignore[arg-type]
        (lambda: initializers.Identity()((2, 3, 4)), "matrices only"),
        (lambda: initializers.Orthogonal()((3,)), "two dimensions"),
    ],
)
def test_errors_say_what_is_wrong(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_stft_is_a_short_time_fourier_transform() -> None:
    frame = np.random.RandomState(0).randn(8)
    window = np.hanning(8)
    parts = [
        (initializers.STFT(side, window, scaling=None)((8, 1, 5))[:, 0] * frame[:, None]).sum(0)
        for side in ("real", "imag")
    ]
    expected = np.fft.rfft(frame * window)
    np.testing.assert_allclose(parts[0] + 1j * parts[1], expected, atol=1e-5)


def test_stft_windows() -> None:
    pytest.importorskip("scipy")
    named = initializers.STFT("real", "hann", periodic=True)((8, 1, 5))
    periodic = initializers.STFT("real", np.hanning(9)[:-1])((8, 1, 5))
    np.testing.assert_allclose(named, periodic, atol=1e-7)


def test_stft_refuses() -> None:
    for arguments in ({"side": "left"}, {"scaling": "power"}):
        with pytest.raises(ConfigurationError, match=next(iter(arguments))):
            initializers.STFT(**arguments)
    with pytest.raises(ShapeError, match="bins"):
        initializers.STFT(window=None)((8, 2, 5))
    with pytest.raises(ShapeError, match="`window` must have shape"):
        initializers.STFT(window=[1.0, 2.0])((8, 1, 5))


def test_an_array_is_an_initializer() -> None:
    values = np.arange(6.0).reshape(2, 3)
    initializer = initializers.get(values)
    np.testing.assert_array_equal(initializer((2, 3)), values)
    assert initializer((2, 3)).dtype == np.float32
    again = initializers.deserialize(initializers.serialize(initializer))
    np.testing.assert_array_equal(again((2, 3)), values)
    with pytest.raises(ShapeError, match=r"\(2, 3\) cannot fill a weight of shape \(3, 3\)"):
        initializer((3, 3))
