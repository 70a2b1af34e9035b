"""The architectures with the same weights in Keras and in pyframe.

    <interpreter with keras> -m tests.oracle.application_runs results.npz VGG16 ResNet50 ...

writes what Keras gives. Weights and images are functions of their shape and position, so that both
sides make them by themselves; the moving statistics of batch normalisation are measured by Keras.
"""

import json
import os
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# One network of each family.
CHOSEN = [
    *("VGG16", "ResNet50", "ResNet50V2", "MobileNet", "MobileNetV2", "MobileNetV3Small"),
    *("DenseNet121", "InceptionV3", "Xception", "NASNetMobile", "EfficientNetB0"),
]
NAMES = [
    *CHOSEN,
    *("VGG19", "ResNet101", "ResNet152", "ResNet101V2", "ResNet152V2", "DenseNet169"),
    *("DenseNet201", "InceptionResNetV2", "NASNetLarge", "MobileNetV3Large"),
    *(f"EfficientNetB{i}" for i in range(1, 8)),
]
LARGE_IMAGES = ("Xception", "InceptionV3", "InceptionResNetV2")
CLASSES = 10


def weight_value(name: str, shape: tuple[int, ...], number: int) -> Array:
    rng = np.random.default_rng([number, len(shape), *shape])
    if name == "count":
        return np.zeros(shape, "int32")
    if name in ("gamma", "moving_variance", "variance"):
        return rng.uniform(0.7, 1.3, shape).astype("float32")
    if len(shape) < 2:
        return rng.normal(0, 0.1, shape).astype("float32")
    fan_in = np.prod(shape[:2]) if name == "depthwise_kernel" else np.prod(shape[:-1])
    return rng.standard_normal(shape, "float32") * np.float32(np.sqrt(2 / fan_in))


def fill(model: Any, measured: dict[str, Array]) -> None:
    """Gives a model its weights.

    Args:
        model: the model.
        measured: the moving statistics by the weight's number.
    """
    values = [
        weight_value(weight.name, tuple(weight.shape), i) for i, weight in enumerate(model.weights)
    ]
    for number, value in measured.items():
        values[int(number)] = value
    model.set_weights(values)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # Keras keeps a copy that only this renews
            layer.finalize_state()


def measure(model: Any, x: Array) -> dict[str, Array]:
    """Moving statistics with which images stay different through all layers (Keras).

    With arbitrary ones every image would have nearly the same output, or one out of range.
    """
    fill(model, {})
    for layer in model.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
        if hasattr(layer, "rate"):
            layer.rate = 0.0
    model(x, training=True)
    found = {}
    for i, weight in enumerate(model.weights):
        factor = weight_value("variance", tuple(weight.shape), i)
        if weight.name == "moving_variance":
            found[str(i)] = np.asarray(weight) * factor + 1e-3
        elif weight.name == "moving_mean":
            found[str(i)] = np.asarray(weight) * factor
    return found


def images(name: str, count: int, height: int, width: int) -> Array:
    x = np.random.default_rng([height, width]).uniform(-1, 1, (count, height, width, 3))
    scaled_inside = name.startswith(("EfficientNet", "MobileNetV3"))
    return (127.5 * (x + 1) if scaled_inside else x).astype("float32")


def structure(model: Any) -> list[Any]:
    """Layers and weights in order."""
    layers = [(type(layer).__name__, layer.name) for layer in model.layers]
    names = [
        (layer.name, weight.name, list(weight.shape))
        for layer in model.layers
        for weight in layer.weights
    ]
    return [layers, names, model.name]


def results(api: Any, name: str, measured: dict[str, Array] | None = None) -> dict[str, Array]:
    """Structure and outputs, with classifier and without, at two image sizes.

    Args:
        api: keras or pyframe.
        name: the network.
        measured: what Keras has found for "<variant>/measured/<number>"; None for Keras itself.
    """
    build = getattr(api.applications, name)
    large = name in LARGE_IMAGES
    size = 96 if large else 64
    height, width = (113, 90) if large else (75, 50)
    shape = (height, width, 3) if name.startswith("NASNet") else None
    top = {"input_shape": (size, size, 3), "classes": CLASSES, "classifier_activation": None}
    variants = [
        ("top", top, (size, size)),
        ("no_top", {"include_top": False, "input_shape": shape}, (height, width)),
    ]
    found: dict[str, Array] = {}
    for variant, arguments, image_size in variants:
        api.utils.clear_session()
        model = build(weights=None, **arguments)
        found[f"structure/{variant}"] = np.array(json.dumps(structure(model)))
        x = images(name, 4, *image_size)
        begin = f"measured/{variant}/"
        if measured is None:
            statistics = measure(model, x)
            found.update({begin + number: value for number, value in statistics.items()})
        else:
            numbers = [key for key in measured if key.startswith(f"{name}/{begin}")]
            statistics = {key.rpartition("/")[2]: measured[key] for key in numbers}
        fill(model, statistics)
        # Keras: eagerly, since compiling a graph would take most of the time.
        found[variant] = np.asarray(model(x[:2], training=False))
    return found


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    path, *names = sys.argv[1:]
    found = {f"{n}/{key}": value for n in names for key, value in results(keras, n).items()}
    np.savez(path, **found)


if __name__ == "__main__":
    main()
