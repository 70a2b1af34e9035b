"""Keras on TensorFlow: train_on_batch, predict_on_batch and fit, and raw tf.function steps."""

import os
from functools import partial
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from bench.models import build, optimizer_and_loss
from bench.pictures import of_generator
from bench.workers.protocol import Prepared, Run, Worker, serve, thread_count
from bench.workloads import Workload


class KerasTensorFlow(Worker):
    def __init__(self) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(thread_count())
        tf.config.threading.set_inter_op_parallelism_threads(thread_count())

    def version(self) -> str:
        onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default")
        return f"keras {keras.__version__}, tensorflow {tf.__version__}, oneDNN {onednn}"

    def prepare(self, workload: Workload) -> Prepared | None:
        keras.utils.clear_session()
        x, y = workload.data()
        if workload.kind != "predict" and workload.target == "classes":
            y = workload.one_hot(y)
        prepared = self.prepared(build(keras, workload).count_params())
        for jit in (False, True):
            suffix = " (XLA)" if jit else ""
            if workload.kind == "predict":
                prepared.add("predict_on_batch" + suffix, partial(self.predict, workload, x, jit))
                prepared.add(
                    "tf.function" + suffix, partial(self.predict_function, workload, x, jit)
                )
            elif workload.kind == "train":
                prepared.add("train_on_batch" + suffix, partial(self.train, workload, x, y, jit))
                prepared.add(
                    "tf.function" + suffix, partial(self.train_function, workload, x, y, jit)
                )
            else:
                for steps in (1, 16):
                    name = f"fit, steps_per_execution={steps}{suffix}"
                    prepared.add(name, partial(self.fit, workload, x, y, jit, steps))
        return prepared

    def compiled(self, workload: Workload, jit: bool, steps: int = 1) -> Any:
        model = build(keras, workload)
        optimizer, loss = optimizer_and_loss(workload)
        model.compile(optimizer, loss, jit_compile=jit, steps_per_execution=steps)
        return model

    def predict(self, workload: Workload, x: Any, jit: bool) -> Run:
        model = self.compiled(workload, jit)

        def run(iterations: int) -> None:
            for _ in range(iterations):
                model.predict_on_batch(x)

        return run

    def predict_function(self, workload: Workload, x: Any, jit: bool) -> Run:
        model = build(keras, workload)
        call = tf.function(lambda value: model(value, training=False), jit_compile=jit)
        tensor = tf.constant(x)

        def run(iterations: int) -> None:
            for _ in range(iterations):
                call(tensor).numpy()

        return run

    def train(self, workload: Workload, x: Any, y: Any, jit: bool) -> Run:
        model, size = self.compiled(workload, jit), workload.batch
        batches = [(x[i : i + size], y[i : i + size]) for i in range(0, workload.rows, size)]

        def run(iterations: int) -> None:
            for i in range(iterations):
                model.train_on_batch(*batches[i % len(batches)])

        return run

    def train_function(self, workload: Workload, x: Any, y: Any, jit: bool) -> Run:
        model, size = build(keras, workload), workload.batch
        optimizer_name, loss_name = optimizer_and_loss(workload)
        optimizer, loss = keras.optimizers.get(optimizer_name), keras.losses.get(loss_name)
        optimizer.build(model.trainable_variables)

        def step(xs: Any, ys: Any) -> Any:
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(loss(ys, model(xs, training=True)))
                if model.losses:
                    value += tf.add_n(model.losses)
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply(gradients)
            return value

        compiled = tf.function(step, jit_compile=jit)
        batches = [
            (tf.constant(x[i : i + size]), tf.constant(y[i : i + size]))
            for i in range(0, workload.rows, size)
        ]

        def run(iterations: int) -> None:
            value = None
            for i in range(iterations):
                value = compiled(*batches[i % len(batches)])
            if value is not None:
                value.numpy()

        return run

    def fit(self, workload: Workload, x: Any, y: Any, jit: bool, steps: int) -> Run:
        model = self.compiled(workload, jit, steps)

        def run(iterations: int) -> None:
            for _ in range(iterations):
                model.fit(x, y, batch_size=workload.batch, epochs=1, verbose=0)

        return run

    def augment(self, workload: Workload) -> Prepared | None:
        from keras.src.legacy.preprocessing.image import ImageDataGenerator

        prepared = self.prepared(0)
        prepared.add("next", partial(of_generator, ImageDataGenerator, workload))
        return prepared


if __name__ == "__main__":
    serve(KerasTensorFlow())
