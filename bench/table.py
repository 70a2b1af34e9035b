"""The table of bench.compare: python -m bench.table [--results FILE] [--write README.md ...]

Prints bench/results.json as Markdown, or puts it in the place of the table in Markdown files.
"""

import argparse
import json
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
    cells.append(f"{rate / 1e9:.3g}" if rate else "")
    cells.append(f"{100 * rate / measured['peak']:.0f} %" if rate and measured["peak"] else "")
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


def left_out(report: Report) -> list[str]:
    """Frameworks that a row should have and has not."""
    missing = [
        f"{peer} in `{name}` ({reason})"
        for name, measured in report["workloads"].items()
        for peer, reason in measured.get("left_out", {}).items()
    ]
    return ["", f"Left out: {'; '.join(missing)}."] if missing else []


def markdown(report: Report) -> str:
    peers = [name for name in report["versions"] if name != "pyframe"]
    head = ["workload", "pyframe", *peers, "faster than the best peer", "GFLOP/s", "% of FMA peak"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, measured in report["workloads"].items():
        lines.append("| " + " | ".join(row(name, measured, peers)) + " |")
    lines += memory(report, peers) + left_out(report)
    peaks = [w["peak"] for w in report["workloads"].values() if w["peak"]]
    peak = f", FMA peak {max(peaks) / 1e9:.0f} GFLOP/s" if peaks else ""
    versions = "; ".join(dict.fromkeys(report["versions"].values()))
    lines.append("")
    lines.append(
        f"{report['cpu']}, {report['threads']} threads{peak}; median of {report['rounds']} "
        f"interleaved rounds; {versions}; {report['date']}."
    )
    return "\n".join(lines)


class Output:
    """Lines that are printed as they come and kept for a file."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def __str__(self) -> str:
        return "\n".join(self.lines).strip()


def place(path: Path, name: str) -> tuple[str, str]:
    """What comes before and after the table of that name in a file, the two marks included."""
    begin, end = (f"<!-- {name}: {side} -->\n" for side in ("begin", "end"))
    text = path.read_text(encoding="utf-8")
    if not 0 <= text.find(begin) < text.find(end):
        raise SystemExit(f"{path} has no place for the table: two lines {begin!r} and {end!r}")
    return text[: text.index(begin) + len(begin)], text[text.index(end) :]


def replace_table(path: Path, name: str, table: str) -> None:
    before, after = place(path, name)
    path.write_text(f"{before}\n{table}\n\n{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.table", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("results.json"))
    parser.add_argument("--write", type=Path, nargs="*", default=[], metavar="FILE")
    options = parser.parse_args()
    report = json.loads(options.results.read_text(encoding="utf-8"))
    for path in options.write:
        replace_table(path, "bench.compare", markdown(report))
    if not options.write:
        print(markdown(report))


if __name__ == "__main__":
    main()
