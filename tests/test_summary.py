from typing import Any

import pytest

from pyframe.errors import ConfigurationError
from pyframe.layers import Concatenate, Conv2D, Dense, Flatten, Input, MaxPooling2D
from pyframe.models import Model, Sequential
from pyframe.utils.summary import count_and_bytes, format_bytes, format_summary


@pytest.fixture(autouse=True)
def _wide_utf8_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("pyframe.utils.summary.shows_unicode", lambda: True)


def lenet(input_shape: Any = (28, 28, 1)) -> Any:
    given = {} if input_shape is None else {"input_shape": input_shape}
    model = Sequential(name="net")
    model.add(Conv2D(6, (5, 5), padding="same", activation="relu", name="conv2d", **given))
    model.add(MaxPooling2D(name="max_pooling2d"))
    model.add(Flatten(name="flatten"))
    model.add(Dense(120, activation="relu", name="dense"))
    model.add(Dense(10, activation="softmax", name="dense_1"))
    return model


BUILT = """\
Model: "net"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                      │ (None, 28, 28, 6)           │             156 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ max_pooling2d (MaxPooling2D)         │ (None, 14, 14, 6)           │               0 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ flatten (Flatten)                    │ (None, 1176)                │               0 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense (Dense)                        │ (None, 120)                 │         141,240 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense_1 (Dense)                      │ (None, 10)                  │           1,210 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 142,606 (557.05 KB)
 Trainable params: 142,606 (557.05 KB)
 Non-trainable params: 0 (0.00 B)"""


def test_the_table_looks_like_that_of_keras() -> None:
    assert format_summary(lenet()) == BUILT


def test_unbuilt_layers() -> None:
    text = format_summary(lenet(None))
    row = "│ dense (Dense)                        │ ?                           │     0 (unbuilt) │"
    assert row in text.splitlines()
    assert " Total params: 0 (0.00 B)" in text


def test_frozen_layers_and_the_trainable_column() -> None:
    model = lenet()
    model.layers[0].trainable = False
    text = format_summary(model, show_trainable=True)
    lines = text.splitlines()
    assert max(map(len, lines)) == 100
    cells = {line.split()[1]: line.split("│")[4].strip() for line in lines if line[0] == "│"}
    assert cells == {
        "conv2d": "N",
        "max_pooling2d": "-",
        "flatten": "-",
        "dense": "Y",
        "dense_1": "Y",
    }
    assert lines[-2:] == [
        " Trainable params: 142,450 (556.45 KB)",
        " Non-trainable params: 156 (624.00 B)",
    ]


def test_optimizer_variables_count_in_the_total() -> None:
    model = lenet()
    model.compile("adam", "sparse_categorical_crossentropy")
    before = format_summary(model)
    model.optimizer.build(model.trainable_variables)
    last = format_summary(model).splitlines()[-1]
    assert last.startswith(" Optimizer params: 285,214")
    slots, _ = count_and_bytes(model.optimizer.variables)
    assert f" Total params: {142_606 + slots:,} (" in format_summary(model)
    assert before == BUILT


def test_nested_models_are_one_row_unless_expanded() -> None:
    outer = Sequential([lenet(), Dense(3, name="last")], name="outer")
    outer.build((None, 28, 28, 1))
    short = format_summary(outer)
    assert "net (Sequential)" in short
    assert "conv2d" not in short
    long = format_summary(outer, expand_nested=True)
    assert "│    └ conv2d (Conv2D)                 │ (None, 28, 28, 6) " in long
    assert " Total params: 142,639 (557.18 KB)" in long


@pytest.mark.parametrize("width", [40, 60, 88, 120])
def test_every_line_of_the_table_has_the_asked_width(width: int) -> None:
    lines = format_summary(lenet(), line_length=width).splitlines()
    table = [line for line in lines if line[0] in "┏┃┡│├└"]
    assert {len(line) for line in table} == {width}


def test_long_names_are_cut() -> None:
    model = Sequential([Dense(1, input_dim=1, name="a_very_long_layer_name_" * 3)])
    assert "a_very_long_layer_name_a_very_long_…" in format_summary(model)


def test_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert len(format_summary(lenet()).splitlines()[1]) == 56


def test_ascii_where_boxes_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyframe.utils.summary.shows_unicode", lambda: False)
    text = format_summary(lenet())
    assert text.isascii()
    assert "| dense (Dense)                        | (None, 120)" in text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0.00 B"), (1023, "1023.00 B"), (4936, "4.82 KB"), (2**20, "1.00 MB"), (2**51, "2.00 PB")],
)
def test_format_bytes(size: int, text: str) -> None:
    assert format_bytes(size) == text


def graph() -> Any:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    inside = Input((3,), name="inside")
    inner = Model(inside, Dense(2, name="last")(inside), name="inner")
    shared = Dense(3, name="shared")
    both = Concatenate(name="both")([shared(a), shared(b)])
    return Model([a, b], [Dense(2, name="top")(both), inner(shared(a))], name="graph")


# What Keras 3.15.1 prints of the same model, but for the indented second line of a name.
CONNECTED = """\
┃ Layer (type)        ┃ Output Shape      ┃    Param # ┃ Connected to      ┃
│ a (InputLayer)      │ (None, 4)         │          0 │ -                 │
│ b (InputLayer)      │ (None, 4)         │          0 │ -                 │
│ shared (Dense)      │ (None, 3)         │         15 │ a[0][0], b[0][0], │
│                     │                   │            │ a[0][0]           │
│ both (Concatenate)  │ (None, 6)         │          0 │ shared[0][0],     │
│                     │                   │            │ shared[1][0]      │
│ top (Dense)         │ (None, 2)         │         14 │ both[0][0]        │
│ inner (Functional)  │ (None, 2)         │          8 │ shared[2][0]      │
│    └ inside         │ (None, 3)         │          0 │ -                 │
│    (InputLayer)     │                   │            │                   │
│    └ last (Dense)   │ (None, 2)         │          8 │ -                 │"""


def test_graphs_say_what_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = format_summary(graph(), expand_nested=True).splitlines()
    rows = [line for line in lines if line[0] in "┃│"]
    assert rows == CONNECTED.splitlines()


def test_parts_of_the_table() -> None:
    text = format_summary(graph(), layer_range=("shared", "to.*"))
    assert "both (" in text
    assert "top (" in text
    assert "a (Input" not in text
    assert "inner" not in text
    for options in ({"layer_range": ("x", "y")}, {"layer_range": ("a",)}, {"positions": [0.5]}):
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            format_summary(graph(), **options)  # type: ignore[arg-type]
