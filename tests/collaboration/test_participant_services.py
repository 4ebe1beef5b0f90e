"""Managing those who take part: who may do what to whom, the lobby, removal, and the owner who is always left."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.gateway import doors
from bduf_realtime.gateway.doors import Joined
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from collaboration import roles, selectors, services
from collaboration.models import Participant, Session
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.test_participants import join, told, visitor
from tests.people import person
from tests.races import at_once

pytestmark = pytest.mark.django_db


def outcome(function: Any, **arguments: Any) -> str:
    """The code of a refusal, or nothing."""
    try:
        function(**arguments)
    except RealtimeError as error:
        return error.code
    return ""


def knock(session: Session, user: User) -> str:
    """Tries to join; the code of the refusal, or the role. What the try wrote is kept, as the server keeps it."""
    room = f"session:{session.pk}"
    (came_of,) = doors.join_many([doors.Wish(room, visitor(user), None)])
    if isinstance(came_of, Joined):
        return came_of.grant.role
    assert isinstance(came_of, RealtimeError)
    return came_of.code


def lobby(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"require_approval": True})


def place(team: Team, user: User) -> Participant:
    return Participant.objects.get(session=team.session, user=user)


# --- the matrix --------------------------------------------------------------------------------------------------

MANAGE = {
    "admit": services.participant_admit,
    "deny": services.participant_deny,
    "remove": services.participant_remove,
}


@pytest.mark.parametrize("step", MANAGE)
@pytest.mark.parametrize(
    ("by", "whom", "code"),
    [
        ("owner", "observer", ""),
        ("moderator", "observer", ""),
        ("moderator", "owner", "perm.denied"),
        ("participant", "observer", "perm.denied"),
        ("observer", "participant", "perm.denied"),
        ("stranger", "observer", "session.not_found"),
        ("owner", "stranger", "participant.not_found"),
    ],
)
def test_who_may_let_in_turn_away_and_remove_whom(team: Team, step: str, by: str, whom: str, code: str) -> None:
    if whom != "stranger":
        Participant.objects.update_or_create(session=team.session, user=team[whom], defaults={"admission": "waiting"})
    assert outcome(MANAGE[step], session=team.session.pk, user=team[whom].pk, by=team[by]) == code
    if code:
        assert told(team.session) == []


@pytest.mark.parametrize("wanted", roles.ROLES)
@pytest.mark.parametrize(
    ("by", "refused"),
    [
        ("owner", {}),
        ("moderator", {"owner": "perm.denied"}),
        ("participant", dict.fromkeys(roles.ROLES, "perm.denied")),
        ("observer", dict.fromkeys(roles.ROLES, "perm.denied")),
        ("stranger", dict.fromkeys(roles.ROLES, "session.not_found")),
    ],
)
def test_who_may_give_which_role(team: Team, by: str, refused: dict[str, str], wanted: str) -> None:
    change = {"session": team.session.pk, "user": team.participant.pk, "role": wanted, "by": team[by]}
    assert outcome(services.participant_role, **change) == refused.get(wanted, "")
    changed = wanted not in refused and wanted != "participant"
    assert told(team.session) == ([("updated", str(team.participant.pk))] if changed else [])
    if changed:
        entry = entries_for(team.project.pk).last()
        assert entry is not None
        assert entry.action == "collaboration:participant:role"
        assert entry.details == {"session": str(team.session.pk), "role": wanted, "before": "participant"}


def test_nobody_promotes_oneself_and_a_moderator_touches_no_owner(team: Team) -> None:
    session = team.session.pk
    for user in (team.moderator, team.participant, team.observer):
        assert outcome(services.participant_role, session=session, user=user.pk, role="owner", by=user) == "perm.denied"
    demote = {"session": session, "user": team.owner.pk, "role": "observer", "by": team.moderator}
    assert outcome(services.participant_role, **demote) == "perm.denied"


def test_the_role_in_a_session_goes_before_the_one_in_the_project(team: Team) -> None:
    services.participant_role(session=team.session.pk, user=team.participant.pk, role="observer", by=team.owner)
    assert knock(team.session, team.participant) == "observer"
    subject = (str(team.session.pk), str(team.participant.pk))
    assert services.writers_refused([subject])[subject].code == "perm.denied"  # type: ignore[attr-defined]
    services.participant_role(session=team.session.pk, user=team.participant.pk, role="moderator", by=team.owner)
    assert not services.writers_refused([subject])
    lowered = {"session": team.session.pk, "user": team.observer.pk, "role": "participant", "by": team.participant}
    assert outcome(services.participant_role, **lowered) == ""


# --- owners ------------------------------------------------------------------------------------------------------


def test_the_last_owner_is_neither_demoted_nor_removed_until_there_is_another(team: Team) -> None:
    session = services.session_create(project=team.project, by=team.participant)
    services.participant_role(session=session.pk, user=team.owner.pk, role="observer", by=team.participant)
    demote = {"session": session.pk, "user": team.participant.pk, "role": "moderator", "by": team.participant}
    remove = {"session": session.pk, "user": team.participant.pk, "by": team.participant}
    assert outcome(services.participant_role, **demote) == "session.last_owner"
    assert outcome(services.participant_remove, **remove) == "session.last_owner"
    services.participant_role(session=session.pk, user=team.moderator.pk, role="owner", by=team.participant)
    assert outcome(services.participant_role, **demote) == ""
    assert selectors.session_owners(session) == {team.moderator.pk}


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_at_once_leave_one(team: Team) -> None:
    session = services.session_create(project=team.project, by=team.participant)
    services.participant_role(session=session.pk, user=team.owner.pk, role="observer", by=team.participant)
    services.participant_role(session=session.pk, user=team.moderator.pk, role="owner", by=team.participant)

    def demote(user: User, by: User) -> str:
        return outcome(services.participant_role, session=session.pk, user=user.pk, role="participant", by=by)

    came_of = at_once(
        lambda: demote(team.participant, team.moderator), lambda: demote(team.moderator, team.participant)
    )
    assert sorted(came_of) == ["", "perm.denied"]
    assert len(selectors.session_owners(session)) == 1


def test_a_session_whose_last_owner_leaves_the_project_falls_to_the_projects_owners(team: Team) -> None:
    session = services.session_create(project=team.project, by=team.participant)
    services.participant_role(session=session.pk, user=team.owner.pk, role="observer", by=team.participant)
    join(session, team.owner)
    services.project_member_remove(project=team.project, user=team.participant, by=team.owner)
    assert selectors.session_owners(session) == {team.owner.pk}
    event = events_of(f"session:{session.pk}")[-1]
    assert (event["type"], event["data"]["participant"]["role"]) == ("collaboration:participant:updated", "owner")


def test_a_project_owner_who_is_demoted_leaves_no_session_without_one(team: Team) -> None:
    services.project_member_set(project=team.project, user=team.moderator, role="owner", by=team.owner)
    session = services.session_create(project=team.project, by=team.participant)
    for user in (team.moderator, team.participant):
        services.participant_role(session=session.pk, user=user.pk, role="observer", by=team.owner)
    services.project_member_set(project=team.project, user=team.owner, role="participant", by=team.moderator)
    assert selectors.session_owners(session) == {team.moderator.pk}


# --- the lobby ---------------------------------------------------------------------------------------------------


def test_who_is_not_trusted_with_people_waits_and_those_inside_are_told_once(team: Team) -> None:
    lobby(team)
    for _ in range(3):
        assert knock(team.session, team.participant) == "session.join_pending"
    user = str(team.participant.pk)
    assert told(team.session) == [("requested", user)]
    assert events_of(f"session:{team.session.pk}")[-1]["data"]["participant"]["admission"] == "waiting"
    for role in ("owner", "moderator"):
        joined, _ = join(team.session, team[role])
        assert [(p.user, p.admission) for p in joined.state.waiting] == [(user, "waiting")]
        assert user not in [p.user for p in joined.members]


def test_who_waits_sees_and_says_nothing(team: Team) -> None:
    lobby(team)
    knock(team.session, team.participant)
    room, subject = f"session:{team.session.pk}", (str(team.session.pk), str(team.participant.pk))
    for user in (team.participant, team.observer):  # the latter has not even asked
        with pytest.raises(RealtimeError):
            selectors.session_inside(team.session.pk, user)
        with pytest.raises(RealtimeError):
            doors.history(room, visitor(user), None, 10)
    assert services.writers_refused([subject])[subject].code == "session.join_pending"  # type: ignore[attr-defined]


def test_who_is_let_in_is_told_and_comes_back_without_asking_again(team: Team) -> None:
    lobby(team)
    log.create(f"user:{team.participant.pk}")
    knock(team.session, team.participant)
    info = services.participant_admit(session=team.session.pk, user=team.participant.pk, by=team.moderator)
    assert (info.admission, info.role) == ("admitted", "participant")
    notice, notification = events_of(f"user:{team.participant.pk}")
    assert (notice["type"], notification["type"]) == ("collaboration:participant:updated", "notification:created")
    assert notice["data"]["participant"]["admission"] == "admitted"
    for _ in range(2):
        assert knock(team.session, team.participant) == "participant"
    assert services.participant_admit(session=team.session.pk, user=team.participant.pk, by=team.owner) is not None
    assert [change for change, _ in told(team.session)] == ["requested", "updated", "joined"]


def test_who_is_turned_away_is_told_and_stays_out_until_admitted(team: Team) -> None:
    lobby(team)
    log.create(f"user:{team.participant.pk}")
    knock(team.session, team.participant)
    services.participant_deny(session=team.session.pk, user=team.participant.pk, by=team.moderator, reason="no seat")
    (notice,) = events_of(f"user:{team.participant.pk}")
    assert (notice["type"], notice["data"]["reason"]) == ("collaboration:participant:removed", "denied")
    assert knock(team.session, team.participant) == "perm.denied"
    deny = {"session": team.session.pk, "user": team.observer.pk, "by": team.owner}
    assert outcome(services.participant_deny, **deny) == "participant.not_found"
    services.participant_admit(session=team.session.pk, user=team.participant.pk, by=team.moderator)
    assert knock(team.session, team.participant) == "participant"


def test_who_was_in_before_the_lobby_opened_stays_in(team: Team) -> None:
    join(team.session, team.participant)
    lobby(team)
    assert knock(team.session, team.participant) == "participant"
    assert knock(team.session, team.observer) == "session.join_pending"


def test_only_so_many_wait_as_may_take_part(team: Team) -> None:
    services.session_update(
        session=team.session.pk, by=team.owner, settings={"require_approval": True, "max_participants": 1}
    )
    assert knock(team.session, team.participant) == "session.join_pending"
    assert knock(team.session, team.observer) == "session.full"
    assert knock(team.session, team.participant) == "session.join_pending"


def test_who_asks_again_keeps_the_place_in_the_line(team: Team) -> None:
    lobby(team)
    for user in (team.participant, team.observer, team.participant):
        knock(team.session, user)
    waiting = selectors.participants_waiting(team.session)
    assert [info.user for info in waiting] == [str(team.participant.pk), str(team.observer.pk)]


def test_a_wish_that_is_not_repeated_is_forgotten(team: Team) -> None:
    lobby(team)
    knock(team.session, team.participant)
    assert services.requests_expire(older_than=60) == 0
    Participant.objects.update(last_activity=timezone.now() - timedelta(minutes=2))
    assert services.requests_expire(older_than=60) == 1
    assert services.requests_expire(older_than=60) == 0
    event = events_of(f"session:{team.session.pk}")[-1]
    assert (event["type"], event["data"]["reason"]) == ("collaboration:participant:removed", "expired")
    assert knock(team.session, team.participant) == "session.join_pending"


def test_those_inside_see_what_becomes_of_a_waiting_members_place_in_the_project(team: Team) -> None:
    lobby(team)
    knock(team.session, team.participant)
    user = str(team.participant.pk)
    services.project_member_set(project=team.project, user=team.participant, role="observer", by=team.owner)
    event = events_of(f"session:{team.session.pk}")[-1]["data"]["participant"]
    assert (event["role"], event["admission"]) == ("observer", "waiting")
    services.project_member_remove(project=team.project, user=team.participant, by=team.owner)
    assert told(team.session)[-2:] == [("updated", user), ("removed", user)]


# --- removal -----------------------------------------------------------------------------------------------------


def test_who_is_removed_is_out_and_finds_no_such_room_until_admitted(team: Team) -> None:
    join(team.session, team.participant)
    services.participant_remove(session=team.session.pk, user=team.participant.pk, by=team.moderator, reason="rude")
    user, room = str(team.participant.pk), f"session:{team.session.pk}"
    assert told(team.session)[-1] == ("removed", user)
    assert events_of(room)[-1]["data"]["reason"] == "removed"
    assert knock(team.session, team.participant) == "room.not_found"
    assert user not in doors.kinds["session"].grants(str(team.session.pk), [user])
    for look in (selectors.session_visible, selectors.session_inside):
        with pytest.raises(RealtimeError, match="not_found"):
            look(team.session.pk, team.participant)
    assert not selectors.sessions_for(team.participant).exists()
    subject = (str(team.session.pk), user)
    assert services.writers_refused([subject])[subject].code == "session.not_found"  # type: ignore[attr-defined]
    role = {"session": team.session.pk, "user": team.participant.pk, "role": "observer", "by": team.owner}
    assert outcome(services.participant_role, **role) == "participant.not_found"
    services.participant_admit(session=team.session.pk, user=team.participant.pk, by=team.moderator)
    assert knock(team.session, team.participant) == "participant"


def test_who_is_removed_leaves_the_seat_to_others(team: Team) -> None:
    session = services.session_create(project=team.project, by=team.owner, settings={"max_participants": 1})
    join(session, team.participant)
    assert knock(session, team.observer) == "session.full"
    services.participant_remove(session=session.pk, user=team.participant.pk, by=team.owner)
    assert Session.objects.get(pk=session.pk).idle_since is not None
    assert knock(session, team.observer) == "observer"
    assert Session.objects.get(pk=session.pk).idle_since is None


def test_a_removed_owner_comes_back_as_a_member_of_the_project(team: Team) -> None:
    services.participant_role(session=team.session.pk, user=team.observer.pk, role="owner", by=team.owner)
    services.participant_remove(session=team.session.pk, user=team.observer.pk, by=team.owner)
    services.participant_admit(session=team.session.pk, user=team.observer.pk, by=team.owner)
    assert knock(team.session, team.observer) == "observer"


def test_whoever_left_the_project_and_came_back_is_not_removed_any_more(team: Team) -> None:
    services.participant_remove(session=team.session.pk, user=team.participant.pk, by=team.owner)
    services.project_member_remove(project=team.project, user=team.participant, by=team.owner)
    services.project_member_set(project=team.project, user=team.participant, role="participant", by=team.owner)
    assert knock(team.session, team.participant) == "participant"


def test_what_is_managed_in_an_ended_session_is_refused(team: Team) -> None:
    services.session_end(session=team.session.pk, by=team.owner)
    for step in (*MANAGE.values(), services.participant_role):
        role = {"role": "observer"} if step is services.participant_role else {}
        arguments = {"session": team.session.pk, "user": team.participant.pk, "by": team.owner, **role}
        assert outcome(step, **arguments) == "session.ended"


def test_nobody_of_another_project_can_be_told_apart_from_nobody(team: Team) -> None:
    codes = {
        outcome(services.participant_role, session=team.session.pk, user=user, role="observer", by=team.owner)
        for user in (team.stranger.pk, uuid.uuid4(), person().pk)
    }
    assert codes == {"participant.not_found"}
