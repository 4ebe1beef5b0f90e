"""Having somebody else decide in one's place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from approvals import selectors, services
from approvals.messages import ApprovalAnswer
from approvals.models import Delegation, Vote
from bduf_realtime.accounts.models import User
from collaboration import services as collaboration
from collaboration.models import Participant
from notifications.models import Notification
from tests.approvals.asking import ask, decide, refused, told
from tests.collaboration.conftest import Team
from tests.people import person

pytestmark = pytest.mark.django_db


def delegate(asked: ApprovalAnswer, by: User, to: User | str, **given: Any) -> ApprovalAnswer:
    name = to if isinstance(to, str) else to.username
    return services.approval_delegate(approval=UUID(asked.id), to=name, by=by, **given)


def open_notices(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user, must_act=True, settled_at=None).values_list("kind", flat=True))


def test_a_delegate_votes_from_the_others_seat(team: Team) -> None:
    asked = ask(team, approvers=["owner", "moderator"], quorum=2)
    delegate(asked, team.owner, team.observer)
    assert open_notices(team.observer) == ["approval.delegated"]
    voted = decide(asked, team.observer)
    assert [p.name for p in voted.approval.stages[0].approved] == ["owner"]
    [vote] = voted.approval.votes
    assert (vote.name, vote.by.name) == ("owner", "observer")
    assert open_notices(team.observer) == open_notices(team.owner) == []
    for by in (team.owner, team.observer):
        assert refused(decide, asked, by)[0] == "approval.already_decided"
    assert decide(asked, team.moderator).state == "approved"
    assert told(team) == ["requested", "updated", "decided", "decided"]


def test_who_delegated_may_still_vote(team: Team) -> None:
    asked = ask(team, approvers=["owner"])
    delegate(asked, team.owner, team.observer)
    assert decide(asked, team.owner).state == "approved"
    assert Vote.objects.get().voter == str(team.owner.pk)


def test_another_delegate_replaces_the_first_and_oneself_nobody(team: Team) -> None:
    asked = ask(team, approvers=["owner"])
    delegate(asked, team.owner, team.observer)
    delegate(asked, team.owner, str(team.moderator.pk))
    assert open_notices(team.observer) == []
    assert refused(decide, asked, team.observer)[0] == "approval.not_approver"
    [shown] = selectors.approval_detail(UUID(asked.id), team.owner).delegations
    assert (shown.seat.name, shown.to.name) == ("owner", "moderator")
    delegate(asked, team.owner, team.owner)
    assert not Delegation.objects.exists()
    assert refused(decide, asked, team.moderator)[0] == "approval.not_approver"


def test_who_is_to_decide_for_another_once_more_is_told_so_once_more(team: Team) -> None:
    asked = ask(team, approvers=["owner"])
    for to in (team.observer, team.owner, team.observer):
        delegate(asked, team.owner, to)
    assert open_notices(team.observer) == ["approval.delegated"]
    assert Notification.objects.filter(user=team.observer, kind="approval.delegated").count() == 2


def test_a_delegation_ends_at_its_moment(team: Team) -> None:
    asked = ask(team, approvers=["owner"])
    soon = timezone.now() + timedelta(hours=1)
    delegate(asked, team.owner, team.observer, until=soon)
    Delegation.objects.update(until=timezone.now())
    assert refused(decide, asked, team.observer)[0] == "approval.not_approver"
    assert refused(delegate, asked, team.owner, team.observer, until=timezone.now())[1]["field"] == "until"


def test_not_everybody_may_stand_in(team: Team) -> None:
    agent, guest = person("robot", kind="agent"), person("guest", is_guest=True)
    collaboration.project_member_set(project=team.project, user=agent, role="participant", by=team.owner)
    Participant.objects.create(session=team.session, user=guest, role="participant", admission="admitted")
    asked = ask(team, approvers=["owner", "moderator"], session=str(team.session.pk))
    for to in (team.participant, team.stranger, team.moderator, agent, guest, "nobody"):
        assert refused(delegate, asked, team.owner, to)[1]["field"] == "to"
    delegate(asked, team.owner, team.observer)
    assert refused(delegate, asked, team.moderator, team.observer)[1]["field"] == "to"
    assert refused(delegate, asked, team.observer, team.owner)[0] == "approval.not_approver"
    decide(asked, team.observer)
    assert refused(delegate, asked, team.moderator, team.observer)[0] == "approval.already_decided"


def test_who_leaves_takes_no_ones_seat_along(team: Team) -> None:
    asked = ask(team, approvers=["owner", "moderator"])
    delegate(asked, team.moderator, team.observer)
    collaboration.project_member_remove(project=team.project, user=team.moderator, by=team.owner)
    assert refused(decide, asked, team.observer)[0] == "approval.not_approver"
