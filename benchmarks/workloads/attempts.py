"""Runs the measurements of one server, and goes on with the next if it cannot be started or fails."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator

from benchmarks.fleet import WorkerFailed
from benchmarks.tables import Row, text_table
from tests.servers import CommandFailed, ServerFailed, ServerUnavailable

FAILURES = (WorkerFailed, ServerFailed, ServerUnavailable, CommandFailed, RuntimeError, OSError)


def attempt(name: str, options: argparse.Namespace, measure: Callable[[], Iterator[Row]]) -> list[Row]:
    """Collects the rows of one server, a failure as a row too; nothing if `--match` leaves it out."""
    if options.match and not re.search(options.match, name):
        return []
    rows: list[Row] = []
    try:
        rows.extend(measure())
    except FAILURES as error:
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        for line in "\n".join(getattr(error, "__notes__", [])).splitlines():
            if '"level": "info"' not in line:
                print(line, file=sys.stderr)
        rows.append(Row(target=name, phase="failed", failures={type(error).__name__: 1}))
    print(text_table(rows), flush=True)
    return rows
