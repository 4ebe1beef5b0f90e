"""Group commit: commands that arrive while a transaction runs share the next one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from bduf_realtime.rooms.batch import Outcome, Submission

Done = Callable[[Outcome], None]

# Between two commits the loop gets twice as long for itself as the last one took, so that at a moderate load more
# commands share one: most of a small commit is what every commit costs. Not where many wait already.
PAUSES = 2.0
LONGEST_PAUSE = 0.02  # seconds
ENOUGH = 256  # commands


class JournalFull(Exception):
    """More commands wait than the journal may hold."""


class JournalLate(Exception):
    """The database did not answer in time; whether the command took effect is not known yet."""


class _Entry(msgspec.Struct, eq=False):
    submission: Submission
    done: Done
    since: float
    answered: bool = False


class Journal:
    """Takes commands from the event loop and commits them in batches, one batch at a time, in order of arrival.

    `execute` runs a batch in a thread and returns its outcomes. Each command's `done` is called on the loop, in
    commit order, exactly once before the deadline; a command that commits after it was given up as late is
    reported a second time, so that its event still reaches the room.
    """

    def __init__(
        self,
        execute: Callable[[Sequence[Submission]], Awaitable[list[Outcome]]],
        *,
        batch: int,
        queue: int,
        deadline: float,
        observe: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._execute = execute
        self._batch = batch
        self._limit = queue
        self._deadline = deadline
        self._observe = observe
        self._waiting: deque[_Entry] = deque()
        self._writer: asyncio.Task[None] | None = None

    def submit(self, submission: Submission, done: Done) -> None:
        """Queues a command; `done` hears of a full queue at once."""
        if len(self._waiting) >= self._limit:
            done(JournalFull())
            return
        self._waiting.append(_Entry(submission, done, time.monotonic()))
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write(), name="journal")

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def flush(self) -> None:
        """Waits until everything that was submitted has been answered."""
        while self._writer is not None:
            await asyncio.wait({self._writer})

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                entries = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
                started = time.monotonic()
                outcomes = await self._committed(entries)
                spent = time.monotonic() - started
                self._observe(len(entries), spent)
                for entry, outcome in zip(entries, outcomes, strict=True):
                    # A late command was told so already; only its success is still news.
                    if not entry.answered or not isinstance(outcome, Exception):
                        loop.call_soon(entry.done, outcome)  # where one fails, the others are answered all the same
                if 0 < len(self._waiting) < min(ENOUGH, self._batch):
                    await asyncio.sleep(min(spent * PAUSES, LONGEST_PAUSE))
        finally:
            self._writer = None

    async def _committed(self, entries: list[_Entry]) -> list[Outcome]:
        running = asyncio.ensure_future(self._execute([entry.submission for entry in entries]))
        while not running.done():
            await asyncio.wait({running}, timeout=self._deadline / 4)
            if not running.done():
                self._give_up(entries)
        if (error := running.exception()) is not None:
            return [error if isinstance(error, Exception) else JournalLate()] * len(entries)
        return running.result()

    def _give_up(self, running: list[_Entry]) -> None:
        too_old = time.monotonic() - self._deadline
        for entry in running:
            if entry.since < too_old and not entry.answered:
                entry.answered = True
                entry.done(JournalLate())
        # What has not started yet is dropped for good: the client's resend finds it was never done.
        while self._waiting and self._waiting[0].since < too_old:
            self._waiting.popleft().done(JournalLate())
