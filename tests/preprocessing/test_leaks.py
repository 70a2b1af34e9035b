"""Memory over many batches."""

import gc
from pathlib import Path

import numpy as np
import pytest

from pyframe.preprocessing.image import ImageDataGenerator, save_img

pytestmark = pytest.mark.slow


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("source", ["arrays", "files"])
def test_ten_thousand_batches_need_no_more_memory_than_one_thousand(
    source: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (16, 40, 40, 3)).astype(np.uint8)
    generator = ImageDataGenerator(
        rotation_range=40, brightness_range=(0.5, 1.5), samplewise_center=True
    )
    batches = 10_000
    if source == "files":
        pytest.importorskip("PIL")
        (tmp_path / "a").mkdir()
        for i, picture in enumerate(x):
            save_img(tmp_path / "a" / f"{i}.jpg", picture, scale=False)
        iterator = generator.flow_from_directory(
            tmp_path, target_size=(20, 20), batch_size=4, seed=1
        )
    else:
        iterator = generator.flow(x, np.arange(16), batch_size=8, seed=1)
    sizes = []
    for number in range(batches + 1):
        next(iterator)
        if number in (1000, batches):
            gc.collect()
            sizes.append(resident_bytes())
    assert sizes[1] - sizes[0] < 4_000_000
