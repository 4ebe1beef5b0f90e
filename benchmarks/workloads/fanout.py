"""Fan-out of ephemeral signals: how many deliveries a second, at what latency, against the stock baseline."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from benchmarks.load import saturate
from benchmarks.tables import Row
from benchmarks.targets import Bench, Kind, Target, our_target, stock_target
from benchmarks.workloads.attempts import attempt

MEMBERS, ROOMS = 200, 4
FIXED = 100_000  # deliveries a second at which everyone's p99 is compared
KINDS: tuple[Kind, ...] = ("uvicorn", "daphne")
STOCK_LAYERS = ("memory", "redis", "redis_pubsub")

Start = Callable[[], AbstractContextManager[Target]]


def targets(bench: Bench) -> dict[str, Start]:
    """Names every server of this scenario, ours first, each with a way to start it."""
    found: dict[str, Start] = {}
    for kind in KINDS:
        for redis in (False, True):
            name = f"ours {kind} {'redis' if redis else 'memory'}"
            found[name] = partial(our_target, bench, kind, members=MEMBERS, rooms=ROOMS, redis=redis)
    for kind in KINDS:
        for layer in STOCK_LAYERS:
            start = partial(stock_target, bench, kind, layer, members=MEMBERS, rooms=ROOMS)
            found[f"stock {kind} {layer}"] = start
    return found


def run(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    """Measures each server saturated, at half of that and at 100,000 deliveries a second, and the ratios."""
    rows: list[Row] = []
    for name, start in targets(bench).items():
        rows += attempt(name, options, partial(measure, bench, name, start))
    add_ratios(rows)
    yield from rows


def measure(bench: Bench, name: str, start: Start) -> Iterator[Row]:
    """Measures one server."""
    with start() as target, target.fleet(bench) as fleet:
        connected = fleet.connect()
        fleet.probe()
        fanout = MEMBERS // ROOMS
        window, best = saturate(fleet, "signal", seconds=bench.seconds)
        row = Row(target=name, phase="saturated", window=window) | best.row()
        row["connects_per_s"] = round(connected.members / connected.seconds)
        yield row
        half = fleet.paced("signal", rate=best.rate / 2 / fanout, seconds=bench.seconds)
        yield Row(target=name, phase="half of it") | half.row()
        fixed = fleet.paced("signal", rate=FIXED / fanout, seconds=bench.seconds)
        row = Row(target=name, phase=f"offered {FIXED:,}/s") | fixed.row()
        if name.startswith("ours"):
            row["target_value"] = "p99 < 50 ms"
            row["met"] = (row["delivery_p99_ms"] or 1e9) < 50 and not fixed.missing
        yield row


def add_ratios(rows: list[Row]) -> None:
    """Divides saturated figures by stock daphne's: with Redis, by the better of its two Redis layers.

    A figure measured while others used the server's core gets no ratio and is no base for one.
    """
    full = [row for row in rows if row["phase"] == "saturated" and not row["disturbed"]]
    saturated = {row["target"]: row["deliveries_per_s"] for row in full}
    memory = saturated.get("stock daphne memory")
    redis = max((saturated.get(f"stock daphne {layer}", 0) for layer in STOCK_LAYERS[1:]), default=0)
    for row in full:
        base = memory if row["target"].endswith("memory") else redis
        if base:
            row["ratio"] = round(row["deliveries_per_s"] / base, 1)
            if row["target"].startswith("ours"):
                row["target_value"] = "50 × stock daphne"  # noqa: RUF001
                row["met"] = row["ratio"] >= 50
