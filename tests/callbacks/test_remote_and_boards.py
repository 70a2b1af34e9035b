"""Callbacks that talk to a server, and to TensorBoard."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from pyframe.callbacks import CallbackList, RemoteMonitor, TensorBoard
from pyframe.errors import CheckpointError, ConfigurationError
from tests.saving.helpers import small_data, small_model

Requests = list[tuple[str, str, str]]


@pytest.fixture
def server() -> Iterator[tuple[str, Requests]]:
    seen: Requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((self.path, self.headers["Content-Type"], body))
            self.send_response(500 if self.path == "/angry" else 200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}", seen
    http.shutdown()
    thread.join()
    http.server_close()


def test_metrics_are_sent(server: tuple[str, Requests]) -> None:
    root, seen = server
    logs = {"loss": np.float32(0.5), "list": np.array([1.0, 2.0])}
    expected = {"epoch": 3, "loss": 0.5, "list": [1.0, 2.0]}
    RemoteMonitor(root).on_epoch_end(3, logs)
    path, kind, body = seen.pop()
    assert (path, kind) == ("/publish/epoch/end/", "application/x-www-form-urlencoded")
    assert json.loads(parse_qs(body)["data"][0]) == expected
    RemoteMonitor(root, path="/angry", send_as_json=True).on_epoch_end(3, logs)
    path, kind, body = seen.pop()
    assert (path, kind, json.loads(body)) == ("/angry", "application/json", expected)


def test_a_server_that_is_not_there() -> None:
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server"):
        RemoteMonitor("http://127.0.0.1:9", timeout=2).on_epoch_end(0, {"loss": 1.0})


def events(folder: Path) -> dict[str, list[int]]:
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = module.EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    found = {tag: [e.step for e in accumulator.Tensors(tag)] for tag in tags["tensors"]}
    return found | {tag: [e.step for e in accumulator.Images(tag)] for tag in tags["images"]}


@pytest.mark.filterwarnings("default")
def test_tensorboard_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    x, y = small_data()
    board = TensorBoard(tmp_path, histogram_freq=2, update_freq=2, write_steps_per_second=True)
    model = small_model()
    options = {"epochs": 3, "batch_size": 10, "verbose": 0, "validation_data": (x[:9], y[:9])}
    model.fit(x, y, callbacks=[board], **options)
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    paths = [w.path for w in model.weights]
    assert train == {
        "keras": [0],
        "batch_accuracy": [2, 4, 6, 8],
        "batch_loss": [2, 4, 6, 8],
        "epoch_accuracy": [0, 1, 2],
        "epoch_loss": [0, 1, 2],
        "epoch_learning_rate": [0, 1, 2],
        "epoch_steps_per_second": [0, 1, 2],
        **{f"{path}/histogram": [0, 2] for path in paths},
    }
    assert validation == {
        "evaluation_accuracy_vs_iterations": [3, 6, 9],
        "evaluation_loss_vs_iterations": [3, 6, 9],
        "epoch_accuracy": [0, 1, 2],
        "epoch_loss": [0, 1, 2],
    }
    assert not CallbackList([TensorBoard(tmp_path)]).needs_batches("train")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="`log_dir`"):
        model.fit(x, y, callbacks=[TensorBoard(tmp_path / "file" / "x")], **options)
    with pytest.raises(ConfigurationError, match="`update_freq`"):
        TensorBoard(tmp_path, update_freq="often")
    with pytest.warns(UserWarning, match="`profile_batch` has no effect"):
        TensorBoard(tmp_path, profile_batch=2)


@pytest.mark.filterwarnings("default")
def test_weights_as_pictures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("PIL")
    model = small_model()
    board = TensorBoard(tmp_path, histogram_freq=1, write_images=True, write_graph=False)
    model.fit(*small_data(), verbose=0, callbacks=[board])
    train = events(tmp_path / "train")
    assert train[f"{model.weights[0].path}/image/0"] == [0]
    assert "keras" not in train


def test_tensorboard_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(ImportError, match=r"TensorBoard callback needs tensorboard: pip install"):
        TensorBoard()
