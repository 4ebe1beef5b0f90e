"""What comes of a command beside its event: rows written with it, or nothing at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from django.db import IntegrityError

from bduf_realtime.rooms.batch import Also, Committed, Guard, NoEffect, Submission, Verdicts, commit
from tests.rooms.submissions import new_room, numbers, said

pytestmark = pytest.mark.django_db


class Written:
    """Rows that tests have written with events, by number."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[Any, int]]] = []

    def write(self, subjects: Sequence[tuple[Any, int]]) -> None:
        self.batches.append(list(subjects))

    def with_(self, submission: Submission, subject: Any) -> Submission:
        return msgspec.structs.replace(submission, also=Also(self.write, subject))


def judged(submission: Submission, verdict: Exception | None, seen: list[Any] | None = None) -> Submission:
    def check(subjects: Sequence[Any]) -> Verdicts:
        if seen is not None:
            seen.extend(subjects)
        return dict.fromkeys(subjects, verdict) if verdict is not None else {}

    return msgspec.structs.replace(submission, guard=Guard(check, submission.key and submission.key.id))


def test_what_is_written_with_events_is_written_once_a_batch_with_their_numbers() -> None:
    room, other, written = new_room(), new_room(), Written()
    commit([written.with_(said(room, 1), "a"), said(room, 2), written.with_(said(other, 1), "b")])
    commit([written.with_(said(room, 3), "c")])
    assert written.batches == [[("a", 1), ("b", 1)], [("c", 3)]]


def test_nothing_is_written_with_what_is_refused_or_sent_again() -> None:
    room, written = new_room(), Written()
    commit([written.with_(judged(said(room, 1, "1"), ValueError()), "refused")])
    commit([written.with_(said(room, 2, "2"), "first")])
    commit([written.with_(said(room, 2, "2"), "again")])
    assert written.batches == [[("first", 1)]]


def test_an_event_whose_rows_cannot_be_written_is_not_there_and_the_others_are() -> None:
    room, written = new_room(), Written()

    def fail(subjects: Sequence[tuple[Any, int]]) -> None:
        raise IntegrityError

    failing = msgspec.structs.replace(said(room, 1), also=Also(fail, "x"))
    refused, kept = commit([failing, written.with_(said(room, 2), "y")])
    assert isinstance(refused, IntegrityError)
    assert isinstance(kept, Committed)
    assert numbers(room) == [1]
    assert written.batches == [[("y", 1)]]


def test_a_command_that_is_right_and_changes_nothing_is_acked_without_a_number() -> None:
    room = new_room()
    idle, loud = commit([judged(said(room, 1, "1"), NoEffect()), said(room, 2, "2")])
    assert isinstance(idle, Committed)
    assert idle.event is None
    assert idle.ack is not None
    assert json.loads(idle.ack) == {"type": "ack", "id": "1", "data": {}}
    assert isinstance(loud, Committed)
    assert numbers(room) == [1]


def test_what_has_no_effect_in_a_room_that_is_not_there_or_not_joined_is_refused_all_the_same() -> None:
    nowhere = judged(said("session:nowhere", 1, "1"), NoEffect())
    outside = msgspec.structs.replace(judged(said(new_room(), 1, "2"), NoEffect()), unless_known=KeyError())
    outcomes = commit([nowhere, outside])
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoSuchRoom", "KeyError"]


def test_guards_are_not_asked_about_what_was_carried_out_before() -> None:
    room, seen = new_room(), list[Any]()
    commit([said(room, 1, "1")])
    commit([judged(said(room, 1, "1"), None, seen), judged(said(room, 2, "2"), None, seen)])
    assert seen == ["2"]
