"""What all architectures share: their arguments, the input, the classifier, the weights."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np

from pyframe import activations
from pyframe.applications.pretrained import pretrained_path
from pyframe.errors import ConfigurationError, ShapeError, warn
from pyframe.layers import Dense, GlobalAveragePooling2D, GlobalMaxPooling2D, Input
from pyframe.layers.weights import weight_budget
from pyframe.models import Model
from pyframe.ops import SymbolicTensor

Weights: TypeAlias = "str | PathLike[str] | None"
F = TypeVar("F", bound=Callable[..., Any])
ImageShape: TypeAlias = "Sequence[int | None] | None"

_ARGUMENTS = """

    Args:
        input_shape: (height, width, channels) of one image, at least {smallest} pixels high and
            wide; by default {default}.{extra}
        include_top: whether the classifier is part of the model.
        weights: "imagenet" for pretrained ones (see `pyframe.applications`), the path of a
            weights file, or None for random ones.
        input_tensor: symbolic tensor to be used as the image input, e.g. what `Input` returned.
        pooling: for include_top=False: "avg" or "max" pool each channel over the image, None
            keeps the image.
        classes: number of classes of the classifier; 1000 for pretrained weights.
        classifier_activation: activation of the classifier, None for logits.
        name: name of the model.

    Returns:
        A Model, not compiled.

    Raises:
        ConfigurationError: if arguments are impossible or contradict each other.
        ShapeError: if the images are too small for the network.
        DownloadError: if pretrained weights are not there and cannot be fetched; the text says
            how to place the file by hand.
    """


def documented(default: str, smallest: int = 32, **extra: str) -> Callable[[F], F]:
    """Adds the description of the arguments to the docstring of a function that makes a model.

    Args:
        default: what `input_shape` is by default.
        smallest: least height and width of an image.
        **extra: the arguments that only this function has, and what they are.
    """

    def decorate(function: F) -> F:
        lines = "".join(f"\n        {name}: {text}" for name, text in extra.items())
        text = _ARGUMENTS.format(default=default, smallest=smallest, extra=lines)
        function.__doc__ = inspect.cleandoc((function.__doc__ or "") + text)
        return function

    return decorate


@dataclass(frozen=True)
class Options:
    """The arguments that every architecture has; checked when they are made.

    Raises:
        ConfigurationError: if arguments are impossible or contradict each other.
    """

    include_top: bool
    weights: Weights
    input_tensor: Any
    input_shape: ImageShape
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str | None

    def __post_init__(self) -> None:
        if self.input_tensor is not None and not isinstance(self.input_tensor, SymbolicTensor):
            raise ConfigurationError(
                "`input_tensor` must be a symbolic tensor, as `Input` returns it. Received: "
                f"{self.input_tensor!r}"
            )
        if self.weights not in (None, "imagenet") and not os.path.exists(os.fspath(self.weights)):
            raise ConfigurationError(
                "`weights` must be None, 'imagenet' or the path of a weights file. There is no "
                f"file {os.fspath(self.weights)!r}."
            )
        if self.pooling not in (None, "avg", "max"):
            raise ConfigurationError(
                f"`pooling` must be None, 'avg' or 'max'. Received: {self.pooling!r}"
            )
        if not is_integer(self.classes) or self.classes < 1:
            raise ConfigurationError(
                f"`classes` must be an integer of at least 1. Received: {self.classes!r}"
            )
        if self.imagenet and self.include_top and self.classes != 1000:
            raise ConfigurationError(
                "The classifier of weights='imagenet' has 1000 classes. Received: classes="
                f"{self.classes}. Use include_top=False and add a classifier of your own."
            )
        if self.include_top and self.weights is not None:
            activation = activations.get(self.classifier_activation)
            if activation not in (activations.softmax, activations.get(None)):
                raise ConfigurationError(
                    "With pretrained weights `classifier_activation` must be 'softmax' or None. "
                    f"Received: {self.classifier_activation!r}"
                )

    @property
    def imagenet(self) -> bool:
        """Whether the weights trained on ImageNet are asked for."""
        return isinstance(self.weights, str) and self.weights == "imagenet"

    def given_shape(self) -> tuple[int | None, ...] | None:
        """Returns the shape of one image as the arguments say it, None if they do not.

        Raises:
            ConfigurationError: if `input_shape` and `input_tensor` contradict each other.
        """
        tensor = self.input_tensor
        if tensor is None:
            return None if self.input_shape is None else tuple(self.input_shape)
        shape = tuple(tensor.shape[1:])
        if self.input_shape is not None and tuple(self.input_shape) != shape:
            raise ConfigurationError(
                f"`input_tensor` holds images of shape {shape}, but `input_shape` is "
                f"{tuple(self.input_shape)}. Give only one of them."
            )
        return shape

    def image_shape(
        self, default: int, smallest: int = 32, any_size: bool = False
    ) -> tuple[int | None, ...]:
        """Returns the shape of one image.

        Args:
            default: height and width of the images that the network was designed for.
            smallest: least height and width for which every layer has an output.
            any_size: whether the network's classifier takes images of any size.

        Raises:
            ConfigurationError: if `input_shape` is no image shape or does not fit the weights.
            ShapeError: if the images are too small.
        """
        fixed = self.include_top and not any_size
        if self.input_shape is None:
            return (default, default, 3) if fixed else (None, None, 3)
        shape = tuple(self.input_shape)
        if len(shape) != 3 or not all(d is None or (is_integer(d) and d > 0) for d in shape):
            raise ConfigurationError(
                "`input_shape` must be (height, width, channels) without the batch axis, each a "
                f"positive integer or None. Received: {self.input_shape!r}"
            )
        height, width, channels = shape
        if self.imagenet and fixed and shape != (default, default, 3):
            raise ConfigurationError(
                f"weights='imagenet' with include_top=True needs input_shape={default, default, 3}."
                f" Received: {shape}. Use include_top=False for images of another size."
            )
        if self.imagenet and channels != 3:
            raise ConfigurationError(
                f"weights='imagenet' needs images of 3 channels. Received: input_shape={shape}. "
                "Repeat a grey channel three times, e.g. np.repeat(images, 3, axis=-1)."
            )
        if channels not in (1, 3):
            warn(f"Images usually have 1 or 3 channels. Received: input_shape={shape}")
        if any(size is not None and size < smallest for size in (height, width)):
            raise ShapeError(
                f"Images must be at least {smallest} x {smallest}, else a layer would have no "
                f"output. Received: input_shape={shape}"
            )
        if fixed and None in shape:
            raise ConfigurationError(
                f"With include_top=True every size must be known. Received: input_shape={shape}"
            )
        return shape

    def rows(self, shape: tuple[int | None, ...], sizes: Sequence[int]) -> int | None:
        """Returns the image height that the name of the model and of its weights file states.

        Args:
            shape: shape of one image.
            sizes: heights for which there are pretrained weights, the largest last.
        """
        height, width = shape[:2]
        if self.imagenet and (height != width or height not in sizes):
            warn(
                f"There are no weights for images of {height} x {width} pixels: those for "
                f"{sizes[-1]} x {sizes[-1]} are loaded."
            )
            return sizes[-1]
        return height


def square_size(shape: Sequence[int | None] | None, sizes: Sequence[int]) -> int:
    """Returns the side of a square image if it is one of `sizes`, else the largest of them."""
    fits = [size for size in sizes if shape is not None and tuple(shape[:2]) == (size, size)]
    return fits[0] if fits else sizes[-1]


def make_divisible(filters: float, divisor: int = 8) -> int:
    """Returns the nearest multiple of `divisor` that is at least 90 % of `filters`."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded


def is_integer(value: Any) -> bool:
    """Returns whether a value is an integer (True and False are not)."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


Body: TypeAlias = "Callable[[Any], Any]"
Top: TypeAlias = "Callable[[Any, Options], Any]"


def assemble(
    options: Options,
    shape: tuple[int | None, ...],
    body: Body,
    top: Top,
    weights_key: str,
    named_pooling: bool = False,
) -> Model:
    """Returns the model: input, body, classifier or pooling, and its weights.

    Args:
        options: the user's arguments.
        shape: shape of one image.
        body: from the image to the features.
        top: from the features to the scores of the classes.
        weights_key: the network's name in `pretrained`.
        named_pooling: whether Keras gives the pooling layer without classifier a fixed name.
    """
    path = options.weights
    if options.imagenet:  # before the work of making the network
        path = pretrained_path(weights_key, options.include_top)
    image = Input(shape=shape) if options.input_tensor is None else options.input_tensor
    with weight_budget(None, blank=path is not None):
        x = body(image)
        if options.include_top:
            x = top(x, options)
        elif options.pooling is not None:
            layer = {"avg": GlobalAveragePooling2D, "max": GlobalMaxPooling2D}[options.pooling]
            x = layer(name=f"{options.pooling}_pool" if named_pooling else None)(x)
        inputs = image if options.input_tensor is None else _source_inputs(image)
        model = Model(inputs, x, name=options.name)
    if path is not None:
        model.load_weights(path)
    return model


def _source_inputs(tensor: SymbolicTensor) -> Any:
    """Returns the tensors of `Input` that a tensor was made from, a single one by itself."""
    found: dict[Any, SymbolicTensor] = {}
    stack, seen = [tensor], set()
    while stack:
        tensor = stack.pop()
        if tensor.node.is_input:
            found[tensor.key] = tensor
        elif tensor.key not in seen:
            seen.add(tensor.key)
            stack.extend(tensor.node.inputs)
    inputs = list(found.values())
    return inputs[0] if len(inputs) == 1 else inputs


def classifier(x: Any, options: Options, pool_name: str | None = "avg_pool") -> Any:
    """Adds the usual classifier: the mean over the image, then one Dense layer."""
    x = GlobalAveragePooling2D(name=pool_name)(x)
    activation = options.classifier_activation
    return Dense(options.classes, activation=activation, name="predictions")(x)


def correct_pad(x: Any, kernel_size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the zero padding in front of a "valid" convolution with strides of 2.

    A side of even length gets one row less in front, so that the output has half the length.
    """
    half = kernel_size // 2
    height, width = x.shape[1:3]
    even = (True, True) if height is None else (height % 2 == 0, width % 2 == 0)
    return (half - even[0], half), (half - even[1], half)


class Application(Protocol):
    """A function that makes a model, with the arguments that most architectures have."""

    def __call__(
        self,
        include_top: bool = True,
        weights: Weights = "imagenet",
        input_tensor: Any = None,
        input_shape: ImageShape = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = ...,
    ) -> Model:
        """Returns the model."""


def application(
    name: str,
    size: int = 224,
    smallest: int = 32,
    top: Top = classifier,
    named_pooling: bool = False,
    prepare: Top | None = None,
) -> Callable[[Body], Application]:
    """Makes the body of a network, a function from image to features, into an application.

    Args:
        name: default name of the model and the network's name in `pretrained`.
        size: height and width of the images that the network was designed for.
        smallest: least height and width.
        top: from the features to the scores of the classes.
        named_pooling: whether Keras gives the pooling layer without classifier a fixed name.
        prepare: layers between the image and the body that depend on the arguments.
    """

    def decorate(body: Body) -> Application:
        default_name = name

        def make(
            include_top: bool = True,
            weights: Weights = "imagenet",
            input_tensor: Any = None,
            input_shape: ImageShape = None,
            pooling: str | None = None,
            classes: int = 1000,
            classifier_activation: Any = "softmax",
            name: str = default_name,
        ) -> Model:
            options = Options(
                include_top,
                weights,
                input_tensor,
                input_shape,
                pooling,
                classes,
                classifier_activation,
                name,
            )

            def whole(image: Any) -> Any:
                return body(image if prepare is None else prepare(image, options))

            shape = options.image_shape(size, smallest)
            return assemble(options, shape, whole, top, default_name, named_pooling)

        make.__name__, make.__qualname__ = body.__name__, body.__qualname__
        make.__module__, make.__doc__ = body.__module__, body.__doc__
        default = f"{size, size, 3} with the classifier, and any size without"
        return documented(default, smallest)(make)

    return decorate
