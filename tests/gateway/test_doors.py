"""The doors of rooms: names, admission and recovery in one transaction, history."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import doors
from bduf_realtime.gateway.doors import Since, Visitor, Wish
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.models import Attendance, Instance
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Author
from collaboration import services
from tests.people import identity_of, person

AUTHOR = Author("", "", "service")


def visitor(user: User, connection: str = "") -> Visitor:
    instance = Instance.objects.first() or Instance.objects.create(host="h", pid=1, expires_at="2999-01-01T00:00Z")
    return Visitor(identity_of(user), connection or str(uuid.uuid4()), str(instance.pk))


def refused(call: Any, *args: Any) -> str:
    with pytest.raises(RealtimeError) as error:
        call(*args)
    return error.value.code


@pytest.fixture
def ada(db: None) -> User:
    return person()


@pytest.fixture
def room(ada: User) -> str:
    """Ada's own room, with three events."""
    name = f"user:{ada.pk}"
    doors.join(name, visitor(ada), None)
    for number in range(3):
        log.append(room=name, type="test:event", data={"n": number}, by=AUTHOR)
    return name


# --- names -------------------------------------------------------------------------------------------------------


def test_a_room_has_a_kind_and_a_key() -> None:
    key = str(uuid.uuid4())
    for prefix in ("user", "project", "session"):
        kind, found = doors.split(f"{prefix}:{key}")
        assert (kind, found) == (doors.kinds[prefix], key)


@pytest.mark.parametrize(
    "spelling",
    [
        *["user", "user:", ":{key}", "{key}", "nothing:{key}", "user:{KEY}", "user:{hex}", "USER:{key}", " user:{key}"],
        *["user:{key} ", "user:{key}\n", "user::{key}", "user:{key}:x", "user:{{{key}}}", "user:urn:uuid:{key}"],
    ],
)
def test_a_room_has_one_spelling(spelling: str) -> None:
    key = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
    assert refused(doors.split, spelling.format(key=key, KEY=str(key).upper(), hex=key.hex)) == "room.not_found"


# --- joining -----------------------------------------------------------------------------------------------------


def test_a_users_own_room_is_made_at_the_first_join(ada: User) -> None:
    joined = doors.join(f"user:{ada.pk}", visitor(ada), None)
    assert (joined.seq, joined.recovered, joined.state, joined.members) == (0, "none", {}, [])
    assert (joined.grant.role, joined.grant.permissions) == ("owner", {"read"})
    assert doors.join(f"user:{ada.pk}", visitor(ada), None).epoch == joined.epoch


def test_who_reads_the_state_otherwise_is_told_neither_of_it_nor_of_the_members(ada: User) -> None:
    project = services.project_create(by=ada, name="Bridge")
    wish = Wish(f"project:{project.pk}", visitor(ada), None, state=False)
    (joined,) = doors.join_many([wish])
    assert isinstance(joined, doors.Joined)
    assert (joined.grant.role, joined.recovered, joined.state, joined.members) == ("owner", "none", None, [])


def test_somebody_elses_room_does_not_exist(ada: User) -> None:
    other = person()
    assert refused(doors.join, f"user:{other.pk}", visitor(ada), None) == "room.not_found"
    assert refused(doors.join, f"user:{uuid.uuid4()}", visitor(ada), None) == "room.not_found"


def test_a_position_that_is_still_held_is_recovered_in_full_without_state(ada: User, room: str) -> None:
    epoch = log.position(room).epoch
    for seq in range(4):
        joined = doors.join(room, visitor(ada), Since(epoch, seq))
        assert (joined.recovered, joined.seq, joined.state) == ("full", 3, None)


def test_a_position_below_the_floor_gets_a_snapshot(ada: User, room: str) -> None:
    epoch = log.position(room).epoch
    assert log.trim(keep=1, younger_than=-60) == 2
    assert doors.join(room, visitor(ada), Since(epoch, 2)).recovered == "full"
    joined = doors.join(room, visitor(ada), Since(epoch, 1))
    assert (joined.recovered, joined.seq, joined.state) == ("snapshot", 3, {})


def test_a_position_of_the_future_gets_a_snapshot(ada: User, room: str) -> None:
    epoch = log.position(room).epoch
    for seq in (4, 2**53 - 1):
        assert doors.join(room, visitor(ada), Since(epoch, seq)).recovered == "snapshot"


@pytest.mark.parametrize("seq", [-1, -(2**53) + 1])
def test_a_position_before_the_first_event_gets_a_snapshot(ada: User, room: str, seq: int) -> None:
    assert doors.join(room, visitor(ada), Since(log.position(room).epoch, seq)).recovered == "snapshot"


def test_a_position_of_another_life_gets_a_snapshot(ada: User, room: str) -> None:
    epoch = log.position(room).epoch
    assert log.renew_epoch(room) != epoch
    joined = doors.join(room, visitor(ada), Since(epoch, 3))
    assert (joined.recovered, joined.seq, joined.state) == ("snapshot", 3, {})
    assert doors.join(room, visitor(ada), Since("", 0)).recovered == "snapshot"


def test_a_refused_join_leaves_nothing_behind_and_hurts_no_other_of_its_batch(ada: User) -> None:
    stranger = person()
    project = services.project_create(name="P", by=ada)
    session = services.session_create(project=project, by=ada, settings={"max_participants": 1})
    room = f"session:{session.pk}"
    services.project_member_set(project=project, user=(late := person()), role="participant", by=ada)
    outcomes = doors.join_many(
        [
            Wish(room, visitor(ada), None),
            Wish(room, visitor(stranger), None),
            Wish(f"project:{project.pk}", visitor(late), None),
            Wish(room, visitor(late), None),
            Wish("nowhere", visitor(ada), None),
        ]
    )
    codes = [o.code if isinstance(o, RealtimeError) else getattr(o, "recovered", "") for o in outcomes]
    assert codes == ["none", "room.not_found", "none", "session.full", "room.not_found"]
    assert {(a.room, a.user) for a in Attendance.objects.all()} == {
        (room, str(ada.pk)),
        (f"project:{project.pk}", str(late.pk)),
    }
    assert log.position(room).head == 1


@pytest.mark.django_db(transaction=True)
def test_a_join_through_an_instance_that_was_buried_is_to_be_tried_again(transactional_db: None) -> None:
    ada = person()
    project = services.project_create(name="P", by=ada)
    buried = Visitor(identity_of(ada), str(uuid.uuid4()), str(uuid.uuid4()))
    assert refused(doors.join, f"project:{project.pk}", buried, None) == "storage.unavailable"
    assert not Attendance.objects.exists()


# --- rights and history ------------------------------------------------------------------------------------------


def test_only_a_session_expects_who_left_to_come_back() -> None:
    key = uuid.uuid4()
    assert [doors.has_grace(f"{kind}:{key}") for kind in ("user", "project", "session")] == [False, False, True]


def test_only_the_user_keeps_a_right_in_the_own_room(ada: User) -> None:
    kind, key = doors.split(f"user:{ada.pk}")
    assert set(kind.grants(key, [str(ada.pk), "someone"])) == {str(ada.pk)}
    kind.depart(key, str(ada.pk), "connection")
    assert kind.watched == frozenset()


def test_history_is_read_backwards_in_pages_and_told_forwards(ada: User, room: str) -> None:
    page = doors.history(room, visitor(ada), None, 2)
    assert [seq for seq, _ in page.events] == [2, 3]
    assert [seq for seq, _ in doors.history(room, visitor(ada), 2, 10).events] == [1]
    assert (page.position.floor, page.position.head) == (1, 3)


def test_history_is_for_those_who_may_read(ada: User, room: str) -> None:
    assert refused(doors.history, room, visitor(person()), None, 10) == "room.not_found"
    assert refused(doors.history, "nowhere", visitor(ada), None, 10) == "room.not_found"


def test_a_room_nobody_was_ever_in_has_no_history(ada: User) -> None:
    assert refused(doors.history, f"user:{ada.pk}", visitor(ada), None, 10) == "room.not_found"
