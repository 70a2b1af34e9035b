"""Times convolution layers one by one: python -m bench.conv_layers --threads 2

The layers of VGG16, ResNet50 and MobileNet in all three directions, in pyframe and in torch, each
in its own process; the two take turns, and the median of the rounds is reported.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.compare import PAUSE, cpu_name, say
from bench.frameworks import Framework, Process, WorkerError, limit_to_cpus
from bench.table import Output, place, replace_table

DIRECTIONS = ("forward", "input", "kernel")
# What keeps each library from wider vectors than a level's; the workers inherit it.
LEVELS = {
    "avx2": {
        "PYFRAME_ISA": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
}  # fmt: skip
FRAMEWORKS = (
    Framework("pyframe", "PYFRAME", ("pyframe",), "pyframe_conv"),
    Framework("torch", "TORCH", ("torch",), "torch_conv"),
)


@dataclass(frozen=True)
class ConvLayer:
    """A square convolution with "same" padding, as it stands in a network."""

    size: int
    channels: int
    filters: int
    kernel: int = 3
    stride: int = 1

    @property
    def name(self) -> str:
        stride = f" / {self.stride}" if self.stride > 1 else ""
        kernel = f"{self.kernel}x{self.kernel}{stride}"
        return f"{self.size}x{self.size}x{self.channels}, {kernel}, {self.filters}"

    def flops(self, batch: int) -> int:
        out = -(-self.size // self.stride)
        return 2 * batch * out**2 * self.kernel**2 * self.channels * self.filters

    def directions(self) -> tuple[str, ...]:
        """The first layer of a network needs no gradient of its input."""
        return tuple(d for d in DIRECTIONS if d != "input" or self.channels > 3)


def bottleneck(size: int, width: int) -> list[ConvLayer]:
    """The layers of one of ResNet50's four stages, each once, and its strided way in."""
    layers = [
        ConvLayer(size, width, width),
        ConvLayer(size, width, 4 * width, 1),
        ConvLayer(size, 4 * width, width, 1),
    ]
    if size < 56:
        layers.append(ConvLayer(2 * size, 2 * width, 4 * width, 1, 2))
        layers.append(ConvLayer(2 * size, width, width, 3, 2))  # where the stride is in the 3x3
    return layers


NETWORKS = {
    "vgg16": [
        ConvLayer(size, channels, filters)
        for size, channels, filters in (
            (224, 3, 64), (224, 64, 64), (112, 64, 128), (112, 128, 128), (56, 128, 256),
            (56, 256, 256), (28, 256, 512), (28, 512, 512), (14, 512, 512),
        )
    ],
    "resnet50": [
        ConvLayer(224, 3, 64, 7, 2),
        *(layer for size, width in ((56, 64), (28, 128), (14, 256), (7, 512))
          for layer in bottleneck(size, width)),
    ],
    "mobilenet": [
        ConvLayer(224, 3, 32, 3, 2),
        *(ConvLayer(size, channels, filters, 1)
          for size, channels, filters in (
              (112, 32, 64), (56, 64, 128), (56, 128, 128), (28, 128, 256), (28, 256, 256),
              (14, 256, 512), (14, 512, 512), (7, 512, 1024), (7, 1024, 1024),
          )),
    ],
}  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.conv_layers", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4, help="images")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--round-ms", type=float, default=30, help="length of one turn")
    parser.add_argument("--fastest", action="store_true",
                        help="the fastest round, not the median")  # fmt: skip
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--directions", nargs="*", default=DIRECTIONS, choices=DIRECTIONS)
    parser.add_argument("--frameworks", nargs="*", default=[f.name for f in FRAMEWORKS],
                        choices=[f.name for f in FRAMEWORKS])  # fmt: skip
    parser.add_argument("--isa", choices=LEVELS, help="no vectors wider than that, in both")
    parser.add_argument("--out", type=Path, help="a JSON file for the times")
    parser.add_argument("--write", type=Path, nargs="*", default=[], metavar="FILE",
                        help="Markdown files to put the table into")  # fmt: skip
    options = parser.parse_args()
    options.mark = "bench.conv_layers" + (f" --isa {options.isa}" if options.isa else "")
    for path in options.write:
        place(path, options.mark)  # now, not after the run
    return options


def start_workers(options: argparse.Namespace, log: Any) -> dict[str, Process]:
    workers = {}
    for framework in FRAMEWORKS:
        if framework.name not in options.frameworks:
            continue
        interpreter = framework.interpreter()
        if interpreter is None:
            say(f"{framework.name}: not installed, left out")
            continue
        worker = Process(framework, interpreter, options.threads, log)
        try:
            say(f"{framework.name}: {worker.ask('version')['version']}")
            workers[framework.name] = worker
        except WorkerError as error:
            say(f"{framework.name}: cannot start: {error} (see {log.name})")
            worker.close()
    return workers


def measure(
    layer: ConvLayer, direction: str, workers: dict[str, Process], options: argparse.Namespace
) -> dict[str, Any]:
    """Seconds of each framework, and what pyframe says about its algorithm."""
    result: dict[str, Any] = {"layer": layer.name, "direction": direction, "seconds": {}}
    iterations = {}
    for name, worker in workers.items():
        ready = worker.ask("layer", direction=direction, batch=options.batch, **asdict(layer))
        iterations[name] = max(1, round(options.round_ms / 1000 / ready["seconds"]))
        result["algorithm"] = ready.get("algorithm") or result.get("algorithm")
        time.sleep(PAUSE)
    rounds: dict[str, list[float]] = {name: [] for name in workers}
    for turn in range(options.rounds):
        for name in list(workers)[:: 1 if turn % 2 else -1]:
            reply = workers[name].ask("time", iterations=iterations[name])
            rounds[name].append(reply["seconds"] / iterations[name])
            time.sleep(PAUSE)
    result["seconds"] = {
        name: min(times) if options.fastest else median(times) for name, times in rounds.items()
    }
    result["flops"] = layer.flops(options.batch)
    if "pyframe" in workers:
        result["peak"] = workers["pyframe"].ask("peak")["flops"]
    return result


def row(result: dict[str, Any]) -> str:
    ours, torch = (result["seconds"].get(name) for name in ("pyframe", "torch"))
    cells = [result["layer"], result["direction"]]
    if ours:
        rate = result["flops"] / ours
        cells += [result["algorithm"] or "", f"{1e3 * ours:.3g}", f"{rate / 1e9:.0f}"]
        cells.append(f"{100 * rate / result['peak']:.0f}")
    else:
        cells += [""] * 4
    cells.append(f"{1e3 * torch:.3g}" if torch else "")
    cells.append(f"{torch / ours:.2f}" if ours and torch else "")
    return "| " + " | ".join(cells) + " |"


COLUMNS = ["layer", "direction", "algorithm", "ms", "GFLOP/s", "% of FMA peak", "torch ms",
           "torch / pyframe"]  # fmt: skip
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def main() -> None:
    options = arguments()
    limit_to_cpus(options.threads)
    os.environ.update(LEVELS.get(options.isa, {}))
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"warning: the machine is busy (load {load:.1f}); these times mean little")
    results: list[dict[str, Any]] = []
    peak, output = 0.0, Output()
    with tempfile.NamedTemporaryFile("w", suffix=".log", delete=False) as log:
        workers = start_workers(options, log)
        versions = [worker.ask("version")["version"] for worker in workers.values()]
        try:
            for network in options.networks:
                output(f"\n{network}, {options.batch} images\n\n{HEAD}")
                for layer in NETWORKS[network]:
                    for direction in layer.directions():
                        if direction in options.directions:
                            results.append(measure(layer, direction, workers, options))
                            # Another program can only lower the measured peak.
                            peak = max(peak, results[-1].get("peak", 0))
                            results[-1]["peak"] = peak
                            output(row(results[-1]))
        finally:
            for worker in workers.values():
                worker.close()
    output(
        f"\n{cpu_name()}, {options.threads} threads, FMA peak {peak / 1e9:.0f} GFLOP/s; "
        f"{'fastest' if options.fastest else 'median'} of {options.rounds} rounds; "
        f"{'; '.join(versions)}; {time.strftime('%Y-%m-%d')}."
    )
    for path in options.write:
        replace_table(path, options.mark, str(output))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
