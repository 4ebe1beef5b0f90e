"""The figures of a run."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.chaos.check import Verdict
from benchmarks.chaos.faults import Felt
from benchmarks.chaos.run import Run

SOCKETS_STAY = ("redis-kill", "redis-pause", "postgres-stop")
DRAINING = 4503


def percentile(values: Iterable[float], share: float) -> float | None:
    """The value below which a share of the others lies."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) if ordered else None


def spread(values: Sequence[float]) -> dict[str, float | None]:
    return {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99), "max": percentile(values, 1.0)}


def delays(run: Run) -> list[float]:
    """Seconds from a message's acknowledgement at its author to its arrival at each other member."""
    rooms = {seat.number: seat.room for seat in run.seats}
    acked = {(rooms[n], seq): at for n, record in run.records.items() for at, seq in record.acked.values()}
    return [
        max(0.0, at - acked[rooms[record.number], seq])
        for record in run.living
        for at, seq in record.seen
        if (rooms[record.number], seq) in acked
    ]


def summary(options: argparse.Namespace, felt: list[Felt], verdict: Verdict, run: Run) -> dict[str, Any]:
    """Everything worth knowing of a run; `wrong` is empty when every promise was kept."""
    roaming = {seat.number for seat in run.seats if len(seat.urls) > 1}
    wrong = dict(verdict.wrong)
    codes = Counter(code for each in felt for code in each.codes)
    if options.fault in SOCKETS_STAY and codes:
        wrong["dropped"] = [f"{count} x {code}" for code, count in codes.items()]
    if options.fault == "rolling":
        if any(each.most_drops > 1 for each in felt):
            wrong["reconnects"] = [str(each) for each in felt if each.most_drops > 1]
        if options.kind == "uvicorn" and set(codes) - {DRAINING}:
            wrong["uncoded"] = [f"{count} x {code}" for code, count in codes.items() if code != DRAINING]
    return {
        "fault": options.fault,
        "servers": options.kind,
        "database": options.database,
        "faults": len(felt),
        "clients": options.clients,
        "sent": verdict.sent,
        "acked": verdict.acked,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "deliveries": verdict.seen,
        "unseen": len(verdict.unseen),
        "repeated": len(verdict.repeated),
        "healed_by_clients": dict(verdict.explained),
        "connections_dropped": {str(code): count for code, count in sorted(codes.items())},
        "cycle_s": spread([each.seconds for each in felt]),
        "all_back_s": spread([max(each.away.values()) for each in felt if each.away]),
        "client_back_s": spread([s for each in felt for n, s in each.away.items() if n in roaming]),
        "client_of_one_server_back_s": spread([s for each in felt for n, s in each.away.items() if n not in roaming]),
        "delivery_delay_s": spread(delays(run)),
        "wrong": wrong,
    }


def markdown(environment: dict[str, str], row: dict[str, Any]) -> str:
    """A run as Markdown: where it took place, and its figures."""
    lines = [f"- {name}: {value}" for name, value in environment.items()]
    lines += ["", "| | |", "|---|---|"]
    for name, value in row.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items() if v is not None) if isinstance(value, dict) else value
        lines.append(f"| {name.replace('_', ' ')} | {shown or ('nothing' if isinstance(value, dict) else 0)} |")
    return "\n".join(lines)
