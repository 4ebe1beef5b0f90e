"""Runs the measurements of one server, and goes on with the next if it cannot be started or fails."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator

from benchmarks.fleet import WorkerFailed
from benchmarks.tables import Row, text_table
from tests.servers import CommandFailed, ServerFailed, ServerUnavailable

DISTURBED = 0.08  # a figure whose server lost more of its core than this says little
FAILURES = (WorkerFailed, ServerFailed, ServerUnavailable, CommandFailed, RuntimeError, OSError)


def attempt(name: str, options: argparse.Namespace, measure: Callable[[], Iterator[Row]]) -> list[Row]:
    """Collects the rows of one server, a failure as a row too; nothing if `--match` leaves it out.

    A measurement during which others used the server's core is repeated, and the least disturbed one counts.
    """
    if options.match and not re.search(options.match, name):
        return []
    best: list[Row] = []
    for again in range(1 + options.again):
        rows = _rows(name, measure)
        print(text_table(rows), flush=True)
        if again == 0 or disturbance(rows) < disturbance(best):
            best = rows
        if disturbance(best) <= DISTURBED:
            break
        print(f"{name}: others used {disturbance(rows):.0%} of the server's core", file=sys.stderr)
    return best


def disturbance(rows: list[Row]) -> float:
    """Returns the largest fraction of the server's core that others took during any of these rows."""
    return max((row.get("others_cpu", 0.0) for row in rows), default=0.0)


def _rows(name: str, measure: Callable[[], Iterator[Row]]) -> list[Row]:
    rows: list[Row] = []
    try:
        rows.extend(measure())
    except FAILURES as error:
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        for line in "\n".join(getattr(error, "__notes__", [])).splitlines():
            if '"level": "info"' not in line:
                print(line, file=sys.stderr)
        rows.append(Row(target=name, phase="failed", failures={type(error).__name__: 1}))
    return rows
