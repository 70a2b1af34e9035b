"""Weights by path and by the name "imagenet", the latter from a server on this machine."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pyframe import initializers
from pyframe.applications import VGG16, MobileNet, efficientnet, pretrained
from pyframe.applications.pretrained import pretrained_path, weights_file
from pyframe.errors import ShapeError
from pyframe.saving import ModelFileError
from pyframe.utils.download import DownloadError
from tests.file_server import FileServer, file_server

NAME = "mobilenet_2_5_128_tf_no_top.h5"
SMALL = {"alpha": 0.25, "include_top": False, "input_shape": (128, 128, 3)}


@pytest.fixture(scope="module")
def original() -> MobileNet:
    return MobileNet(weights=None, **SMALL)


@pytest.fixture(scope="module")
def content(original: MobileNet, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("weights") / NAME
    original.save_weights(path)
    return path.read_bytes()


@pytest.fixture
def server(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with file_server({f"/tensorflow/keras-applications/mobilenet/{NAME}": content}) as running:
        monkeypatch.setattr(pretrained, "_STORE", f"{running.address}/")
        yield running


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYFRAME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def same_weights(a: MobileNet, b: MobileNet) -> bool:
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def test_weights_by_path(original: MobileNet, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    path.write_bytes(content)
    assert not same_weights(MobileNet(weights=None, **SMALL), original)
    assert same_weights(MobileNet(weights=path, **SMALL), original)
    assert same_weights(MobileNet(weights=str(path), **SMALL), original)
    with pytest.raises(ModelFileError):
        MobileNet(weights=path, alpha=0.5, include_top=False)


def test_no_random_numbers_are_drawn_for_weights_of_a_file(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.h5"
    path.write_bytes(content)
    drawn: list[object] = []
    monkeypatch.setattr(initializers.Initializer, "__call__", lambda *a, **k: drawn.append(a))
    MobileNet(weights=path, **SMALL)
    assert drawn == []
    with pytest.raises(ShapeError):  # None is no weight
        MobileNet(weights=None, **SMALL)
    assert len(drawn) == 1


def test_imagenet_is_downloaded_once(
    original: MobileNet, server: FileServer, tmp_path: Path
) -> None:
    server.states_md5 = True
    for _ in range(2):
        assert same_weights(MobileNet(weights="imagenet", **SMALL), original)
    assert len(server.ranges) == 1
    assert (tmp_path / "home" / "models" / NAME).exists()


def test_imagenet_with_a_stated_hash(
    original: MobileNet, content: bytes, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = hashlib.md5(content).hexdigest()
    monkeypatch.setitem(pretrained._HASHES, "mobilenet_2_5_128", ["0" * 32, good[::-1]])
    with pytest.raises(DownloadError, match="another content"):
        MobileNet(weights="imagenet", **SMALL)
    monkeypatch.setitem(pretrained._HASHES, "mobilenet_2_5_128", ["0" * 32, good])
    assert same_weights(MobileNet(weights="imagenet", **SMALL), original)


def test_imagenet_from_a_file_that_was_placed_by_hand(
    original: MobileNet, content: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(content)
    assert same_weights(MobileNet(weights="imagenet", **SMALL), original)


def test_without_network_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "_STORE", "http://127.0.0.1:9/")
    with pytest.raises(DownloadError) as info:
        VGG16(include_top=False)
    text = str(info.value)
    file = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert f"http://127.0.0.1:9/tensorflow/keras-applications/vgg16/{file}" in text
    assert str(tmp_path / "home" / "models" / file) in text
    assert "(MD5 6d6bbae143d832006294945121d1f1fc)" in text


def test_a_wrong_file_is_not_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    (folder / "vgg16_weights_tf_dim_ordering_tf_kernels.h5").write_bytes(b"something else")
    with pytest.raises(DownloadError, match="is not the expected file"):
        pretrained_path("vgg16", True)


def test_other_sizes_get_the_weights_of_224_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def record(key: str, include_top: bool) -> str:
        asked.append(key)
        raise DownloadError("no network here")

    monkeypatch.setattr("pyframe.applications.architecture.pretrained_path", record)
    with (
        pytest.warns(UserWarning, match="no weights for images of 100 x 100"),
        pytest.raises(DownloadError),
    ):
        MobileNet(include_top=False, input_shape=(100, 100, 3))
    with pytest.raises(DownloadError):
        MobileNet(alpha=0.5, include_top=False, input_shape=(160, 160, 3))
    assert asked == ["mobilenet_1_0_224", "mobilenet_5_0_160"]


def test_efficientnet_scales_once_more_for_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyframe.models.Model.load_weights", lambda self, path: None)
    monkeypatch.setattr("pyframe.applications.architecture.pretrained_path", lambda *_: "")
    scaled = efficientnet.EfficientNetB0(include_top=False)
    kinds = [type(layer).__name__ for layer in scaled.layers]
    assert kinds[1:5] == ["Rescaling", "Normalization", "Rescaling", "ZeroPadding2D"]


def test_names_of_the_files() -> None:
    assert weights_file("nasnet_large", False).url.endswith("/nasnet/NASNet-large-no-top.h5")
    assert weights_file("nasnet_large", False).name == "nasnet_large_no_top.h5"
    assert weights_file("mobilenet_v2_0.35_96", True).name == (
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96.h5"
    )
