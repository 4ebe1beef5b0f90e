"""What people are notified of in projects and sessions, and when there is nothing to decide any more."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.doors import Visitor
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.batch import Committed, commit
from bduf_realtime.rooms.transactions import write
from collaboration import selectors, services
from collaboration.messages import MessageSend
from collaboration.models import Participant, Untold
from collaboration.rooms import SessionRoom
from collaboration.services.notices import KINDS, names_in
from notifications import kinds
from notifications.models import Notification
from tests.collaboration.conftest import Team
from tests.people import identity_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_before(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("team")
    Notification.objects.all().delete()


def told(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user).order_by("created_at").values_list("kind", flat=True))


def test_every_kind_is_known_to_peoples_preferences() -> None:
    assert KINDS.items() <= kinds.known.items()


# --- projects ----------------------------------------------------------------------------------------------------


def test_a_new_member_is_told_and_so_is_one_whose_role_changes(team: Team) -> None:
    new = person()
    services.project_member_set(project=team.project, user=new, role="observer", by=team.owner)
    services.project_member_set(project=team.project, user=new, role="moderator", by=team.owner)
    added, changed = Notification.objects.filter(user=new).order_by("created_at")
    assert (added.kind, added.title) == ("project.member_added", "You are a member of Orchestrator")
    assert (changed.kind, changed.title) == ("project.role_changed", "You are moderator of Orchestrator now")
    assert (added.link, added.project, added.by_id) == (
        f"/projects/{team.project.pk}",
        team.project.pk,
        team.owner.pk,
    )


def test_nobody_is_told_what_they_do_themselves(team: Team) -> None:
    services.project_member_set(project=team.project, user=team.moderator, role="owner", by=team.owner)
    services.project_member_set(project=team.project, user=team.owner, role="moderator", by=team.owner)
    assert told(team.owner) == []


# --- the door ----------------------------------------------------------------------------------------------------


@pytest.fixture
def knock(team: Team) -> Callable[[User], None]:
    """Has somebody ask to be let in, and those told who may do it."""
    services.session_update(session=team.session.pk, by=team.owner, settings={"require_approval": True})

    def ask(user: User) -> None:
        with write():
            visitor = Visitor(identity_of(user), str(uuid.uuid4()), str(uuid.uuid4()))
            outcome = SessionRoom().admit(str(team.session.pk), visitor)
            assert isinstance(outcome, RealtimeError)
        services.untold_tell()

    return ask


def open_requests() -> int:
    return Notification.objects.filter(kind="session.join_requested", settled_at=None).count()


def test_those_who_may_let_in_are_told_who_waits(team: Team, knock: Callable[[User], None]) -> None:
    Participant.objects.create(session=team.session, user=team.observer, role="moderator")
    Participant.objects.create(session=team.session, user=team.moderator, role="observer")
    knock(team.participant)
    assert {user: told(user) for user in (team.owner, team.observer)} == {
        team.owner: ["session.join_requested"],
        team.observer: ["session.join_requested"],
    }
    assert told(team.moderator) == told(team.participant) == []
    row = Notification.objects.get(user=team.owner)
    assert (row.title, row.must_act) == ("participant asks to be let into Kick-off", True)
    assert (row.session, row.link) == (team.session.pk, f"/sessions/{team.session.pk}")


def test_who_asks_again_while_waiting_is_not_told_again(team: Team, knock: Callable[[User], None]) -> None:
    for _ in range(2):
        knock(team.participant)
    assert told(team.owner) == ["session.join_requested"]


def test_who_was_decided_about_meanwhile_is_not_told(team: Team, knock: Callable[[User], None]) -> None:
    with write():
        visitor = Visitor(identity_of(team.participant), str(uuid.uuid4()), str(uuid.uuid4()))
        SessionRoom().admit(str(team.session.pk), visitor)
    services.participant_admit(session=team.session.pk, user=team.participant.pk, by=team.owner)
    services.untold_tell()
    assert told(team.owner) == []
    assert not Untold.objects.exists()


ENDS: dict[str, Callable[[Team], Any]] = {
    "admitted": lambda t: services.participant_admit(session=t.session.pk, user=t.participant.pk, by=t.moderator),
    "denied": lambda t: services.participant_deny(session=t.session.pk, user=t.participant.pk, by=t.moderator),
    "removed": lambda t: services.participant_remove(session=t.session.pk, user=t.participant.pk, by=t.moderator),
    "expired": lambda t: services.requests_expire(older_than=-1),
    "opened": lambda t: services.session_update(session=t.session.pk, by=t.owner, settings={"require_approval": False}),
    "ended": lambda t: services.session_end(session=t.session.pk, by=t.owner),
    "left": lambda t: services.project_member_remove(project=t.project, user=t.participant, by=t.owner),
}


@pytest.mark.parametrize("end", ENDS)
def test_however_it_ends_there_is_nothing_to_decide_any_more(
    team: Team, knock: Callable[[User], None], end: str
) -> None:
    knock(team.participant)
    assert open_requests() == 2
    ENDS[end](team)
    assert open_requests() == 0
    assert ("session.admitted" in told(team.participant)) is (end in ("admitted", "opened"))


def test_who_asks_once_more_later_is_told_once_more(team: Team, knock: Callable[[User], None]) -> None:
    knock(team.participant)
    services.requests_expire(older_than=-1)
    knock(team.participant)
    assert told(team.owner) == ["session.join_requested"] * 2
    assert open_requests() == 2


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("nobody", []),
        ("@ada", ["ada"]),
        ("hello @ada, @bob: look", ["ada", "bob"]),
        ("ask @ada.", ["ada.", "ada"]),
        ("(@ada)", ["ada"]),
        ("mail ada@example.com", []),
        ("@ and @@ada", ["@ada"]),
        ("@ada @ada", ["ada"]),
        ("@ада @j.doe+x", ["ада", "j.doe+x"]),
    ],
)
def test_names_are_found_in_a_text(body: str, names: list[str]) -> None:
    assert names_in(body) == names


def test_only_so_many_names_count() -> None:
    assert len(names_in(" ".join(f"@person{n}" for n in range(1_000)))) == 40


def say(team: Team, body: str, by: User) -> None:
    message = MessageSend(team.session.pk, body)
    [outcome] = commit([services.message_send(message=message, by=services.author_of(by))])
    assert isinstance(outcome, Committed)


def test_who_is_named_in_a_message_is_told(team: Team) -> None:
    say(team, "@observer @stranger @participant @nobody: look at this", team.participant)
    assert not Notification.objects.exists()
    assert services.untold_tell() == 1
    [row] = Notification.objects.all()
    assert (row.user, row.kind) == (team.observer, "session.mentioned")
    assert row.title == "participant named you in Kick-off"
    assert (row.body, row.data) == ("@observer @stranger @participant @nobody: look at this", {"seq": 1})
    assert services.untold_tell() == 0


def test_a_message_that_names_nobody_takes_no_query_more(team: Team) -> None:
    def queries(body: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            say(team, body, team.participant)
        return len(captured)

    assert queries("nobody") + 1 == queries("@observer")


def test_what_was_noted_in_a_session_that_is_gone_is_forgotten(team: Team) -> None:
    say(team, "@observer", team.participant)
    team.session.delete()
    assert services.untold_tell() == 0
    assert not Untold.objects.exists()


def test_managers_are_those_who_may_let_in(team: Team) -> None:
    assert set(selectors.session_managers(team.session)) == {team.owner.pk, team.moderator.pk}
    Participant.objects.create(session=team.session, user=team.moderator, admission="removed")
    Participant.objects.create(session=team.session, user=team.stranger, role="owner")
    assert set(selectors.session_managers(team.session)) == {team.owner.pk, team.stranger.pk}
