"""The transaction every change runs in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from django.db import connection, transaction

# SQLite has one writer, and its waiters poll with growing pauses: without a queue of our own, a steady journal
# starves everybody else until their timeout.
_sqlite_writer = threading.RLock()


@contextmanager
def write() -> Iterator[None]:
    """Opens a transaction that may write; on SQLite writers of this process take turns."""
    turn = _sqlite_writer if connection.vendor == "sqlite" else nullcontext()
    with turn, transaction.atomic():
        yield
