"""Who takes part in a session, over REST: where everybody stands, and letting in, turning away, removing."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from collaboration import services
from collaboration.models import Membership, Participant
from tests.collaboration.conftest import Team
from tests.people import Rest, person, refusal
from tests.sockets import connected

pytestmark = pytest.mark.django_db


def path(team: Team, end: str = "") -> str:
    return f"sessions/{team.session.pk}/participants/{end}"


def states(team: Team, show: str) -> dict[str, str]:
    status, page = Rest(team.observer).get(path(team), show=show)
    assert status == 200
    return {row["name"]: row["state"] for row in page["results"]}


# --- the list ----------------------------------------------------------------------------------------------------


def test_participants_are_those_who_are_there(team: Team) -> None:
    Participant.objects.filter(user=team.owner).update(present=True, joined_at="2026-01-01T00:00Z")
    Participant.objects.create(session=team.session, user=team.observer, present=False)
    status, page = Rest(team.observer).get(path(team))
    assert (status, set(page), page["count"]) == (200, {"count", "next", "previous", "results"}, 1)
    assert page["results"][0] == {
        "user": str(team.owner.pk),
        "name": "owner",
        "kind": "human",
        "role": "owner",
        "permissions": ["delete_session", "manage_participants", "manage_settings", "read", "write"],
        "joined_at": "2026-01-01T00:00:00.000Z",
        "admission": "admitted",
        "guest": False,
        "state": "authenticated",
        "active": True,
        "connections": 0,
        "last_activity": page["results"][0]["last_activity"],
        "cursor": None,
        "selection": None,
    }


def test_the_list_shows_who_is_there_who_waits_or_everybody_who_ever_was(team: Team) -> None:
    Participant.objects.filter(user=team.owner).update(present=True)
    for user, fields in (
        (team.moderator, {"present": True, "away_since": "2026-01-01T00:00Z"}),
        (team.participant, {"admission": "waiting", "asked_at": "2026-01-01T00:00Z"}),
        (team.observer, {}),
    ):
        Participant.objects.create(session=team.session, user=user, **fields)
    here = {"owner": "authenticated", "moderator": "reconnecting"}
    assert states(team, "present") == here
    assert states(team, "waiting") == {"participant": "connecting"}
    assert states(team, "all") == {**here, "participant": "connecting", "observer": "disconnected"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"show": "gone"}, "msg.bad_value"),
        ({"user__email": "a"}, "msg.unknown_field"),
        ({"show": ["all", "present"]}, "msg.duplicate_key"),
        ({"limit": "0"}, "msg.bad_value"),
    ],
    ids=str,
)
def test_the_list_is_asked_for_in_known_words_only(team: Team, query: Any, code: str) -> None:
    assert refusal(Rest(team.owner).get(path(team), **query)) == (400, code)


def test_of_several_connections_the_one_that_did_something_last_counts(team: Team) -> None:
    instance = Instance.objects.create(host="h", pid=1, expires_at="2999-01-01T00:00Z")
    Participant.objects.filter(user=team.owner).update(present=True)
    for minute, state in enumerate(["authenticated", "idle"]):
        connection = Connection.objects.create(
            id=uuid.uuid4(),
            instance=instance,
            user=team.owner,
            state=state,
            address="192.0.2.7",
            user_agent="Secret/1",
            last_activity=f"2999-01-01T00:0{minute}Z",
        )
        Attendance.objects.create(
            connection=connection.pk, instance=instance, room=f"session:{team.session.pk}", user=str(team.owner.pk)
        )
    response = Rest(team.observer).client.get(f"/api/v1/{path(team)}")
    (shown,) = response.json()["results"]
    assert (shown["state"], shown["active"], shown["connections"]) == ("idle", False, 2)
    assert shown["last_activity"] == "2999-01-01T00:01:00.000Z"
    assert b"192.0.2.7" not in response.content
    assert b"Secret" not in response.content


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    caller = Rest(team.owner)
    for _ in range(2):
        with django_assert_num_queries(9):
            caller.get(path(team), show="all")
        for _ in range(20):
            user = person()
            Membership.objects.create(project=team.project, user=user)
            Participant.objects.create(session=team.session, user=user, present=True)
    _, page = caller.get(path(team), show="all", limit=7, offset=14)
    assert (page["count"], len(page["results"])) == (41, 7)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sockets")
async def test_a_live_cursor_is_in_the_list_until_its_connection_is_gone(team: Team) -> None:
    peer, caller = await connected(team.participant), Rest(team.observer)
    await peer.ask("room:join", {"room": f"session:{team.session.pk}"})
    place = {"session": str(team.session.pk), "position": {"line": 3}, "selection": {"from": 1, "to": 4}}
    assert (await peer.ask("collaboration:cursor:move", place))["type"] == "ack"
    _, page = await asyncio.to_thread(caller.get, path(team))
    (shown,) = page["results"]
    assert (shown["name"], shown["cursor"], shown["selection"]) == ("participant", {"line": 3}, {"from": 1, "to": 4})
    await peer.ask("room:leave", {"room": f"session:{team.session.pk}"})
    _, page = await asyncio.to_thread(caller.get, path(team))
    assert [(row["state"], row["cursor"]) for row in page["results"]] == [("reconnecting", None)]
    await peer.leave()


# --- the door ----------------------------------------------------------------------------------------------------


def waiting(team: Team) -> Participant:
    services.session_update(session=team.session.pk, by=team.owner, settings={"require_approval": True})
    return Participant.objects.create(
        session=team.session, user=team.participant, admission="waiting", asked_at="2026-01-01T00:00Z"
    )


def test_who_waits_is_let_in_or_turned_away_with_a_reason_on_the_trail(team: Team) -> None:
    participant, moderator = waiting(team), Rest(team.moderator)
    there = path(team, f"{team.participant.pk}/")
    status, shown = moderator.post(f"{there}deny/", {"reason": "Later"})
    assert (status, shown["user"], shown["admission"]) == (200, str(team.participant.pk), "denied")
    status, shown = moderator.post(f"{there}admit/", {"reason": "Now"})
    assert (status, shown["admission"]) == (200, "admitted")
    assert moderator.post(f"{there}admit/")[1] == shown
    entries = AuditEntry.objects.filter(target=f"user:{team.participant.pk}").order_by("seq")
    assert [(e.action.rpartition(":")[2], e.actor_name, e.details.get("reason")) for e in entries][1:] == [
        ("deny", "moderator", "Later"),
        ("admit", "moderator", "Now"),
    ]
    participant.refresh_from_db()
    assert participant.admission == "admitted"


def test_nobody_is_turned_away_who_does_not_wait(team: Team) -> None:
    there = path(team, f"{team.participant.pk}/deny/")
    assert refusal(Rest(team.owner).post(there)) == (404, "participant.not_found")


def test_a_participant_gets_another_role_and_is_shown_out(team: Team) -> None:
    there, moderator = path(team, f"{team.observer.pk}/"), Rest(team.moderator)
    status, shown = moderator.patch(there, {"role": "participant"})
    assert (status, shown["role"], shown["permissions"]) == (200, "participant", ["read", "write"])
    assert refusal(moderator.patch(there, {"role": "owner"})) == (403, "perm.denied")
    assert moderator.delete(there) == (204, None)
    assert moderator.delete(there) == (204, None)
    assert refusal(moderator.patch(there, {"role": "observer"})) == (404, "participant.not_found")
    assert refusal(Rest(team.observer).get(path(team))) == (404, "session.not_found")


def test_the_last_owner_stays_one(team: Team) -> None:
    there = path(team, f"{team.owner.pk}/")
    assert refusal(Rest(team.owner).patch(there, {"role": "observer"})) == (409, "session.last_owner")
    assert refusal(Rest(team.owner).delete(there)) == (409, "session.last_owner")
    assert refusal(Rest(team.moderator).delete(there)) == (403, "perm.denied")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "msg.missing_field"),
        ({"role": "king"}, "msg.bad_value"),
        ({"role": None}, "msg.bad_value"),
        ({"role": "observer", "admission": "admitted"}, "msg.unknown_field"),
        ({"role": "observer", "user": "x"}, "msg.unknown_field"),
        ({"role": "observer", "is_staff": True}, "msg.unknown_field"),
    ],
    ids=str,
)
def test_a_role_is_one_of_four_and_nothing_else_is_changed(team: Team, body: Any, code: str) -> None:
    assert refusal(Rest(team.owner).patch(path(team, f"{team.participant.pk}/"), body)) == (400, code)
    assert not Participant.objects.filter(user=team.participant).exists()
