"""The durable log: numbers without holes, whoever writes, and what is read of it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bduf_realtime.rooms import log, models
from bduf_realtime.rooms.events import Appended, NoSuchRoom
from bduf_realtime.rooms.transactions import write
from tests.races import at_once
from tests.rooms.submissions import ADA, SAID, bodies, new_room, numbers
from tests.rooms.writer import Writer

pytestmark = pytest.mark.django_db
DAY = 86_400.0


@pytest.fixture
def told() -> Any:
    """What listeners are told, in order."""
    heard: list[Appended] = []
    log.listen(heard.append)
    yield heard
    log.unlisten(heard.append)


def append(room: str, body: Any = None, **options: Any) -> Appended:
    with write():
        return log.append(room=room, type=SAID, data={"body": body}, by=ADA, **options)


# --- appending ---------------------------------------------------------------------------------------------------


def test_a_new_log_is_empty_and_its_first_event_is_number_one() -> None:
    room = new_room()
    where = log.position(room)
    assert (where.head, where.floor) == (0, 1)
    assert append(room).seq == 1
    assert log.position(room) == log.Position(where.epoch, 1, 1)


def test_logs_have_epochs_of_their_own() -> None:
    assert len({log.position(new_room()).epoch for _ in range(20)}) == 20


def test_the_very_bytes_of_an_event_are_stored() -> None:
    room = new_room()
    appended = append(room, "häß ☂ \u202e")
    [(seq, frame)] = log.read(room, after=0, limit=10).events
    assert (seq, frame) == (1, appended.frame)
    assert msgspec.json.decode(frame)["data"] == {"body": "häß ☂ \u202e"}


def test_an_event_keeps_the_time_it_is_given() -> None:
    at = timezone.now() - timedelta(days=3)
    room = new_room()
    append(room, at=at)
    assert models.Event.objects.get(room__name=room).at == at


def test_there_is_no_appending_to_a_room_that_is_not_there() -> None:
    with pytest.raises(NoSuchRoom):
        append("session:nowhere")


@pytest.mark.django_db(transaction=True)
def test_appending_outside_a_transaction_is_refused() -> None:
    room = new_room()
    with pytest.raises(transaction.TransactionManagementError):
        log.append(room=room, type=SAID, data={}, by=ADA)
    assert numbers(room) == []


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_undone_leaves_no_hole_and_tells_nobody(told: list[Appended]) -> None:
    room = new_room()
    append(room)
    with suppress(ZeroDivisionError), write():
        assert log.append(room=room, type=SAID, data={}, by=ADA).seq == 2
        raise ZeroDivisionError
    assert append(room).seq == 2
    assert numbers(room) == [1, 2]
    assert [event.seq for event in told] == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_a_part_of_a_transaction_that_is_undone_leaves_no_hole_and_tells_nobody(told: list[Appended]) -> None:
    room = new_room()
    with write():
        log.append(room=room, type=SAID, data={"body": "kept"}, by=ADA)
        with suppress(ZeroDivisionError), transaction.atomic():
            log.append(room=room, type=SAID, data={"body": "lost"}, by=ADA)
            raise ZeroDivisionError
        log.append(room=room, type=SAID, data={"body": "kept too"}, by=ADA)
    assert bodies(room) == ["kept", "kept too"]
    assert numbers(room) == [event.seq for event in told] == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_listeners_hear_of_events_after_the_commit_in_order_until_they_stop(told: list[Appended]) -> None:
    one, other = new_room(), new_room()
    with write():
        first = log.append(room=one, type=SAID, data={}, by=ADA)
        second = log.append(room=other, type=SAID, data={}, by=ADA)
        third = log.append(room=one, type=SAID, data={}, by=ADA)
        assert told == []
    assert told == [first, second, third]
    assert [event.connection for event in told] == [ADA.connection] * 3
    log.unlisten(told.append)
    append(one)
    assert len(told) == 3


@pytest.mark.django_db(transaction=True)
def test_threads_that_append_at_once_leave_neither_holes_nor_duplicates() -> None:
    one, other = new_room(), new_room()

    def write_some() -> list[int]:
        return [append(room).seq for _ in range(15) for room in (one, other)][::2]

    first, second = at_once(write_some, write_some)
    assert numbers(one) == numbers(other) == list(range(1, 31))
    assert sorted(first + second) == list(range(1, 31))
    assert first == sorted(first)
    assert second == sorted(second)


@pytest.mark.django_db(transaction=True)
def test_processes_that_append_at_once_leave_neither_holes_nor_duplicates() -> None:
    room = new_room()
    with Writer() as one, Writer() as other:
        for writer in (one.ready(), other.ready()):
            writer.start(append=[room, 40])
        ours = [append(room).seq for _ in range(20)]
        theirs = one.result() + other.result()
    assert sorted(ours + theirs) == numbers(room) == list(range(1, 101))
    assert log.position(room).head == 100


# --- reading -----------------------------------------------------------------------------------------------------


def test_a_log_is_read_in_pages_from_any_place() -> None:
    room = new_room()
    for number in range(1, 8):
        append(room, number)
    assert [seq for seq, _ in log.read(room, after=0, limit=3).events] == [1, 2, 3]
    assert [seq for seq, _ in log.read(room, after=5, limit=3).events] == [6, 7]
    assert log.read(room, after=7, limit=3).events == []
    assert log.read(room, after=0, limit=3).position.head == 7


def test_history_is_read_backwards_and_returned_forwards() -> None:
    room = new_room()
    for number in range(1, 8):
        append(room, number)
    assert [seq for seq, _ in log.history(room, before=None, limit=3).events] == [5, 6, 7]
    assert [seq for seq, _ in log.history(room, before=5, limit=3).events] == [2, 3, 4]
    assert log.history(room, before=1, limit=3).events == []


@pytest.mark.parametrize("order", ["seq", "-seq"])
def test_a_page_is_read_as_the_index_has_it_and_nothing_is_sorted(order: str) -> None:
    page = log.events(new_room()).order_by(order)[:100].values_list("seq", "frame", "room__epoch")
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # it would sort a table as small as this
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plan = page.explain()
    assert not [word for word in ("Sort", "TEMP B-TREE") if word in plan], plan


def test_positions_of_many_rooms_are_read_at_once_and_unknown_rooms_are_missing() -> None:
    rooms = [new_room() for _ in range(3)]
    append(rooms[1])
    epochs = [log.position(room).epoch for room in rooms]
    found = log.positions([*rooms, "session:nowhere"])
    assert found == {room: (epoch, head) for room, epoch, head in zip(rooms, epochs, [0, 1, 0], strict=True)}


@pytest.mark.parametrize("look", [log.position, lambda room: log.read(room, after=0, limit=1), log.renew_epoch])
def test_a_room_that_is_not_there_is_said_not_to_be(look: Any) -> None:
    with pytest.raises(NoSuchRoom):
        look("session:nowhere")


@pytest.mark.parametrize(
    "look", [lambda r: log.read(r, after=0, limit=9), lambda r: log.history(r, before=None, limit=9)]
)
def test_events_of_another_life_of_the_log_are_never_read_as_of_this_one(
    look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = new_room()
    position = log.position

    def renewed_just_after(name: str) -> log.Position:
        where = position(name)
        log.renew_epoch(name)
        append(name, "of the new life")
        return where

    monkeypatch.setattr(log, "position", renewed_just_after)
    assert look(room).events == []


def test_a_renewed_log_goes_on_with_its_numbers_and_without_its_events_under_another_epoch() -> None:
    room = new_room()
    for _ in range(3):
        append(room)
    before = log.position(room)
    epoch = log.renew_epoch(room)
    assert epoch != before.epoch
    assert log.position(room) == log.Position(epoch, 3, 4)
    assert append(room).seq == 4
    assert numbers(room) == [4]


# --- forgetting --------------------------------------------------------------------------------------------------


def log_with_ages(*ages: float) -> str:
    """A room whose events are so many seconds old."""
    room, now = new_room(), timezone.now()
    for age in ages:
        append(room, at=now - timedelta(seconds=age))
    return room


def test_the_newest_events_are_kept_however_old() -> None:
    room = log_with_ages(*[9 * DAY] * 10)
    assert log.trim(keep=4, younger_than=DAY) == 6
    assert numbers(room) == [7, 8, 9, 10]
    assert (log.position(room).floor, log.position(room).head) == (7, 10)
    assert append(room).seq == 11


def test_young_events_are_kept_however_many() -> None:
    room = log_with_ages(9 * DAY, 8 * DAY, 0, 0, 0, 0, 0)
    assert log.trim(keep=1, younger_than=DAY) == 2
    assert numbers(room) == [3, 4, 5, 6, 7]
    assert log.position(room).floor == 3


def test_what_stands_behind_a_young_event_is_kept_so_that_no_hole_appears() -> None:
    room = log_with_ages(9 * DAY, 0, 9 * DAY, 9 * DAY, 9 * DAY)
    assert log.trim(keep=1, younger_than=DAY) == 1
    assert numbers(room) == [2, 3, 4, 5]


def test_trimming_again_forgets_nothing_more() -> None:
    log_with_ages(*[9 * DAY] * 5)
    assert [log.trim(keep=2, younger_than=DAY) for _ in range(2)] == [3, 0]


def test_a_log_may_be_emptied_and_goes_on_with_its_numbers() -> None:
    room = log_with_ages(*[9 * DAY] * 3)
    assert log.trim(keep=0, younger_than=DAY) == 3
    assert (log.position(room).floor, log.position(room).head) == (4, 3)
    assert append(room).seq == 4


def test_so_many_rooms_are_trimmed_at_once_and_the_rest_the_next_time() -> None:
    for _ in range(3):
        log_with_ages(*[9 * DAY] * 4)
    assert [log.trim(keep=1, younger_than=DAY, limit=2) for _ in range(3)] == [6, 3, 0]


def test_a_long_log_is_trimmed_in_short_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "AT_ONCE", 3)
    room = log_with_ages(*[9 * DAY] * 11)
    assert log.trim(keep=1, younger_than=DAY) == 10
    assert numbers(room) == [11]
    assert log.position(room).floor == 11


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0.0, 2 * DAY, 9 * DAY]), max_size=12), st.integers(0, 6), st.integers(1, 4))
def test_what_is_forgotten_is_old_and_not_among_the_newest_and_what_is_left_has_no_hole(
    ages: list[float], keep: int, chunk: int
) -> None:
    models.Room.objects.all().delete()
    room = log_with_ages(*ages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "AT_ONCE", chunk)
        forgotten = log.trim(keep=keep, younger_than=5 * DAY)
    where = log.position(room)
    assert numbers(room) == list(range(where.floor, where.head + 1))
    assert (
        forgotten
        == where.floor - 1
        == next(
            (number for number, age in enumerate(ages[: max(0, len(ages) - keep)]) if age < 5 * DAY),
            max(0, len(ages) - keep),
        )
    )


@pytest.mark.django_db(transaction=True)
def test_trimming_while_others_write_leaves_no_hole() -> None:
    room = log_with_ages(*[9 * DAY] * 5)

    def write_some() -> int:
        return sum(append(room, at=timezone.now() - timedelta(days=9)).seq > 0 for _ in range(15))

    def trim_some() -> int:
        return sum(log.trim(keep=3, younger_than=DAY) for _ in range(8))

    written, forgotten = at_once(write_some, trim_some)
    where = log.position(room)
    assert (where.head, where.floor) == (5 + written, forgotten + 1)
    assert numbers(room) == list(range(where.floor, where.head + 1))


def test_answers_of_commands_are_forgotten_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "AT_ONCE", 2)
    now = timezone.now()
    for number, age in enumerate([30, 20, 10, 9, 8, 1]):
        at = now - timedelta(seconds=age)
        models.Command.objects.create(user="u", instance="i", key=str(number), fingerprint="f", answer="{}", at=at)
    assert log.forget_commands(older_than=9.5, now=now) == 3
    assert sorted(models.Command.objects.values_list("key", flat=True)) == ["3", "4", "5"]
    assert log.forget_commands(older_than=0, now=now) == 3


# --- appending to many rooms -------------------------------------------------------------------------------------


def append_many(*news: tuple[str, Any]) -> list[Appended]:
    with write():
        return log.append_many((log.News(room, SAID, {"body": body}) for room, body in news), by=ADA)


def test_many_rooms_get_their_events_in_the_order_given(told: list[Appended]) -> None:
    one, other = new_room(), new_room()
    append(other)
    appended = append_many((one, "a"), (other, "b"), (one, "c"))
    assert [(a.room, a.seq) for a in appended] == [(one, 1), (other, 2), (one, 2)]
    assert [log.position(room).head for room in (one, other)] == [2, 2]
    page = log.read(one, after=0, limit=10)
    assert page.events == [(a.seq, a.frame) for a in appended if a.room == one]
    assert append(one).seq == 3


def test_what_is_for_a_room_that_is_not_there_is_left_out() -> None:
    room = new_room()
    assert [a.room for a in append_many(("session:nowhere", "a"), (room, "b"))] == [room]
    assert append_many() == []


def test_many_rooms_take_as_many_queries_as_one() -> None:
    def queries(number: int) -> int:
        rooms = [new_room() for _ in range(number)]
        with write(), CaptureQueriesContext(connection) as captured:
            log.append_many((log.News(room, SAID, {}) for room in rooms), by=ADA)
        return len(captured)

    assert queries(200) == queries(1) == 3


@pytest.mark.django_db(transaction=True)
def test_listeners_hear_of_all_after_the_commit(told: list[Appended]) -> None:
    rooms = [new_room(), new_room()]
    with write():
        appended = log.append_many((log.News(room, SAID, {}) for room in rooms), by=ADA)
        assert told == []
    assert told == appended
