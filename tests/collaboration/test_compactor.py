"""Compaction beside the server: one process at a time, and what fails does not keep others waiting."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from collaboration.compactor import LONGEST_PAUSE, PAUSE, Compactor


class Workshop:
    """A compactor whose processes end as told, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.due: list[UUID] = []
        self.since: list[datetime | None] = []
        self.started: list[list[UUID]] = []
        self.children: list[subprocess.Popen[bytes]] = []
        self.now = 0.0
        self.compactor = Compactor(self._due, self._start, lambda: self.now)

    def _due(self, since: datetime | None) -> Collection[UUID]:
        self.since.append(since)
        return self.due

    def _start(self, documents: Collection[UUID]) -> subprocess.Popen[bytes]:
        self.started.append(list(documents))
        waiting = [sys.executable, "-c", "import sys; sys.exit(int(sys.stdin.readline()))"]
        self.children.append(subprocess.Popen(waiting, stdin=subprocess.PIPE))
        return self.children[-1]

    def end(self, code: int) -> None:
        """Has the process end, and the compactor look."""
        self.children[-1].communicate(f"{code}\n".encode())
        self.compactor.look()


def test_one_process_works_at_a_time_and_only_when_something_is_due() -> None:
    shop = Workshop()
    assert shop.compactor.look() == 0
    shop.due = [uuid.uuid4() for _ in range(3)]
    assert shop.compactor.look() == 3
    assert shop.compactor.look() == 0
    assert shop.started == [shop.due]
    shop.due = []
    shop.end(0)
    assert len(shop.started) == 1


def test_after_the_first_look_only_what_was_edited_since_is_asked_for() -> None:
    shop = Workshop()
    shop.compactor.look()
    shop.compactor.look()
    first, second = shop.since
    assert first is None
    assert second is not None


def test_what_fails_is_tried_alone_after_pauses_that_grow_and_others_go_first() -> None:
    shop = Workshop()
    shop.due = bad, good = [uuid.uuid4(), uuid.uuid4()]
    shop.compactor.look()
    shop.due = []
    shop.end(1)
    assert shop.started == [[bad, good]]
    shop.now += PAUSE
    shop.compactor.look()
    assert shop.started[1:] == [[bad]]
    shop.due = [new := uuid.uuid4()]
    shop.end(-9)
    assert shop.started[2:] == [[new]]
    shop.due = []
    shop.end(0)
    assert shop.started[3:] == [[good]]
    shop.end(0)
    shop.now += PAUSE
    shop.compactor.look()
    assert shop.started[4:] == []
    shop.now += PAUSE
    shop.compactor.look()
    assert shop.started[4:] == [[bad]]
    shop.end(0)
    shop.now += LONGEST_PAUSE
    assert shop.compactor.look() == 0
