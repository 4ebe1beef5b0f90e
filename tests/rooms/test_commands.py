"""Commands with an effect of their own: carried out once whoever resends them, with the first answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError

from bduf_realtime.rooms import batch, log, models
from bduf_realtime.rooms.batch import Committed
from bduf_realtime.rooms.commands import Effect, carry_out
from bduf_realtime.rooms.events import Appended, CommandKey, IdConflict, NoSuchRoom, fingerprint
from bduf_realtime.rooms.transactions import write
from tests.races import at_once
from tests.rooms.submissions import ADA, SAID, bodies, new_room, numbers, said

pytestmark = pytest.mark.django_db


def key(id: str = "1", body: Any = "x", *, user: str = ADA.user) -> CommandKey:
    return CommandKey(user, "tab-1", id, fingerprint(SAID, {"body": body}))


def saying(*rooms: str, answer: Any = None, told: Callable[[], object] = lambda: None) -> Callable[[], Effect]:
    """An effect that appends to every room, and answers for the first."""

    def run() -> Effect:
        for room in rooms:
            log.append(room=room, type=SAID, data={"body": "x"}, by=ADA)
        told()
        return Effect(answer or {}, rooms[0] if rooms else "")

    return run


def test_the_ack_stands_for_the_first_event_in_the_rooms_own_log() -> None:
    """Those after it say what follows from the change; its author is to hear of that like everybody else."""
    first, second = new_room(), new_room()
    committed, events = carry_out(key(), saying(first, second, first, answer={"ok": True}))
    assert [(e.room, e.seq) for e in events] == [(first, 1), (second, 1), (first, 2)]
    assert committed.event is events[0]
    assert committed.ack is not None
    ack = json.loads(committed.ack)
    assert ack == {
        "type": "ack",
        "id": "1",
        "data": {"ok": True},
        "room": first,
        "epoch": events[0].epoch,
        "seq": 1,
    }


def test_a_resend_changes_nothing_and_gets_the_first_answer_to_the_letter() -> None:
    room, ran = new_room(), []
    first, _ = carry_out(key(), saying(room, told=lambda: ran.append(1)))
    again, events = carry_out(key(), saying(room, told=lambda: ran.append(2)))
    assert again == Committed(None, first.ack, duplicate=True)
    assert (events, ran, numbers(room)) == ([], [1], [1])
    carry_out(key(user="somebody else"), saying(room))
    assert numbers(room) == [1, 2]


def test_the_same_id_for_something_else_is_refused_whichever_way_it_went_first() -> None:
    room = new_room()
    carry_out(key(), saying(room))
    with pytest.raises(IdConflict):
        carry_out(key(body="y"), saying(room))
    [outcome] = batch.commit([said(room, "y", "1")])
    assert isinstance(outcome, IdConflict)
    batch.commit([said(room, "z", "2")])
    with pytest.raises(IdConflict):
        carry_out(key("2"), saying(room))
    assert numbers(room) == [1, 2]


def test_without_an_id_nothing_is_remembered_and_nothing_answered() -> None:
    room = new_room()
    for _ in range(2):
        committed, events = carry_out(None, saying(room))
        assert committed.ack is None
        assert committed.event is events[0]
    assert numbers(room) == [1, 2]
    assert not models.Command.objects.exists()


def test_a_command_that_changed_nothing_is_answered_without_a_number() -> None:
    committed, events = carry_out(key(), saying(answer={"same": 1}))
    assert (committed.event, events) == (None, [])
    assert committed.ack is not None
    assert json.loads(committed.ack) == {"type": "ack", "id": "1", "data": {"same": 1}}


@pytest.mark.parametrize("error", [ValueError, NoSuchRoom, IntegrityError])
def test_what_is_refused_leaves_nothing_behind_and_may_be_sent_again(error: type[Exception]) -> None:
    room = new_room()

    def fail() -> None:
        raise error

    with pytest.raises(error):
        carry_out(key(), saying(room, told=fail))
    assert (numbers(room), models.Command.objects.count()) == ([], 0)
    carry_out(key(), saying(room))
    assert numbers(room) == [1]


@pytest.mark.django_db(transaction=True)
def test_its_events_are_its_callers_to_deliver_and_those_of_others_are_announced() -> None:
    room, heard = new_room(), list[Appended]()
    log.listen(heard.append)
    try:
        carry_out(key(), saying(room))
        with write():
            log.append(room=room, type=SAID, data={"body": "y"}, by=ADA)
    finally:
        log.unlisten(heard.append)
    assert bodies(room) == ["x", "y"]
    assert [event.seq for event in heard] == [2]


@pytest.mark.django_db(transaction=True)
def test_of_the_same_command_sent_many_times_at_once_one_is_carried_out() -> None:
    room = new_room()
    answers = at_once(*(lambda: carry_out(key(), saying(room))[0].ack for _ in range(6)))
    assert len(set(answers)) == 1
    assert numbers(room) == [1]
