"""Memory of the server per connection that has joined a room and does nothing."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from benchmarks.machine import rss_bytes
from benchmarks.tables import Row
from benchmarks.targets import Bench, Kind, Target, our_target, stock_target
from benchmarks.workloads.attempts import attempt

KINDS: tuple[Kind, ...] = ("uvicorn", "daphne")
ROOM_SIZE = 50
WARM = 100  # connections before the first measurement, so that imports and pools do not count
SETTLE = 2.0


def run(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    """Measures both servers at each size, and stock Channels at the smallest."""
    for kind in KINDS:
        for size in options.connections:
            start = partial(our_target, bench, kind, members=size + WARM, rooms=max(1, size // ROOM_SIZE))
            yield from attempt(f"ours {kind}", options, partial(measure, bench, f"ours {kind}", size, start))
    size = min(options.connections)
    for kind in KINDS:
        stock = partial(stock_target, bench, kind, "memory", members=size + WARM, rooms=max(1, size // ROOM_SIZE))
        yield from attempt(f"stock {kind}", options, partial(measure, bench, f"stock {kind}", size, stock))


def measure(bench: Bench, name: str, size: int, start: Callable[[], AbstractContextManager[Target]]) -> Iterator[Row]:
    """Connects a few, then all, and divides the growth by the difference."""
    with start() as target, target.fleet(bench, target.seats[:WARM]) as first:
        first.connect()
        time.sleep(SETTLE)
        before = rss_bytes(target.pid)
        with target.fleet(bench, target.seats[WARM : WARM + size]) as fleet:
            connected = fleet.connect(all_in=False)
            time.sleep(SETTLE)
            after = rss_bytes(target.pid)
        row = Row(target=name, phase="idle", connections=connected.members)
        row["connects_per_s"] = round(connected.members / connected.seconds)
        row["kib_per_connection"] = round((after - before) / max(1, connected.members) / 1024, 1)
        row["rss_mib"] = round(after / (1 << 20), 1)
        row["failures"] = dict(connected.errors)
        if name.startswith("ours"):
            row["target_value"] = "60 KiB"
            row["met"] = row["kib_per_connection"] <= 60 and connected.members == size
        yield row
