"""What the workers of bench.conv_layers share: one layer at a time, one direction of it."""

from abc import abstractmethod
from typing import Any

from bench.workers.protocol import Prepared, Run, Worker, timed, warm_up
from bench.workloads import Workload


class ConvWorker(Worker):
    """Answers "layer" (size, channels, filters, kernel, stride, batch, direction) and "time"."""

    chosen: Run

    @abstractmethod
    def layer(self, request: dict[str, Any]) -> tuple[Run, str]:
        """Returns what to time, and the name of the algorithm if it is known."""

    def prepare(self, workload: Workload) -> Prepared | None:
        return None

    def extra(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "layer":
            self.chosen, algorithm = self.layer(request)
            return {"seconds": warm_up(self.chosen, 0.1), "algorithm": algorithm}
        if request["do"] == "time":
            iterations = int(request["iterations"])
            self.chosen(max(1, iterations // 8))  # caches and threads of this process come back
            return {"seconds": timed(self.chosen, iterations)}
        return super().extra(request)
