"""Compares what pyframe gives for a case with what Keras gave."""

from collections.abc import Mapping

import numpy as np

from tests.oracle.runs import Results
from tests.oracle.specs import Array

# Tolerances are (relative, absolute).
# Inference: sums of at most some hundred float32 products of size 1, so about 1e-6 apart.
INFERENCE = (1e-5, 2e-6)
# TensorFlow computes positions and weights of Lanczos's kernel in float32: up to 8e-6 off float64
# in 3,000 images of 4x13 numbers of size 1, resized to 5x8 (pyframe's weights are float64).
LANCZOS = (1e-5, 1e-5)
# After 20 steps the rounding differences of both sides have been fed back 20 times; Adam and
# RMSprop divide by the root of small second moments, which magnifies them again. A wrong formula
# (epsilon inside or outside the root, an unscaled regularizer) shows at 1e-3 and more.
TRAINING = (1e-4, 1e-5)
# A prediction after training is a sum over some 20 weights that may each be 1e-5 off.
AFTER_TRAINING = (1e-4, 1e-4)
# Twelve updates of weights of size 1 with equal gradients, by some 0.02 each; Keras computes its
# bias corrections, sqrt(1 - 0.999^t), in float32: about 1.5e-5 off at the first steps.
OPTIMIZER = (2e-5, 2e-6)
# In float64, with options that float32 holds exactly, neither side rounds much.
OPTIMIZER_FLOAT64 = (1e-9, 1e-10)
# Sums of some 50 numbers of size 1; Keras takes differences of them in float32.
METRIC = (1e-5, 1e-5)
# One formula in float32.
FORMULA = (2e-6, 1e-7)
# Pixels 0..255 blended in float32 instead of float64; "unit" is values of size 1, whitened ones
# have been through a singular value decomposition of float32 values up to 255.
PIXELS = {
    "pixels": (0, 1e-3),
    "unit": (0, 2e-5),
    "sixteen_bits": (2e-6, 2e-2),
    "whole": (0, 0),
    "whitened": (1e-3, 2e-4),
    "drawn": (1e-12, 0),
}


def expected_results(files: Mapping[str, Array], name: str) -> Results:
    prefix = f"{name}/"
    return {key[len(prefix) :]: files[key] for key in files if key.startswith(prefix)}


def compare(name: str, actual: Results, expected: Results) -> None:
    assert expected, f"{name}: Keras gave nothing"
    assert list(actual) == list(expected), name
    for key, wanted in expected.items():
        rtol, atol = TRAINING
        if name.startswith("recurrent/") and key.startswith("predict"):
            rtol, atol = INFERENCE
        elif key == "predict":
            inference = name.startswith(("layer/", "stack/", "norm/layer_"))
            rtol, atol = INFERENCE if inference else AFTER_TRAINING
            if "lanczos" in name:
                rtol, atol = LANCZOS
        if name.startswith("optimizer/"):
            rtol, atol = OPTIMIZER_FLOAT64 if "/float64_" in name else OPTIMIZER
        elif name.startswith("schedule/") or (name.startswith("weight/") and key == "value"):
            rtol, atol = FORMULA
        elif name.startswith(("loss/", "metric/")) and not key.startswith("history"):
            rtol, atol = TRAINING if "/train_" in name or "/compile_" in name else METRIC
        elif name.startswith("image/"):
            rtol, atol = next((v for k, v in PIXELS.items() if key.startswith(k)), (0, 0))
        elif key == "angles":
            rtol, atol = 0, 1e-6
        label = f"{name}/{key}"
        assert actual[key].shape == wanted.shape, f"{label}: {actual[key].shape} {wanted.shape}"
        if key.startswith("nearly_whole"):
            # Where a blended value is nearly whole, cutting may give the number below.
            apart = np.abs(actual[key] - wanted)
            assert apart.max() <= 2, label
            assert np.count_nonzero(apart) <= max(2, 2e-3 * apart.size), label
        elif key.startswith("rounded"):
            # Both may be right only where the exact value is halfway between two whole numbers:
            # a zoom by 0.61 gives weights of some decimals, and so 63.5 where float64 has
            # 63.49999999999996.
            exact = expected[key.replace("rounded", "pixels_of")]
            halfway = np.abs(exact % 1 - 0.5) < PIXELS["pixels"][1]
            apart = np.abs(actual[key].astype(np.int64) - wanted)
            assert (apart <= halfway).all(), label
        elif wanted.dtype.kind == "U":
            assert actual[key].tolist() == wanted.tolist(), label
        else:
            np.testing.assert_allclose(actual[key], wanted, rtol, atol, err_msg=label)
