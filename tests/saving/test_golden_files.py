"""Files that Keras 3.15.1 and tf_keras 2.21 wrote, with what they predicted.

    python -m tests.saving.keras_files write keras FOLDER

makes the files and `written.npz`.
"""

from pathlib import Path

import numpy as np
import pytest

import pyframe
from tests.saving import keras_files

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "files"
FILES = sorted(path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/*-*"))


@pytest.mark.parametrize("file", FILES)
def test_golden_file(file: str) -> None:
    path = GOLDEN / file
    name, _, ending = path.name.partition("-")
    written = np.load(path.parent / "written.npz")
    x = keras_files.data(name)[0]
    if ending == "w.h5":
        model = keras_files.MODELS[name](pyframe)
        report = model.load_weights(path)
        assert len(report.loaded) == len(model.weights)
        assert report.skipped == report.unexpected == []
    else:
        model = pyframe.models.load_model(path)
        assert int(model.optimizer.iterations) == 6
    np.testing.assert_allclose(model.predict(x, verbose=0), written[f"{name}/now"], 1e-5, 1e-6)
    if ending != "w.h5":
        keras_files.train(model, name)
        later = model.predict(x, verbose=0)
        np.testing.assert_allclose(later, written[f"{name}/later"], 1e-4, 1e-5)


def test_there_are_files() -> None:
    assert len(FILES) == 7
