"""Compaction beside the server: one process at a time, for the texts that are due.

In a process of its own, because the engine holds the interpreter's lock while it writes a long text down.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from collaboration.services import compaction

logger = structlog.get_logger(__name__)

AT_ONCE = 50  # documents of one process
OVERLAP = timedelta(minutes=1)  # an edit counts from when it was made, and is seen from when it was committed
PAUSE, LONGEST_PAUSE = 15.0, 3_600.0  # seconds until a text that failed is tried again


def compact_in_child(documents: Iterable[UUID]) -> subprocess.Popen[bytes]:
    """Starts `manage.py compact`, which outlives this process where it has to, and ends by itself."""
    command = [sys.executable, "-m", "django", "compact", "--background", *map(str, documents)]
    return subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, start_new_session=True
    )


class Compactor:
    """Looks now and then for texts that are due, and keeps one process at work on them."""

    def __init__(
        self,
        due: Callable[[datetime | None], Collection[UUID]] = lambda since: compaction.documents_due(since=since),
        start: Callable[[Collection[UUID]], subprocess.Popen[bytes]] = compact_in_child,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._due = due
        self._start = start
        self._clock = clock
        self._since: datetime | None = None
        self._waiting: dict[UUID, float] = {}  # until when
        self._pauses: dict[UUID, float] = {}  # of those that failed
        self._child: subprocess.Popen[bytes] | None = None
        self._documents: list[UUID] = []

    def look(self) -> int:
        """Starts a process where there is none and something is due; returns for how many documents."""
        if self._child is not None and not self._ended(self._child):
            return 0
        now, moment = self._clock(), timezone.now()
        for document in self._due(self._since):
            self._waiting.setdefault(document, now)
        self._since = moment - OVERLAP
        ready = [document for document, until in self._waiting.items() if until <= now]
        # Whatever brings its process down does so alone from then on.
        self._documents = [document for document in ready if document not in self._pauses][:AT_ONCE] or ready[:1]
        if self._documents:
            self._child = self._start(self._documents)
        return len(self._documents)

    def _ended(self, child: subprocess.Popen[bytes]) -> bool:
        if (code := child.poll()) is None:
            return False
        self._child = None
        for document in self._documents:
            if code:
                pause = self._pauses[document] = min(self._pauses.get(document, PAUSE / 2) * 2, LONGEST_PAUSE)
                self._waiting[document] = self._clock() + pause
            else:
                self._waiting.pop(document, None)
                self._pauses.pop(document, None)
        if code:
            logger.error("compaction_failed", code=code, documents=[str(document) for document in self._documents])
        return True


compactor = Compactor()


def compact_due() -> int:
    """Compacts the texts that are due in this process; returns their number."""
    return compaction.documents_compact(documents=compaction.documents_due())
