"""Durable messages, acknowledged after the commit: how many a second, and how long an ack takes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Literal

from benchmarks.tables import Row
from benchmarks.targets import Bench, our_target
from benchmarks.workloads.attempts import attempt

WRITERS, ROOMS = 500, 50
TARGET = 3_000  # acknowledged commands a second; latency is judged at half of it
STORES: tuple[tuple[Literal["sqlite", "postgres"], bool], ...] = (
    ("sqlite", False),
    ("postgres", False),
    ("postgres", True),
)


def run(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    """Measures SQLite, PostgreSQL, and PostgreSQL with Redis."""
    for database, redis in STORES:
        name = f"ours uvicorn {'redis' if redis else 'memory'} {database}"
        yield from attempt(name, options, partial(measure, bench, name, database, redis))


def measure(bench: Bench, name: str, database: Literal["sqlite", "postgres"], redis: bool) -> Iterator[Row]:
    """Saturates with one command of every writer under way, then offers half of that, and half of the target."""
    with (
        our_target(bench, "uvicorn", members=WRITERS, rooms=ROOMS, redis=redis, database=database) as target,
        target.fleet(bench) as fleet,
    ):
        fleet.connect()
        fleet.probe("message", answered=True)
        best = fleet.closed_by_ack("message", seconds=bench.seconds)
        row = Row(target=name, phase="saturated") | best.row()
        yield row | {"target_value": f"{TARGET:,} acks/s", "met": best.ack_rate >= TARGET}
        rate = best.ack_rate / 2
        half = fleet.paced("message", rate=rate, seconds=bench.seconds, answered=True)
        yield Row(target=name, phase="half of it") | half.row()
        steady = fleet.paced("message", rate=TARGET / 2, seconds=bench.seconds, answered=True)
        row = Row(target=name, phase=f"offered {TARGET // 2:,}/s") | steady.row()
        yield row | {"target_value": "ack p99 < 50 ms", "met": (row["ack_p99_ms"] or 1e9) < 50}
