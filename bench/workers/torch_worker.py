"""PyTorch: channels_last, fused optimizers, inference_mode; `--compile` adds torch.compile."""

import itertools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bench.models import optimizer_and_loss
from bench.workers import torch_networks
from bench.workers.protocol import Prepared, Run, Worker, serve, thread_count
from bench.workloads import Workload


def flatten_dense(*widths: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for k, n in itertools.pairwise(widths):
        layers += [nn.Linear(k, n), nn.ReLU()]
    return layers[:-1]


# Without the last softmax or sigmoid: torch's losses take logits.
def mlp_slide() -> nn.Sequential:
    return nn.Sequential(*flatten_dense(100, 64, 100, 101))


def lenet_slide() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), *flatten_dense(150, 120, 10),
    )  # fmt: skip


def autoencoder() -> nn.Sequential:
    return nn.Sequential(*flatten_dense(784, 128, 32, 128, 784))


def mnist_convnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
    )  # fmt: skip


def digits() -> nn.Sequential:
    return nn.Sequential(*flatten_dense(64, 64, 10))


class Recurrent(nn.Module):  # type: ignore[misc]
    """torch's LSTM has a second bias, which does not count as a parameter here."""

    doubled = 512

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 128, batch_first=True)
        self.last = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(x)
        logits: torch.Tensor = self.last(outputs[:, -1])
        return logits


def lstm() -> nn.Module:
    return Recurrent()


MODELS: dict[str, Callable[[], nn.Module]] = {
    f.__name__: f for f in (mlp_slide, lenet_slide, autoencoder, mnist_convnet, digits, lstm)
}


def build(workload: Workload) -> nn.Module:
    if workload.group == "large":
        return torch_networks.build(workload)
    return MODELS[workload.model]()


def loss_function(workload: Workload, model: Any) -> Any:
    def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        logits = model(x)
        if workload.target == "reconstruction":
            return functional.binary_cross_entropy_with_logits(logits, y)
        value = functional.cross_entropy(logits, y)
        if workload.model == "lenet_slide":
            second_convolution, last = model[3], model[-1]
            value = value + 0.01 * second_convolution.weight.square().sum()
            value = value + 0.01 * last.weight.abs().sum()
        return value

    return loss


def optimizers(workload: Workload, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
    trained = [p for p in model.parameters() if p.requires_grad]
    if optimizer_and_loss(workload)[0] == "sgd":
        return {
            "SGD": torch.optim.SGD(trained, lr=0.01),
            "SGD fused": torch.optim.SGD(trained, lr=0.01, fused=True),
        }
    return {"Adam fused": torch.optim.Adam(trained, lr=0.001, eps=1e-7, fused=True)}


class Torch(Worker):
    def __init__(self, compiled: bool) -> None:
        self.compiled = compiled
        torch.set_num_threads(thread_count())

    def version(self) -> str:
        return f"torch {torch.__version__}"

    def prepare(self, workload: Workload) -> Prepared | None:
        model = build(workload)
        doubled = getattr(model, "doubled", 0)
        prepared = self.prepared(torch_networks.parameter_count(model) - doubled)
        data, ids = workload.data()
        x, y = torch.from_numpy(data), torch.from_numpy(ids)
        if x.ndim == 4:
            model = model.to(memory_format=torch.channels_last)
            x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        if workload.kind == "predict":
            prepared.ways = self.predict_ways(workload, model, x)
            return prepared
        for name, optimizer in optimizers(workload, model).items():
            run = self.epoch if workload.kind == "epoch" else self.steps
            prepared.ways[name] = run(workload, model, optimizer, x, y)
        return prepared

    def predict_ways(self, workload: Workload, model: nn.Module, x: torch.Tensor
                     ) -> dict[str, Run]:  # fmt: skip
        model.eval()
        head = nn.Sequential(model, nn.Softmax(dim=-1)) if workload.classes else model
        call: Any = torch.compile(head) if self.compiled else head

        def predict(iterations: int) -> None:
            with torch.inference_mode():
                for _ in range(iterations):
                    call(x)

        return {"inference_mode": predict}

    def step(self, workload: Workload, model: nn.Module, optimizer: Any) -> Any:
        loss = loss_function(workload, model)
        call = torch.compile(loss) if self.compiled else loss
        model.train()

        def step(x: torch.Tensor, y: torch.Tensor) -> None:
            optimizer.zero_grad(set_to_none=True)
            call(x, y).backward()
            optimizer.step()

        return step

    def steps(self, workload: Workload, model: nn.Module, optimizer: Any,
              x: torch.Tensor, y: torch.Tensor) -> Run:  # fmt: skip
        step = self.step(workload, model, optimizer)
        batches = list(zip(x.split(workload.batch), y.split(workload.batch), strict=True))

        def run(iterations: int) -> None:
            for i in range(iterations):
                step(*batches[i % len(batches)])

        return run

    def epoch(self, workload: Workload, model: nn.Module, optimizer: Any,
              x: torch.Tensor, y: torch.Tensor) -> Run:  # fmt: skip
        step = self.step(workload, model, optimizer)

        def run(iterations: int) -> None:
            for _ in range(iterations):
                order = torch.randperm(workload.rows)
                shuffled_x, shuffled_y = x[order], y[order]
                for start in range(0, workload.rows, workload.batch):
                    part = slice(start, start + workload.batch)
                    step(shuffled_x[part], shuffled_y[part])

        return run


if __name__ == "__main__":
    serve(Torch("--compile" in sys.argv))
