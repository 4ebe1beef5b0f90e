"""Many people in one session, each moving a cursor once a second: what it costs the server."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

from benchmarks.tables import Row
from benchmarks.targets import Bench, Kind, our_target
from benchmarks.workloads.attempts import attempt

MEMBERS, RATE = 500, 500
SETUPS: tuple[tuple[Kind, bool], ...] = (("uvicorn", False), ("uvicorn", True), ("daphne", False))


def run(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    """Measures both servers, and uvicorn with Redis."""
    for kind, redis in SETUPS:
        name = f"ours {kind} {'redis' if redis else 'memory'}"
        yield from attempt(name, options, partial(measure, bench, name, kind, redis))


def measure(bench: Bench, name: str, kind: Kind, redis: bool) -> Iterator[Row]:
    """Moves every cursor once a second for a while."""
    with (
        our_target(bench, kind, members=MEMBERS, rooms=1, redis=redis) as target,
        target.fleet(bench) as fleet,
    ):
        connected = fleet.connect(concurrency=20, retry_for=120.0)
        fleet.probe("cursor")
        report = fleet.paced("cursor", rate=RATE, seconds=max(5.0, bench.seconds))
        row = Row(target=name, phase=f"{RATE} moves/s", connections=connected.members) | report.row()
        row["target_value"] = "half a core"
        row["met"] = report.server_cpu < 0.5
        yield row
