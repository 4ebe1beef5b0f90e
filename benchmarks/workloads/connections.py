"""The everyday load: 1,000 connections, 50 rooms of 20, 500 durable messages a second."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Literal

from benchmarks.tables import Row
from benchmarks.targets import Bench, Kind, our_target
from benchmarks.workloads.attempts import attempt

MEMBERS, ROOMS, RATE = 1_000, 50, 500
Database = Literal["sqlite", "postgres"]
SETUPS: tuple[tuple[Kind, bool, Database], ...] = (
    ("uvicorn", False, "sqlite"),
    ("uvicorn", True, "postgres"),
    ("daphne", False, "sqlite"),
    ("daphne", True, "postgres"),
)


def run(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    """Measures both servers, embedded and with PostgreSQL and Redis."""
    for kind, redis, database in SETUPS:
        name = f"ours {kind} {'redis' if redis else 'memory'} {database}"
        yield from attempt(name, options, partial(measure, bench, name, kind, redis, database))


def measure(bench: Bench, name: str, kind: Kind, redis: bool, database: Database) -> Iterator[Row]:
    """Offers the load at a steady pace and counts what arrives."""
    with (
        our_target(bench, kind, members=MEMBERS, rooms=ROOMS, redis=redis, database=database) as target,
        target.fleet(bench) as fleet,
    ):
        connected = fleet.connect()
        fleet.probe("message", answered=True)
        report = fleet.paced("message", rate=RATE, seconds=max(5.0, 2 * bench.seconds), answered=True)
        row = Row(target=name, phase=f"{RATE} messages/s", connections=connected.members) | report.row()
        row["connects_per_s"] = round(connected.members / connected.seconds)
        row["target_value"] = "p99 < 50 ms, none missing"
        slowest = max(row["ack_p99_ms"] or 1e9, row["delivery_p99_ms"] or 1e9)
        row["met"] = slowest < 50 and not report.missing
        yield row
