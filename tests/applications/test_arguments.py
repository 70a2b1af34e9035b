import inspect
from typing import Any

import numpy as np
import pytest

from pyframe import applications
from pyframe.applications import (
    VGG16,
    MobileNet,
    MobileNetV2,
    MobileNetV3Small,
    NASNetLarge,
    NASNetMobile,
    ResNet50,
    Xception,
)
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.layers import Input, Rescaling

SMALL: dict[str, Any] = {"weights": None, "alpha": 0.25}


def test_input_shape_and_pooling() -> None:
    assert MobileNet(**SMALL, include_top=False).input_shape == (None, None, None, 3)
    model = MobileNet(**SMALL, include_top=False, input_shape=(64, 96, 3))
    assert (model.input_shape, model.output_shape) == ((None, 64, 96, 3), (None, 2, 3, 256))
    for pooling in ("avg", "max"):
        model = MobileNet(**SMALL, include_top=False, pooling=pooling)
        assert model.output_shape == (None, 256)
    model = MobileNet(input_shape=[32, 32, 1], classes=7, **SMALL)
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 1), (None, 7))
    assert MobileNetV3Small(weights=None).input_shape == (None, None, None, 3)
    model = NASNetMobile(weights=None, include_top=False)
    assert model.input_shape == (None, 224, 224, 3)


def test_pooling_is_the_mean_or_maximum_of_the_features() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    plain = MobileNet(**SMALL, include_top=False)
    features = plain(x)
    for pooling, expected in (("avg", features.mean((1, 2))), ("max", features.max((1, 2)))):
        model = MobileNet(**SMALL, include_top=False, pooling=pooling)
        model.set_weights(plain.get_weights())
        np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)


def test_names() -> None:
    assert MobileNet(**SMALL).name == "mobilenet_0.25_224"
    assert MobileNet(**SMALL, input_shape=(128, 128, 3)).name == "mobilenet_0.25_128"
    assert MobileNet(**SMALL, include_top=False).name == "mobilenet_0.25_None"
    assert MobileNet(**SMALL, name="mine").name == "mine"
    assert MobileNetV2(weights=None, alpha=0.35).name == "mobilenetv2_0.35_224"
    assert MobileNetV3Small(weights=None).name == "MobileNetV3Small"
    resnet = ResNet50(weights=None, include_top=False, pooling="max")
    assert (resnet.name, resnet.layers[-1].name) == ("resnet50", "max_pool")


def test_an_input_tensor_with_layers_before() -> None:
    image = Input((64, 64, 3), name="image")
    model = MobileNet(input_tensor=Rescaling(1 / 255)(image), include_top=False, **SMALL)
    assert [layer.name for layer in model.layers[:3]] == ["image", model.layers[1].name, "conv1"]
    assert model.input_shape == (None, 64, 64, 3)
    assert model.count_params() == MobileNet(**SMALL, include_top=False).count_params()


def test_the_activation_of_the_classifier() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    model = MobileNet(input_shape=(32, 32, 3), classes=5, **SMALL)
    logits = MobileNet(input_shape=(32, 32, 3), classes=5, classifier_activation=None, **SMALL)
    logits.set_weights(model.get_weights())
    e = np.exp(logits(x))
    np.testing.assert_allclose(model(x), e / e.sum(1, keepdims=True), rtol=1e-5)
    assert logits.layers[-1].name == "predictions"


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"weights": "nowhere.h5"}, "There is no file 'nowhere.h5'"),
        ({"weights": "imagenet", "classes": 10}, "has 1000 classes. Received: classes=10"),
        ({"weights": "imagenet", "classifier_activation": "relu"}, "must be 'softmax' or None"),
        ({"weights": "imagenet", "input_shape": (64, 64, 3)}, "needs input_shape=(224, 224, 3)"),
        (
            {"weights": "imagenet", "include_top": False, "input_shape": (64, 64, 1)},
            "images of 3 channels",
        ),
        ({"weights": None, "pooling": "mean"}, "`pooling` must be None, 'avg' or 'max'"),
        ({"weights": None, "classes": 0}, "`classes` must be an integer of at least 1"),
        ({"weights": None, "classes": True}, "`classes` must be an integer of at least 1"),
        ({"weights": None, "input_shape": (64, 64)}, "(height, width, channels)"),
        ({"weights": None, "input_shape": (64.0, 64, 3)}, "positive integer or None"),
        ({"weights": None, "input_shape": (-64, 64, 3)}, "positive integer or None"),
        ({"weights": None, "input_shape": (None, 64, 3)}, "every size must be known"),
        ({"weights": None, "input_tensor": np.zeros((1, 64, 64, 3))}, "symbolic tensor"),
    ],
)
def test_impossible_arguments(arguments: dict[str, Any], text: str) -> None:
    for build in (VGG16, ResNet50):
        with pytest.raises(ConfigurationError) as info:
            build(**arguments)
        assert text in str(info.value)


def test_impossible_arguments_of_the_mobile_networks() -> None:
    with pytest.raises(ConfigurationError, match=r"alpha of 0\.25, 0\.5, 0\.75, 1\.0"):
        MobileNet(alpha=0.3)
    with pytest.raises(ConfigurationError, match="depth_multiplier=1"):
        MobileNet(depth_multiplier=2)
    with pytest.raises(ConfigurationError, match=r"Received: alpha=0\.25"):
        MobileNetV2(alpha=0.25)
    with pytest.raises(ConfigurationError, match="for minimalistic models of 1"):
        MobileNetV3Small(alpha=0.75, minimalistic=True, input_shape=(224, 224, 3))
    with pytest.raises(ConfigurationError, match="Give only one of them"):
        MobileNetV2(weights=None, input_tensor=Input((64, 64, 3)), input_shape=(96, 96, 3))
    with pytest.raises(ConfigurationError, match="images of a known size"):
        NASNetLarge(weights=None, include_top=False, input_shape=(None, None, 3))


@pytest.mark.parametrize("build, size", [(VGG16, 32), (MobileNet, 32), (Xception, 71)])
def test_images_that_are_too_small(build: Any, size: int) -> None:
    with pytest.raises(ShapeError, match=f"at least {size} x {size}"):
        build(weights=None, include_top=False, input_shape=(size, size - 1, 3))
    build(weights=None, include_top=False, input_shape=(size, size, 3))


def test_unusual_channels_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="usually have 1 or 3 channels"):
        MobileNet(input_shape=(32, 32, 4), **SMALL)


@pytest.mark.parametrize("name", [n for n in applications.__all__ if n[0].isupper()])
def test_signatures_and_documentation(name: str) -> None:
    function = getattr(applications, name)
    assert function.__name__ == name
    parameters = inspect.signature(function).parameters
    assert parameters["weights"].default == "imagenet"
    documentation = inspect.getdoc(function) or ""
    for parameter in parameters:
        assert f"    {parameter}: " in documentation
    assert "arXiv:" in documentation.splitlines()[0]
    module = inspect.getmodule(function)
    assert module is not None
    assert getattr(module, name) is function
