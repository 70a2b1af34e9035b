"""Batches of augmented pictures, for `python -m bench.compare --group pictures`.

`imagegen_150_b32` is from memory (150x150x3 bytes), `imagegen_dir_150_b32` from 1,000 JPEG files
of 300x400: rotation 40, shifts and zoom 0.2, shear 0.2 degrees, horizontal flip, rescale; batches
of 32. An iteration is eight batches, 256 pictures. In `imagegen_dir_150_b32_draft` the decoder may
shrink by 2, for those that offer that.
"""

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.workloads import Workload

FILES = 1000
ARGUMENTS: dict[str, Any] = {
    "rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2,
    "shear_range": 0.2, "zoom_range": 0.2, "horizontal_flip": True, "rescale": 1 / 255,
}  # fmt: skip
_kept: list[tempfile.TemporaryDirectory[str]] = []  # deleted when the process ends


def pictures(workload: Workload) -> NDArray[np.uint8]:
    shape = (workload.rows, *workload.input_shape)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@cache
def folder_of_files() -> str:
    """Writes the JPEG files into a folder for each class."""
    from PIL import Image

    folder = tempfile.TemporaryDirectory()
    _kept.append(folder)
    rng = np.random.default_rng(0)
    for i in range(FILES):
        coarse = Image.fromarray(rng.integers(0, 256, (10, 14, 3)).astype(np.uint8))
        place = Path(folder.name) / f"class{i % 4}"
        place.mkdir(exist_ok=True)
        picture = coarse.resize((400, 300), Image.Resampling.BICUBIC)
        picture.save(place / f"{i}.jpg", quality=90)
    return folder.name


def run_of(
    workload: Workload, batch: Callable[[], Any], close: Callable[[], None] = lambda: None
) -> Callable[[int], None]:
    """`close` drops batches made ahead: none may be made outside of the measured time."""

    def run(iterations: int) -> None:
        close()
        for _ in range(iterations * workload.batches):
            batch()
        close()

    return run


def of_generator(
    generator_class: Any, workload: Workload, draft: bool = False
) -> Callable[[int], None]:
    """Returns what runs a workload with Keras's class, or one that takes the same arguments."""
    generator, size = generator_class(**ARGUMENTS), workload.batch
    if workload.model == "memory":
        x = pictures(workload)
        iterator = generator.flow(x, np.arange(len(x)), batch_size=size, seed=1)
    else:
        options: dict[str, Any] = {"draft": True} if draft else {}
        iterator = generator.flow_from_directory(
            folder_of_files(), workload.input_shape[:2], batch_size=size, seed=1, **options
        )
    return run_of(workload, partial(next, iterator), getattr(iterator, "close", lambda: None))


def of_albumentations(workload: Workload, flag: int) -> Callable[[int], None]:
    """Returns what runs a workload with albumentations; `flag` is that of `cv2.imread`."""
    import albumentations
    import cv2

    change = albumentations.Compose(
        [
            albumentations.Affine(
                rotate=(-40, 40), translate_percent=(-0.2, 0.2), shear=(-0.2, 0.2),
                scale=(0.8, 1.2), border_mode=cv2.BORDER_REPLICATE, p=1.0,
            ),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.ToFloat(max_value=255.0),
        ]
    )  # fmt: skip
    rng = np.random.default_rng(1)

    def read(name: str) -> Any:
        picture = cv2.cvtColor(cv2.imread(name, flag), cv2.COLOR_BGR2RGB)
        shape = workload.input_shape[1::-1]
        return cv2.resize(picture, shape, interpolation=cv2.INTER_NEAREST)

    if workload.model == "memory":
        source: Any = pictures(workload)
        take = source.__getitem__
    else:
        source = [str(path) for path in sorted(Path(folder_of_files()).rglob("*.jpg"))]

        def take(i: int) -> Any:
            return read(source[i])

    def batch() -> Any:
        chosen = rng.integers(0, len(source), workload.batch)
        return np.stack([change(image=take(i))["image"] for i in chosen])

    return run_of(workload, batch)
