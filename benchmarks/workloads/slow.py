"""One client that does not keep up: what it costs the server, how it is closed, and what the others feel."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

from benchmarks.disruption import Outcome
from benchmarks.machine import watched
from benchmarks.tables import Row
from benchmarks.targets import Bench, Kind, our_target
from benchmarks.workloads.attempts import attempt

MEMBERS, RATE, PADDING = 50, 200, 1_000
SECONDS = 14.0  # longer than the patience of the server with a client that takes nothing
KINDS: tuple[Kind, ...] = ("uvicorn", "daphne")


def run(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    """Measures both servers, each with a client that never reads and one that never answers a ping."""
    for kind in KINDS:
        name = f"ours {kind}"
        yield from attempt(name, options, partial(measure, bench, name, kind))


def measure(bench: Bench, name: str, kind: Kind) -> Iterator[Row]:
    """Measures the room without a slow client, then with each sort of it."""
    with (
        our_target(bench, kind, members=MEMBERS + 2, rooms=1) as target,
        target.fleet(bench, target.seats[:MEMBERS], padding=PADDING) as fleet,
    ):
        fleet.connect()
        fleet.probe("message", answered=True)
        fleet.paced("message", rate=RATE, seconds=bench.seconds, answered=True)  # warm
        with watched(target.pid) as usage:
            alone = fleet.paced("message", rate=RATE, seconds=SECONDS, answered=True)
        anyway = usage.rss_peak - usage.rss_start  # what the traffic itself leaves behind
        yield Row(target=name, phase="all read") | alone.row() | usage.row()
        usual = alone.row()["delivery_p99_ms"] or 0.0
        for seat, reads in zip(target.seats[MEMBERS:], (False, True), strict=True):
            with watched(target.pid) as usage:
                fleet.run("seat_slow", seat=seat, reads=reads)
                report = fleet.paced("message", rate=RATE, seconds=SECONDS, answered=True)
            outcome: Outcome = fleet.run("slow_outcome")
            row = Row(target=name, phase="one never answers" if reads else "one never reads")
            row |= report.row() | usage.row()
            row["rss_growth_mib"] = round(max(0, usage.rss_peak - usage.rss_start - anyway) / (1 << 20), 2)
            row["close"] = f"{outcome.code} {outcome.reason}".strip()
            row["slow_client_bytes"] = outcome.bytes
            row["target_value"] = "1.5 MiB, 4511, p99 as before"
            steady = (row["delivery_p99_ms"] or 1e9) <= max(1.5 * usual, usual + 10)
            row["met"] = row["rss_growth_mib"] <= 1.5 and outcome.code == 4511 and steady
            yield row
