"""Steps while another program burns one core: python -m bench.stress --threads 2

For each workload and framework: the median time of a step alone and beside a process that keeps
one of the CPUs busy, and the slowest turn. A lost core explains a factor of two on two cores; far
more means that threads wait for threads that the scheduler has put aside.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from statistics import median

from bench.compare import PAUSE, say, start_workers
from bench.frameworks import FRAMEWORKS, Process, WorkerError, limit_to_cpus
from bench.workloads import WORKLOADS

DEFAULT = ("mlp_slide_b32_train", "lenet_slide_b32_train", "mnist_convnet_b128_train")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.stress", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--round-ms", type=float, default=100, help="length of one turn")
    parser.add_argument("--workloads", nargs="*", default=list(DEFAULT), choices=WORKLOADS)
    names = [f.name for f in FRAMEWORKS]
    parser.add_argument("--frameworks", nargs="*", choices=names, default=names)
    return parser.parse_args()


def burn() -> None:
    """Keeps one of the CPUs that the frameworks use busy."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    while True:
        pass


class Burner:
    """A program beside the one that is measured."""

    def __enter__(self) -> None:
        self._process = multiprocessing.get_context("spawn").Process(target=burn, daemon=True)
        self._process.start()
        time.sleep(0.5)

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.join()


def turns(worker: Process, workload: str, iterations: int, rounds: int) -> list[float]:
    """Seconds a step in each turn."""
    seconds = []
    for _ in range(rounds):
        reply = worker.ask("run", workload=workload, iterations=iterations)
        seconds.append(reply["seconds"] / iterations)
        time.sleep(PAUSE)
    return seconds


def measure(worker: Process, workload: str, options: argparse.Namespace) -> dict[str, float] | None:
    try:
        ready = worker.ask("prepare", workload=workload)
    except WorkerError as error:
        say(f"  {worker.name}: {error}")
        return None
    if ready["seconds"] is None:
        return None
    iterations = max(1, round(options.round_ms / 1000 / ready["seconds"]))
    alone = turns(worker, workload, iterations, options.rounds)
    with Burner():
        beside = turns(worker, workload, iterations, options.rounds)
    return {"alone": median(alone), "beside": median(beside), "worst": max(beside)}


def row(workload: str, name: str, seconds: dict[str, float]) -> str:
    alone, beside, worst = seconds["alone"], seconds["beside"], seconds["worst"]
    return (
        f"| `{workload}` | {name} | {1e3 * alone:.3g} ms | {1e3 * beside:.3g} ms "
        f"| {beside / alone:.2f}x | {worst / alone:.2f}x |"
    )


def main() -> None:
    options = arguments()
    limit_to_cpus(options.threads)
    print("| workload | framework | alone | beside a busy core | slower | slowest turn |")
    print("|---|---|---|---|---|---|")
    with tempfile.NamedTemporaryFile("w", suffix=".log", delete=False) as log:
        workers = start_workers(options, log)
        try:
            for workload in options.workloads:
                for name, worker in workers.items():
                    found = measure(worker, workload, options)
                    if found is not None:
                        print(row(workload, name, found), flush=True)
        finally:
            for worker in workers.values():
                worker.close()


if __name__ == "__main__":
    main()
