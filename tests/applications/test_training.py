"""One training step of every network."""

from typing import Any

import numpy as np
import pytest

from pyframe import applications
from pyframe.optimizers import SGD
from pyframe.utils import set_random_seed

FAST = ["VGG16", "MobileNet", "MobileNetV3Small"]
NAMES = [name for name in applications.__all__ if name[0].isupper()]
LARGE_IMAGES = ("Xception", "InceptionV3", "InceptionResNetV2")


@pytest.mark.parametrize(
    "name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
)
def test_one_training_step(name: str) -> None:
    size = 96 if name in LARGE_IMAGES else 64
    arguments: dict[str, Any] = {"weights": None, "classes": 4, "input_shape": (size, size, 3)}
    if name.startswith("VGG"):
        arguments |= {"input_shape": (32, 32, 3)}
    set_random_seed(0)  # four pictures are all classified well by chance once in some hundred draws
    model = getattr(applications, name)(**arguments)
    model.compile(SGD(0.01), "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).uniform(-1, 1, (4, *arguments["input_shape"])).astype("float32")
    before = model.get_weights()
    loss = model.train_on_batch(x, np.arange(4))
    assert 0.1 < loss < 30
    changed = [
        not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True)
    ]
    frozen = [w.name in ("mean", "variance", "count") for w in model.weights]
    still = [
        weight.path
        for weight, moved, fixed in zip(model.weights, changed, frozen, strict=True)
        if not moved and not fixed
    ]
    # A bias in front of a batch normalisation has the gradient 0, up to rounding.
    assert [path for path in still if not path.endswith("bias")] == []
    assert np.isfinite(model.predict(x, verbose=0)).all()
