"""Pictures from a folder, read by one framework:

python -m tests.oracle.image_folders FOLDER OUT.npz        by Keras
"""

import sys
from typing import Any

import numpy as np

from tests.oracle.specs import Array
from tests.oracle.specs_images import CLASSIC, images

METHODS = [
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic",
]  # fmt: skip
ONLY_BILINEAR = ({"crop_to_aspect_ratio": True}, {"color_mode": "rgba"})


def run(k: Any, folder: str) -> dict[str, Array]:
    load = k.utils.image_dataset_from_directory
    results: dict[str, Array] = {}
    for method in METHODS:
        for size in ((20, 30), (70, 50)):
            for n, options in enumerate(({}, {"pad_to_aspect_ratio": True}, *ONLY_BILINEAR)):
                if options in ONLY_BILINEAR and method != "bilinear":
                    continue
                data = load(folder, image_size=size, interpolation=method, shuffle=False,
                            verbose=False, batch_size=3, **options)  # fmt: skip
                x = np.concatenate([np.asarray(batch[0]) for batch in data])
                results[f"{method}_{size[0]}_{n}"] = x
    for mode in ("int", "categorical", "binary"):
        data = load(folder, label_mode=mode, shuffle=False, verbose=False)
        results[f"labels_{mode}"] = np.concatenate([np.asarray(batch[1]) for batch in data])
    for subset in ("training", "validation"):
        part = load(folder, seed=5, verbose=False, validation_split=0.3, subset=subset)
        results[f"files_{subset}"] = np.array(part.file_paths, np.str_)
    for interpolation in ("nearest", "bilinear", "lanczos"):
        flow = images(k).ImageDataGenerator(**CLASSIC).flow_from_directory(
            folder, (16, 20), batch_size=3, seed=4, interpolation=interpolation,
            keep_aspect_ratio=interpolation == "lanczos",
        )  # fmt: skip
        batches = [next(flow) for _ in range(5)]
        results[f"flow_{interpolation}"] = np.concatenate([x for x, _ in batches])
        results[f"classes_{interpolation}"] = np.concatenate([y for _, y in batches])
    return results


if __name__ == "__main__":
    import keras

    save: Any = np.savez
    save(sys.argv[2], **run(keras, sys.argv[1]))
