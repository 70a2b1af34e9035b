"""Well-known networks for images, with weights trained on ImageNet.

Every function makes a model, e.g. `pyframe.applications.VGG16()` or
`pyframe.applications.vgg16.VGG16()`; the module of a network also has its `preprocess_input` and
`decode_predictions`. Layers, their names and the order of the weights are those of Keras 3.15.1, so
that its weight files fit.

`weights="imagenet"` takes the file from the folder `models` of `$PYFRAME_HOME` (by default
`~/.pyframe`). If it is not there it is downloaded, checked and kept; without network the error
says which file to place where. `weights="path"` loads any weights file, `weights=None` starts from
random weights.
"""

from __future__ import annotations

from pyframe.applications import (
    densenet,
    efficientnet,
    imagenet_utils,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    resnet,
    resnet50,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from pyframe.applications.densenet import DenseNet121, DenseNet169, DenseNet201
from pyframe.applications.efficientnet import (
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
)
from pyframe.applications.inception_resnet_v2 import InceptionResNetV2
from pyframe.applications.inception_v3 import InceptionV3
from pyframe.applications.mobilenet import MobileNet
from pyframe.applications.mobilenet_v2 import MobileNetV2
from pyframe.applications.mobilenet_v3 import MobileNetV3Large, MobileNetV3Small
from pyframe.applications.nasnet import NASNetLarge, NASNetMobile
from pyframe.applications.resnet import ResNet50, ResNet101, ResNet152
from pyframe.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from pyframe.applications.vgg import VGG16, VGG19
from pyframe.applications.xception import Xception

__all__ = [
    "VGG16",
    "VGG19",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetLarge",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "Xception",
    "densenet",
    "efficientnet",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]
