"""A session's life: each step's right, event and audit entry, and the timers that end and forget sessions."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom
from collaboration import selectors, services
from collaboration.models import Invitation, Participant, Session
from tests.collaboration.conftest import Team, events_of
from tests.people import person
from tests.races import at_once

pytestmark = pytest.mark.django_db

STEPS = {"pause": services.session_pause, "resume": services.session_resume, "end": services.session_end}


def refused(function: Any, **arguments: Any) -> str:
    with pytest.raises(RealtimeError) as error:
        function(**arguments)
    return error.value.code


def types(room: str) -> list[str]:
    return [event["type"].removeprefix("collaboration:") for event in events_of(room)]


def last_entry(team: Team) -> AuditEntry:
    entry = entries_for(team.project.pk).last()
    assert entry is not None
    return entry


# --- steps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("role", "code"),
    [
        ("owner", ""),
        ("moderator", "perm.denied"),
        ("participant", "perm.denied"),
        ("observer", "perm.denied"),
        ("stranger", "session.not_found"),
    ],
)
def test_only_an_owner_pauses_resumes_and_ends(team: Team, step: str, role: str, code: str) -> None:
    if step == "resume":
        services.session_pause(session=team.session.pk, by=team.owner)
    head = log.position(f"session:{team.session.pk}").head
    if code:
        assert refused(STEPS[step], session=team.session.pk, by=team[role]) == code
        assert log.position(f"session:{team.session.pk}").head == head
    else:
        STEPS[step](session=team.session.pk, by=team[role])
        assert log.position(f"session:{team.session.pk}").head == head + 1


def test_a_step_is_told_in_the_session_and_in_the_project_and_put_on_the_trail(team: Team) -> None:
    for step, change, status in (
        ("pause", "paused", "paused"),
        ("resume", "resumed", "active"),
        ("end", "ended", "ended"),
    ):
        STEPS[step](session=team.session.pk, by=team.owner, reason="because", door="socket", connection="c1")
        for room in (f"session:{team.session.pk}", f"project:{team.project.pk}"):
            event = events_of(room)[-1]
            assert event["type"] == f"collaboration:session:{change}"
            assert event["data"]["session"]["status"] == status
            assert (event["by"]["user"], event["by"]["connection"]) == (str(team.owner.pk), "c1")
        entry = last_entry(team)
        assert (entry.action, entry.door, entry.details) == (
            f"collaboration:session:{step}",
            "socket",
            {"reason": "because"},
        )
        assert entry.target == f"session:{team.session.pk}"


def test_a_step_that_changes_nothing_tells_nobody(team: Team) -> None:
    services.session_resume(session=team.session.pk, by=team.owner)
    services.session_pause(session=team.session.pk, by=team.owner)
    services.session_pause(session=team.session.pk, by=team.owner)
    assert types(f"session:{team.session.pk}") == ["session:paused"]


@pytest.mark.parametrize("step", [*STEPS, "update"])
def test_what_has_ended_stays_ended(team: Team, step: str) -> None:
    services.session_end(session=team.session.pk, by=team.owner)
    change = services.session_update if step == "update" else STEPS[step]
    assert refused(change, session=team.session.pk, by=team.owner) == "session.ended"


def test_a_session_that_does_not_exist_is_not_found(team: Team) -> None:
    for step in STEPS.values():
        assert refused(step, session=uuid.uuid4(), by=team.owner) == "session.not_found"


def test_ending_shows_everybody_out_and_sends_those_who_wait_home(team: Team) -> None:
    Participant.objects.create(session=team.session, user=team.participant, present=True, away_since=timezone.now())
    Participant.objects.create(session=team.session, user=team.observer, admission="waiting")
    ended = services.session_end(session=team.session.pk, by=team.owner)
    assert ended.ended_at is not None
    assert not Participant.objects.filter(present=True).exists()
    assert not Participant.objects.filter(admission="waiting").exists()
    assert services.participants_leave(away_for=-1) == 0


@pytest.mark.django_db(transaction=True)
def test_of_two_that_end_at_once_one_does(team: Team) -> None:
    services.participant_role(session=team.session.pk, user=team.moderator.pk, role="owner", by=team.owner)

    def end(user: Any) -> Any:
        try:
            return services.session_end(session=team.session.pk, by=user).status
        except RealtimeError as error:
            return error.code

    assert sorted(at_once(lambda: end(team.owner), lambda: end(team.moderator))) == ["ended", "session.ended"]
    assert types(f"session:{team.session.pk}").count("session:ended") == 1


def test_an_operator_acts_without_a_role_and_is_named(team: Team) -> None:
    operator = person("operator", is_staff=True)
    services.session_pause(session=team.session.pk, by=operator, door="admin")
    assert events_of(f"session:{team.session.pk}")[-1]["by"]["name"] == "operator"
    assert (last_entry(team).door, last_entry(team).actor_id) == ("admin", str(operator.pk))
    assert refused(services.session_resume, session=team.session.pk, by=operator) == "session.not_found"


# --- update ------------------------------------------------------------------------------------------------------


def test_only_what_is_named_changes(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"max_participants": 3}, tags=["a"])
    changed = services.session_update(session=team.session.pk, by=team.owner, settings={"auto_save": False})
    assert (changed.name, changed.tags) == ("Kick-off", ["a"])
    assert (changed.settings["max_participants"], changed.settings["auto_save"]) == (3, False)
    assert types(f"session:{team.session.pk}") == ["session:updated"] * 2
    assert last_entry(team).details == {"settings": changed.settings}
    services.session_update(session=team.session.pk, by=team.owner, name="Kick-off", settings={"auto_save": False})
    assert len(types(f"session:{team.session.pk}")) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"settings": {"max_participants": 0}}, "msg.bad_value"),
        ({"settings": {"colour": 1}}, "msg.unknown_field"),
        ({"settings": {"conflict_resolution": "luck"}}, "msg.bad_value"),
        ({"name": "\u202e"}, "msg.bad_value"),
        ({"tags": ["x"] * 21}, "msg.bad_value"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_and_changes_nothing(team: Team, change: dict[str, Any], code: str) -> None:
    assert refused(services.session_update, session=team.session.pk, by=team.owner, **change) == code
    assert Session.objects.get(pk=team.session.pk).name == "Kick-off"
    assert types(f"session:{team.session.pk}") == []


def test_when_the_lobby_closes_those_in_it_are_let_in_and_told_in_their_own_rooms(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"require_approval": True})
    log.create(f"user:{team.observer.pk}")
    for user in (team.observer, team.participant):
        Participant.objects.create(session=team.session, user=user, admission="waiting")
    services.session_update(session=team.session.pk, by=team.owner, settings={"require_approval": False})
    assert set(Participant.objects.exclude(user=team.owner).values_list("admission", flat=True)) == {"admitted"}
    assert types(f"session:{team.session.pk}")[-2:] == ["participant:updated"] * 2
    assert types(f"user:{team.observer.pk}") == ["participant:updated", "notification:created"]
    assert not log.exists(f"user:{team.participant.pk}")


def test_when_guests_are_not_wanted_any_more_they_are_shown_out(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"allow_anonymous": True})
    guest = person(is_guest=True)
    Participant.objects.create(session=team.session, user=guest, role="participant", present=True)
    services.session_update(session=team.session.pk, by=team.owner, settings={"allow_anonymous": False})
    event = events_of(f"session:{team.session.pk}")[-1]
    assert (event["type"], event["data"]["user"]) == ("collaboration:participant:removed", str(guest.pk))
    assert refused(selectors.session_inside, session=team.session.pk, user=guest) == "session.not_found"


# --- quotas ------------------------------------------------------------------------------------------------------


def test_a_project_has_so_many_open_sessions_and_no_more(team: Team, tune: Any) -> None:
    tune(max_sessions_per_project=2)
    second = services.session_create(project=team.project, by=team.owner)
    assert refused(services.session_create, project=team.project, by=team.owner) == "quota.exceeded"
    services.session_end(session=second.pk, by=team.owner)
    services.session_create(project=team.project, by=team.owner)


def test_a_user_starts_so_many_projects_and_a_project_has_so_many_members(team: Team, tune: Any) -> None:
    tune(max_projects_per_user=1, max_members_per_project=4)
    assert refused(services.project_create, name="Second", by=team.owner) == "quota.exceeded"
    add = {"project": team.project, "role": "observer", "by": team.owner}
    assert refused(services.project_member_set, user=team.stranger, **add) == "quota.exceeded"
    services.project_member_set(user=team.moderator, **add)


# --- timers ------------------------------------------------------------------------------------------------------


def idle(session: Session, seconds: float) -> None:
    Session.objects.filter(pk=session.pk).update(idle_since=timezone.now() - timedelta(seconds=seconds))


def test_a_session_without_anybody_ends_by_itself_once(team: Team) -> None:
    idle(team.session, 100)
    assert services.sessions_end_idle(idle_for=200) == 0
    assert services.sessions_end_idle(idle_for=0) == 0
    assert services.sessions_end_idle(idle_for=50) == 1
    assert services.sessions_end_idle(idle_for=50) == 0
    event = events_of(f"session:{team.session.pk}")[-1]
    assert (event["type"], event["by"]["user"]) == ("collaboration:session:ended", "")
    assert (last_entry(team).actor_kind, last_entry(team).door) == ("system", "system")


def test_somebody_who_is_there_or_awaited_keeps_a_session_open(team: Team) -> None:
    idle(team.session, 100)
    Participant.objects.filter(user=team.owner).update(present=True, away_since=timezone.now())
    assert services.sessions_end_idle(idle_for=50) == 0
    Participant.objects.update(away_since=timezone.now() - timedelta(hours=1))
    services.participants_leave(away_for=60)
    assert services.sessions_end_idle(idle_for=50) == 0
    assert services.sessions_end_idle(idle_for=0.0000001) == 1


def test_a_paused_session_ends_by_itself_too(team: Team) -> None:
    services.session_pause(session=team.session.pk, by=team.owner)
    idle(team.session, 100)
    assert services.sessions_end_idle(idle_for=50) == 1


@pytest.mark.django_db(transaction=True)
def test_two_that_sweep_at_once_end_each_session_once(team: Team) -> None:
    for _ in range(4):
        services.session_create(project=team.project, by=team.owner)
    Session.objects.update(idle_since=timezone.now() - timedelta(hours=1))

    def sweep() -> int:
        return services.sessions_end_idle(idle_for=60)

    assert sum(at_once(sweep, sweep)) == 5
    assert types(f"project:{team.project.pk}").count("session:ended") == 5


def test_what_ended_long_ago_is_forgotten_with_everything_in_it_but_the_trail(team: Team) -> None:
    services.invitation_create(session=team.session.pk, by=team.owner)
    services.session_end(session=team.session.pk, by=team.owner)
    assert services.sessions_expire(ended_for=60) == 0
    assert services.sessions_expire(ended_for=0) == 0
    Session.objects.update(ended_at=timezone.now() - timedelta(minutes=2))
    assert services.sessions_expire(ended_for=60) == 1
    assert services.sessions_expire(ended_for=60) == 0
    assert not Participant.objects.exists()
    assert not Invitation.objects.exists()
    with pytest.raises(NoSuchRoom):
        log.position(f"session:{team.session.pk}")
    assert last_entry(team).action == "collaboration:session:expire"
    assert refused(services.session_pause, session=team.session.pk, by=team.owner) == "session.not_found"
    assert conf.session_retention > 0
