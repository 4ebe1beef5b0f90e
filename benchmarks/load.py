"""Measures the load generator itself, or any running server: `python benchmarks/load.py --help`.

`--self-test` shows the generator's own ceiling against servers that do nothing but fan out, so that a figure
near it can be distrusted. With `--url` it drives a server that is already up.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

if __package__ in (None, ""):  # run by its path, as documented
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.fleet import Fleet
from benchmarks.machine import allow_many_files
from benchmarks.report import Report
from benchmarks.tables import Row, show
from benchmarks.targets import Bench, Target, echo_target, seats_in_rooms

WINDOWS = (2, 8, 32, 128)
GOOD_ENOUGH = 1.03  # a larger window must gain this much to be worth the next


def saturate(fleet: Fleet, kind: str, *, seconds: float) -> tuple[int, Report]:
    """Widens the window of messages in flight until throughput stops growing; returns the best of them."""
    best: tuple[int, Report] | None = None
    for window in WINDOWS:
        report = fleet.closed_by_room(kind, window=window, seconds=seconds)
        if best is None or report.rate > best[1].rate * GOOD_ENOUGH:
            best = (window, report)
        else:
            break
    assert best is not None
    return best


def self_test(bench: Bench, *, members: int, rooms: int) -> list[Row]:
    """Finds how many deliveries a second the generator counts before it is the slower side."""
    rows: list[Row] = []
    for kind, gather in (("raw", 0.01), ("raw", 0.0), ("asgi", 0.0)):
        with echo_target(bench, kind, gather=gather, members=members, rooms=rooms) as target:
            rows += _measured(bench, target)
    return rows


def _measured(bench: Bench, target: Target) -> list[Row]:
    with target.fleet(bench) as fleet:
        connected = fleet.connect()
        fleet.probe()
        window, report = saturate(fleet, "signal", seconds=bench.seconds)
        row = Row(target=target.name, phase=f"saturated, window {window}")
        row |= {"connects_per_s": round(connected.members / connected.seconds)} | report.row()
        rows = [row]
        rate = report.rate / 2 / (len(target.seats) / len({seat.room for seat in target.seats}))
        half = fleet.paced("signal", rate=rate, seconds=bench.seconds)
        rows.append(Row(target=target.name, phase="half of it") | half.row())
        return rows


def drive(options: argparse.Namespace, bench: Bench) -> list[Row]:
    """Drives a server that is already up, in the stock language: the path names the room."""
    url = urlsplit(options.url)
    seats = seats_in_rooms([f"r{number}" for number in range(options.rooms)], options.members)
    cores = bench.cores.load if bench.cores else None
    with Fleet(url.hostname or "127.0.0.1", url.port or 80, url.path, "stock", seats, cores=cores) as fleet:
        fleet.connect()
        fleet.probe()
        window, report = saturate(fleet, "signal", seconds=bench.seconds)
    return [Row(target=options.url, phase=f"saturated, window {window}") | report.row()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="measure the generator's own ceiling")
    parser.add_argument("--url", help="ws://host:port/path/{room}/ of a server that echoes to the room")
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--rooms", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time of each phase")
    parser.add_argument("--workers", type=int, default=1, help="load processes, one core each")
    options = parser.parse_args()
    if not options.self_test and not options.url:
        parser.error("--self-test or --url")
    allow_many_files()
    with Bench(seconds=options.seconds, workers=options.workers) as bench:
        if options.self_test:
            show("load generator", self_test(bench, members=options.members, rooms=options.rooms))
        else:
            show("load", drive(options, bench))


if __name__ == "__main__":
    main()
