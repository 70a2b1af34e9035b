import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyframe.callbacks import History
from pyframe.errors import ConfigurationError
from pyframe.layers import Dense, Dropout, Input
from pyframe.models import Model, Sequential
from pyframe.utils import clear_session, plot_history, plot_model


def labels(axis: Any) -> list[str]:
    return [line.get_label() for line in axis.lines]


def test_the_epochs_of_early_stopping_are_marked(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    history = History()
    history.epoch = [0, 1, 2, 3]
    history.history = {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.0, 2.0, 3.0, 4.0]}
    history.best_epoch, history.stopped_epoch = 1, 3
    figure = plot_history(history, tmp_path / "a.svg", title="stopped")
    assert labels(figure.axes[0]) == ["training", "validation", "best: epoch 2", "stopped: epoch 4"]
    assert figure.get_suptitle() == "stopped"
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_validation_every_second_epoch(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figure = plot_history({"loss": [4, 3, 2, 1, 0], "val_loss": [3, 2]}, tmp_path / "a.png")
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_xdata(), [2, 4])


def model() -> Any:
    inner = Sequential([Dense(3, activation="softmax", input_dim=5)], name="inner")
    return Sequential([Dense(5, activation="relu", input_dim=4, name="a"), Dropout(0.5), inner])


@pytest.mark.filterwarnings("default")
def test_plot_model(tmp_path: Path) -> None:
    pytest.importorskip("pydot")
    path = tmp_path / "m.dot"
    plot_model(model(), path, show_shapes=True, show_layer_names=True, show_trainable=True)
    text = path.read_text()
    assert text.count("->") == 2
    assert "a (Dense)" in text
    assert "input: (None, 4)" in text
    assert "inner (Sequential)" in text
    plot_model(model(), path, expand_nested=True, show_layer_activations=True, show_dtype=True)
    text = path.read_text()
    assert "cluster_inner" in text
    assert "activation: softmax" in text
    with pytest.raises(ConfigurationError, match="`rankdir` must be one of"):
        plot_model(model(), path, rankdir="up")
    with pytest.raises(ConfigurationError, match="no layers"):
        plot_model(Sequential(), path)


@pytest.mark.filterwarnings("default")
def test_plot_of_a_graph(tmp_path: Path) -> None:
    pydot = pytest.importorskip("pydot")
    clear_session()
    a, b = Input((4,), name="a"), Input((4,), name="b")
    inside = Input((4,), name="inside")
    inner = Model(inside, Dense(4, name="deep")(inside), name="inner")
    graph = Model([a, b], Dense(2, name="top")(inner(a) + b), name="graph")
    path = tmp_path / "g.dot"
    for nested in (False, True):
        plot_model(graph, path, show_layer_names=True, expand_nested=nested)
        (drawn,) = pydot.graph_from_dot_data(path.read_text())
        clusters = [drawn, *drawn.get_subgraphs()]
        names = {
            node.get_name(): node.get_label().strip('"').split()[0]
            for part in clusters
            for node in part.get_nodes()
            if node.get_label()
        }
        edges = {(names[e.get_source()], names[e.get_destination()]) for e in drawn.get_edges()}
        first = {("a", "inside"), ("inside", "deep"), ("deep", "add")}
        rest = {("b", "add"), ("add", "top")}
        assert edges == rest | (first if nested else {("a", "inner"), ("inner", "add")})


@pytest.mark.filterwarnings("default")
def test_plot_model_without_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pydot")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="install Graphviz"):
        plot_model(model(), tmp_path / "m.png")


def test_plot_model_without_pydot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match=r"Drawing a model needs pydot: pip install pydot"):
        plot_model(model(), tmp_path / "m.png")
