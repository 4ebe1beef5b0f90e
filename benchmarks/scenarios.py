"""Runs the benchmark scenarios: `python benchmarks/scenarios.py --help`.

Every server is started here, on loopback, on a core of its own where the machine has two. A run prints a
table per scenario and writes a JSON file; `--markdown` prints the file as the tables of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if __package__ in (None, ""):  # run by its path, as documented
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import self_test
from benchmarks.machine import allow_many_files, environment
from benchmarks.tables import Row, markdown, read_json, show, write_json
from benchmarks.targets import Bench
from benchmarks.workloads import connections, durable, fanout, idle, presence, reconnect, slow

RESULTS = Path(__file__).resolve().parent / "results" / "latest.json"
SCENARIOS = {
    "fanout": fanout,
    "durable": durable,
    "connections": connections,
    "idle": idle,
    "reconnect": reconnect,
    "slow": slow,
    "presence": presence,
}


def numbers(text: str) -> list[int]:
    """Reads a list such as 1000,5000."""
    return [int(part) for part in text.split(",")]


def parser() -> argparse.ArgumentParser:
    """Describes the command line."""
    lines = [f"  {name:12} {module.__doc__}" for name, module in SCENARIOS.items()]
    lines.append("  ceiling      The load generator's own ceiling, against servers that do nothing but fan out.")
    result = argparse.ArgumentParser(
        description=f"{__doc__}\nscenarios:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--only", help="scenarios to run, separated by commas; all by default")
    result.add_argument("--match", help="only servers whose name matches this regular expression, e.g. ^stock")
    result.add_argument("--seconds", type=float, default=3.0, help="measured time of each phase (3)")
    result.add_argument("--again", type=int, default=2, help="repetitions of a measurement that others disturbed (2)")
    result.add_argument("--workers", type=int, default=1, help="load processes, one core each (1)")
    result.add_argument(
        "--connections", type=numbers, default=[1000, 5000], help="sizes of idle (1000,5000; also 10000)"
    )
    result.add_argument("--clients", type=int, default=2000, help="clients of reconnect (2000; also 5000)")
    result.add_argument("--json", type=Path, default=RESULTS, help=f"where results go ({RESULTS.name})")
    result.add_argument("--markdown", action="store_true", help="print Markdown at the end")
    result.add_argument("--render", type=Path, help="print an earlier JSON file as Markdown and run nothing")
    return result


def main() -> int:
    """Runs what was asked for; 1 if a server could not be measured."""
    options = parser().parse_args()
    if options.render:
        print(markdown(*read_json(options.render)))
        return 0
    wanted = options.only.split(",") if options.only else ["ceiling", *SCENARIOS]
    if unknown := set(wanted) - {"ceiling", *SCENARIOS}:
        parser().error(f"no such scenario: {', '.join(sorted(unknown))}")
    allow_many_files()
    where = environment(["python", "benchmarks/scenarios.py", *sys.argv[1:]])
    results: dict[str, list[Row]] = {}
    with Bench(seconds=options.seconds, workers=options.workers, again=options.again) as bench:
        for name in wanted:
            print(f"\n== {name}", flush=True)
            if name == "ceiling":
                results[name] = self_test(bench, members=fanout.MEMBERS, rooms=fanout.ROOMS)
            else:
                results[name] = list(SCENARIOS[name].run(bench, options))
            write_json(options.json, where, results)
    for name, rows in results.items():
        show(name, rows)
    if options.markdown:
        print("\n" + markdown(where, results))
    return int(any(row["phase"] == "failed" for rows in results.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
