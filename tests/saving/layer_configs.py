"""Models of one layer each, for every layer that pyframe shares with Keras 2 and 3.

python -m tests.saving.layer_configs keras|tf_keras FILE    writes their configurations.
"""

import json
import sys
from typing import Any

IMAGE, SERIES, ROW = (8, 8, 4), (8, 4), (6,)
# Layer, shape of a sample, arguments.
LAYERS: list[tuple[str, Any, dict[str, Any]]] = [
    ("Conv2D", IMAGE, {"filters": 4, "kernel_size": 3, "kernel_regularizer": "l2"}),
    ("Conv2DTranspose", IMAGE, {"filters": 4, "kernel_size": 3}),
    ("SeparableConv2D", IMAGE, {"filters": 4, "kernel_size": 3, "depthwise_regularizer": "l2"}),
    ("DepthwiseConv2D", IMAGE, {"kernel_size": 3}),
    *((name, SERIES, {"filters": 4, "kernel_size": 3})
      for name in ("Conv1D", "Conv1DTranspose", "SeparableConv1D")),
    ("DepthwiseConv1D", SERIES, {"kernel_size": 3}),
    *((name, IMAGE, {}) for name in (
        "MaxPooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "UpSampling2D",
        "ZeroPadding2D", "Cropping2D", "RandomFlip", "BatchNormalization", "LayerNormalization",
        "Flatten", "PReLU", "LeakyReLU", "ELU", "ReLU", "Softmax", "UnitNormalization",
        "ActivityRegularization",
    )),
    ("AveragePooling2D", IMAGE, {"pool_size": 2}),
    ("GlobalAveragePooling2D", IMAGE, {"keepdims": True}),
    ("UpSampling2D", IMAGE, {"interpolation": "bilinear"}),
    ("CenterCrop", IMAGE, {"height": 4, "width": 4}),
    ("Resizing", IMAGE, {"height": 4, "width": 4}),
    ("RandomCrop", IMAGE, {"height": 4, "width": 4}),
    ("GaussianNoise", IMAGE, {"stddev": 0.1}),
    *((name, IMAGE, {"rate": 0.1}) for name in
      ("GaussianDropout", "AlphaDropout", "Dropout", "SpatialDropout2D")),
    ("Activation", IMAGE, {"activation": "hard_sigmoid"}),
    ("Rescaling", IMAGE, {"scale": 0.1}),
    ("RandomRotation", IMAGE, {"factor": 0.1}),
    ("RandomZoom", IMAGE, {"height_factor": 0.1}),
    ("RandomContrast", IMAGE, {"factor": 0.1}),
    ("RandomTranslation", IMAGE, {"height_factor": 0.1, "width_factor": 0.1}),
    ("GroupNormalization", IMAGE, {"groups": 2}),
    ("Permute", IMAGE, {"dims": (2, 1, 3)}),
    *((name, SERIES, {}) for name in (
        "MaxPooling1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "UpSampling1D",
        "ZeroPadding1D", "Cropping1D",
    )),
    ("AveragePooling1D", SERIES, {"pool_size": 2}),
    ("SpatialDropout1D", SERIES, {"rate": 0.5}),
    ("Dense", ROW, {"units": 3, "kernel_constraint": "max_norm", "activity_regularizer": "l1"}),
    ("RepeatVector", ROW, {"n": 3}),
    ("Identity", ROW, {}),
    ("Reshape", ROW, {"target_shape": (2, 3)}),
    ("Embedding", ROW, {"input_dim": 10, "output_dim": 3}),
    ("Normalization", ROW, {}),
    *((name, [ROW, ROW], {}) for name in
      ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")),
    ("Dot", [ROW, ROW], {"axes": 1}),
]  # fmt: skip
OLD_LAYERS: list[tuple[str, Any, dict[str, Any]]] = [("ThresholdedReLU", IMAGE, {"theta": 0.5})]


def model(k: Any, name: str, shape: Any, arguments: dict[str, Any]) -> Any:
    several = isinstance(shape, list)
    inputs = [k.layers.Input(one) for one in shape] if several else k.layers.Input(shape)
    return k.models.Model(inputs, getattr(k.layers, name)(**arguments)(inputs))


if __name__ == "__main__":
    library = __import__(sys.argv[1])
    found = [
        [name, made.to_json(), list(made.output_shape), made.count_params()]
        for name, shape, arguments in LAYERS + OLD_LAYERS * (library.__name__ == "tf_keras")
        for made in [model(library, name, shape, arguments)]
    ]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(found, file)
