"""pyframe: train_on_batch, predict and fit, as a user calls them."""

from functools import partial
from typing import Any

import pyframe
from bench.models import build, optimizer_and_loss
from bench.pictures import of_generator
from bench.workers.protocol import Prepared, Worker, serve, thread_count
from bench.workloads import Workload
from pyframe import _core


class Pyframe(Worker):
    def __init__(self) -> None:
        pyframe.set_num_threads(thread_count())

    def version(self) -> str:
        return f"pyframe {pyframe.__version__} ({_core.get_isa()})"

    def prepare(self, workload: Workload) -> Prepared | None:
        model = build(pyframe, workload)
        x, y = workload.data()
        prepared = self.prepared(model.count_params())
        if workload.kind == "predict":

            def predict(iterations: int) -> None:
                for _ in range(iterations):
                    model.predict(x, verbose=0)

            prepared.ways["predict"] = predict
            return prepared

        if workload.target == "classes":
            y = workload.one_hot(y)
        optimizer, loss = optimizer_and_loss(workload)
        model.compile(optimizer=optimizer, loss=loss)
        if workload.kind == "epoch":

            def fit(iterations: int) -> None:
                for _ in range(iterations):
                    model.fit(x, y, batch_size=workload.batch, epochs=1, verbose=0)

            prepared.ways["fit"] = fit
            return prepared

        size = workload.batch
        batches = [
            (x[i * size : (i + 1) * size], y[i * size : (i + 1) * size])
            for i in range(workload.batches)
        ]

        def train(iterations: int) -> None:
            for i in range(iterations):
                model.train_on_batch(*batches[i % len(batches)])

        prepared.ways["train_on_batch"] = train
        return prepared

    def augment(self, workload: Workload) -> Prepared | None:
        from pyframe.preprocessing.image import ImageDataGenerator

        prepared, draft = self.prepared(0), workload.model == "drafts"
        prepared.add("next", partial(of_generator, ImageDataGenerator, workload, draft=draft))
        return prepared

    def extra(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "peak":
            return {"flops": _core.measure_fma_peak(thread_count())}
        return super().extra(request)


if __name__ == "__main__":
    serve(Pyframe())
