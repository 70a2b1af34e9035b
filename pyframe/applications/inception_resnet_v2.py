"""InceptionResNetV2: Inception blocks that are added to their input."""

from __future__ import annotations

from typing import Any

from pyframe.applications.architecture import application
from pyframe.applications.imagenet_utils import decode_predictions, preprocessor
from pyframe.applications.inception_blocks import AVERAGE, MAXIMUM, STEM, branch, conv_bn, mixed
from pyframe.layers import Activation, Conv2D, Layer

__all__ = ["CustomScaleLayer", "InceptionResNetV2", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessor("tf")

_SHRINK = (2, "valid")
_BLOCKS: dict[str, tuple[Any, ...]] = {
    "block35": (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))),
    "block17": (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))),
    "block8": (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))),
}


class CustomScaleLayer(Layer):
    """The first of two inputs plus a multiple of the second.

    Args:
        scale: factor of the second input.
        **kwargs: name, trainable, dtype.
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        """Returns the first input plus `scale` times the second."""
        return inputs[0] + inputs[1] * self.scale


def _residual(x: Any, kind: str, number: int, scale: float, active: bool = True) -> Any:
    name = f"{kind}_{number}"
    y = mixed(x, f"{name}_mixed", *_BLOCKS[kind])
    y = Conv2D(x.shape[-1], 1, padding="same", name=f"{name}_conv")(y)
    x = CustomScaleLayer(scale)([x, y])
    return Activation("relu", name=f"{name}_ac")(x) if active else x


@application("inception_resnet_v2", size=299, smallest=75)
def InceptionResNetV2(x: Any) -> Any:
    """Makes the second Inception-ResNet (Szegedy et al. 2017, arXiv:1602.07261)."""
    x = branch(x, *STEM)
    triple = ((64, 1), (96, 3), (96, 3))
    x = mixed(x, "mixed_5b", ((96, 1),), ((48, 1), (64, 5)), triple, (AVERAGE, (64, 1)))
    for i in range(1, 11):
        x = _residual(x, "block35", i, 0.17)
    shrinking = ((256, 1), (256, 3), (384, 3, *_SHRINK))
    x = mixed(x, "mixed_6a", ((384, 3, *_SHRINK),), shrinking, (MAXIMUM,))
    for i in range(1, 21):
        x = _residual(x, "block17", i, 0.1)
    first, second = ((256, 1), (384, 3, *_SHRINK)), ((256, 1), (288, 3, *_SHRINK))
    x = mixed(x, "mixed_7a", first, second, ((256, 1), (288, 3), (320, 3, *_SHRINK)), (MAXIMUM,))
    for i in range(1, 10):
        x = _residual(x, "block8", i, 0.2)
    x = _residual(x, "block8", 10, 1.0, active=False)
    return conv_bn(x, 1536, 1, name="conv_7b")
