"""Leases, attendances and connection rows, and the cleaning up after instances that died."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import doors, presence
from bduf_realtime.gateway.doors import Visitor
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from bduf_realtime.gateway.presence import Departure
from bduf_realtime.rooms import log
from collaboration import services
from collaboration.models import Participant, Session
from tests.people import identity_of, person
from tests.races import at_once

pytestmark = pytest.mark.django_db


def instance(*, lease: float = 60.0) -> str:
    """A registered process; with a negative lease one that is dead."""
    name = str(uuid.uuid4())
    presence.instance_start(name, lease)
    return name


def connection_row(user: User, at: str, **fields: Any) -> Connection:
    return Connection(id=uuid.uuid4(), instance_id=uuid.UUID(at), user=user, **fields)


@pytest.fixture
def ada() -> User:
    return person()


@pytest.fixture
def session(ada: User) -> Session:
    return services.session_create(project=services.project_create(name="P", by=ada), by=ada)


def join(user: User, session: Session, at: str) -> str:
    connection = str(uuid.uuid4())
    doors.join(f"session:{session.pk}", Visitor(identity_of(user), connection, at), None)
    return connection


def types_in(session: Session) -> list[str]:
    page = log.read(f"session:{session.pk}", after=0, limit=100)
    return [frame.decode().split('"')[3] for _, frame in page.events]


# --- leases ------------------------------------------------------------------------------------------------------


def test_a_lease_is_renewed_while_it_is_held_and_not_once_it_is_taken() -> None:
    me = instance(lease=-1.0)
    assert presence.instance_renew(me, 60.0, draining=True)
    row = Instance.objects.get(pk=me)
    assert row.draining
    assert row.expires_at > timezone.now() + timedelta(seconds=30)
    assert str(row) == f"{row.host}:{row.pid}"
    presence.instance_end(me)
    assert not presence.instance_renew(me, 60.0, draining=False)
    assert not Instance.objects.exists()


def test_nobody_is_dead_for_not_renewing_while_the_database_was_away() -> None:
    first, second = instance(lease=-1.0), instance(lease=-1.0)
    assert presence.reap() == 0
    assert presence.instance_renew(first, 60.0, draining=False)
    assert presence.reap() == 0
    assert presence.instance_renew(second, 60.0, draining=False)


def test_the_oldest_living_instance_is_elected_alone() -> None:
    dead, first, second = instance(lease=-1.0), instance(), instance()
    for number, name in enumerate((dead, first, second)):
        Instance.objects.filter(pk=name).update(started_at=timezone.now() + timedelta(seconds=number))
    assert [presence.elected(name) for name in (dead, first, second)] == [False, True, False]
    presence.instance_end(first)
    assert presence.elected(second)
    assert not presence.elected(first)


def test_nobody_is_elected_where_nobody_lives() -> None:
    assert not presence.elected(str(uuid.uuid4()))


# --- attendance --------------------------------------------------------------------------------------------------


def test_a_connection_has_one_place_in_a_room_however_often_it_joins() -> None:
    here, connection = instance(), str(uuid.uuid4())
    for _ in range(2):
        presence.attend(room="user:x", user="x", connection=connection, instance=here)
    presence.attend(room="user:x", user="x", connection=str(uuid.uuid4()), instance=here)
    presence.attend(room="user:y", user="x", connection=connection, instance=here)
    assert presence.attending("user:x", "x") == 2
    assert str(Attendance.objects.filter(connection=connection).earliest("room")) == f"{connection} in user:x"


def test_places_are_listed_once_they_have_been_held_for_a_while() -> None:
    here, connection = instance(), str(uuid.uuid4())
    presence.attend(room="user:x", user="x", connection=connection, instance=here)
    assert presence.places(here, 60.0) == []
    assert presence.places(here, -1.0) == [Departure("user:x", "x", connection)]
    assert presence.places(instance(), -1.0) == []


def test_a_user_with_two_connections_is_away_after_the_last(ada: User, session: Session) -> None:
    here, room = instance(), f"session:{session.pk}"
    first, second = join(ada, session, here), join(ada, session, here)
    assert types_in(session) == ["collaboration:participant:joined"]
    presence.depart([Departure(room, str(ada.pk), first)])
    assert Participant.objects.get().away_since is None
    presence.depart([Departure(room, str(ada.pk), second), Departure(room, str(ada.pk), second)])
    assert Participant.objects.get().away_since is not None
    assert types_in(session) == ["collaboration:participant:joined"]


def test_coming_back_within_the_grace_period_tells_nobody(ada: User, session: Session) -> None:
    here = instance()
    presence.depart([Departure(f"session:{session.pk}", str(ada.pk), join(ada, session, here))])
    join(ada, session, here)
    participant = Participant.objects.get()
    assert participant.present
    assert participant.away_since is None
    assert types_in(session) == ["collaboration:participant:joined"]


def test_leaving_where_one_never_was_does_nothing(ada: User, session: Session) -> None:
    presence.depart([Departure(f"session:{session.pk}", str(ada.pk), str(uuid.uuid4()))])
    assert Participant.objects.get().away_since is None


def test_a_place_in_a_room_of_an_unknown_kind_is_given_up_all_the_same(ada: User) -> None:
    here, connection = instance(), str(uuid.uuid4())
    presence.attend(room="gone:x", user="x", connection=connection, instance=here)
    presence.depart([Departure("gone:x", "x", connection)])
    assert not Attendance.objects.exists()


# --- the dead ----------------------------------------------------------------------------------------------------


def test_the_people_of_a_dead_instance_go_away_and_then_have_left(ada: User, session: Session) -> None:
    dead, alive = instance(), instance()
    grace = person()
    services.project_member_set(project=session.project, user=grace, role="participant", by=ada)
    join(ada, session, dead)
    join(grace, session, dead)
    join(grace, session, alive)
    presence.report([connection_row(ada, dead)])
    assert presence.reap() == 0
    Instance.objects.filter(pk=dead).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert presence.reap(me=dead) == 0
    assert presence.reap() == 1
    assert presence.reap() == 0
    assert not Connection.objects.exists()
    away = Participant.objects.filter(away_since__isnull=False)
    assert [participant.user for participant in away] == [ada]
    assert services.participants_leave(away_for=60) == 0
    assert services.participants_leave(away_for=-1) == 1
    assert types_in(session)[-1] == "collaboration:participant:left"
    assert [p.user for p in Participant.objects.filter(present=True)] == [grace]


def test_an_instance_that_ends_leaves_nothing_to_clean_up(ada: User, session: Session) -> None:
    here = instance()
    join(ada, session, here)
    presence.instance_end(here)
    assert Participant.objects.get().away_since is not None
    assert presence.reap() == 0


@pytest.mark.django_db(transaction=True)
def test_two_that_reap_at_once_bury_the_dead_once() -> None:
    ada = person()
    session = services.session_create(project=services.project_create(name="P", by=ada), by=ada)
    alive = instance()
    for _ in range(3):
        join(ada, session, instance(lease=-1.0))
    assert sum(at_once(presence.reap, presence.reap)) == 3
    assert [str(row.pk) for row in Instance.objects.all()] == [alive]
    assert not Attendance.objects.exists()
    assert services.participants_leave(away_for=-1) == 1
    assert types_in(session).count("collaboration:participant:left") == 1


# --- connection rows ---------------------------------------------------------------------------------------------


def test_connections_are_reported_opened_changed_and_closed(ada: User) -> None:
    here = instance()
    opened = connection_row(ada, here, address="127.0.0.1")
    presence.report([opened])
    opened.state, opened.messages_in, opened.address = "idle", 7, "not reported again"
    presence.report([opened, opened])
    presence.report([])
    row = Connection.objects.get()
    assert (row.state, row.messages_in, row.address, str(row)) == ("idle", 7, "127.0.0.1", str(opened.id))


def test_closed_connections_are_forgotten_after_a_while(ada: User) -> None:
    here, now = instance(), timezone.now()
    rows = [
        connection_row(ada, here),
        connection_row(ada, here, closed_at=now - timedelta(seconds=601)),
        connection_row(ada, here, closed_at=now - timedelta(seconds=5)),
    ]
    presence.report(rows)
    assert presence.forget_closed(600) == 1
    assert presence.forget_closed(600) == 0
    assert set(Connection.objects.values_list("pk", flat=True)) == {rows[0].pk, rows[2].pk}
