"""The callback that writes event files for TensorBoard."""

from __future__ import annotations

import io
import time
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from pyframe.callbacks.callback import Callback, Logs
from pyframe.callbacks.checks import check_path, check_whole
from pyframe.errors import CheckpointError, ConfigurationError, warn
from pyframe.ops.dtypes import Array
from pyframe.utils.optional import import_optional


def _import(module: str) -> Any:
    return import_optional(f"tensorboard.{module}", "The TensorBoard callback", "tensorboard")


class _Writer:
    """One event file."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                error.errno,
                f"TensorBoard cannot make its folder ({error.strerror}); choose another `log_dir`",
                str(folder),
            ) from error
        self._writer = _import("summary.writer.event_file_writer").EventFileWriter(str(folder))
        self._events = _import("compat.proto.event_pb2")
        self._summaries = _import("compat.proto.summary_pb2")

    def _add(self, summary: Any, step: int) -> None:
        self._writer.add_event(
            self._events.Event(wall_time=time.time(), step=step, summary=summary)
        )

    def scalar(self, tag: str, value: float, step: int) -> None:
        self._add(_import("plugins.scalar.summary_v2").scalar_pb(tag, float(value)), step)

    def histogram(self, tag: str, value: Array, step: int) -> None:
        self._add(_import("plugins.histogram.summary_v2").histogram_pb(tag, value), step)

    def image(self, tag: str, value: Array, step: int) -> None:
        height, width, channels = value.shape
        image = self._summaries.Summary.Image(
            height=height,
            width=width,
            colorspace=channels,
            encoded_image_string=_png(value),
        )
        self._add(
            self._summaries.Summary(value=[self._summaries.Summary.Value(tag=tag, image=image)]),
            step,
        )

    def text_graph(self, tag: str, text: str) -> None:
        metadata = self._summaries.SummaryMetadata(
            plugin_data={"plugin_name": "graph_keras_model", "content": b"1"}
        )
        tensor = _import("util.tensor_util").make_tensor_proto(text)
        value = self._summaries.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
        self._add(self._summaries.Summary(value=[value]), 0)

    def close(self) -> None:
        self._writer.close()


class TensorBoard(Callback):
    """Writes metrics, and if wanted weights, to event files that TensorBoard shows.

    Training goes to `log_dir/train`, validation to `log_dir/validation`. Needs the package
    tensorboard (extra "tensorboard").

    Args:
        log_dir: folder of the event files, made if it is missing.
        histogram_freq: write histograms of the weights every so many epochs, 0 for never.
        write_graph: whether to write the layers of a Sequential model.
        write_images: whether to write the weights as pictures as well (needs pillow).
        write_steps_per_second: whether to write how fast training is.
        update_freq: "epoch", "batch", or a number of batches after which to write metrics, too.
        profile_batch: there is no profiler; anything but 0 gives a warning.
        embeddings_freq: embeddings are not written; anything but 0 gives a warning.
        embeddings_metadata: has no effect.

    Raises:
        ConfigurationError: for an impossible value.
        ImportError: if tensorboard is missing.
        CheckpointError: when training begins, if the folder cannot be written.
    """

    def __init__(
        self,
        log_dir: str | PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        _import("summary.writer.event_file_writer")
        self.log_dir = check_path(log_dir, "log_dir")
        self.histogram_freq = check_whole(histogram_freq, "histogram_freq")
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        if isinstance(update_freq, str) and update_freq not in ("epoch", "batch"):
            raise ConfigurationError(
                "`update_freq` must be 'epoch', 'batch' or a number of batches. "
                f"Received: {update_freq!r}"
            )
        self.update_freq = update_freq
        self._every = 1
        if not isinstance(update_freq, str):
            self._every = check_whole(update_freq, "update_freq", 1)
        for name, value in (("profile_batch", profile_batch), ("embeddings_freq", embeddings_freq)):
            if value:
                warn(f"TensorBoard: `{name}` has no effect in pyframe.")
        self._writers: dict[str, _Writer] = {}
        self._batches = 0
        self._started = 0.0
        self._steps_before = 0

    @property
    def skips_batches(self) -> bool:
        """Whether the batch hooks need not be called."""
        return self.update_freq == "epoch"

    def _writer(self, part: str) -> _Writer:
        if part not in self._writers:
            self._writers[part] = _Writer(Path(self.log_dir) / part)
        return self._writers[part]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Opens the event file and writes the layers."""
        self._batches = 0
        writer = self._writer("train")
        if self.write_graph and type(self.model).__name__ in ("Sequential", "Functional"):
            writer.text_graph("keras", self.model.to_json())

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the event files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Writes the metrics of a validation against the number of training steps."""
        step = _steps(self.model)
        for name, value in (logs or {}).items():
            self._writer("validation").scalar(f"evaluation_{name}_vs_iterations", value, step)
        if not self._in_fit():
            self.on_train_end()

    def _in_fit(self) -> bool:
        return getattr(self.model, "training_run", None) is not None

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Writes the metrics so far, if wanted."""
        self._batches += 1
        if self.update_freq == "epoch" or self._batches % self._every:
            return
        for name, value in (logs or {}).items():
            self._writer("train").scalar(f"batch_{name}", value, self._batches)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the clock."""
        self._started = time.perf_counter()
        self._steps_before = _steps(self.model)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes the metrics and, if wanted, the weights."""
        values = dict(logs or {})
        rate: Any = getattr(self.model.optimizer, "learning_rate", None)
        if hasattr(rate, "__float__"):
            values["learning_rate"] = float(rate)
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._started, 1e-9)
            values["steps_per_second"] = (_steps(self.model) - self._steps_before) / seconds
        for name, value in values.items():
            part = "validation" if name.startswith("val_") else "train"
            self._writer(part).scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for weight in self.model.weights:
            value = weight.numpy()
            writer.histogram(f"{weight.path}/histogram", value, epoch)
            if self.write_images:
                for i, picture in enumerate(_pictures(value)[:3]):
                    writer.image(f"{weight.path}/image/{i}", picture, epoch)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_writers": {}}


def _steps(model: Any) -> int:
    iterations = getattr(getattr(model, "optimizer", None), "iterations", None)
    return 0 if iterations is None else int(iterations)


def _pictures(weight: Array) -> list[Array]:
    # A matrix is one grey picture; of a larger kernel, each slice of the last axis is one.
    value = np.squeeze(weight)
    if value.ndim == 1:
        return [value[:, None, None]]
    if value.ndim == 2:
        return [(value.T if value.shape[0] > value.shape[1] else value)[..., None]]
    if value.ndim == 3:
        return list(np.moveaxis(value, -1, 0)[..., None])
    return []


def _png(picture: Array) -> bytes:
    image = import_optional("PIL.Image", "Writing weights as pictures", "image", "pillow")
    scaled = (np.clip(picture[..., 0], 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    image.fromarray(scaled).save(file, "PNG")
    return file.getvalue()
