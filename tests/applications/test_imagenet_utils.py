import hashlib
import importlib
import json
from typing import Any

import numpy as np
import pytest

from pyframe.applications import imagenet_utils, resnet50, vgg16
from pyframe.applications.imagenet_utils import class_index, decode_predictions, preprocess_input
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import Input
from pyframe.models import Model

X = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3)).astype("uint8")
MODES = {
    "caffe": lambda x: x[..., ::-1] - np.array([103.939, 116.779, 123.68]),
    "tf": lambda x: x / 127.5 - 1,
    "torch": lambda x: (x / 255 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225],
}
MODULES = {
    "caffe": ["vgg16", "vgg19", "resnet", "resnet50"],
    "tf": [
        *("resnet_v2", "inception_v3", "inception_resnet_v2", "xception", "mobilenet"),
        *("mobilenet_v2", "nasnet"),
    ],
    "torch": ["densenet"],
    "none": ["efficientnet", "mobilenet_v3"],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_modes(mode: str, dtype: str) -> None:
    x = X.astype(dtype)
    result = preprocess_input(x, mode=mode)
    assert result.dtype == ("float32" if dtype == "uint8" else dtype)
    expected = MODES[mode](X.astype("float64"))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(x, X)
    first = np.moveaxis(x, -1, 1)
    np.testing.assert_array_equal(
        preprocess_input(first, "channels_first", mode), np.moveaxis(result, -1, 1)
    )
    np.testing.assert_array_equal(preprocess_input(x[0], mode=mode), result[0])


@pytest.mark.parametrize("mode", MODES)
def test_in_a_model(mode: str) -> None:
    image = Input((5, 4, 3))
    model = Model(image, preprocess_input(image, mode=mode))
    x = X.astype("float32")
    np.testing.assert_allclose(model(x), preprocess_input(x, mode=mode), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", MODULES)
def test_the_mode_of_each_network(mode: str) -> None:
    x = X.astype("float32")
    expected = x if mode == "none" else preprocess_input(x, mode=mode)
    for name in MODULES[mode]:
        module = importlib.import_module(f"pyframe.applications.{name}")
        np.testing.assert_array_equal(module.preprocess_input(x), expected)
        assert module.decode_predictions is decode_predictions


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ((X, None, "keras"), ConfigurationError, "Unknown mode"),
        ((X, "channels"), ConfigurationError, "data_format"),
        ((X[..., :2],), ShapeError, "(2, 5, 4, 2)"),
        ((X[0, 0],), ShapeError, "(4, 3)"),
        ((Input((3, 5, 4)), "channels_first"), ConfigurationError, "channels_last"),
    ],
)
def test_impossible_images(arguments: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as info:
        preprocess_input(*arguments)
    assert text in str(info.value)


def test_the_class_index_is_the_one_of_keras() -> None:
    text = json.dumps({str(i): list(pair) for i, pair in enumerate(class_index())})
    # The hash that Keras states for its imagenet_class_index.json.
    assert hashlib.md5(text.encode()).hexdigest() == "c2c37ea517e94d9795004a39431a14cb"
    notice = imagenet_utils.__file__.replace("imagenet_utils.py", "imagenet_classes.md")
    with open(notice, encoding="utf-8") as file:
        assert "WordNet 3.0 Copyright 2006 by Princeton University" in file.read()


def test_decode_predictions() -> None:
    scores = np.zeros((2, 1000), "float32")
    scores[0, [1, 281, 999]] = 0.2, 0.5, 0.3
    scores[1, 0] = 1
    cat, fish = vgg16.decode_predictions(scores, top=3)
    assert cat == [
        ("n02123045", "tabby", np.float32(0.5)),
        ("n15075141", "toilet_tissue", np.float32(0.3)),
        ("n01443537", "goldfish", np.float32(0.2)),
    ]
    assert isinstance(cat[0][2], np.float32)
    assert fish[0][:2] == ("n01440764", "tench")
    assert [len(row) for row in resnet50.decode_predictions(scores)] == [5, 5]


def test_impossible_predictions() -> None:
    for shape in ((1000,), (1, 10), (1, 7, 7, 512)):
        with pytest.raises(ShapeError, match=r"\(batch, 1000\)"):
            decode_predictions(np.zeros(shape))
    for top in (0, 2.0, True):
        with pytest.raises(ConfigurationError, match="`top`"):
            decode_predictions(np.zeros((1, 1000)), top=top)  # type: ignore[arg-type]
