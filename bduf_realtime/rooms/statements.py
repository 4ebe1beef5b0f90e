"""Plain SQL for what is read with every batch: the ORM takes longer to write such a query than it takes to run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection


def among(column: str, values: Iterable[str]) -> tuple[str, Any]:
    """A condition that a column holds one of many texts, and its one parameter."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", list(values)
    return f"{column} IN (SELECT value FROM json_each(%s))", _json(values)  # noqa: S608 - our own names


def among_ids(column: str, ids: Iterable[str]) -> tuple[str, Any]:
    """The same for a column of UUIDs, given as texts."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s::uuid[])", list(ids)
    # As Django has SQLite keep them.
    return f"{column} IN (SELECT value FROM json_each(%s))", _json(id_.replace("-", "") for id_ in ids)  # noqa: S608


def _json(values: Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def rows(statement: str, parameters: Iterable[Any]) -> list[tuple[Any, ...]]:
    """What a query yields, as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        return list(cursor.fetchall())


def uuid_text(stored: Any) -> str:
    """A UUID as everybody writes it, of what a database yields for one."""
    if isinstance(stored, UUID):
        return str(stored)
    return f"{stored[:8]}-{stored[8:12]}-{stored[12:16]}-{stored[16:20]}-{stored[20:]}"
