"""A recurrent network that goes on with a series of numbers.

The series is a sum of waves with noise. The network sees a window of it and says what comes next;
then it continues the series by itself, one number after the other, from its own predictions.

    python examples/series.py --epochs 15
"""

import argparse

import numpy as np

import pyframe
from pyframe.callbacks import EarlyStopping
from pyframe.layers import LSTM, Dense, Input
from pyframe.models import Sequential


def series(length: int, seed: int) -> np.ndarray:
    """Two waves whose periods do not fit each other, and noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(length) + rng.uniform(0, 1000)
    waves = np.sin(2 * np.pi * t / 25) + 0.5 * np.sin(2 * np.pi * t / (9 * np.sqrt(2)))
    return (waves + rng.normal(0, 0.05, length)).astype("float32")


def windows(values: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """All pieces of `steps` numbers (rows, steps, 1) and the number behind each (rows, 1)."""
    pieces = np.lib.stride_tricks.sliding_window_view(values, steps + 1)
    return pieces[:, :-1, None], pieces[:, -1:]


def go_on(model: Sequential, start: np.ndarray, count: int) -> np.ndarray:
    """Returns `count` numbers behind the window `start` (steps,), each predicted from the last."""
    window = start.copy()
    found = []
    for _ in range(count):
        following = float(model.predict(window[None, :, None], verbose=0)[0, 0])
        found.append(following)
        window = np.append(window[1:], np.float32(following))
    return np.array(found)


def main() -> None:
    """Trains the network and compares it with saying that nothing changes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--length", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--ahead", type=int, default=30)
    options = parser.parse_args()

    pyframe.utils.set_random_seed(1)
    train = windows(series(options.length, seed=1), options.steps)
    test_series = series(options.length // 4, seed=2)
    test = windows(test_series, options.steps)

    model = Sequential([Input((options.steps, 1)), LSTM(32), Dense(1)])
    model.summary()
    model.compile(optimizer=pyframe.optimizers.Adam(0.005), loss="mse")
    stop = EarlyStopping(patience=3, restore_best_weights=True)
    model.fit(
        *train, batch_size=64, epochs=options.epochs, validation_data=test, callbacks=[stop],
        verbose=2,
    )  # fmt: skip

    error = np.sqrt(model.evaluate(*test, verbose=0))
    standing_still = np.sqrt(np.mean((test[0][:, -1] - test[1]) ** 2))
    print(f"error of the network {error:.3f}, of repeating the last number {standing_still:.3f}")

    following = go_on(model, test_series[: options.steps], options.ahead)
    truth = test_series[options.steps : options.steps + options.ahead]
    print(f"error {options.ahead} numbers ahead {np.sqrt(np.mean((following - truth) ** 2)):.3f}")


if __name__ == "__main__":
    main()
