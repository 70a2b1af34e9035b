"""Cases of image augmentation, for Keras's legacy class and pyframe's."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.oracle.specs import Array, rng_for

Results = dict[str, Array]
SHAPE = (7, 9, 3)


@dataclass
class FlowCase:
    """Batches of `ImageDataGenerator(**arguments).flow(x, y, **flow)`."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    flow: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = SHAPE
    dtype: str = "uint8"
    high: float = 255
    fit: dict[str, Any] | None = None
    key: str = "pixels"


EVERYTHING: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.3,
    "shear_range": 20,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "vertical_flip": True,
}
SEEDED = {"seed": 7, "batch_size": 4}
CLASSIC = {**EVERYTHING, "rescale": 1 / 255}

FLOW_CASES = [
    FlowCase("nothing", {}, SEEDED),
    FlowCase("in_order", EVERYTHING, {**SEEDED, "shuffle": False}),
    FlowCase("everything", EVERYTHING, SEEDED),
    FlowCase("classic", CLASSIC, SEEDED, key="unit"),
    FlowCase("float_input", EVERYTHING, SEEDED, dtype="float32"),
    FlowCase("float64", {**EVERYTHING, "dtype": "float64"}, SEEDED, dtype="float64"),
    FlowCase("wide_pixels", EVERYTHING, SEEDED, dtype="int32", high=60000, key="sixteen_bits"),
    FlowCase("global_seed", EVERYTHING, {"batch_size": 4}),
    FlowCase("constant", {**EVERYTHING, "fill_mode": "constant", "cval": 9.0}, SEEDED),
    FlowCase("reflect", {**EVERYTHING, "fill_mode": "reflect"}, SEEDED),
    FlowCase("wrap", {**EVERYTHING, "fill_mode": "wrap"}, SEEDED),
    FlowCase("order_0", {**EVERYTHING, "interpolation_order": 0}, SEEDED),
    FlowCase("order_3", {**EVERYTHING, "interpolation_order": 3}, SEEDED, dtype="float32"),
    FlowCase("int_shift", {"width_shift_range": 3, "height_shift_range": 4}, SEEDED),
    FlowCase(
        "list_shift",
        {**EVERYTHING, "width_shift_range": [-2, 1, 3], "height_shift_range": [0.1, 0.2]},
        SEEDED,
    ),
    FlowCase("pixel_shift", {"width_shift_range": 2.5, "height_shift_range": 1.0}, SEEDED),
    FlowCase("zoom_pair", {"zoom_range": (0.5, 0.9)}, SEEDED),
    FlowCase("channel_shift", {**EVERYTHING, "channel_shift_range": 40.0}, SEEDED),
    FlowCase("brightness", {"brightness_range": (0.3, 1.8)}, SEEDED, key="whole"),
    FlowCase(
        "brightness_warped",
        {**EVERYTHING, "brightness_range": (0.3, 1.8), "channel_shift_range": 9.0},
        SEEDED,
        key="nearly_whole",
    ),
    FlowCase(
        "brightness_stretched", {"brightness_range": (0.3, 1.8)}, SEEDED, dtype="float32",
        high=900, key="sixteen_bits",
    ),
    FlowCase("brightness_black", {"brightness_range": (0.5, 1.5)}, SEEDED, dtype="float32", high=1),
    FlowCase("grey", CLASSIC, SEEDED, shape=(9, 8, 1), key="unit"),
    FlowCase("rgba", CLASSIC, SEEDED, shape=(9, 8, 4), key="unit"),
    FlowCase("rgba_brightness", {"brightness_range": (0.3, 1.8)}, SEEDED, shape=(9, 8, 4)),
    FlowCase("first", {**CLASSIC, "data_format": "channels_first"}, SEEDED, shape=(3, 9, 8),
             key="unit"),
    FlowCase("one_pixel", EVERYTHING, SEEDED, shape=(1, 1, 3)),
    FlowCase("one_row", EVERYTHING, SEEDED, shape=(1, 9, 3)),
    FlowCase(
        "samplewise",
        {**CLASSIC, "samplewise_center": True, "samplewise_std_normalization": True},
        SEEDED,
        key="unit",
    ),
    FlowCase("samplewise_center", {"samplewise_center": True}, SEEDED),
    FlowCase(
        "featurewise",
        {**CLASSIC, "featurewise_center": True, "featurewise_std_normalization": True},
        SEEDED,
        fit={},
        key="unit",
    ),
    FlowCase(
        "featurewise_augmented",
        {**EVERYTHING, "featurewise_center": True, "featurewise_std_normalization": True},
        SEEDED,
        fit={"augment": True, "rounds": 2, "seed": 3},
        key="unit",
    ),
    FlowCase(
        "zca", {"zca_whitening": True, "featurewise_center": True, "zca_epsilon": 0.1}, SEEDED,
        shape=(4, 5, 1), fit={}, key="whitened",
    ),
    FlowCase("training", {**EVERYTHING, "validation_split": 0.3}, {**SEEDED, "subset": "training",
             "ignore_class_split": True}),
    FlowCase("validation", {"validation_split": 0.3}, {**SEEDED, "subset": "validation",
             "ignore_class_split": True}),
]  # fmt: skip

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
PARAMETERS: dict[str, dict[str, Any]] = {
    "theta": {"theta": 33.0},
    "shift": {"tx": 2.25, "ty": -3.5},
    "shear": {"shear": 17.0},
    "zoom": {"zx": 1.73, "zy": 0.61},
    "all": {"theta": -70.0, "tx": 1.5, "ty": 2.0, "shear": 11.0, "zx": 0.8, "zy": 1.3},
}


def images(k: Any) -> Any:
    """The module of a framework that has the class."""
    if k.__name__ == "keras":
        from keras.src.legacy.preprocessing import image

        return image
    from pyframe.preprocessing import image as own

    return own


def run_flow(k: Any, case: FlowCase, seed: int) -> Results:
    rng = rng_for(case.name, seed)
    x = rng.uniform(0, case.high, (10, *case.shape))
    x = np.floor(x).astype(case.dtype) if case.high > 1 else x.astype(case.dtype)
    y = np.arange(10)
    generator = images(k).ImageDataGenerator(**case.arguments)
    if case.fit is not None:
        generator.fit(x, **case.fit)
    results: Results = {}
    for way in ("next", "numbered"):
        np.random.seed(11)  # noqa: NPY002 - what Keras draws from
        iterator = generator.flow(x, y, **case.flow)
        batches = []
        for _epoch in range(2):
            for number in range(len(iterator)):
                # Keras's `next` counts batches of an epoch by itself.
                batches.append(next(iterator) if way == "next" else iterator[number])
            if way == "numbered":
                iterator.on_epoch_end()
        if hasattr(iterator, "close"):
            iterator.close()
        results[f"{case.key}_{way}"] = np.concatenate([b[0] for b in batches]).astype(np.float32)
        results[f"labels_{way}"] = np.concatenate([b[1] for b in batches])
        dtypes = {str(b[0].dtype) for b in batches}
        results[f"dtype_{way}"] = np.array(sorted(dtypes), dtype=np.str_)
    return results


def run_affine(k: Any, fill_mode: str, seed: int) -> Results:
    rng = rng_for(fill_mode, seed)
    results: Results = {}
    module = images(k)
    for name, values in PARAMETERS.items():
        for order in (0, 1, 3):
            x = rng.uniform(0, 255, SHAPE).astype(np.float32)
            options = {"fill_mode": fill_mode, "cval": 12.5, "order": order}
            out = module.apply_affine_transform(
                x, **values, **options, row_axis=0, col_axis=1, channel_axis=2
            )
            results[f"pixels_{name}_{order}"] = out
            turned = module.apply_affine_transform(
                x.transpose(2, 1, 0), **values, **options, row_axis=2, col_axis=1, channel_axis=0
            )
            results[f"pixels_turned_{name}_{order}"] = turned
            whole = x.astype(np.uint8)
            for key, image in (("pixels_of", whole.astype(np.float32)), ("rounded", whole)):
                results[f"{key}_{name}_{order}"] = module.apply_affine_transform(
                    image, **values, **options, row_axis=0, col_axis=1, channel_axis=2
                )
    return results


def run_single(k: Any, case: str, seed: int) -> Results:
    """The functions, and the methods for one picture."""
    rng = rng_for(case, seed)
    module = images(k)
    x = rng.uniform(0, 255, SHAPE).astype(np.float32)
    axes = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
    results: Results = {}
    generator = module.ImageDataGenerator(
        **EVERYTHING, channel_shift_range=20, brightness_range=(0.5, 2)
    )
    for s in range(5):
        drawn = generator.get_random_transform(SHAPE, seed=s)
        results[f"drawn_{s}"] = np.array([float(v) for v in drawn.values()])
    results["names"] = np.array(list(drawn), dtype=np.str_)
    drawn = module.ImageDataGenerator(width_shift_range=[1, 5]).get_random_transform(SHAPE, 3)
    results["drawn_list"] = np.array([np.nan if v is None else float(v) for v in drawn.values()])
    some = {"theta": 12, "tx": 2, "flip_vertical": True, "channel_shift_intensity": -30.0}
    results["pixels_apply"] = generator.apply_transform(x, some)
    results["nearly_whole_random"] = generator.random_transform(x, seed=4)
    np.random.seed(8)  # noqa: NPY002
    results["pixels_rotation"] = module.random_rotation(x, 30, **axes)
    results["pixels_shift"] = module.random_shift(x, 0.2, 0.3, **axes, fill_mode="wrap")
    results["pixels_shear"] = module.random_shear(x, 20, **axes)
    results["pixels_zoom"] = module.random_zoom(x, (0.6, 0.9), **axes, interpolation_order=0)
    results["pixels_channels"] = module.random_channel_shift(x, 50, 2)
    results["whole_brightness"] = module.random_brightness(x, (0.2, 0.7))
    results["whole_brightness_unscaled"] = module.apply_brightness_shift(x, 1.3, scale=False)
    scaling = module.ImageDataGenerator(rescale=0.5, samplewise_center=True)
    results["pixels_standardize"] = scaling.standardize(x.copy())
    results["pixels_standardize_batch"] = scaling.standardize(np.stack([x, 2 * x]))
    return results


IMAGE_RUNS: dict[str, tuple[Any, Any]] = {
    **{f"image/{case.name}": (run_flow, case) for case in FLOW_CASES},
    **{f"image/affine_{mode}": (run_affine, mode) for mode in FILL_MODES},
    "image/single": (run_single, "single"),
}
