"""The database's side: every room's log, and who it says is present, read past the application."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg


@dataclass
class Log:
    """One room: its head, and its events in the order of their numbers."""

    head: int
    events: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    @property
    def messages(self) -> list[tuple[int, str]]:
        """Number and text of every message."""
        return [(seq, e["data"]["body"]) for seq, e in self.events if e["type"] == "collaboration:message:sent"]

    def comings_and_goings(self, user: str) -> list[str]:
        """The user's `joined` and `left` in order."""
        types = ("collaboration:participant:joined", "collaboration:participant:left")
        return [
            e["type"].rpartition(":")[2] for _, e in self.events if e["type"] in types and e["data"]["user"] == user
        ]


@contextmanager
def _cursor(url: str) -> Iterator[Any]:
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True, timeout=30)
        try:
            yield connection.cursor()
        finally:
            connection.close()
    else:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as postgres:
            yield postgres.cursor()


def rows(url: str, statement: str) -> list[Any]:
    """Asks the database of this URL directly."""
    with _cursor(url) as cursor:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]


def read_logs(url: str) -> dict[str, Log]:
    """Reads every session's log."""
    logs = {name: Log(head) for name, head in heads(url).items()}
    events = rows(
        url,
        "SELECT r.name, e.seq, e.frame FROM rooms_event e JOIN rooms_room r ON r.id = e.room_id ORDER BY r.name, e.seq",
    )
    for name, seq, frame in events:
        if name in logs:
            logs[name].events.append((seq, json.loads(frame)))
    return logs


def heads(url: str) -> dict[str, int]:
    """Where every session's log stands."""
    return dict(rows(url, "SELECT name, head FROM rooms_room WHERE name LIKE 'session:%'"))


def attendances(url: str) -> dict[str, set[str]]:
    """Which connections the database counts as being in which room."""
    found: dict[str, set[str]] = defaultdict(set)
    for room, connection in rows(url, "SELECT room, connection FROM gateway_attendance"):
        found[room].add(str(connection).replace("-", ""))
    return dict(found)
