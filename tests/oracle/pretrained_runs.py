"""Prints which files Keras downloads for weights="imagenet"; run by an interpreter with keras.

    ... -m tests.oracle.pretrained_runs < requests.json

Requests are [function, arguments]. Networks are not built for this: their modules see layers
that do nothing, so that it takes a moment only.
"""

import importlib
import json
import os
import sys
import warnings
from typing import Any
from unittest.mock import MagicMock

MODULES = [
    *("vgg16", "vgg19", "resnet", "resnet_v2", "densenet", "inception_v3", "xception", "nasnet"),
    *("inception_resnet_v2", "mobilenet", "mobilenet_v2", "mobilenet_v3", "efficientnet"),
]


class Layers:
    """Stands for keras.layers: whatever is called returns the same tensor in the end."""

    def __init__(self) -> None:
        self.tensor = MagicMock(shape=(None, 8, 8, 64))
        self.tensor.__add__.return_value = self.tensor
        self.tensor.__mul__.return_value = self.tensor
        self.layer = MagicMock(return_value=self.tensor)

    def __getattr__(self, name: str) -> Any:
        makes_tensor = name == "Input" or name[0].islower()
        return lambda *args, **kwargs: self.tensor if makes_tensor else self.layer


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from keras.src.utils import file_utils

    warnings.simplefilter("ignore")
    asked: list[list[Any]] = []

    def get_file(name: str, url: str, file_hash: str | None = None, **_: Any) -> str:
        asked.append([url, name, file_hash])
        return name

    file_utils.get_file = get_file
    functions = {}
    for name in MODULES:
        module = importlib.import_module(f"keras.src.applications.{name}")
        module.layers, module.Functional = Layers(), MagicMock()
        module.CustomScaleLayer = module.layers.CustomScaleLayer
        functions.update(vars(module))
    for name, arguments in json.load(sys.stdin):
        if "input_shape" in arguments:
            arguments["input_shape"] = tuple(arguments["input_shape"])
        for include_top in (True, False):
            functions[name](weights="imagenet", include_top=include_top, **arguments)
    print(json.dumps(asked))


if __name__ == "__main__":
    main()
