"""Group commit: many commands in one transaction, each with its own outcome."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from django.db import DataError, connection, connections
from django.test.utils import CaptureQueriesContext

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import batch, log, models
from bduf_realtime.rooms.batch import Committed, Guard, Outcome, Submission, commit
from bduf_realtime.rooms.events import IdConflict, NoSuchRoom
from bduf_realtime.rooms.transactions import write
from collaboration import services
from collaboration.messages import MessageSend
from collaboration.models import Participant
from tests.people import person
from tests.races import at_once
from tests.rooms.submissions import ADA, SAID, bodies, new_room, numbers, said
from tests.rooms.writer import Writer

pytestmark = pytest.mark.django_db


class Refused(Exception):
    """What the tests' guard says."""


def committed(outcome: Outcome) -> Committed:
    assert isinstance(outcome, Committed), outcome
    return outcome


def seqs(outcomes: Sequence[Outcome]) -> list[int | None]:
    return [outcome.event.seq if isinstance(outcome, Committed) and outcome.event else None for outcome in outcomes]


def answer(outcome: Outcome) -> bytes:
    ack = committed(outcome).ack
    assert ack is not None
    return ack


# --- order and numbers -------------------------------------------------------------------------------------------


def test_commands_get_their_numbers_in_the_order_they_came() -> None:
    room = new_room()
    assert seqs(commit([said(room, n) for n in "abc"])) == [1, 2, 3]
    assert seqs(commit([said(room, n) for n in "de"])) == [4, 5]
    assert bodies(room) == list("abcde")
    assert log.position(room).head == 5


def test_rooms_of_one_batch_are_numbered_each_by_itself() -> None:
    one, other, silent = new_room(), new_room(), new_room()
    outcomes = commit([said(one, 1), said(other, 1), said(one, 2), said(other, 2), said(one, 3)])
    assert seqs(outcomes) == [1, 1, 2, 2, 3]
    assert [log.position(room).head for room in (one, other, silent)] == [3, 2, 0]


def test_batches_and_single_events_share_the_numbers() -> None:
    room = new_room()
    commit([said(room, 1)])
    with write():
        log.append(room=room, type=SAID, data={"body": 2}, by=ADA)
    assert seqs(commit([said(room, 3)])) == [3]
    assert bodies(room) == [1, 2, 3]


def test_a_batch_takes_as_many_statements_as_a_single_command() -> None:
    rooms = [new_room() for _ in range(5)]

    def statements(submissions: list[Submission]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            commit(submissions)
        return len(captured)

    single = statements([said(rooms[0], 0, "first")])
    assert statements([said(room, n, f"{room}-{n}") for room in rooms for n in range(20)]) == single


def test_the_logged_bytes_are_those_of_the_outcome_and_the_ack_names_their_place() -> None:
    room = new_room()
    outcome = committed(commit([said(room, "hi", "7")])[0])
    assert outcome.event is not None
    assert log.read(room, after=0, limit=9).events == [(1, outcome.event.frame)]
    assert msgspec.json.decode(outcome.ack or b"") == {
        "type": "ack",
        "id": "7",
        "data": {},
        "room": room,
        "epoch": log.position(room).epoch,
        "seq": 1,
    }
    assert (outcome.event.connection, outcome.duplicate) == (ADA.connection, False)


def test_a_command_without_an_id_has_no_ack_and_is_never_a_duplicate() -> None:
    room = new_room()
    outcomes = commit([said(room, "same"), said(room, "same")])
    assert seqs(outcomes) == [1, 2]
    assert [committed(outcome).ack for outcome in outcomes] == [None, None]
    assert not models.Command.objects.exists()


def test_an_empty_batch_does_nothing() -> None:
    assert commit([]) == []


# --- resends -----------------------------------------------------------------------------------------------------


def test_a_resend_in_the_same_batch_does_nothing_and_gets_the_same_bytes() -> None:
    room = new_room()
    outcomes = commit([said(room, "a", "1"), said(room, "b", "2"), said(room, "a", "1")])
    assert seqs(outcomes) == [1, 2, None]
    assert answer(outcomes[2]) == answer(outcomes[0])
    assert committed(outcomes[2]).duplicate
    assert bodies(room) == ["a", "b"]


def test_a_resend_in_a_later_batch_does_nothing_and_gets_the_same_bytes() -> None:
    room = new_room()
    [first] = commit([said(room, "a", "1")])
    commit([said(room, "b", "2")])
    [second] = commit([said(room, "a", "1")])
    assert answer(second) == answer(first)
    assert bodies(room) == ["a", "b"]


def test_an_id_that_comes_again_with_another_body_is_a_conflict_in_the_same_batch_and_later() -> None:
    room = new_room()
    outcomes = commit([said(room, "a", "1"), said(room, "other", "1")]) + commit([said(room, "third", "1")])
    assert seqs(outcomes) == [1, None, None]
    assert [type(outcome) for outcome in outcomes] == [Committed, IdConflict, IdConflict]
    assert bodies(room) == ["a"]


def test_the_same_id_of_another_user_or_another_instance_is_another_command() -> None:
    room = new_room()
    same = [said(room, "a", "1"), said(room, "a", "1", user="u2"), said(room, "a", "1", instance="tab-2")]
    assert seqs(commit(same)) == [1, 2, 3]


def test_a_resend_is_answered_although_the_room_is_gone_since() -> None:
    room = new_room()
    [first] = commit([said(room, "a", "1")])
    models.Room.objects.get(name=room).delete()
    [second] = commit([said(room, "a", "1")])
    assert answer(second) == answer(first)


def test_a_resend_is_answered_although_the_right_is_gone_since() -> None:
    room = new_room()
    [first] = commit([said(room, "a", "1")])
    never = Guard(lambda subjects: dict.fromkeys(subjects, Refused()), "ada")
    resent, new = commit([said(room, "a", "1", guard=never), said(room, "b", "2", guard=never)])
    assert answer(resent) == answer(first)
    assert isinstance(new, Refused)


def test_a_command_that_may_only_be_a_resend_is_answered_when_it_is_one_and_refused_when_not() -> None:
    room = new_room()
    [first] = commit([said(room, "a", "1")])
    only = [msgspec.structs.replace(said(room, body, id_), unless_known=Refused()) for body, id_ in ("a1", "b2")]
    resent, new = commit(only)
    assert answer(resent) == answer(first)
    assert isinstance(new, Refused)
    assert bodies(room) == ["a"]


def test_a_refused_command_may_be_sent_again_under_its_id() -> None:
    room = new_room()
    never = Guard(lambda subjects: dict.fromkeys(subjects, Refused()), "ada")
    refused, good = *commit([said(room, "a", "1", guard=never)]), *commit([said(room, "a", "1")])
    assert isinstance(refused, Refused)
    assert seqs([good]) == [1]


@pytest.mark.django_db(transaction=True)
def test_the_same_command_from_two_batches_at_once_takes_effect_once_and_has_one_answer() -> None:
    """The loser of the race must find the winner's answer, even where it is alone in its batch."""
    one, other = new_room(), new_room()
    started = threading.Event()

    def race() -> list[Outcome]:
        started.set()
        try:
            return commit([said(other, "before"), said(other, "a", "1"), said(other, "after")])
        finally:
            connections.close_all()

    def race_alone() -> list[Outcome]:
        try:
            return commit([said(other, "a", "1")])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        with write():
            [first] = batch._commit([said(one, "a", "1")])
            losers = [pool.submit(race), pool.submit(race_alone)]
            assert started.wait(timeout=30)
        among_others, alone = [loser.result(timeout=30) for loser in losers]
    assert answer(among_others[1]) == answer(alone[0]) == answer(first)
    assert seqs(among_others) == [1, None, 2]
    assert (bodies(one), bodies(other)) == (["a"], ["before", "after"])


@pytest.mark.django_db(transaction=True)
def test_two_batches_with_the_same_commands_in_opposite_orders_both_get_through() -> None:
    rooms = [new_room(), new_room()]
    ids = [str(number) for number in range(60)]

    def send(room: str, order: list[str]) -> list[Outcome]:
        return commit([said(room, id_, id_) for id_ in order])

    forwards, backwards = at_once(lambda: send(rooms[0], ids), lambda: send(rooms[1], ids[::-1]))
    assert [answer(outcome) for outcome in forwards] == [answer(outcome) for outcome in backwards[::-1]]
    assert sorted(bodies(rooms[0]) + bodies(rooms[1])) == sorted(ids)


@pytest.mark.django_db(transaction=True)
def test_the_same_commands_from_two_processes_at_once_take_effect_once_each() -> None:
    one, other = new_room(), new_room()
    ids = [str(number) for number in range(25)]
    with Writer() as first, Writer() as second:
        for writer, room in ((first.ready(), one), (second.ready(), other)):
            writer.start(commit=[[room, id_, id_] for id_ in ids])
        mine, theirs = first.result(), second.result()
    assert [ack for _, ack in mine] == [ack for _, ack in theirs]
    assert [duplicate for duplicate, _ in mine] == [not duplicate for duplicate, _ in theirs]
    assert sorted(bodies(one) + bodies(other)) == sorted(ids)
    assert numbers(one) == list(range(1, len(numbers(one)) + 1))
    assert numbers(other) == list(range(1, len(numbers(other)) + 1))


# --- guards ------------------------------------------------------------------------------------------------------


def test_a_guard_judges_all_its_subjects_at_once_and_refuses_only_whom_it_names() -> None:
    room = new_room()
    asked: list[list[Any]] = []

    def check(subjects: Sequence[Any]) -> dict[Any, Exception]:
        asked.append(list(subjects))
        return {"eve": Refused()}

    ada, eve = Guard(check, "ada"), Guard(check, "eve")
    outcomes = commit([said(room, n, guard=guard) for n, guard in enumerate([ada, eve, ada, eve, None])])
    assert seqs(outcomes) == [1, None, 2, None, 3]
    assert [sorted(subjects) for subjects in asked] == [["ada", "eve"]]
    assert bodies(room) == [0, 2, 4]


def test_guards_of_two_kinds_do_not_judge_each_others_subjects() -> None:
    room = new_room()
    lenient = Guard(lambda subjects: {}, "ada")
    strict = Guard(lambda subjects: dict.fromkeys(subjects, Refused()), "ada")
    assert seqs(commit([said(room, 1, guard=lenient), said(room, 2, guard=strict)])) == [1, None]


@pytest.mark.django_db(transaction=True)
def test_a_role_that_was_lowered_first_refuses_every_command_that_commits_later() -> None:
    """The guard is asked under the room's lock: whoever changed the role held it until the commit."""
    owner, writer = person(), person()
    project = services.project_create(name="Bridge", by=owner)
    services.project_member_set(project=project, user=writer, role="participant", by=owner)
    session = services.session_create(project=project, by=owner)
    room = f"session:{session.pk}"
    head, started = log.position(room).head, threading.Event()
    message = services.message_send(message=MessageSend(session.pk, "hi"), by=services.author_of(writer))

    def send() -> list[Outcome]:
        started.set()
        try:
            return commit([message, said(room, "unguarded"), message])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with write():
            log.lock(room)
            Participant.objects.create(session=session, user=writer, role="observer")
            sending = pool.submit(send)
            assert started.wait(timeout=30)
        outcomes = sending.result(timeout=30)
    assert [getattr(outcome, "code", None) for outcome in outcomes] == ["perm.denied", None, "perm.denied"]
    assert seqs(outcomes) == [None, head + 1, None]


# --- what is wrong with one is wrong with one ---------------------------------------------------------------------


def test_a_command_for_a_room_that_is_not_there_is_refused_alone() -> None:
    room = new_room()
    outcomes = commit([said(room, 1, "1"), said("session:nowhere", 2, "2"), said(room, 3, "3")])
    assert seqs(outcomes) == [1, None, 2]
    assert isinstance(outcomes[1], NoSuchRoom)
    assert models.Command.objects.count() == 2


@pytest.mark.parametrize("others", [0, 3])
def test_a_text_that_cannot_be_encoded_is_refused_alone(others: int) -> None:
    room = new_room()
    good = [said(room, n, str(n)) for n in range(others)]
    outcomes = commit([*good, said(room, "bad", "\ud800"), *[said(room, n, f"{n} too") for n in range(others)]])
    assert isinstance(outcomes[others], ValueError)
    assert seqs(outcomes) == [*range(1, others + 1), None, *range(others + 1, 2 * others + 1)]


@pytest.mark.parametrize("poison", ["\0", "too long" * 9], ids=["NUL", "too long"])
@pytest.mark.parametrize("others", [0, 3])
def test_a_value_that_the_database_refuses_is_refused_alone(poison: str, others: int) -> None:
    room = new_room()
    good = [said(room, n, str(n)) for n in range(others)]
    outcomes = commit([*good, said(room, "bad", poison), *[said(room, n, f"{n} too") for n in range(others)]])
    assert isinstance(outcomes.pop(others), DataError if connection.vendor == "postgresql" else Committed)
    assert all(isinstance(outcome, Committed) for outcome in outcomes)
    assert numbers(room) == list(range(1, log.position(room).head + 1))


def test_a_guard_that_fails_commits_nothing() -> None:
    room = new_room()

    def broken(subjects: Sequence[Any]) -> dict[Any, Exception]:
        raise RealtimeError("storage.busy")

    with pytest.raises(RealtimeError):
        commit([said(room, 1), said(room, 2, guard=Guard(broken, "ada"))])
    assert numbers(room) == []
