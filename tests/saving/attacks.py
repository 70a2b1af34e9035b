"""Hostile files: `python -m tests.saving.attacks FOLDER` loads all of them at every entry point.

Everything that the interpreter does meanwhile is watched: no file but the one that was given is
opened, nothing is imported, run or written.
"""

import contextlib
import io
import json
import os
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pyframe import saving
from pyframe.callbacks import BackupAndRestore
from pyframe.errors import ConfigurationError, PyframeError
from pyframe.layers import Dense
from pyframe.models import Sequential, load_model
from pyframe.saving.training import save_training

WEIGHTS = "model.weights.h5"


def victim() -> Any:
    model = Sequential([Dense(3, input_dim=4, name="a"), Dense(2, name="b")], name="s")
    model.compile("sgd", "mse")
    return model


def layer(name: str, module: Any = "keras.layers", /, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def with_layer(config: Any, entry: Any, times: int = 1) -> Any:
    changed = json.loads(json.dumps(config))
    changed["config"]["layers"] += [entry] * times
    return changed


def with_dense(config: Any, **arguments: Any) -> Any:
    changed = json.loads(json.dumps(config))
    changed["config"]["layers"][1]["config"].update(arguments)
    return changed


def graph(*names: str) -> dict[str, Any]:
    """A functional model whose layers each need the next one, the last one the first."""
    layers = []
    for i, name in enumerate(names):
        history = [names[(i + 1) % len(names)], 0, 0]
        tensor = {"shape": [None, 4], "dtype": "float32", "keras_history": history}
        node = {"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}}
        layers.append({**layer("Dense", units=4, name=name), "name": name, "inbound_nodes": [node]})
    ends = {"input_layers": [names[0], 0, 0], "output_layers": [names[-1], 0, 0]}
    return layer("Functional", "keras.src.models.functional", name="f", layers=layers, **ends)


def keras1(name: str, /, **arguments: Any) -> dict[str, Any]:
    """A Sequential model of Keras 1 with one layer."""
    entry = {"class_name": name, "config": {"name": "x", **arguments}}
    return {"class_name": "Sequential", "config": [entry], "keras_version": "1.2.2"}


SHAPE = {"batch_input_shape": [None, 8, 8, 2]}

# Attacks in the configuration: from a good one to a text.
CONFIGS: dict[str, Callable[[Any], Any]] = {
    "lambda layer": lambda c: with_layer(c, layer("Lambda", function=["4wEAAAA=", None, None])),
    "lambda value": lambda c: with_dense(c, activation=layer("__lambda__", value="4wEAAAA=")),
    "foreign module": lambda c: with_layer(c, layer("Popen", "subprocess", args=["id"])),
    "function of keras": lambda c: with_layer(c, layer("get_file", "keras.utils", origin="x")),
    "unsafe switch": lambda c: with_layer(
        c, layer("enable_unsafe_deserialization", "keras.config")
    ),
    "nested load": lambda c: with_layer(c, layer("load_model", "keras.models", filepath="x")),
    "pickle": lambda c: with_layer(c, layer("TorchModuleWrapper", module=b"\x80".hex())),
    "saved model": lambda c: with_layer(c, layer("TFSMLayer", filepath="/etc")),
    "path": lambda c: with_layer(c, layer("StringLookup", vocabulary="/etc/passwd")),
    "registered": lambda c: with_layer(c, {**layer("X", "os"), "registered_name": "os>system"}),
    "bytes": lambda c: with_dense(c, units=layer("__bytes__", value="x")),
    "repeated key": lambda c: json.dumps(c)[:-1] + ', "class_name": "Sequential"}',
    "deep": lambda c: "[" * 100_000 + "]" * 100_000,
    "deep value": lambda c: json.dumps(c)[:-1] + ', "x": ' + "[" * 900 + "]" * 900 + "}",
    "long number": lambda c: json.dumps(with_dense(c, units=7)).replace("7", "9" * 100_000, 1),
    "many layers": lambda c: with_layer(c, layer("Flatten"), 30_000),
    "large text": lambda c: json.dumps(c)[:-1] + ', "x": "' + "y" * (17 << 20) + '"}',
    "many values": lambda c: json.dumps(c)[:-1] + ', "x": [' + "0," * 500_000 + "0]}",
    "large": lambda c: with_dense(c, units=1 << 31),
    "larger": lambda c: with_dense(c, units=1 << 62),
    "negative": lambda c: with_dense(c, units=-1),
    "nan": lambda c: with_dense(c, units=float("nan")),
    "real": lambda c: with_dense(c, units=1e3),
    "truth": lambda c: with_dense(c, units=True),
    "class number": lambda c: with_layer(c, {**layer("Dense", units=1), "class_name": 5}),
    "class list": lambda c: {**c, "class_name": ["Sequential"]},
    "no config": lambda c: {**c, "config": 3},
    "no layers": lambda c: {**c, "config": {"name": "x"}},
    "layers text": lambda c: {**c, "config": {"name": "x", "layers": "abc"}},
    "name list": lambda c: with_dense(c, name=["a"]),
    "stride": lambda c: with_layer(c, layer("Conv2D", filters=1, kernel_size=3, strides=0)),
    "dilation": lambda c: with_layer(
        c, layer("Conv2D", filters=1, kernel_size=3, dilation_rate=1 << 31)
    ),
    "reshape": lambda c: with_layer(c, layer("Reshape", target_shape=[1 << 40, -1])),
    "embedding": lambda c: with_layer(c, layer("Embedding", input_dim=1 << 40, output_dim=1)),
    "cycle": lambda c: graph("p", "q"),
    "loop": lambda c: graph("p"),
    "other model": lambda c: layer("os.system", "os", command="id"),
    "array": lambda c: with_dense(
        c, units=layer("__numpy__", value=[[1], [1, 2]], dtype="float32")
    ),
    "object array": lambda c: with_dense(c, units=layer("__numpy__", value=[1], dtype="O")),
    "keras1 lambda merge": lambda c: keras1("Merge", mode="4wEAAAA=", mode_type="lambda"),
    "keras1 branches": lambda c: keras1("Merge", mode="sum", layers=[c, 3, None]),
    "keras1 no branches": lambda c: keras1("Merge", mode="sum", layers={"a": 1}),
    "keras1 many branches": lambda c: keras1(
        "Merge", mode="sum", layers=[keras1("Dense", output_dim=1, **SHAPE)] * 30_000
    ),
    "keras1 branches in branches": lambda c: keras1(
        "Merge", mode="sum", layers=[keras1("Merge", mode="sum", layers=[c])]
    ),
    "keras1 rows": lambda c: keras1("Convolution2D", nb_filter=1, nb_row=[1], nb_col={}, **SHAPE),
    "keras1 large": lambda c: keras1(
        "Convolution2D", nb_filter=1 << 40, nb_row=1 << 40, nb_col=1, **SHAPE
    ),
    "keras1 padding": lambda c: keras1("ZeroPadding2D", padding={"top_pad": "x"}, **SHAPE),
    "keras1 penalty": lambda c: keras1(
        "Dense", output_dim=1, W_regularizer={"name": ["os"], "l1": {}}, **SHAPE
    ),
    "part": lambda c: with_layer(
        c, {**layer("GetItem", "keras.src.ops.numpy"), "registered_name": "GetItem"}
    ),
    "slice": lambda c: with_dense(c, units={"class_name": "__slice__", "config": {"start": []}}),
    "list": lambda c: [c],
    "number": lambda c: 3,
    "no text": lambda c: "{",
}  # fmt: skip


def damage_links(h5: Any, kind: str, folder: Path) -> None:
    place = "layers/dense/vars/0" if "layers" in h5 else "model_weights/a/a/kernel"
    value = h5[place][()]
    del h5[place]
    if kind == "external link":
        h5[place] = h5py.ExternalLink(str(folder / "secret.h5"), "/x")
    elif kind == "soft link":
        h5["elsewhere"] = value
        h5[place] = h5py.SoftLink("/elsewhere")
    elif kind == "soft loop":
        h5[place] = h5py.SoftLink("/" + place)
    elif kind == "linked group":
        group, _, _ = place.rpartition("/")
        h5.move(group, "elsewhere")
        h5[group] = h5py.SoftLink("/elsewhere")
    elif kind == "external storage":
        h5.create_dataset(place, (4, 3), "f4", external=[(str(folder / "secret.h5"), 0, 48)])
    elif kind == "virtual":
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "x", (4, 3))
        h5.create_virtual_dataset(place, layout)
    elif kind == "shape":
        h5.create_dataset(place, (1 << 25, 1 << 25), "f4", chunks=(1 << 10, 1 << 10))
    elif kind == "compressed":
        h5.create_dataset(place, (1 << 14, 1 << 14), "f4", chunks=(64, 64), compression="gzip")
    elif kind == "unwritten":
        h5.create_dataset(place, (1 << 20, 1 << 9), "f4")
    elif kind == "texts":
        h5[place] = np.array(["x"] * 12, "S9").reshape(4, 3)
    elif kind == "complex":
        h5[place] = value.astype("complex64")
    elif kind == "table":
        h5[place] = np.zeros((4, 3), [("a", "f4")])
    elif kind == "group":
        h5.create_group(place)
    elif kind == "circle":  # an .h5 file lists its arrays, nobody goes round there
        group, _, _ = place.rpartition("/")
        h5[place] = value
        h5[f"{group}/again"] = h5[place.partition("/")[0]]
    elif kind == "filter":
        h5.create_dataset(place, data=value, compression="lzf")
    elif kind == "long texts":
        group = h5["model_weights" if "model_weights" in h5 else "layers/dense/vars"]
        names = np.array(["x"] * 3000, dtype=h5py.string_dtype())
        group.attrs["layer_names" if "model_weights" in h5 else "name"] = names


LINKS = [
    "external link", "soft link", "soft loop", "linked group", "external storage", "virtual",
    "shape", "compressed", "unwritten", "texts", "complex", "table", "group", "circle", "filter",
    "long texts",
]  # fmt: skip


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, data in members:
                archive.writestr(name, data)
    return file.getvalue()


def flagged(contents: bytes, offset: int, value: bytes) -> bytes:
    """Changes a field of the table's first entry."""
    place = contents.index(b"PK\x01\x02") + offset
    return contents[:place] + value + contents[place + len(value) :]


def overlapping(contents: bytes) -> bytes:
    entry = contents.index(b"PK\x01\x02")
    second = contents.index(b"PK\x01\x02", entry + 4)
    return contents[: second + 42] + contents[entry + 42 : entry + 46] + contents[second + 46 :]


ARCHIVES: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "empty": lambda m: b"",
    "no archive": lambda m: b"PK\x03\x04" + bytes(100),
    "only an end": lambda m: b"PK\x05\x06" + bytes(18),
    "no weights": lambda m: zipped([(k, v) for k, v in m.items() if k != WEIGHTS]),
    "npz": lambda m: zipped([("config.json", m["config.json"]), ("model.weights.npz", b"")]),
    "empty weights": lambda m: zipped(list({**m, WEIGHTS: b""}.items())),
    "duplicate": lambda m: zipped([*m.items(), (WEIGHTS, m[WEIGHTS])]),
    "traversal": lambda m: zipped([*m.items(), ("../../evil", b"")]),
    "absolute": lambda m: zipped([*m.items(), ("/etc/evil", b"")]),
    "drive": lambda m: zipped([*m.items(), ("C:\\evil", b"")]),
    "long name": lambda m: zipped([*m.items(), ("x" * 4096, b"")]),
    "turned name": lambda m: zipped([*m.items(), ("a\u202eb", b"")]),
    "bomb": lambda m: zipped([*m.items(), ("x", bytes(300 << 20))], zipfile.ZIP_DEFLATED),
    "weights bomb": lambda m: zipped(
        list({**m, WEIGHTS: m[WEIGHTS] + bytes(300 << 20)}.items()), zipfile.ZIP_DEFLATED
    ),
    "many members": lambda m: zipped([*m.items(), *((f"m{i}", b"") for i in range(20_000))]),
    "before": lambda m: b"#!/bin/sh\n" + zipped(list(m.items())),
    "behind": lambda m: zipped(list(m.items())) + b"more",
    "overlap": lambda m: overlapping(zipped(list(m.items()))),
    "encrypted": lambda m: flagged(zipped(list(m.items())), 8, b"\x01\x00"),
    "method": lambda m: flagged(zipped(list(m.items())), 10, b"\x0e\x00"),
    "size": lambda m: flagged(zipped(list(m.items())), 24, struct.pack("<L", 1 << 31)),
    "link": lambda m: flagged(zipped(list(m.items())), 38, struct.pack("<L", 0xA1FF << 16)),
    "checksum": lambda m: zipped(list(m.items())).replace(m[WEIGHTS], m[WEIGHTS][:-9] + b"x" * 9),
}  # fmt: skip


def make(folder: Path) -> None:
    """Writes all files, each with the kind of attack in its name."""
    model = victim()
    with h5py.File(folder / "secret.h5", "w") as h5:
        h5["x"] = np.ones((4, 3), "f4")
    model.save(folder / "good.keras")
    model.save(folder / "good.h5")
    save_training(model, folder / "good.weights.h5", {})
    with zipfile.ZipFile(folder / "good.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    for name, change in CONFIGS.items():
        found = change(config)
        text = found if isinstance(found, str) else json.dumps(found)
        (folder / f"config {name}.json").write_text(text)
        entries = {**members, "config.json": text.encode()}
        (folder / f"config {name}.keras").write_bytes(zipped(list(entries.items())))
        if len(text) < 1 << 25:
            (folder / f"config {name}.h5").write_bytes((folder / "good.h5").read_bytes())
            with h5py.File(folder / f"config {name}.h5", "r+") as h5:
                h5.attrs["model_config"] = text
                if name.startswith("keras1"):
                    h5.attrs["keras_version"] = "1.2.2"
    for name, build in ARCHIVES.items():
        (folder / f"archive {name}.keras").write_bytes(build(members))
    for kind in LINKS:
        for form in ("h5", "weights.h5"):
            path = folder / f"links {kind}.{form}"
            path.write_bytes((folder / f"good.{form}").read_bytes())
            with h5py.File(path, "r+") as h5:
                damage_links(h5, kind, folder)
        inside = (folder / f"links {kind}.weights.h5").read_bytes()
        (folder / f"links {kind}.keras").write_bytes(
            zipped(list({**members, WEIGHTS: inside}.items()))
        )


def resume(path: Path) -> None:
    callback = BackupAndRestore(path.parent)
    callback._latest = path
    callback._previous = path.parent / "nothing"
    callback.delete_checkpoint = False
    victim().fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0, callbacks=[callback])


# A file of one kind of attack need not be refused where its harmful part is not looked at.
ENTRIES: dict[str, tuple[Callable[[Path], Any], Callable[[str], bool]]] = {
    "load_model": (load_model, lambda name: not name.endswith((".weights.h5", ".json"))),
    "load_weights": (
        lambda path: victim().load_weights(path), lambda name: not name.startswith("config "),
    ),
    "by_name": (
        lambda path: victim().load_weights(path, by_name=True),
        lambda name: not name.startswith("config "),
    ),
    "skip_mismatch": (
        lambda path: victim().load_weights(path, skip_mismatch=True),
        lambda name: name.startswith("archive ") or " link" in name,
    ),
    "resume": (resume, lambda name: not name.startswith("config ")),
    "from_json": (
        lambda path: saving.model_from_json(path.read_text()), lambda name: name.endswith(".json"),
    ),
}  # fmt: skip

_watched: list[str] | None = None
# Attributes of classes, looking for stale files beside a backup, and stacks for warnings.
HARMLESS = ("object.__", "sys._getframe", "os.scandir", "builtins.id")


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is not None and not event.startswith(HARMLESS):
        _watched.append(f"{event} {arguments[0]!s}" if arguments else event)


def peak(reset: bool = False) -> int:
    """Largest memory of this process since the last reset, in KiB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def harmless(event: str, path: Path) -> bool:
    return event in (f"open {path}", "open /proc/meminfo")


def attack(folder: Path) -> dict[str, Any]:
    global _watched
    for name, (entry, _) in ENTRIES.items():  # import everything first
        for ending in ("keras", "h5", "weights.h5") if name != "from_json" else ():
            with contextlib.suppress(PyframeError):
                entry(folder / f"good.{ending}")
    saving.model_from_json(victim().to_json())
    sys.addaudithook(watch)
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.name == "secret.h5" or path.name.startswith("good"):
            continue
        for name, (entry, expected) in ENTRIES.items():
            if not expected(path.name):
                continue
            events: list[str] = []
            before = peak(reset=True)
            _watched = events
            try:
                entry(path)
                result = "loaded"
            except saving.ModelFileError as error:
                result = f"refused {type(error).__name__}: {error}"
            except ConfigurationError as error:
                result = f"refused {error}" if name == "resume" else repr(error)
            except BaseException as error:
                result = repr(error)
            _watched = None
            growth = peak() - before
            bad = sorted({event for event in events if not harmless(event, path)})
            found[f"{path.name} / {name}"] = [result[:300], bad, growth]
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1])
    make(place)
    # The files are made by another process, whose memory does not count.
    if os.fork() == 0:
        sys.stdout.write(json.dumps(attack(place)))
        sys.stdout.flush()
        os._exit(0)
    os.wait()
