"""Compares pyframe with its peers: python -m bench.compare --threads 2

Every framework runs in its own process; the processes take turns, one busy at a time, for
several rounds, and the median of the rounds is reported. See bench/README.md.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import IO, Any

from bench.frameworks import FRAMEWORKS, GROUPS, Process, WorkerError, limit_to_cpus
from bench.table import markdown, place, replace_table
from bench.workloads import WORKLOADS, Workload

HERE = Path(__file__).resolve().parent
LARGE_ROUNDS = 7  # a step of a large network is longer than a turn of the small ones
PICTURES_MS = 500  # pipelines fill at the beginning of a turn and are cut off at its end
PAUSE = 0.03  # between turns: threads that spin after their work have gone to sleep


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--round-ms", type=float, default=60, help="length of one turn")
    parser.add_argument("--group", choices=[*GROUPS, "all"], default="small",
                        help="the workloads to run, unless --workloads names some")  # fmt: skip
    parser.add_argument("--workloads", nargs="*", choices=WORKLOADS)
    names = [f.name for f in FRAMEWORKS]
    parser.add_argument("--frameworks", nargs="*", choices=names, default=names)
    parser.add_argument("--prepare-seconds", type=float, default=240,
                        help="a framework that prepares longer is left out")  # fmt: skip
    parser.add_argument("--write", type=Path, nargs="*", default=[], metavar="FILE",
                        help="Markdown files to put the table into")  # fmt: skip
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    parser.add_argument("--add", action="store_true",
                        help="keep the rows of other workloads that --out already has")  # fmt: skip
    options = parser.parse_args()
    for path in options.write:
        place(path, "bench.compare")  # now, not after the run
    if options.workloads is None:
        networks = ("small", "large")
        groups = networks if options.group == "all" else (options.group,)
        options.workloads = [name for name, w in WORKLOADS.items() if w.group in groups]
    return options


def start_workers(options: argparse.Namespace, log: IO[str]) -> dict[str, Process]:
    workers = {}
    for framework in FRAMEWORKS:
        computed = any(WORKLOADS[name].group in framework.groups for name in options.workloads)
        if framework.name not in options.frameworks or not computed:
            continue
        interpreter = framework.interpreter()
        if interpreter is None:
            say(f"{framework.name}: not installed, left out "
                f"(PYFRAME_BENCH_PYTHON_{framework.python} may name an interpreter)")  # fmt: skip
            continue
        worker = Process(framework, interpreter, options.threads, log)
        try:
            say(f"{framework.name}: {worker.ask('version')['version']}")
            workers[framework.name] = worker
        except WorkerError as error:
            say(f"{framework.name}: cannot start: {error} (see {log.name})")
            worker.close()
    return workers


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(
    workload: Workload, workers: dict[str, Process], options: argparse.Namespace
) -> dict[str, Any]:
    """Prepares every worker, then lets them take turns."""
    results: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    iterations: dict[str, int] = {}
    for name, worker in workers.items():
        limit = options.prepare_seconds
        try:
            ready = worker.ask("prepare", limit, workload=workload.name, budget=limit / 4)
        except WorkerError as error:
            left_out[name] = str(error)
            say(f"  {name}: {error}")
            continue
        if ready["seconds"] is None:
            continue
        if ready["parameters"] != workload.parameters:
            raise SystemExit(f"{name}: {ready['parameters']} parameters in {workload.name}, "
                             f"expected {workload.parameters}")  # fmt: skip
        length = max(options.round_ms, PICTURES_MS if workload.kind == "augment" else 0)
        iterations[name] = max(1, round(length / 1000 / ready["seconds"]))
        results[name] = {
            "way": ready["way"],
            "ways": ready["ways"],
            "iterations": iterations[name],
            "rounds": [],
        }
        if ready["errors"]:
            results[name]["errors"] = ready["errors"]
        time.sleep(PAUSE)

    idle = dict.fromkeys(results, 0.0)
    peaks = []
    rounds = min(options.rounds, LARGE_ROUNDS) if workload.group == "large" else options.rounds
    for turn in range(rounds):
        names = list(results)
        first = turn % max(1, len(names))
        for name in names[first:] + names[:first]:
            before = {n: workers[n].cpu_seconds() for n in results if n != name}
            try:
                reply = workers[name].ask(
                    "run", workload=workload.name, iterations=iterations[name]
                )
            except WorkerError as error:
                left_out[name] = str(error)
                say(f"  {name}: {error}")
                del results[name]
                continue
            for n, used in before.items():
                idle[n] += (workers[n].cpu_seconds() or 0) - (used or 0)
            results[name]["rounds"].append(reply["seconds"] / iterations[name])
            time.sleep(PAUSE)
        if "pyframe" in workers:
            peaks.append(workers["pyframe"].ask("peak")["flops"])
            time.sleep(PAUSE)
    for name, result in results.items():
        rounds = sorted(result["rounds"])
        result["median"], result["best"] = median(rounds), rounds[0]
        result["quartiles"] = [rounds[len(rounds) // 4], rounds[3 * len(rounds) // 4]]
        result["idle_cpu_seconds"] = round(idle[name], 2)
        if idle[name] > 0.05:
            say(f"  {name} used {idle[name]:.2f} s of CPU while others were measured")
        say(f"  {name}: {1e3 * result['median']:.4g} ms ({result['way']})")
    peak = max(peaks) if peaks else None
    return {"flops": workload.flops, "peak": peak, "results": results, "left_out": left_out}


def measure_memory(
    workload: Workload, results: dict[str, Any], options: argparse.Namespace, log: IO[str]
) -> None:
    """Peak memory of a process that trains in the chosen way and has done nothing else."""
    for framework in FRAMEWORKS:
        result = results.get(framework.name)
        interpreter = framework.interpreter()
        if result is None or interpreter is None:
            continue
        worker = Process(framework, interpreter, options.threads, log)
        try:
            worker.ask(
                "prepare", options.prepare_seconds, workload=workload.name, way=result["way"]
            )
            result["peak_rss"] = worker.ask("steps", workload=workload.name, iterations=3)[
                "peak_rss"
            ]
            say(f"  {framework.name}: {result['peak_rss'] / 1e6:.0f} MB")
        except WorkerError as error:
            say(f"  {framework.name}: {error}")
        finally:
            worker.close()


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


def main() -> None:
    options = arguments()
    limit_to_cpus(options.threads)
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"warning: the machine is busy (load {load:.1f}); these times mean little")
    with tempfile.NamedTemporaryFile("w", suffix=".log", delete=False) as log:
        workers = start_workers(options, log)
        versions = {name: worker.ask("version")["version"] for name, worker in workers.items()}
        report: dict[str, Any] = {
            "cpu": cpu_name(), "threads": options.threads, "rounds": options.rounds, "load": load,
            "date": time.strftime("%Y-%m-%d"), "versions": versions, "workloads": {},
        }  # fmt: skip
        if options.add and options.out.exists():
            earlier = json.loads(options.out.read_text(encoding="utf-8"))
            report["workloads"] = earlier["workloads"]
            report["versions"] = {**earlier["versions"], **versions}
        try:
            for name in options.workloads:
                say(name)
                workload = WORKLOADS[name]
                report["workloads"][name] = measure(workload, workers, options)
                if workload.group == "large" and workload.kind == "train":
                    measure_memory(workload, report["workloads"][name]["results"], options, log)
                options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        finally:
            for worker in workers.values():
                worker.close()
    print(markdown(report))
    for path in options.write:
        replace_table(path, "bench.compare", markdown(report))


if __name__ == "__main__":
    main()
