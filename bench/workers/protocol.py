"""What every worker shares: a loop that speaks one line of JSON a request.

The parent sends {"do": "prepare", "workload": name}, then {"do": "run", "workload": name,
"iterations": k} as often as it likes, and closes the pipe. A worker that waits for a line sleeps
in the kernel and uses no CPU.
"""

import json
import os
import resource
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.workloads import WORKLOADS, Workload

Run = Callable[[int], None]  # runs that many iterations and waits until they are done


@dataclass
class Prepared:
    """Ways of computing one workload; the fastest on this machine is the one that is reported."""

    parameters: int
    ways: dict[str, Run] = field(default_factory=dict)
    only: str | None = None  # the way that is wanted, None for all

    def add(self, name: str, make: Callable[[], Run]) -> None:
        """Adds a way; its models are built only if it is wanted."""
        if self.only in (None, name):
            self.ways[name] = make()


class Worker(ABC):
    """One framework in one process."""

    only: str | None = None  # the way that is to be prepared, None for all

    def prepared(self, parameters: int) -> Prepared:
        return Prepared(parameters, only=self.only)

    @abstractmethod
    def version(self) -> str: ...

    @abstractmethod
    def prepare(self, workload: Workload) -> Prepared | None:
        """Builds the model and data; None if the framework has no such thing."""

    def augment(self, workload: Workload) -> Prepared | None:
        """The same for batches of augmented pictures."""
        return None

    def extra(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"error": f"unknown request {request}"}


def timed(run: Run, iterations: int) -> float:
    start = time.perf_counter()
    run(iterations)
    return time.perf_counter() - start


def warm_up(run: Run, seconds: float = 0.3, limit: float = float("inf")) -> float:
    """Compiles, allocates and starts threads; returns seconds an iteration.

    Stops early when an iteration takes more than `limit` seconds.
    """
    run(1)
    run(1)
    elapsed = timed(run, 1)
    if elapsed > limit:
        return elapsed
    iterations, spent, best = 1, 0.0, elapsed
    while spent < seconds:
        elapsed = timed(run, iterations)
        spent += elapsed
        best = min(best, elapsed / iterations)
        if elapsed < 0.02:
            iterations *= 2
    return best


def speeds_of(ways: dict[str, Run], budget: float) -> tuple[dict[str, float], dict[str, str]]:
    """Seconds an iteration of every way, and why others have none.

    Once `budget` seconds are spent, and one way works, the rest is not tried.
    """
    speeds: dict[str, float] = {}
    errors: dict[str, str] = {}
    start = time.perf_counter()
    for name, run in ways.items():
        if speeds and time.perf_counter() - start > budget:
            errors[name] = f"not tried: the ways before it took more than {budget:.0f} s"
            continue
        try:
            speeds[name] = warm_up(run, limit=3 * min(speeds.values(), default=float("inf")))
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {error}"[:500]
    if not speeds:
        raise RuntimeError(f"no way works: {errors}")
    return speeds, errors


def serve(worker: Worker) -> None:
    # Frameworks print to stdout: only this loop may write to the parent's pipe.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    chosen: dict[str, Run] = {}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "version":
                return {"version": worker.version()}
            case "prepare":
                workload = WORKLOADS[request["workload"]]
                chosen.clear()  # one workload at a time: drop the data of the last one
                worker.only = request.get("way")
                pictures = workload.kind == "augment"
                prepared = (worker.augment if pictures else worker.prepare)(workload)
                if prepared is None:
                    return {"seconds": None}
                if worker.only is not None:
                    chosen[workload.name] = prepared.ways[worker.only]
                    return {"parameters": prepared.parameters}
                speeds, errors = speeds_of(prepared.ways, request.get("budget", 60))
                way = min(speeds, key=lambda name: speeds[name])
                chosen[workload.name] = prepared.ways[way]
                return {"seconds": speeds[way], "way": way, "ways": speeds, "errors": errors,
                        "parameters": prepared.parameters}  # fmt: skip
            case "steps":  # a few iterations and no more, to look at the memory
                chosen[request["workload"]](int(request["iterations"]))
                return {"peak_rss": peak_rss()}
            case "run":
                run, iterations = chosen[request["workload"]], int(request["iterations"])
                run(max(1, iterations // 8))  # caches and threads of this process come back
                return {"seconds": timed(run, iterations)}
            case _:
                return worker.extra(request)

    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:2000]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def peak_rss() -> int:
    """Largest resident memory of this process so far, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def thread_count() -> int:
    return int(os.environ["PYFRAME_BENCH_THREADS"])
