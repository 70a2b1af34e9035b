"""Sheets of augmented pictures."""

from pathlib import Path

import numpy as np
import pytest

from pyframe.errors import ConfigurationError
from pyframe.preprocessing.image import ImageDataGenerator

pytest.importorskip("matplotlib")
X = np.random.default_rng(0).integers(0, 256, (10, 12, 9, 3)).astype(np.uint8)


def test_a_sheet_shows_what_comes_and_changes_nothing(tmp_path: Path) -> None:
    generator = ImageDataGenerator(
        rotation_range=30, zoom_range=0.2, horizontal_flip=True, samplewise_center=True
    )
    iterator = generator.flow(X, np.arange(10), batch_size=4, seed=1)
    figure = iterator.preview(6, to_file=tmp_path / "a.png", columns=4)
    texts = [axis.get_xlabel() for axis in figure.axes]
    assert len(figure.axes) == 8
    assert all("turn" in text and "zx" in text for text in texts[:6])
    assert any("flip" in text for text in texts[:6])
    assert (tmp_path / "a.png").stat().st_size > 1000
    again = generator.flow(X, np.arange(10), batch_size=4, seed=1)
    for _ in range(4):
        assert (next(iterator)[0] == next(again)[0]).all()


def test_of_a_generator(tmp_path: Path) -> None:
    generator = ImageDataGenerator(data_format="channels_first", brightness_range=(0.5, 1.5))
    figure = generator.preview(3, X[0].transpose(2, 0, 1), to_file=tmp_path / "b.png", seed=1)
    assert "bright" in figure.axes[0].get_xlabel()
    with pytest.raises(ConfigurationError, match="`n`"):
        generator.flow(X.transpose(0, 3, 1, 2)).preview(0)
