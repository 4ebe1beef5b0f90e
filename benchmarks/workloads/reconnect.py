"""A reconnect storm: everyone is cut at once and comes back with `since`, owed what was sent meanwhile."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Literal

from benchmarks.disruption import Return
from benchmarks.tables import Row
from benchmarks.targets import Bench, Kind, our_target
from benchmarks.workloads.attempts import attempt

ROOM_SIZE = 50
MISSED = 5  # messages per room that recovery owes everyone
Database = Literal["sqlite", "postgres"]
SETUPS: tuple[tuple[Kind, bool, Database], ...] = (
    ("uvicorn", False, "sqlite"),
    ("uvicorn", True, "postgres"),
    ("daphne", False, "sqlite"),
)


def run(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    """Measures both servers with SQLite, and uvicorn with PostgreSQL and Redis."""
    for kind, redis, database in SETUPS:
        name = f"ours {kind} {'redis' if redis else 'memory'} {database}"
        run_one = partial(measure, bench, name, kind, redis, database, options.clients)
        yield from attempt(name, options, run_one)


def measure(bench: Bench, name: str, kind: Kind, redis: bool, database: Database, clients: int) -> Iterator[Row]:
    """Cuts everyone but one sender a room and times the return."""
    rooms = max(1, clients // ROOM_SIZE)
    with (
        our_target(bench, kind, members=clients + rooms, rooms=rooms, redis=redis, database=database) as target,
        target.fleet(bench) as fleet,
    ):
        first = fleet.connect(track=True)
        fleet.probe("message", answered=True)
        back: Return = fleet.run("cut_and_return", kind="message", missed=MISSED, concurrency=500, retry_for=60.0)
        row = Row(target=name, phase=f"{back.cut:,} cut at once") | back.report.row()
        for column in [column for column in row if column.startswith(("delivery_", "ack_", "deliveries_", "acks_"))]:
            del row[column]  # counted from before the cut, so they say how long it lasted and nothing else
        entered = sorted(back.connected.enter_ms)
        row["connections"] = back.connected.members
        row["connects_per_s"] = round(first.members / first.seconds)
        row["seconds_to_recover"] = round(back.connected.seconds, 2)
        row["enter_p99_ms"] = round(entered[int(len(entered) * 0.99)], 1) if entered else None
        row["recovered"] = dict(back.connected.recovered)
        row["attempts"] = back.connected.attempts
        row["failures"] = dict(back.connected.errors + back.report.errors)
        row["target_value"] = "5,000 in 30 s"
        complete = back.connected.members == back.cut and not back.report.missing
        row["met"] = complete and back.connected.seconds <= 30 * min(1.0, clients / 5000)
        yield row
