"""Invitations by link over REST, from the making to the last use, and what a guest may do with the token."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.views import InvitationThrottle
from bduf_realtime.audit.models import AuditEntry
from collaboration import services
from collaboration.models import Invitation, Participant, Session
from tests.collaboration.conftest import Team
from tests.people import Rest, person, refusal
from tests.sockets import Peer, code_of

pytestmark = pytest.mark.django_db
OPEN_TO_ALL = {"allow_anonymous": True}


@pytest.fixture(autouse=True)
def many_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InvitationThrottle, "THROTTLE_RATES", {"invitation": "1000/min"})


@pytest.fixture
def open_team(team: Team) -> Team:
    services.session_update(session=team.session.pk, by=team.owner, settings=OPEN_TO_ALL)
    return team


def path(team: Team, end: str = "") -> str:
    return f"sessions/{team.session.pk}/invitations/{end}"


def invited(team: Team, **fields: Any) -> str:
    """A new invitation's secret."""
    status, answer = Rest(team.owner).post(path(team), fields)
    assert status == 201, answer
    return str(answer["token"])


def accepted(secret: str, caller: User | None = None, name: str = "Gwen") -> tuple[int, Any]:
    return Rest(caller).post("invitations/accept/", {"token": secret, **({} if caller else {"name": name})})


# --- the link ----------------------------------------------------------------------------------------------------


def test_an_invitation_is_made_with_a_link_whose_secret_is_told_once(team: Team) -> None:
    status, made = Rest(team.moderator).post(path(team))
    assert status == 201
    link = urlsplit(made["link"])
    assert (link.scheme, link.netloc, link.path, link.query) == ("http", "testserver", "/", "")
    assert link.fragment == f"invitation={made['token']}"
    assert len(made["token"]) >= 32
    assert (made["role"], made["max_uses"], made["uses"]) == ("participant", None, 0)
    assert made["created_by"] == str(team.moderator.pk)
    week = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < week <= timedelta(days=7)
    _, page = Rest(team.owner).get(path(team))
    assert page["results"] == [{name: made[name] for name in made if name not in ("token", "link")}]
    secret = made["token"]
    assert secret not in str(list(Invitation.objects.values()))
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"role": "owner"}, "msg.bad_value"),
        ({"role": "king"}, "msg.bad_value"),
        ({"max_uses": 0}, "msg.bad_value"),
        ({"max_uses": 10_001}, "msg.bad_value"),
        ({"max_uses": "many"}, "msg.bad_value"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "msg.bad_value"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, "msg.bad_value"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "msg.bad_value"),
        ({"expires_at": None}, "msg.bad_value"),
        ({"expires_at": "soon"}, "msg.bad_value"),
        ({"uses": 5}, "msg.unknown_field"),
        ({"token": "mine"}, "msg.unknown_field"),
        ({"session": "x"}, "msg.unknown_field"),
        ([], "msg.bad_value"),
    ],
    ids=str,
)
def test_an_invitation_that_cannot_be_is_refused(team: Team, body: Any, code: str) -> None:
    assert refusal(Rest(team.owner).post(path(team), body)) == (400, code)
    assert not Invitation.objects.exists()


def test_only_those_that_may_still_be_used_are_listed_the_newest_first(
    team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for role in ("observer", "participant", "moderator"):
        invited(team, role=role, max_uses=1)
    Invitation.objects.filter(role="observer").update(expires_at=timezone.now())
    Invitation.objects.filter(role="participant").update(uses=1)
    caller = Rest(team.owner)
    assert [i["role"] for i in caller.get(path(team))[1]["results"]] == ["moderator"]
    for number in range(12):
        invited(team, max_uses=number + 1)
    with django_assert_num_queries(8):
        _, page = caller.get(path(team), limit=10)
    assert (page["count"], len(page["results"]), page["results"][0]["max_uses"]) == (13, 10, 12)
    assert refusal(caller.get(path(team), ordering="digest")) == (400, "msg.unknown_field")
    assert refusal(caller.get(path(team), digest="x")) == (400, "msg.unknown_field")


# --- its uses ----------------------------------------------------------------------------------------------------


def test_somebody_of_no_project_comes_in_by_a_link_and_sees_that_session_alone(team: Team) -> None:
    assert accepted(invited(team, role="observer"), team.stranger) == (
        200,
        {
            "session": str(team.session.pk),
            "role": "observer",
            "user": {"id": str(team.stranger.pk), "name": "stranger", "kind": "human"},
            "access": None,
            "expires_at": None,
        },
    )
    caller = Rest(team.stranger)
    assert caller.get(f"sessions/{team.session.pk}/events/")[0] == 200
    assert [s["id"] for s in caller.get("sessions/")[1]["results"]] == [str(team.session.pk)]
    assert caller.get("projects/")[1]["count"] == 0
    assert refusal(caller.get(f"projects/{team.project.pk}/")) == (404, "room.not_found")
    assert refusal(caller.post(f"sessions/{team.session.pk}/pause/")) == (403, "perm.denied")


def test_a_member_keeps_the_higher_role_and_uses_nothing_up(team: Team) -> None:
    secret = invited(team, role="observer", max_uses=1)
    for _ in range(3):
        assert accepted(secret, team.moderator)[1]["role"] == "moderator"
    assert Invitation.objects.get().uses == 0
    assert accepted(secret, team.stranger)[0] == 200
    assert accepted(secret, team.stranger)[0] == 404
    assert Invitation.objects.get().uses == 1


def test_what_is_not_valid_any_more_is_answered_as_what_never_was(team: Team) -> None:
    used, expired, revoked, ended = (invited(team, max_uses=1) for _ in range(4))
    accepted(used, person())
    ids = dict(zip(("used", "expired", "revoked", "ended"), Invitation.objects.order_by("created_at"), strict=True))
    Invitation.objects.filter(pk=ids["expired"].pk).update(expires_at=timezone.now())
    assert Rest(team.owner).delete(path(team, f"{ids['revoked'].pk}/")) == (204, None)
    never = accepted("x" * 32, team.stranger)
    assert refusal(never) == (404, "invitation.invalid")
    assert (
        accepted(used, team.stranger) == accepted(expired, team.stranger) == accepted(revoked, team.stranger) == never
    )
    Session.objects.update(status="ended")
    assert accepted(ended, team.stranger) == never
    assert not Participant.objects.filter(user=team.stranger).exists()


def test_an_invitation_is_taken_back_once_and_whoever_came_stays(team: Team) -> None:
    secret = invited(team)
    accepted(secret, team.stranger)
    there = path(team, f"{Invitation.objects.get().pk}/")
    assert Rest(team.moderator).delete(there) == (204, None)
    assert refusal(Rest(team.moderator).delete(there)) == (404, "invitation.invalid")
    assert Rest(team.stranger).get(f"sessions/{team.session.pk}/")[0] == 200


def test_who_was_shown_out_does_not_come_back_by_a_link(team: Team) -> None:
    secret = invited(team)
    accepted(secret, team.stranger)
    services.participant_remove(session=team.session.pk, user=team.stranger.pk, by=team.owner)
    assert refusal(accepted(secret, team.stranger)) == (403, "perm.denied")
    assert refusal(Rest(team.stranger).get(f"sessions/{team.session.pk}/")) == (404, "session.not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "msg.missing_field"),
        ({"token": ""}, "msg.bad_value"),
        ({"token": "x" * 101}, "msg.bad_value"),
        ({"token": ["x"]}, "msg.bad_value"),
        ({"token": "x", "name": "y" * 81}, "msg.bad_value"),
        ({"token": "x", "role": "owner"}, "msg.unknown_field"),
    ],
    ids=str,
)
def test_what_is_no_invitation_at_all_is_refused(body: Any, code: str) -> None:
    assert refusal(Rest().post("invitations/accept/", body)) == (400, code)


def test_wrong_tokens_are_limited_per_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InvitationThrottle, "THROTTLE_RATES", {"invitation": "3/min"})
    caller = Rest(REMOTE_ADDR="192.0.2.9")
    for _ in range(3):
        assert refusal(caller.post("invitations/accept/", {"token": "guess"})) == (404, "invitation.invalid")
    assert refusal(caller.post("invitations/accept/", {"token": "guess"})) == (429, "rate.limited")
    assert Rest(REMOTE_ADDR="192.0.2.10").post("invitations/accept/", {"token": "guess"})[0] == 404


# --- guests ------------------------------------------------------------------------------------------------------


def test_a_guests_token_is_good_for_that_session_only(open_team: Team) -> None:
    team = open_team
    status, answer = accepted(invited(team))
    assert (status, answer["role"], answer["user"]["name"]) == (200, "participant", "Gwen (guest)")
    assert datetime.fromisoformat(answer["expires_at"]) > datetime.now(UTC)
    guest = Rest(token=answer["access"])
    assert guest.get("me/")[1]["id"] == answer["user"]["id"]
    assert [s["id"] for s in guest.get("sessions/")[1]["results"]] == [str(team.session.pk)]
    assert guest.get(f"sessions/{team.session.pk}/events/")[0] == 200
    assert guest.get("projects/")[1]["count"] == 0
    other = services.session_create(project=team.project, by=team.owner, settings=OPEN_TO_ALL)
    for call in (
        guest.get(f"sessions/{other.pk}/"),
        guest.get(f"sessions/{other.pk}/events/"),
        guest.get(f"projects/{team.project.pk}/"),
        guest.post("sessions/", {"project": str(team.project.pk)}),
    ):
        assert call[0] == 404
    assert refusal(guest.post("projects/", {"name": "Mine"})) == (403, "perm.denied")
    member = {"user": answer["user"]["id"]}
    assert refusal(Rest(team.owner).post(f"projects/{team.project.pk}/members/", member)) == (404, "room.not_found")


def test_a_guest_takes_no_second_invitation_anywhere_and_becomes_no_moderator(open_team: Team) -> None:
    team = open_team
    guest = User.objects.get(pk=accepted(invited(team, role="observer"))[1]["user"]["id"])
    assert refusal(accepted(invited(team, role="moderator"), guest)) == (403, "perm.denied")
    other = services.session_create(project=team.project, by=team.owner, settings=OPEN_TO_ALL)
    _, elsewhere = services.invitation_create(session=other.pk, by=team.owner)
    assert refusal(accepted(elsewhere, guest)) == (403, "perm.denied")
    assert accepted(invited(team), guest)[1]["role"] == "participant"
    secret = invited(team, role="moderator")
    services.session_update(session=team.session.pk, by=team.owner, settings={"allow_anonymous": False})
    assert refusal(accepted(secret, guest)) == (403, "perm.denied")
    assert Participant.objects.filter(user=guest).count() == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "msg.missing_field"), ("  ", "msg.missing_field"), ("\u202e", "msg.bad_value"), ("x" * 81, "msg.bad_value")],
    ids=ascii,
)
def test_a_guest_says_a_name_that_can_be_seen(open_team: Team, name: str, code: str) -> None:
    secret = invited(open_team)
    assert refusal(accepted(secret, name=name)) == (400, code)
    assert not User.objects.filter(is_guest=True).exists()


def test_a_session_that_takes_no_guests_says_so_and_makes_none(team: Team) -> None:
    assert refusal(accepted(invited(team))) == (403, "perm.denied")
    assert not User.objects.filter(is_guest=True).exists()


def test_a_token_that_is_not_valid_makes_nobody_a_guest(open_team: Team) -> None:
    secret = invited(open_team)
    assert refusal(Rest(token="a.b.c").post("invitations/accept/", {"token": secret, "name": "G"}))[0] == 401
    assert not User.objects.filter(is_guest=True).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sockets")
async def test_a_guests_token_opens_the_socket_for_that_session_only(open_team: Team) -> None:
    team = open_team
    _, answer = await asyncio.to_thread(lambda: accepted(invited(team)))
    peer = Peer(answer["access"])
    assert await peer.open()
    assert (await peer.expect("connected"))["data"]["user"]["name"] == "Gwen (guest)"
    assert await code_of(peer, "room:join", {"room": f"session:{team.session.pk}"}) == "ack"
    assert await code_of(peer, "room:join", {"room": f"project:{team.project.pk}"}) == "room.not_found"
    assert await code_of(peer, "collaboration:message:send", {"session": str(team.session.pk), "body": "Hi"}) == "ack"
    await peer.leave()
