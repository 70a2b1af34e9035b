"""Models of tf.keras with functions of TensorFlow in their graphs, and what they predict.

    python -m tests.saving.tensorflow_files FOLDER

needs tensorflow and tf_keras. It writes `functions.npz`: for each function below the model as JSON
and its outputs; and `network.h5` and `network.keras`, a trained network, with its predictions
before and after more training.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "affine": lambda tf, a, b: a * 2 + 1,
    "right": lambda tf, a, b: 1 + (2 - 3 / a),
    "operators": lambda tf, a, b: -(a**2) / (b - 7) // 0.5 + a % 0.3,
    "add": lambda tf, a, b: tf.math.add(x=a, y=b),
    "arithmetic": lambda tf, a, b: tf.divide(tf.subtract(a, tf.multiply(a, b)), tf.pow(a, 2.0)),
    "add_n": lambda tf, a, b: tf.add_n([a, b, a]),
    "constants": lambda tf, a, b: tf.constant([1.0, 2, 3, 4, 5, 6]) * a - np.ones(6, "float32"),
    "squared_difference": lambda tf, a, b: tf.math.squared_difference(a, b),
    "limits": lambda tf, a, b: tf.maximum(0.5, tf.minimum(a, 1.0)),
    "clip": lambda tf, a, b: tf.clip_by_value(b, -1, 1.5),
    "matmul": lambda tf, a, b: tf.matmul(a, b, transpose_b=True) @ a,
    "matmul_of_turned": lambda tf, a, b: tf.matmul(tf.transpose(a, [0, 2, 1]), b),
    "matmul_a": lambda tf, a, b: tf.linalg.matmul(a, b, transpose_a=True),
    "roots": lambda tf, a, b: tf.sqrt(a) + tf.math.rsqrt(a) + tf.square(b) + tf.math.reciprocal(a),
    "exponents": lambda tf, a, b: tf.exp(b) + tf.math.log(a) + tf.math.log1p(a) + tf.math.expm1(b),
    "rounded": lambda tf, a, b: tf.floor(b) + tf.math.ceil(b * 3) + tf.round(b * 5) + tf.sign(b),
    "waves": lambda tf, a, b: tf.sin(b) + tf.cos(b) + tf.tan(a / 4) + tf.math.erf(b),
    "absolute": lambda tf, a, b: abs(b) + tf.negative(tf.abs(b * a)),
    "relu": lambda tf, a, b: tf.nn.relu(b) - tf.nn.relu6(b * 5),
    "units": lambda tf, a, b: tf.nn.leaky_relu(b, 0.1) + tf.nn.leaky_relu(b) + tf.nn.elu(b),
    "more_units": lambda tf, a, b: tf.nn.selu(b) + tf.nn.silu(b) + tf.nn.swish(a) + tf.nn.gelu(b),
    "sigmoid": lambda tf, a, b: tf.sigmoid(b) + tf.nn.sigmoid(a) + tf.tanh(b) + tf.nn.tanh(a),
    "soft": lambda tf, a, b: tf.nn.softplus(b) + tf.nn.softsign(b) + tf.nn.gelu(b, True),
    "softmax": lambda tf, a, b: tf.nn.softmax(b, axis=1) + tf.nn.log_softmax(b),
    "bias": lambda tf, a, b: tf.nn.bias_add(a, np.arange(6, dtype="float32")),
    "part": lambda tf, a, b: a[:, :3, 2:],
    "element": lambda tf, a, b: b[:, 1, ::2],
    "new_axis": lambda tf, a, b: a[:, tf.newaxis, -1],
    "concat": lambda tf, a, b: tf.concat([a, b, a], axis=1),
    "stack": lambda tf, a, b: tf.stack([a, b], axis=2),
    "unstack": lambda tf, a, b: tf.unstack(a, axis=1)[2] * tf.unstack(b, axis=1)[0],
    "split": lambda tf, a, b: tf.split(a, 2, axis=1)[1] + tf.split(b, [1, 2, 1], axis=1)[2],
    "reshape": lambda tf, a, b: tf.reshape(a, (-1, 8, 3)),
    "transpose": lambda tf, a, b: tf.transpose(a, perm=(0, 2, 1)),
    "expand": lambda tf, a, b: tf.expand_dims(a, -1) * tf.expand_dims(b, axis=3),
    "squeeze": lambda tf, a, b: tf.squeeze(tf.expand_dims(a, 1), axis=1) * b,
    "pad": lambda tf, a, b: tf.pad(a, [[0, 0], [1, 2], [0, 1]], constant_values=2.5),
    "tile": lambda tf, a, b: tf.tile(a, [1, 2, 1]),
    "repeat": lambda tf, a, b: tf.repeat(a, 2, axis=1),
    "reverse": lambda tf, a, b: tf.reverse(a, axis=[1]),
    "gather": lambda tf, a, b: tf.gather(a, [3, 0], axis=1),
    "broadcast": lambda tf, a, b: tf.broadcast_to(tf.reduce_sum(a, 0, keepdims=True), (5, 4, 6)),
    "mean": lambda tf, a, b: tf.reduce_mean(a, axis=1, keepdims=True) * b,
    "sum": lambda tf, a, b: tf.reduce_sum(a, axis=[1, 2]),
    "extremes": lambda tf, a, b: tf.reduce_max(a, -1) - tf.reduce_min(b, axis=-1),
    "spread": lambda tf, a, b: tf.math.reduce_std(a, 1) * tf.math.reduce_variance(b, 1),
    "logsumexp": lambda tf, a, b: tf.reduce_logsumexp(b * 50, axis=2),
    "norm": lambda tf, a, b: tf.norm(b, axis=1) + tf.linalg.norm(a, ord=1, axis=1),
    "unit_length": lambda tf, a, b: tf.math.l2_normalize(b, axis=-1),
    "where": lambda tf, a, b: tf.where(b > 0, a, 0.0) + tf.where(b <= 0.5, 1.0, b),
    "compared": lambda tf, a, b: tf.cast((a < b) | ((a >= 1) & ~(b > 1)), "float32"),
    "equal": lambda tf, a, b: tf.cast(
        tf.equal(tf.floor(a), 1) & tf.not_equal(tf.floor(b), 0), tf.float32
    ),
    "any_all": lambda tf, a, b: tf.cast(
        tf.reduce_any(b > 1, axis=1) & tf.reduce_all(a < 1.9, axis=1), tf.float32
    ),
    "one_hot": lambda tf, a, b: tf.one_hot(tf.argmax(b, axis=-1), 6) * a,
    "like": lambda tf, a, b: tf.zeros_like(a) + tf.ones_like(b),
    "identity": lambda tf, a, b: tf.identity(a) + tf.stop_gradient(tf.convert_to_tensor(b)),
    "integers": lambda tf, a, b: tf.cast(tf.cast(a * 3, tf.int32), tf.float32),
    "resize": lambda tf, a, b: tf.image.resize(tf.expand_dims(a, 3), (8, 9)),
    "nearest": lambda tf, a, b: tf.image.resize(tf.expand_dims(a, 3), (7, 4), method="nearest"),
    "max_pool": lambda tf, a, b: tf.nn.max_pool2d(tf.expand_dims(b, 3), 2, 2, "VALID"),
    "avg_pool": lambda tf, a, b: tf.nn.avg_pool2d(tf.expand_dims(b, 3), (3, 2), (2, 1), "SAME"),
}


def inputs() -> tuple[Any, Any]:
    rng = np.random.RandomState(11)
    a, b = rng.uniform(0.2, 2, (5, 4, 6)), rng.normal(size=(5, 4, 6))
    return a.astype("float32"), b.astype("float32")


def pictures() -> tuple[Any, Any]:
    rng = np.random.RandomState(12)
    return rng.uniform(size=(12, 8, 8, 2)).astype("float32"), np.eye(3, dtype="float32")[
        [0, 1, 2] * 4
    ]


def network(tf: Any, k: Any) -> Any:
    image = k.Input((8, 8, 2), name="image")
    x = k.layers.Conv2D(4, 3, padding="same", name="first")(image * 2.0 - 1.0)
    x = tf.nn.relu(k.layers.BatchNormalization(name="norm")(x))
    gate = tf.sigmoid(k.layers.Dense(4, name="gate")(tf.reduce_mean(x, axis=[1, 2], keepdims=True)))
    x = tf.concat([x * gate, image], axis=-1)[:, 1:-1, 1:-1]
    x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), (-1, 54))
    y = tf.nn.softmax(k.layers.Dense(3, name="last")(x), name="kinds")
    model = k.Model(image, y, name="network")
    model.compile(k.optimizers.SGD(0.05), "categorical_crossentropy")
    return model


def train(model: Any) -> None:
    model.fit(*pictures(), batch_size=4, epochs=2, shuffle=False, verbose=0)


def write(folder: Path) -> None:
    import tensorflow as tf
    import tf_keras as k

    found: dict[str, Any] = {}
    for name, function in FUNCTIONS.items():
        ends = [k.Input((4, 6), name=end) for end in "ab"]
        model = k.Model(ends, function(tf, *ends))
        found[f"{name}/json"] = model.to_json()
        found[f"{name}/out"] = model.predict(list(inputs()), verbose=0)
    k.backend.clear_session()
    model = network(tf, k)
    train(model)
    for ending in ("h5", "keras"):
        model.save(str(folder / f"network.{ending}"))
    for when in ("now", "later"):
        found[f"network/{when}"] = model.predict(pictures()[0], verbose=0)
        train(model)
    np.savez_compressed(folder / "functions.npz", **found)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
