"""What changes projects and sessions: the matrix of rights, and every change's event and audit entry."""

from __future__ import annotations

from typing import Any

import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from collaboration import roles, services
from collaboration.models import Membership, Participant, Project, Session
from tests.collaboration.conftest import Team, events_of
from tests.people import person

pytestmark = pytest.mark.django_db


def refused(function: Any, **arguments: Any) -> str:
    before = log.read(f"project:{arguments['project'].pk}", after=0, limit=1).position
    with pytest.raises(RealtimeError) as error:
        function(**arguments)
    assert log.read(f"project:{arguments['project'].pk}", after=0, limit=1).position == before
    return error.value.code


def role_of(team: Team, user: User) -> str | None:
    return Membership.objects.filter(project=team.project, user=user).values_list("role", flat=True).first()


# --- projects ----------------------------------------------------------------------------------------------------


def test_whoever_starts_a_project_owns_it() -> None:
    ada = person()
    project = services.project_create(name="Engine", by=ada)
    assert (str(project), project.created_by) == ("Engine", ada)
    membership = Membership.objects.get(project=project)
    assert (membership.user, membership.role) == (ada, "owner")
    assert str(membership) == f"{ada} in Engine"
    assert log.position(f"project:{project.pk}").head == 0
    (entry,) = entries_for(project.pk)
    assert (entry.action, entry.actor_id, entry.details, entry.door) == (
        "project:create",
        str(ada.pk),
        {"name": "Engine"},
        "rest",
    )


# --- members -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", roles.ROLES)
@pytest.mark.parametrize(
    ("by", "verdicts"),
    [
        ("owner", {"owner": "", "moderator": "", "participant": "", "observer": ""}),
        ("moderator", {"owner": "perm.denied", "moderator": "", "participant": "", "observer": ""}),
        ("participant", dict.fromkeys(roles.ROLES, "perm.denied")),
        ("observer", dict.fromkeys(roles.ROLES, "perm.denied")),
        ("stranger", dict.fromkeys(roles.ROLES, "room.not_found")),
    ],
)
def test_who_may_add_and_remove_whom(team: Team, by: str, verdicts: dict[str, str], role: str) -> None:
    new, known = person(), person()
    services.project_member_set(project=team.project, user=known, role=role, by=team.owner)
    add = {"project": team.project, "user": new, "role": role, "by": team[by]}
    remove = {"project": team.project, "user": known, "by": team[by]}
    if verdicts[role]:
        assert refused(services.project_member_set, **add) == verdicts[role]
        assert refused(services.project_member_remove, **remove) == verdicts[role]
    else:
        assert services.project_member_set(**add).role == role
        services.project_member_remove(**remove)
    assert role_of(team, new) == (None if verdicts[role] else role)
    assert role_of(team, known) == (role if verdicts[role] else None)


def test_adding_changing_and_removing_a_member_is_told_and_recorded(team: Team) -> None:
    room, user = f"project:{team.project.pk}", person()
    start = log.position(room).head
    services.project_member_set(project=team.project, user=user, role="observer", by=team.moderator)
    services.project_member_set(project=team.project, user=user, role="participant", by=team.owner, door="admin")
    services.project_member_remove(project=team.project, user=user, by=team.moderator)
    told = [(e["type"], e["data"]["role"], e["by"]["user"]) for e in events_of(room)[start:]]
    assert told == [
        ("project:member:added", "observer", str(team.moderator.pk)),
        ("project:member:updated", "participant", str(team.owner.pk)),
        ("project:member:removed", None, str(team.moderator.pk)),
    ]
    recorded = entries_for(team.project.pk).filter(target=f"user:{user.pk}").order_by("seq")
    assert [(entry.action, entry.door) for entry in recorded] == [
        ("project:member:added", "rest"),
        ("project:member:updated", "admin"),
        ("project:member:removed", "rest"),
    ]


def test_a_project_keeps_its_last_owner(team: Team) -> None:
    alone = {"project": team.project, "user": team.owner, "by": team.owner}
    assert refused(services.project_member_remove, **alone) == "perm.denied"
    assert refused(services.project_member_set, **alone, role="observer") == "perm.denied"
    services.project_member_set(project=team.project, user=team.moderator, role="owner", by=team.owner)
    assert services.project_member_set(**alone, role="observer").role == "observer"
    assert role_of(team, team.moderator) == "owner"


def test_a_moderator_does_not_dethrone_an_owner(team: Team) -> None:
    other = person()
    services.project_member_set(project=team.project, user=other, role="owner", by=team.owner)
    dethrone = {"project": team.project, "user": other, "by": team.moderator}
    assert refused(services.project_member_set, **dethrone, role="observer") == "perm.denied"
    assert refused(services.project_member_remove, **dethrone) == "perm.denied"
    assert role_of(team, other) == "owner"


def test_anybody_may_leave_a_project_but_nobody_twice(team: Team) -> None:
    leave = {"project": team.project, "user": team.observer, "by": team.observer}
    services.project_member_remove(**leave)
    assert refused(services.project_member_remove, **leave) == "room.not_found"


# --- sessions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "verdict"),
    [
        ("owner", ""),
        ("moderator", ""),
        ("participant", ""),
        ("observer", "perm.denied"),
        ("stranger", "room.not_found"),
    ],
)
def test_who_may_open_a_session(team: Team, by: str, verdict: str) -> None:
    opening = {"project": team.project, "by": team[by], "name": "S", "tags": ("a", "b")}
    if verdict:
        assert refused(services.session_create, **opening) == verdict
        return
    session = services.session_create(**opening)
    assert (session.name, session.tags, session.status, session.created_by) == ("S", ["a", "b"], "active", team[by])
    own = Participant.objects.get(session=session)
    assert (own.user, own.role, own.present) == (team[by], "owner", False)
    assert log.position(f"session:{session.pk}").head == 0
    told = events_of(f"project:{team.project.pk}")[-1]
    assert (told["type"], told["data"]["session"]["id"]) == ("collaboration:session:created", str(session.pk))
    assert entries_for(team.project.pk).filter(action="collaboration:session:create", target=f"session:{session.pk}")


def test_a_session_without_a_name_is_shown_by_its_id(team: Team) -> None:
    session = services.session_create(project=team.project, by=team.owner)
    assert str(session) == str(session.pk)
    assert str(Participant.objects.get(session=session)) == f"{team.owner} in {session.pk}"


def test_settings_have_the_protocols_defaults() -> None:
    assert services.settings_checked({"max_participants": 5}) == {
        "max_participants": 5,
        "allow_anonymous": False,
        "require_approval": False,
        "enable_cursor_sharing": True,
        "enable_voice_chat": False,
        "enable_video_chat": False,
        "auto_save": True,
        "auto_save_interval": 30_000,
        "conflict_resolution": "last_write_wins",
    }


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"max_participants": 0}, "msg.bad_value"),
        ({"max_participants": "5"}, "msg.bad_value"),
        ({"max_participants": None}, "msg.bad_value"),
        ({"auto_save": 1}, "msg.bad_value"),
        ({"conflict_resolution": "coin"}, "msg.bad_value"),
        ({"colour": "red"}, "msg.unknown_field"),
    ],
)
def test_settings_that_do_not_fit_open_no_session(team: Team, wrong: dict[str, Any], code: str) -> None:
    before = Session.objects.count()
    assert refused(services.session_create, project=team.project, by=team.owner, settings=wrong) == code
    assert Session.objects.count() == before


def test_everything_of_a_project_goes_with_it(team: Team) -> None:
    Project.objects.get(pk=team.project.pk).delete()
    assert not Session.objects.exists()
    assert not Participant.objects.exists()
    assert not Membership.objects.exists()
