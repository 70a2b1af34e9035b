"""Recurrent layers and masks that Keras and pyframe compare; see runs_recurrent.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Outputs = Any


@dataclass(frozen=True)
class RecurrentCase:
    """`call` receives the layers and the tensor of an Input and returns the outputs of a model.

    Sequences of `input_shape` end with padding of random length if `padded`: zeros, or the number
    0 among `ids` whole numbers.
    """

    name: str
    call: Callable[[Any, Any], Outputs]
    input_shape: tuple[int, ...] = (6, 3)
    ids: int = 0
    padded: bool = False
    trains: bool = True
    loss: str = "mse"
    metrics: Sequence[str] = ()
    sample_weight: bool = False
    learning_rate: float = 0.05


def layer_case(name: str, kind: str, *args: Any, **options: Any) -> RecurrentCase:
    return RecurrentCase(name, lambda la, x: getattr(la, kind)(*args, **options)(x))


def plain_cases() -> list[RecurrentCase]:
    settings: dict[str, dict[str, Any]] = {
        "last": {},
        "sequences": {"return_sequences": True},
        "states": {"return_sequences": True, "return_state": True},
        "backwards": {"return_sequences": True, "go_backwards": True},
        "backwards_last": {"go_backwards": True, "return_state": True},
        "no_bias": {"use_bias": False, "unroll": True},
        "relu": {"activation": "relu"},
        "linear": {"activation": None},
        "penalties": {
            "kernel_regularizer": "l2", "recurrent_regularizer": "l1", "bias_regularizer": "l2",
            "kernel_constraint": "max_norm", "recurrent_constraint": "unit_norm",
            "bias_constraint": "non_neg",
        },
        "dropout_at_inference": {"dropout": 0.3, "recurrent_dropout": 0.2},
    }  # fmt: skip
    cases = [
        RecurrentCase(
            f"{kind.lower()}_{name}",
            lambda la, x, kind=kind, options=options: getattr(la, kind)(5, **options)(x),
            trains="dropout" not in name,
            # Without a bound on the states, 20 larger steps multiply what either side rounds until
            # Keras in float32 is further from itself in float64 than from pyframe.
            learning_rate=0.005 if name == "linear" else 0.05,
        )
        for kind in ("LSTM", "GRU", "SimpleRNN")
        for name, options in settings.items()
    ]
    return [
        *cases,
        # Keras's SimpleRNN forgets its activity_regularizer.
        layer_case("lstm_activity_penalty", "LSTM", 4, activity_regularizer="l2"),
        layer_case("lstm_hard_gates", "LSTM", 4, recurrent_activation="hard_sigmoid"),
        layer_case("lstm_other_functions", "LSTM", 4, "softsign", "elu"),
        layer_case("lstm_no_unit_forget_bias", "LSTM", 4, unit_forget_bias=False),
        layer_case("gru_reset_before", "GRU", 5, reset_after=False, return_sequences=True),
        layer_case("gru_hard_gates", "GRU", 5, recurrent_activation="hard_sigmoid"),
        layer_case("gru_reset_before_no_bias", "GRU", 5, reset_after=False, use_bias=False),
    ]


def initial_state_cases() -> list[RecurrentCase]:
    def lstm(la: Any, x: Any) -> Outputs:
        start = la.GlobalAveragePooling1D()(x)
        states = [la.Dense(4, activation="tanh")(start), la.Dense(4)(start)]
        return la.LSTM(4, return_sequences=True)(x, initial_state=states)

    def gru(la: Any, x: Any) -> Outputs:
        start = la.Dense(4, activation="tanh")(la.GlobalAveragePooling1D()(x))
        return la.GRU(4, return_state=True)(x, initial_state=start)

    def encoder_and_decoder(la: Any, x: Any) -> Outputs:
        _, h, c = la.LSTM(4, return_state=True)(x)
        y = la.LSTM(4, return_sequences=True)(x, initial_state=[h, c])
        return la.TimeDistributed(la.Dense(2))(y)

    def both_directions(la: Any, x: Any) -> Outputs:
        start = la.GlobalAveragePooling1D()(x)
        states = [la.Dense(4)(start) for _ in range(4)]
        return la.Bidirectional(la.LSTM(4))(x, initial_state=states)

    return [
        RecurrentCase("initial_state_lstm", lstm),
        RecurrentCase("initial_state_gru", gru),
        RecurrentCase("encoder_and_decoder", encoder_and_decoder),
        RecurrentCase("initial_state_both_directions", both_directions),
    ]


def wrapper_cases() -> list[RecurrentCase]:
    def bidirectional(name: str, mode: Any, kind: str = "LSTM", **options: Any) -> RecurrentCase:
        return RecurrentCase(
            f"bidirectional_{name}",
            lambda la, x: la.Bidirectional(getattr(la, kind)(4, **options), merge_mode=mode)(x),
        )

    return [
        bidirectional("concat", "concat", return_sequences=True),
        bidirectional("last", "concat"),
        bidirectional("sum", "sum", "GRU", return_sequences=True),
        bidirectional("mean", "ave", "SimpleRNN", return_sequences=True),
        bidirectional("product", "mul"),
        bidirectional("both", None, return_sequences=True),
        bidirectional("states", "concat", return_sequences=True, return_state=True),
        bidirectional("both_states", None, "GRU", return_state=True),
        RecurrentCase(
            "bidirectional_of_two",
            lambda la, x: la.Bidirectional(
                la.LSTM(4, return_sequences=True),
                backward_layer=la.GRU(4, return_sequences=True, go_backwards=True),
            )(x),
        ),
        RecurrentCase(
            "time_distributed_dense", lambda la, x: la.TimeDistributed(la.Dense(3, "relu"))(x)
        ),
        RecurrentCase(
            "time_distributed_images",
            lambda la, x: la.LSTM(4)(
                la.TimeDistributed(la.Flatten())(la.TimeDistributed(la.Conv2D(2, 2))(x))
            ),
            input_shape=(3, 4, 4, 2),
        ),
        RecurrentCase(
            "rnn_of_a_cell", lambda la, x: la.RNN(la.GRUCell(4), return_sequences=True)(x)
        ),
        RecurrentCase(
            "rnn_of_cells",
            lambda la, x: la.RNN(
                [la.LSTMCell(4), la.GRUCell(3), la.SimpleRNNCell(2)],
                return_sequences=True,
                go_backwards=True,
            )(x),
        ),
        RecurrentCase(
            "stack",
            lambda la, x: la.GRU(3)(la.LSTM(4, return_sequences=True)(x)),
        ),
    ]


def masked(
    name: str, call: Callable[[Any, Any], Outputs], ids: int = 0, **options: Any
) -> RecurrentCase:
    def masked_call(la: Any, x: Any) -> Outputs:
        return call(la, la.Embedding(ids, 3, mask_zero=True)(x) if ids else la.Masking()(x))

    shape = (6,) if ids else (6, 3)
    return RecurrentCase(f"masked_{name}", masked_call, shape, ids, True, **options)


def masked_cases() -> list[RecurrentCase]:
    settings: dict[str, dict[str, Any]] = {
        "last": {},
        "sequences": {"return_sequences": True},
        "backwards": {"return_sequences": True, "return_state": True, "go_backwards": True},
        "zero_output": {"return_sequences": True, "zero_output_for_mask": True},
        "zero_output_last": {"zero_output_for_mask": True},
    }
    cases = [
        masked(
            f"{kind.lower()}_{name}",
            lambda la, x, kind=kind, options=options: getattr(la, kind)(4, **options)(x),
        )
        for kind in ("LSTM", "GRU", "SimpleRNN")
        for name, options in settings.items()
    ]

    def two_branches(la: Any, x: Any) -> Outputs:
        a, b = la.Dropout(0.0)(x), la.Activation("tanh")(la.Dense(3)(x))
        return la.LSTM(4)(la.Add()([a, b])), la.LSTM(4)(la.Concatenate()([a, b]))

    return [
        *cases,
        masked("embedding", lambda la, x: la.LSTM(4)(x), ids=9),
        masked("embedding_stack",
               lambda la, x: la.GRU(3)(la.LSTM(4, return_sequences=True)(x)), ids=9),
        masked("bidirectional", lambda la, x: la.Bidirectional(la.LSTM(4))(x), ids=9),
        masked("bidirectional_sequences",
               lambda la, x: la.Bidirectional(la.GRU(4, return_sequences=True))(x)),
        masked("bidirectional_both",
               lambda la, x: la.Bidirectional(la.LSTM(4, return_sequences=True), None)(x)),
        masked("two_branches", two_branches),
        masked("batch_norm",
               lambda la, x: la.LSTM(4)(la.BatchNormalization(momentum=0.9)(x)), ids=9),
        masked("mean", lambda la, x: la.GlobalAveragePooling1D()(la.Dense(4)(x)), ids=9),
        masked("cells", lambda la, x: la.RNN([la.LSTMCell(4), la.GRUCell(3)],
                                             return_sequences=True)(x)),
        # The loss and the metrics of a tagger do not count the padding.
        masked("tagger", lambda la, x: la.TimeDistributed(la.Dense(3, activation="softmax"))(
            la.LSTM(4, return_sequences=True)(x)), ids=9,
            loss="sparse_categorical_crossentropy", metrics=("accuracy",)),
        masked("tagger_weighted", lambda la, x: la.Dense(3, activation="softmax")(
            la.Bidirectional(la.LSTM(4, return_sequences=True))(x)), ids=9,
            loss="sparse_categorical_crossentropy", metrics=("accuracy",), sample_weight=True),
    ]  # fmt: skip


RECURRENT_CASES = [
    *plain_cases(),
    *initial_state_cases(),
    *wrapper_cases(),
    *masked_cases(),
]
