"""Invitations by link: what they give to whom, how long, how often, and what guests may and may not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.selectors import entries_for
from bduf_realtime.gateway import doors
from bduf_realtime.gateway.errors import RealtimeError
from collaboration import selectors, services
from collaboration.models import Invitation, Participant
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.test_participant_services import knock, outcome
from tests.collaboration.test_participants import join, visitor
from tests.people import person
from tests.races import at_once

pytestmark = pytest.mark.django_db


def invite(team: Team, **terms: Any) -> str:
    return services.invitation_create(session=team.session.pk, by=team.moderator, **terms)[1]


def take_guests(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"allow_anonymous": True})


def test_a_link_gives_its_bearer_a_role_in_that_session_and_nothing_else(team: Team) -> None:
    other = services.session_create(project=team.project, by=team.owner)
    session, user, role = services.invitation_accept(secret=invite(team, role="observer"), by=team.stranger)
    assert (session.pk, user, role) == (team.session.pk, team.stranger, "observer")
    assert knock(team.session, team.stranger) == "observer"
    assert knock(other, team.stranger) == "room.not_found"
    with pytest.raises(RealtimeError, match="not_found"):
        doors.join(f"project:{team.project.pk}", visitor(team.stranger), None)
    assert list(selectors.sessions_for(team.stranger)) == [team.session]
    entry = entries_for(team.project.pk).last()
    assert entry is not None
    assert (entry.action, entry.actor_id) == ("collaboration:invitation:accept", str(team.stranger.pk))


@pytest.mark.parametrize(("by", "code"), [("owner", ""), ("moderator", ""), ("participant", "perm.denied")])
def test_who_may_invite(team: Team, by: str, code: str) -> None:
    assert outcome(services.invitation_create, session=team.session.pk, by=team[by]) == code


def test_the_secret_is_stored_nowhere(team: Team) -> None:
    secret = invite(team)
    row = Invitation.objects.values().get()
    assert secret not in str(row)
    details = [entry.details for entry in entries_for(team.project.pk)]
    assert secret not in str(details)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"role": "owner"}, "msg.bad_value"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "msg.bad_value"),
        ({"expires_at": timezone.now() + timedelta(days=91)}, "msg.bad_value"),
    ],
    ids=str,
)
def test_an_invitation_that_goes_too_far_is_refused(team: Team, terms: dict[str, Any], code: str) -> None:
    assert outcome(services.invitation_create, session=team.session.pk, by=team.owner, **terms) == code


def test_a_link_ends_with_its_time_its_uses_its_session_or_when_taken_back(team: Team) -> None:
    for end in ("time", "uses", "revoked", "ended"):
        invitation, secret = services.invitation_create(session=team.session.pk, by=team.owner, max_uses=1)
        if end == "time":
            Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now())
        elif end == "uses":
            services.invitation_accept(secret=secret, by=person())
        elif end == "revoked":
            revoke = {"session": team.session.pk, "invitation": invitation.pk, "by": team.moderator}
            assert outcome(services.invitation_revoke, **revoke) == ""
            assert outcome(services.invitation_revoke, **revoke) == "invitation.invalid"
        else:
            services.session_end(session=team.session.pk, by=team.owner)
        assert outcome(services.invitation_accept, secret=secret, by=person()) == "invitation.invalid", end
        assert not selectors.invitations_open(team.session.pk).filter(pk=invitation.pk).exists() or end == "ended"
    for nonsense in ("", "x", "\ud800", "0" * 32):
        assert outcome(services.invitation_accept, secret=nonsense, by=person()) == "invitation.invalid"


@pytest.mark.django_db(transaction=True)
def test_the_last_use_is_one_persons(team: Team) -> None:
    secret = invite(team, max_uses=1)
    users = [person() for _ in range(4)]
    came_of = at_once(
        *(lambda user=user: outcome(services.invitation_accept, secret=secret, by=user) for user in users)
    )
    assert sorted(came_of) == ["", *["invitation.invalid"] * 3]
    assert Invitation.objects.get().uses == 1


def test_a_link_raises_a_members_role_and_never_lowers_it(team: Team) -> None:
    join(team.session, team.observer)
    raising = invite(team, role="moderator")
    assert services.invitation_accept(secret=raising, by=team.observer)[2] == "moderator"
    assert events_of(f"session:{team.session.pk}")[-1]["data"]["participant"]["role"] == "moderator"
    assert services.invitation_accept(secret=invite(team, role="observer"), by=team.owner)[2] == "owner"
    assert services.invitation_accept(secret=raising, by=team.observer)[2] == "moderator"
    assert Invitation.objects.get(role="moderator").uses == 1


def test_a_link_does_not_bring_back_who_was_shown_out(team: Team) -> None:
    secret = invite(team)
    services.invitation_accept(secret=secret, by=team.stranger)
    services.participant_remove(session=team.session.pk, user=team.stranger.pk, by=team.owner)
    assert outcome(services.invitation_accept, secret=secret, by=team.stranger) == "perm.denied"
    assert knock(team.session, team.stranger) == "room.not_found"


def test_who_comes_by_a_link_waits_in_the_lobby_too(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"require_approval": True})
    services.invitation_accept(secret=invite(team), by=team.stranger)
    assert knock(team.session, team.stranger) == "session.join_pending"
    services.participant_admit(session=team.session.pk, user=team.stranger.pk, by=team.owner)
    assert knock(team.session, team.stranger) == "participant"


def test_a_session_has_so_many_open_invitations(team: Team, tune: Any) -> None:
    tune(max_invitations_per_session=1)
    invitation, _ = services.invitation_create(session=team.session.pk, by=team.owner)
    create = {"session": team.session.pk, "by": team.owner}
    assert outcome(services.invitation_create, **create) == "quota.exceeded"
    services.invitation_revoke(session=team.session.pk, invitation=invitation.pk, by=team.owner)
    assert outcome(services.invitation_create, **create) == ""


# --- guests ------------------------------------------------------------------------------------------------------


def test_without_an_account_one_comes_in_where_guests_are_taken_and_under_a_name_that_says_so(team: Team) -> None:
    secret = invite(team)
    assert outcome(services.invitation_accept, secret=secret, by=None, name="Ada") == "perm.denied"
    take_guests(team)
    assert outcome(services.invitation_accept, secret=secret, by=None, name="") == "msg.missing_field"
    assert outcome(services.invitation_accept, secret=secret, by=None, name="\u202e") == "msg.bad_value"
    _, guest, role = services.invitation_accept(secret=secret, by=None, name="Ada\u202e")
    assert (guest.display_name, guest.is_guest, role) == ("Ada (guest)", True, "participant")
    assert not guest.has_usable_password()
    assert knock(team.session, guest) == "participant"
    assert User.objects.filter(is_guest=True).count() == 1


def test_a_guest_starts_no_project_and_becomes_no_member_no_moderator_and_no_owner(team: Team) -> None:
    take_guests(team)
    moderating = invite(team, role="moderator")
    assert outcome(services.invitation_accept, secret=moderating, by=None, name="Ada") == "perm.denied"
    _, guest, _ = services.invitation_accept(secret=invite(team), by=None, name="Ada")
    assert outcome(services.project_create, name="Mine", by=guest) == "perm.denied"
    member = {"project": team.project, "user": guest, "role": "observer", "by": team.owner}
    assert outcome(services.project_member_set, **member) == "perm.denied"
    for role, code in (("owner", "msg.bad_value"), ("moderator", "msg.bad_value"), ("observer", "")):
        change = {"session": team.session.pk, "user": guest.pk, "role": role, "by": team.owner}
        assert outcome(services.participant_role, **change) == code


def test_a_session_has_so_many_guests(team: Team, tune: Any) -> None:
    tune(max_guests_per_session=1)
    take_guests(team)
    secret = invite(team)
    assert outcome(services.invitation_accept, secret=secret, by=None, name="One") == ""
    assert outcome(services.invitation_accept, secret=secret, by=None, name="Two") == "session.full"
    assert User.objects.filter(is_guest=True).count() == 1


def test_a_guest_is_forgotten_a_day_after_the_token_has_ended_unless_still_shown(team: Team) -> None:
    take_guests(team)
    guests = [services.invitation_accept(secret=invite(team), by=None, name="G")[1] for _ in range(3)]
    User.objects.filter(pk__in=[guest.pk for guest in guests[:2]]).update(date_joined=timezone.now() - timedelta(2))
    Participant.objects.filter(user=guests[0]).update(present=True)
    assert services.guests_forget() == 1
    assert set(User.objects.filter(is_guest=True)) == {guests[0], guests[2]}
    assert Participant.objects.filter(user__is_guest=True).count() == 2
