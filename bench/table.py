"""Prints bench/results.json as a table for README.md: python -m bench.table [results.json]"""

import json
import sys
from pathlib import Path
from typing import Any

Report = dict[str, Any]


def duration(seconds: float) -> str:
    return f"{1e6 * seconds:.1f} us" if seconds < 1e-3 else f"{1e3 * seconds:.3g} ms"


def row(name: str, measured: Report, peers: list[str]) -> list[str]:
    results = measured["results"]
    times = {p: results[p]["median"] for p in peers if p in results}
    cells = [f"`{name}`"]
    ours = results.get("pyframe", {}).get("median")
    cells.append(f"**{duration(ours)}**" if ours else "")
    cells += [duration(times[p]) if p in times else "" for p in peers]
    if ours and times:
        best = min(times, key=lambda peer: times[peer])
        cells.append(f"**{times[best] / ours:.2f}x** ({best})")
    else:
        cells.append("")
    rate = measured["flops"] / ours if ours else 0
    cells.append(f"{rate / 1e9:.3g}" if ours else "")
    cells.append(f"{100 * rate / measured['peak']:.0f} %" if ours and measured["peak"] else "")
    return cells


def memory(report: Report, peers: list[str]) -> list[str]:
    """Peak memory of training processes, where it was measured."""
    lines = []
    for name, measured in report["workloads"].items():
        peaks = {k: r["peak_rss"] for k, r in measured["results"].items() if "peak_rss" in r}
        cells = [f"{peaks[p] / 1e6:.0f}" if p in peaks else "" for p in ["pyframe", *peers]]
        if peaks:
            lines.append("| " + " | ".join([f"`{name}`", *cells]) + " |")
    if not lines:
        return []
    head = ["peak memory of training, MB", "pyframe", *peers]
    return ["", "| " + " | ".join(head) + " |", "|---" * len(head) + "|", *lines]


def markdown(report: Report) -> str:
    peers = [name for name in report["versions"] if name != "pyframe"]
    head = ["workload", "pyframe", *peers, "faster than the best peer", "GFLOP/s", "% of FMA peak"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, measured in report["workloads"].items():
        lines.append("| " + " | ".join(row(name, measured, peers)) + " |")
    lines += memory(report, peers)
    peaks = [w["peak"] for w in report["workloads"].values() if w["peak"]]
    peak = f", FMA peak {max(peaks) / 1e9:.0f} GFLOP/s" if peaks else ""
    versions = "; ".join(dict.fromkeys(report["versions"].values()))
    lines.append("")
    lines.append(
        f"{report['cpu']}, {report['threads']} threads{peak}; median of {report['rounds']} "
        f"interleaved rounds; {versions}; {report['date']}."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("results.json")
    print(markdown(json.loads(path.read_text(encoding="utf-8"))))
