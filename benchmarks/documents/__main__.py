"""Compares documents with those of Hocuspocus in one run: `python -m benchmarks.documents --help`.

Both servers keep documents in SQLite and are started here, on loopback, on a core of their own where the machine has
two. Hocuspocus runs with its default settings and is installed by npm on first use.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import uvloop

from benchmarks.documents import opening, typing
from benchmarks.documents.servers import Subject, hocuspocus, ours, versions
from benchmarks.machine import allow_many_files, environment, pinned
from benchmarks.tables import Row, markdown, show, write_json
from benchmarks.targets import Bench
from benchmarks.workloads.attempts import attempt

RESULTS = Path(__file__).resolve().parents[1] / "results" / "documents.json"
SERVERS = {"Hocuspocus": hocuspocus, "ours": ours}
Measure = Callable[[Bench, Subject], Awaitable[list[Row]]]
SCENARIOS: dict[str, tuple[str, Measure]] = {
    "together": ("50 clients type in one document", partial(typing.measure, people=50, count=1)),
    "apart": ("200 clients type in 20 documents", partial(typing.measure, people=200, count=20)),
    "memory": ("memory of an open document", opening.memory),
    "join": ("150 clients join a document of 1 MB", opening.joining),
    "load": ("a document with 200,000 small updates is loaded", opening.loading),
}
FIGURES = {"updates_per_s": True, "kib_per_document": False, "seconds_to_open": False}  # whether larger is better


def measured(bench: Bench, measure: Measure, name: str) -> Iterator[Row]:
    """Runs one scenario on one server, the load on its own core."""
    with SERVERS[name](bench) as subject, pinned(set(bench.cores.load) if bench.cores else None):
        yield from uvloop.run(measure(bench, subject))  # type: ignore[arg-type]


def compare(rows: list[Row]) -> None:
    """Notes how many times each figure of ours is ahead of Hocuspocus's in the same scenario."""
    for mine in rows:
        for theirs in rows:
            same = mine["phase"].startswith(theirs["phase"]) and not mine["phase"].endswith("too much")
            if mine["target"] != "ours" or theirs["target"] == "ours" or not same:
                continue
            for figure, larger_is_better in FIGURES.items():
                if mine.get(figure) and theirs.get(figure):
                    ahead = mine[figure] / theirs[figure]
                    mine["ratio"] = round(ahead if larger_is_better else 1 / ahead, 2)
                    mine |= {"target_value": "ahead of Hocuspocus", "met": mine["ratio"] > 1}


def main() -> int:
    """Runs what was asked for; 1 if a server could not be measured."""
    lines = [f"  {name:12} {title}" for name, (title, _) in SCENARIOS.items()]
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nscenarios:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", help="scenarios to run, separated by commas; all by default")
    parser.add_argument("--match", help="only the server whose name matches this regular expression, e.g. ours")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time at each rate (3)")
    parser.add_argument("--again", type=int, default=2, help="repetitions of a rate that failed while disturbed (2)")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where results go ({RESULTS.name})")
    parser.add_argument("--markdown", action="store_true", help="print Markdown at the end")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else list(SCENARIOS)
    if unknown := set(wanted) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    allow_many_files()
    gc.disable()
    where = environment(["python", "-m", "benchmarks.documents", *sys.argv[1:]]) | versions()
    results: dict[str, list[Row]] = {}
    with Bench(seconds=options.seconds, again=options.again) as bench:
        for name in wanted:
            title, measure = SCENARIOS[name]
            print(f"\n== {name}: {title}", flush=True)
            rows = [
                row for server in SERVERS for row in attempt(server, options, partial(measured, bench, measure, server))
            ]
            compare(rows)
            results[title] = rows
            write_json(options.json, where, results)
    for title, rows in results.items():
        show(title, rows)
    if options.markdown:
        print("\n" + markdown(where, results))
    return int(any(row["phase"] == "failed" for rows in results.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
