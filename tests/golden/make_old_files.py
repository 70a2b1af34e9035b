"""Writes the files of old Keras in tests/golden/files, and what the models in them predicted.

    python make_old_files.py keras1 FOLDER    with Keras 1.2.2 on TensorFlow 1.4 (Python 3.6)
    python make_old_files.py theano FOLDER    with Keras 2.1.6 on Theano 1.0 (Python 3.6)

FOLDER gets NAME.h5 for each model and runs.npz with inputs NAME/x0, outputs NAME/y0 ... The program
stands alone: these interpreters are too old for the rest of the tests.
"""

import os
import sys
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "theano" if sys.argv[1] == "theano" else "tensorflow"
import keras.layers as kl
from keras.models import Model, Sequential


def images() -> Any:
    from keras.constraints import maxnorm, unitnorm
    from keras.regularizers import activity_l2, l2

    return Sequential(
        [
            kl.ZeroPadding2D((1, 2), input_shape=(9, 8, 2)),
            kl.Convolution2D(
                4, 3, 2, border_mode="same", subsample=(2, 1), activation="relu", name="conv",
                W_regularizer=l2(0.01), W_constraint=maxnorm(3), init="he_normal",
            ),
            kl.BatchNormalization(epsilon=1e-2, momentum=0.9, gamma_regularizer=l2(0.1)),
            kl.MaxPooling2D((2, 2), strides=(1, 2)),
            kl.SeparableConvolution2D(3, 2, 2, activation="relu", depth_multiplier=2),
            kl.UpSampling2D((2, 1)),
            kl.AtrousConvolution2D(3, 2, 2, atrous_rate=(2, 2)),
            kl.LeakyReLU(0.2),
            kl.ELU(0.5),
            kl.Dropout(0.3),
            kl.GaussianNoise(0.1),
            kl.GaussianDropout(0.2),
            kl.AveragePooling2D((2, 2), border_mode="valid"),
            kl.Flatten(),
            kl.Dense(
                5, activation="hard_sigmoid", b_constraint=unitnorm(),
                activity_regularizer=activity_l2(0.1),
            ),
            kl.Dense(3, bias=False, init="uniform"),
            kl.Activation("softmax"),
        ]
    )  # fmt: skip


def graph() -> Any:
    from keras.regularizers import l1l2

    a, b = kl.Input((6,), name="a"), kl.Input((6,), name="b")
    shared = kl.Dense(4, activation="tanh", name="shared")
    x, y = shared(a), shared(b)
    total = kl.merge([x, y], mode="sum")
    mean = kl.merge([kl.merge([x, y], mode="mul"), total], mode="ave")
    largest = kl.merge([mean, x], mode="max")
    dot = kl.merge([largest, y], mode="dot", dot_axes=1)
    features = kl.merge([kl.merge([total, y], mode="concat", concat_axis=-1), dot], mode="concat")
    inner = Sequential([kl.Dense(4, input_dim=4, activation="relu"), kl.Dense(2)], name="inner")
    scores = kl.Dense(2, name="scores", W_regularizer=l1l2(0.01, 0.02))(features)
    return Model([a, b], [scores, inner(largest)])


def sequence() -> Any:
    from keras.regularizers import l2

    return Sequential(
        [
            kl.Embedding(11, 4, input_length=9, W_regularizer=l2(0.01)),
            kl.SpatialDropout1D(0.2),
            kl.Convolution1D(3, 3, subsample_length=2, border_mode="same", activation="relu"),
            kl.ZeroPadding1D(1),
            kl.UpSampling1D(2),
            kl.MaxPooling1D(2, stride=1),
            kl.Cropping1D((1, 1)),
            kl.GlobalAveragePooling1D(),
            kl.RepeatVector(2),
            kl.Permute((2, 1)),
            kl.Reshape((6,)),
            kl.Dense(1),
        ]
    )


def recurrent() -> Any:
    both = kl.Bidirectional(kl.GRU(3, return_sequences=True, inner_init="uniform"))
    return Sequential(
        [
            kl.Embedding(11, 4, input_length=6, mask_zero=True),
            kl.LSTM(3, return_sequences=True, dropout_W=0.1, b_regularizer=None),
            both,
            kl.TimeDistributed(kl.Dense(2)),
            kl.SimpleRNN(4, activation="relu", consume_less="mem"),
        ]
    )


def nested() -> Any:
    inner = Sequential([kl.Dense(4, input_dim=6), kl.BatchNormalization()])
    return Sequential([inner, kl.Activation("relu"), kl.Dense(2)])


def branches() -> Any:
    left = Sequential([kl.Dense(4, input_dim=6), kl.Activation("tanh")])
    right = Sequential([kl.Dense(3, input_dim=5, activation="relu")])
    return Sequential([kl.Merge([left, right], mode="concat"), kl.Dense(2)])


def flipped() -> Any:
    image = kl.Input((6, 6, 2))
    x = kl.Activation("relu")(kl.BatchNormalization()(kl.Conv2D(3, 3)(image)))
    z = kl.Flatten()(kl.concatenate([x, kl.Cropping2D(1)(kl.Conv2D(3, 1)(image))]))
    inner = Sequential([kl.Dense(4, input_dim=96), kl.Dense(2)], name="inner")
    row = kl.Reshape((4, 4))(kl.Conv2DTranspose(4, 2, strides=2, name="up")(kl.MaxPooling2D(4)(x)))
    return Model(image, [inner(z), kl.Flatten()(kl.Conv1D(2, 3)(row))])


KERAS1 = (
    (images, "adam", "categorical_crossentropy"), (graph, "sgd", "mse"), (sequence, "sgd", "mae"),
    (nested, "rmsprop", "mse"), (branches, "adam", "mse"), (recurrent, "sgd", "mse"),
)  # fmt: skip
THEANO = ((flipped, "rmsprop", "mse"),)


def as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def main() -> None:
    folder, found = sys.argv[2], {}
    rng = np.random.RandomState(3)
    for make, optimizer, loss in THEANO if sys.argv[1] == "theano" else KERAS1:
        name, model = make.__name__, make()
        model.compile(optimizer, loss)
        weights = [rng.uniform(0.1, 0.9, w.shape) - 0.4 * (w.ndim > 1) for w in model.get_weights()]
        model.set_weights(weights)
        shapes = [(4, *shape[1:]) for shape in as_list(model.input_shape)]
        x = [
            rng.randint(0, 11, s) if name in ("sequence", "recurrent") else rng.normal(size=s)
            for s in shapes
        ]
        y = [np.ones((4, *shape[1:])) for shape in as_list(model.output_shape)]
        if name != "images":
            model.train_on_batch(x, y)
        model.save(os.path.join(folder, name + ".h5"))
        found.update({f"{name}/x{i}": v.astype("float32") for i, v in enumerate(x)})
        found.update({f"{name}/y{i}": v for i, v in enumerate(as_list(model.predict(x)))})
    np.savez(os.path.join(folder, "runs.npz"), **found)


main()
