"""Images as the pretrained models expect them, and the names of the classes they tell apart."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pyframe import ops
from pyframe.config import floatx
from pyframe.errors import ConfigurationError, ShapeError
from pyframe.lookup import by_name

# Mode: divisor of the grey values, then mean and standard deviation of the channels.
_MODES: dict[str, tuple[float, tuple[float, ...], tuple[float, ...]]] = {
    "caffe": (1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
    "tf": (127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "torch": (255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
_EFFECTS = {
    "caffe": "RGB becomes BGR, and the channels' means over ImageNet are subtracted.",
    "tf": "Grey values are scaled to [-1, 1].",
    "torch": "Grey values are scaled to [0, 1], then brought to mean 0 and variance 1 as measured "
    "on ImageNet.",
}


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Returns images as a pretrained model expects them; the argument is not changed.

    Args:
        x: array or symbolic tensor of shape (height, width, 3) or (batch, height, width, 3),
            grey values 0 to 255, in the order red, green, blue.
        data_format: None or "channels_last"; for arrays also "channels_first".
        mode: "caffe" (BGR, minus the channels' means over ImageNet), "tf" (scaled to [-1, 1]) or
            "torch" (scaled to [0, 1], then to mean 0 and variance 1 over ImageNet).

    Returns:
        An array of the same floating dtype (float32 for integers), or a tensor. Keras writes into
        the argument if that is an array of floats; pyframe does not.

    Raises:
        ConfigurationError: for another mode or data format.
        ShapeError: if there are not three channels.
    """
    divisor, mean, deviation = by_name("mode of preprocess_input", mode, _MODES)
    if data_format not in (None, "channels_last", "channels_first"):
        raise ConfigurationError(
            "`data_format` must be 'channels_last', 'channels_first' or None. "
            f"Received: {data_format!r}"
        )
    first = data_format == "channels_first"
    swap = mode == "caffe"
    if not ops.is_symbolic(x):
        return _preprocess_array(np.asarray(x), first, divisor, mean, deviation, swap)
    if first:
        raise ConfigurationError("Symbolic images must be 'channels_last'.")
    _check_channels(x.shape, -1)
    if swap:
        x = ops.matmul(x, np.eye(3, dtype=x.dtype)[::-1].copy())
    return (x / divisor - np.asarray(mean, x.dtype)) / np.asarray(deviation, x.dtype)


def _preprocess_array(
    x: Any,
    first: bool,
    divisor: float,
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
    swap: bool,
) -> Any:
    axis = -3 if first else -1
    _check_channels(x.shape, axis)
    dtype = x.dtype if np.issubdtype(x.dtype, np.floating) else np.dtype(floatx())
    shape = (3, 1, 1) if first else (3,)
    if swap:
        x = np.flip(x, axis)
    result = np.divide(x, divisor, dtype=dtype)
    result -= np.asarray(mean, dtype).reshape(shape)
    result /= np.asarray(deviation, dtype).reshape(shape)
    return result


def _check_channels(shape: tuple[int | None, ...], axis: int) -> None:
    if len(shape) not in (3, 4) or shape[axis] != 3:
        raise ShapeError(
            "Images must have the shape (height, width, 3) or (batch, height, width, 3), for "
            f"'channels_first' the 3 before the height. Received: {tuple(shape)}"
        )


def preprocessor(mode: str) -> Callable[..., Any]:
    """Returns the `preprocess_input(x, data_format=None)` of the models trained with a mode.

    Args:
        mode: "caffe", "tf", "torch", or "none" for models that scale the images themselves.
    """

    def preprocess(x: Any, data_format: str | None = None) -> Any:
        return x if mode == "none" else preprocess_input(x, data_format, mode)

    effect = _EFFECTS.get(mode, "Nothing is done: the model has a layer that scales the images.")
    preprocess.__name__ = preprocess.__qualname__ = "preprocess_input"
    preprocess.__doc__ = f"""Returns images as these models expect them.

    {effect}

    Args:
        x: array or symbolic tensor of shape (height, width, 3) or (batch, height, width, 3),
            grey values 0 to 255, in the order red, green, blue. It is not changed.
        data_format: None or "channels_last"; for arrays also "channels_first".

    Returns:
        An array of the same floating dtype (float32 for integers), or a tensor.
    """
    return preprocess


@functools.cache
def class_index() -> tuple[tuple[str, str], ...]:
    """Returns WordNet number and name of the 1,000 ImageNet classes, in the order of the outputs.

    Source and licence: imagenet_classes.md beside this file.
    """
    path = Path(__file__).with_name("imagenet_classes.txt.gz")
    with gzip.open(path, "rt", encoding="ascii") as file:
        pairs = [line.split() for line in file]
    return tuple((number, name) for number, name in pairs)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """Returns the names of the most likely ImageNet classes; needs no network.

    Args:
        preds: what a model with the ImageNet classifier predicts, shape (batch, 1000).
        top: number of classes for each image.

    Returns:
        For each image a list of (WordNet number, name, score), the highest score first.

    Raises:
        ShapeError: for another shape.
        ConfigurationError: if `top` is no integer of at least 1.

    Example:
        >>> scores = np.eye(1000, dtype="float32")[[281]]
        >>> decode_predictions(scores, top=1)
        [[('n02123045', 'tabby', np.float32(1.0))]]
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ShapeError(
            "decode_predictions expects the scores of the 1000 ImageNet classes, shape "
            f"(batch, 1000). Received: {preds.shape}. A model with classes of its own (or with "
            "include_top=False) has no ImageNet names."
        )
    if isinstance(top, bool) or not isinstance(top, (int, np.integer)) or top < 1:
        raise ConfigurationError(f"`top` must be an integer of at least 1. Received: {top!r}")
    names = class_index()
    # Of equal scores Keras lists the later class first.
    order = np.argsort(preds, axis=1)[:, ::-1][:, :top]
    return [[(*names[i], row[i]) for i in best] for row, best in zip(preds, order, strict=True)]
