"""The journal: what shares a transaction, what is refused, and what a late database means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bduf_realtime.gateway import storage
from bduf_realtime.rooms import log, models
from bduf_realtime.rooms.batch import Committed, Outcome, Submission, commit
from bduf_realtime.rooms.journal import Journal, JournalFull, JournalLate
from bduf_realtime.rooms.transactions import write
from tests.races import close_storage_connections
from tests.rooms.submissions import ADA, SAID, bodies, new_room, numbers, said
from tests.servers import MS, eventually

DONE = Committed(None, b"{}")


class Database:
    """Stands for the thread that commits: each batch waits until the test says what became of it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self._running: asyncio.Future[list[Outcome]] | None = None

    async def execute(self, submissions: Sequence[Submission]) -> list[Outcome]:
        assert self._running is None, "two batches at once"
        self.batches.append([submission.room for submission in submissions])
        self._running = asyncio.get_running_loop().create_future()
        return await self._running

    async def answer(self, *outcomes: Outcome) -> None:
        """Ends the running batch: with these outcomes, or with success for all."""
        (await self._begun()).set_result(list(outcomes) or [DONE] * len(self.batches[-1]))

    async def fail(self, error: Exception) -> None:
        (await self._begun()).set_exception(error)

    async def _begun(self) -> asyncio.Future[list[Outcome]]:
        await eventually(lambda: self._running is not None)
        running, self._running = self._running, None
        assert running is not None
        return running


@pytest.fixture
def database() -> Database:
    return Database()


class Answers:
    """What the commands of a test were told, in order, each under its name."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def of(self, name: str) -> Callable[[Outcome], None]:
        return lambda outcome: self.told.append((name, outcome if outcome is DONE else type(outcome)))


def journal_of(database: Database, **options: Any) -> tuple[Journal, Answers, Callable[[str], None]]:
    """A journal on that database, and a way to submit commands by name."""
    options = {"batch": 100, "queue": 100, "deadline": 60.0} | options
    journal, answers = Journal(database.execute, **options), Answers()
    return journal, answers, lambda name: journal.submit(Submission(name, SAID, b"{}", ADA), answers.of(name))


# --- batches -----------------------------------------------------------------------------------------------------


async def test_commands_of_one_moment_share_a_batch_and_are_answered_in_their_order(database: Database) -> None:
    journal, answers, submit = journal_of(database)
    for name in "abc":
        submit(name)
    await database.answer()
    await journal.flush()
    assert database.batches == [["a", "b", "c"]]
    assert answers.told == [("a", DONE), ("b", DONE), ("c", DONE)]


async def test_a_command_that_answers_a_commit_is_in_the_next_with_what_waited_already(database: Database) -> None:
    journal, _, submit = journal_of(database)
    journal.submit(Submission("a", SAID, b"{}", ADA), lambda outcome: submit("c"))
    await eventually(lambda: database.batches == [["a"]])
    submit("b")
    await database.answer()
    await database.answer()
    await journal.flush()
    assert database.batches == [["a"], ["b", "c"]]


async def test_commands_that_come_while_a_batch_runs_share_the_next(database: Database) -> None:
    journal, answers, submit = journal_of(database)
    submit("a")
    await eventually(lambda: database.batches == [["a"]])
    for name in "bcd":
        submit(name)
    assert (journal.waiting, answers.told) == (3, [])
    await database.answer()
    await database.answer()
    await journal.flush()
    assert database.batches == [["a"], ["b", "c", "d"]]
    assert [name for name, _ in answers.told] == list("abcd")


async def test_a_batch_holds_so_many_commands_and_no_more(database: Database) -> None:
    journal, answers, submit = journal_of(database, batch=2)
    for name in "abcde":
        submit(name)
    for _ in range(3):
        await database.answer()
    await journal.flush()
    assert database.batches == [["a", "b"], ["c", "d"], ["e"]]
    assert [name for name, _ in answers.told] == list("abcde")


async def test_each_command_gets_its_own_outcome(database: Database) -> None:
    journal, answers, submit = journal_of(database)
    for name in "abc":
        submit(name)
    await database.answer(DONE, ValueError(), DONE)
    await journal.flush()
    assert answers.told == [("a", DONE), ("b", ValueError), ("c", DONE)]


async def test_a_batch_that_fails_fails_each_of_its_commands_and_not_the_next_batch(database: Database) -> None:
    journal, answers, submit = journal_of(database, batch=2)
    for name in "abc":
        submit(name)
    await database.fail(ZeroDivisionError())
    await database.answer()
    await journal.flush()
    assert answers.told == [("a", ZeroDivisionError), ("b", ZeroDivisionError), ("c", DONE)]


async def test_a_command_may_be_submitted_by_the_answer_to_another(database: Database) -> None:
    journal, answers, submit = journal_of(database)
    journal.submit(Submission("a", SAID, b"{}", ADA), lambda outcome: submit("b"))
    await database.answer()
    await database.answer()
    await journal.flush()
    assert database.batches == [["a"], ["b"]]
    assert answers.told == [("b", DONE)]


async def test_an_answer_that_fails_keeps_no_other_command_from_its_own(database: Database) -> None:
    journal, answers, submit = journal_of(database)
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))

    def broken(outcome: Outcome) -> None:
        raise ZeroDivisionError

    submit("a")
    journal.submit(Submission("broken", SAID, b"{}", ADA), broken)
    submit("b")
    await database.answer()
    await journal.flush()
    submit("c")
    await database.answer()
    await journal.flush()
    assert answers.told == [("a", DONE), ("b", DONE), ("c", DONE)]
    assert [type(failure["exception"]) for failure in failures] == [ZeroDivisionError]


async def test_the_size_and_time_of_every_batch_are_observed(database: Database) -> None:
    seen: list[tuple[int, float]] = []
    journal, _, submit = journal_of(database, batch=2, observe=lambda size, seconds: seen.append((size, seconds)))
    for name in "abc":
        submit(name)
    await database.answer()
    await database.answer()
    await journal.flush()
    assert [size for size, _ in seen] == [2, 1]
    assert all(seconds >= 0 for _, seconds in seen)


# --- limits ------------------------------------------------------------------------------------------------------


async def test_a_full_queue_refuses_at_once_and_keeps_what_it_has(database: Database) -> None:
    journal, answers, submit = journal_of(database, queue=2)
    submit("a")
    await eventually(lambda: database.batches == [["a"]])
    for name in "bcd":
        submit(name)
    assert answers.told == [("d", JournalFull)]
    await database.answer()
    await database.answer()
    await journal.flush()
    assert answers.told[1:] == [("a", DONE), ("b", DONE), ("c", DONE)]
    submit("e")
    await database.answer()
    await journal.flush()
    assert answers.told[-1] == ("e", DONE)


async def test_flush_returns_at_once_when_nothing_waits(database: Database) -> None:
    journal, _, _ = journal_of(database)
    await asyncio.wait_for(journal.flush(), 1)
    assert database.batches == []


# --- a late database ---------------------------------------------------------------------------------------------


async def test_a_command_is_given_up_after_the_deadline_and_its_late_success_is_told_all_the_same(
    database: Database,
) -> None:
    journal, answers, submit = journal_of(database, deadline=0.05)
    submit("a")
    await eventually(lambda: answers.told == [("a", JournalLate)])
    await database.answer()
    await journal.flush()
    assert answers.told == [("a", JournalLate), ("a", DONE)]


async def test_a_late_failure_is_not_told_a_second_time(database: Database) -> None:
    journal, answers, submit = journal_of(database, deadline=0.05)
    submit("a")
    submit("b")
    await eventually(lambda: len(answers.told) == 2)
    await database.answer(ValueError(), DONE)
    await journal.flush()
    assert answers.told == [("a", JournalLate), ("b", JournalLate), ("b", DONE)]


async def test_a_late_batch_that_fails_altogether_is_not_told_a_second_time(database: Database) -> None:
    journal, answers, submit = journal_of(database, deadline=0.05)
    submit("a")
    await eventually(lambda: answers.told == [("a", JournalLate)])
    await database.fail(ZeroDivisionError())
    await journal.flush()
    assert answers.told == [("a", JournalLate)]


async def test_commands_that_waited_too_long_behind_a_stuck_batch_are_never_begun(database: Database) -> None:
    journal, answers, submit = journal_of(database, deadline=0.2)
    submit("a")
    await eventually(lambda: database.batches == [["a"]])
    submit("b")
    await eventually(lambda: answers.told == [("a", JournalLate), ("b", JournalLate)])
    submit("c")
    await database.answer()
    await database.answer()
    await journal.flush()
    assert database.batches == [["a"], ["c"]]
    assert answers.told[2:] == [("a", DONE), ("c", DONE)]


# --- on the real database ----------------------------------------------------------------------------------------


@pytest.fixture
def real(transactional_db: None) -> Iterator[Callable[[float], Journal]]:
    """Makes a journal as the server has it, with a deadline of the test's choice."""

    def journal(deadline: float) -> Journal:
        return Journal(lambda batch: storage.call_journal(commit, batch), batch=512, queue=10_000, deadline=deadline)

    yield journal
    close_storage_connections()
    storage.outage_since = None


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return await storage.call(function, *args)


async def test_a_resend_after_a_late_commit_gets_the_answer_and_writes_nothing(
    real: Callable[[float], Journal],
) -> None:
    hasty, patient = real(0.2), real(60.0)
    room = await in_thread(new_room)
    outcomes: list[Outcome] = []
    holder = connection.copy()
    holder.inc_thread_sharing()
    try:
        await asyncio.to_thread(_hold_the_room, holder, room)
        hasty.submit(said(room, "a", "1"), outcomes.append)
        await eventually(lambda: bool(outcomes))
        assert [type(outcome) for outcome in outcomes] == [JournalLate]
    finally:
        await asyncio.to_thread(holder.close)
    await eventually(lambda: len(outcomes) == 2)
    patient.submit(said(room, "a", "1"), outcomes.append)
    await patient.flush()
    late, resent = outcomes[1:]
    assert isinstance(late, Committed)
    assert isinstance(resent, Committed)
    assert late.event is not None
    assert (resent.event, resent.ack, resent.duplicate) == (None, late.ack, True)
    assert await in_thread(bodies, room) == ["a"]


def _hold_the_room(holder: Any, room: str) -> None:
    """Somebody else's transaction that keeps every writer of the room waiting."""
    with holder.cursor() as cursor:
        if holder.vendor == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        else:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM rooms_room WHERE name = %s FOR UPDATE", [room])


async def test_other_writers_get_through_within_a_second_while_the_journal_is_never_idle(
    real: Callable[[float], Journal],
) -> None:
    """On SQLite, whose waiters poll with growing pauses, they would starve without a queue of our own."""
    room, other = await in_thread(new_room), await in_thread(new_room)
    await in_thread(_fill_with_old_events, other)
    journal, failures = real(60.0), list[Outcome]()
    until = time.monotonic() + 1.0
    written = 0

    def go_on(outcome: Outcome) -> None:
        nonlocal written
        written += 1
        if not isinstance(outcome, Committed):
            failures.append(outcome)
        elif time.monotonic() < until:
            journal.submit(said(room, "x" * 100), go_on)

    for _ in range(200):
        journal.submit(said(room, "x" * 100), go_on)
    waits: dict[str, float] = {}
    while time.monotonic() < until:
        for service in (_append, _trim, _forget, log.renew_epoch):
            started = time.monotonic()
            await in_thread(service, other)
            waits[service.__name__] = max(waits.get(service.__name__, 0.0), time.monotonic() - started)
    await journal.flush()
    assert failures == []
    assert len(waits) == 4
    assert max(waits.values()) < 2_000 * MS, waits
    assert await in_thread(numbers, room) == list(range(1, written + 1))


def _fill_with_old_events(room: str) -> None:
    with write():
        for _ in range(20):
            log.append(room=room, type=SAID, data={}, by=ADA, at=timezone.now() - timedelta(days=9))


def _append(room: str) -> None:
    with write():
        log.append(room=room, type=SAID, data={}, by=ADA)


def _trim(room: str) -> None:
    log.trim(keep=1_000_000, younger_than=0)


def _forget(room: str) -> None:
    models.Command.objects.create(user="u", instance="i", key=room, fingerprint="f", answer="{}", at=timezone.now())
    log.forget_commands(older_than=0)
