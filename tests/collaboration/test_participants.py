"""Who takes part in a session: joining, the limit, the grace period, and removal."""

from __future__ import annotations

import uuid

import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import doors, presence
from bduf_realtime.gateway.doors import Joined, Visitor
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.models import Instance
from bduf_realtime.gateway.presence import Departure
from bduf_realtime.rooms import log
from bduf_realtime.rooms.transactions import write
from collaboration import services
from collaboration.models import Participant, Session
from tests.collaboration.conftest import Team, events_of
from tests.people import identity_of, person
from tests.races import at_once

pytestmark = pytest.mark.django_db


def visitor(user: User) -> Visitor:
    instance = Instance.objects.first() or Instance.objects.create(host="h", pid=1, expires_at="2999-01-01T00:00Z")
    return Visitor(identity_of(user), str(uuid.uuid4()), str(instance.pk))


def join(session: Session, user: User) -> tuple[Joined, Departure]:
    """Joins, and says how to leave again."""
    who, room = visitor(user), f"session:{session.pk}"
    return doors.join(room, who, None), Departure(room, str(user.pk), who.connection)


def refused(session: Session, user: User) -> str:
    with pytest.raises(RealtimeError) as error:
        join(session, user)
    return error.value.code


def told(session: Session) -> list[tuple[str, str]]:
    events = [e for e in events_of(f"session:{session.pk}") if ":participant:" in e["type"]]
    return [(e["type"].removeprefix("collaboration:participant:"), e["data"]["user"]) for e in events]


@pytest.mark.parametrize("role", ["owner", "moderator", "participant", "observer"])
def test_a_member_joins_with_the_projects_role_and_is_seen(team: Team, role: str) -> None:
    joined, _ = join(team.session, team[role])
    assert (joined.grant.role, joined.recovered, joined.seq) == (role, "none", 1)
    assert [(p.user, p.role) for p in joined.members] == [(str(team[role].pk), role)]
    assert joined.state.session.id == str(team.session.pk)
    assert joined.state.participants == joined.members
    event = events_of(f"session:{team.session.pk}")[0]
    assert event["data"]["participant"]["permissions"] == sorted(joined.grant.permissions)
    assert event["by"]["user"] == str(team[role].pk)


def test_a_session_may_give_a_role_of_its_own(team: Team) -> None:
    Participant.objects.create(session=team.session, user=team.observer, role="moderator")
    joined, _ = join(team.session, team.observer)
    assert joined.grant.role == "moderator"
    assert [p.role for p in joined.members] == ["moderator"]
    kind, key = doors.split(f"session:{team.session.pk}")
    users = [str(team.observer.pk), str(team.participant.pk), str(team.stranger.pk)]
    assert {user: grant.role for user, grant in kind.grants(key, users).items()} == {
        users[0]: "moderator",
        users[1]: "participant",
    }


def test_a_role_in_one_project_means_nothing_in_another(team: Team) -> None:
    other = services.project_create(name="Other", by=team.observer)
    elsewhere = services.session_create(project=other, by=team.observer)
    assert join(team.session, team.observer)[0].grant.role == "observer"
    assert [p.role for p in join(elsewhere, team.observer)[0].members] == ["owner"]
    assert [p.role for p in join(team.session, team.participant)[0].members] == ["observer", "participant"]
    assert refused(elsewhere, team.participant) == "room.not_found"


def test_a_stranger_and_nobody_get_the_same_answer(team: Team) -> None:
    assert refused(team.session, team.stranger) == "room.not_found"
    with pytest.raises(RealtimeError, match="not_found"):
        doors.join(f"session:{uuid.uuid4()}", visitor(team.owner), None)
    with pytest.raises(RealtimeError, match="not_found"):
        doors.join(f"project:{uuid.uuid4()}", visitor(team.owner), None)
    with pytest.raises(RealtimeError, match="not_found"):
        doors.join(f"project:{team.project.pk}", visitor(team.stranger), None)
    assert not doors.kinds["session"].grants(str(uuid.uuid4()), [str(team.owner.pk)])


def test_an_ended_session_takes_nobody_in(team: Team) -> None:
    Session.objects.update(status="ended")
    assert refused(team.session, team.owner) == "session.ended"
    assert told(team.session) == []


def test_a_full_session_takes_in_only_who_is_in_it_already(team: Team) -> None:
    session = services.session_create(project=team.project, by=team.owner, settings={"max_participants": 2})
    _, leave = join(session, team.owner)
    join(session, team.participant)
    assert refused(session, team.moderator) == "session.full"
    join(session, team.participant)
    presence.depart([leave])
    assert refused(session, team.moderator) == "session.full"
    assert services.participants_leave(away_for=-1) == 1
    join(session, team.moderator)


def test_a_place_is_kept_for_the_grace_period_and_then_given_up_once(team: Team) -> None:
    user = str(team.participant.pk)
    _, leave = join(team.session, team.participant)
    presence.depart([leave])
    assert services.participants_leave(away_for=3_600) == 0
    assert told(team.session) == [("joined", user)]
    assert services.participants_leave(away_for=-1) == 1
    assert services.participants_leave(away_for=-1) == 0
    assert told(team.session) == [("joined", user), ("left", user)]
    _, _ = join(team.session, team.participant)
    assert told(team.session)[-1] == ("joined", user)


def test_joining_twice_is_told_once(team: Team) -> None:
    for _ in range(3):
        join(team.session, team.participant)
    assert len(told(team.session)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_that_sweep_at_once_tell_of_each_who_left_once(team: Team) -> None:
    users = [person() for _ in range(5)]
    for user in users:
        services.project_member_set(project=team.project, user=user, role="participant", by=team.owner)
        presence.depart([join(team.session, user)[1]])

    def sweep() -> int:
        return services.participants_leave(away_for=-1)

    assert sum(at_once(sweep, sweep)) == 5
    left = [user for change, user in told(team.session) if change == "left"]
    assert sorted(left) == sorted(str(user.pk) for user in users)
    seqs = [event["seq"] for event in events_of(f"session:{team.session.pk}")]
    assert seqs == list(range(1, 11))


def test_a_removed_member_is_removed_from_every_session_the_user_is_in(team: Team) -> None:
    user = str(team.participant.pk)
    second = services.session_create(project=team.project, by=team.participant)
    never = services.session_create(project=team.project, by=team.owner)
    join(team.session, team.participant)
    join(second, team.participant)
    services.project_member_remove(project=team.project, user=team.participant, by=team.moderator)
    for session in (team.session, second):
        assert told(session)[-1] == ("removed", user)
        assert events_of(f"session:{session.pk}")[-1]["by"]["user"] == str(team.moderator.pk)
        assert refused(session, team.participant) == "room.not_found"
    assert log.position(f"session:{never.pk}").head == 0
    assert not Participant.objects.filter(user=team.participant).exists()
    assert services.participants_leave(away_for=-1) == 0


def test_another_role_in_the_project_is_told_to_the_sessions_it_counts_in(team: Team) -> None:
    user = str(team.participant.pk)
    own = services.session_create(project=team.project, by=team.participant)
    for session in (team.session, own):
        join(session, team.participant)
    services.project_member_set(project=team.project, user=team.participant, role="observer", by=team.owner)
    assert told(team.session) == [("joined", user), ("updated", user)]
    event = events_of(f"session:{team.session.pk}")[-1]
    assert (event["by"]["user"], event["data"]["participant"]["role"]) == (str(team.owner.pk), "observer")
    assert event["data"]["participant"]["permissions"] == ["read"]
    assert told(own) == [("joined", user)]


def test_a_project_room_shows_its_sessions_and_members_until_they_end_or_go(team: Team) -> None:
    ended = services.session_create(project=team.project, by=team.owner, name="Old")
    Session.objects.filter(pk=ended.pk).update(status="ended")
    room = f"project:{team.project.pk}"
    who = visitor(team.observer)
    joined = doors.join(room, who, None)
    assert (joined.grant.role, joined.state.name) == ("observer", "Orchestrator")
    assert [session.name for session in joined.state.sessions] == ["Kick-off"]
    assert [member.role for member in joined.members] == ["owner", "moderator", "participant", "observer"]
    again = doors.join(room, who, doors.Since(joined.epoch, joined.seq))
    assert (again.recovered, again.state, len(again.members)) == ("full", None, 4)
    head = log.position(room).head
    presence.depart([Departure(room, str(team.observer.pk), who.connection)])
    assert log.position(room).head == head


def test_nobody_comes_in_whose_account_is_deleted_at_that_moment(team: Team) -> None:
    late = person()
    who = visitor(late)
    late.delete()
    with write(), pytest.raises(RealtimeError) as error:
        services.participant_join(session=team.session, project_role="participant", visitor=who)
    assert error.value.code == "room.not_found"
    assert not Participant.objects.filter(session=team.session, user_id=who.identity.user_id).exists()


def test_a_departure_from_a_session_that_was_deleted_meanwhile_is_nobodys_business(team: Team) -> None:
    gone = services.session_create(project=team.project, by=team.owner)
    (_, from_gone), (_, from_here) = join(gone, team.participant), join(team.session, team.participant)
    services.session_end(session=gone.pk, by=team.owner)
    Session.objects.filter(pk=gone.pk).update(ended_at="2000-01-01T00:00Z")
    assert services.sessions_expire(ended_for=1) == 1
    presence.depart([from_gone, from_here])
    assert services.participants_leave(away_for=-1) == 1
