"""What the clock does to requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Approval, Timer
from approvals.services import seats_follow, timers_fire
from bduf_realtime.audit.models import AuditEntry
from collaboration import services as collaboration
from notifications.models import Notification
from tests.approvals.asking import ask, decide, refused, stored, told
from tests.collaboration.conftest import Team

pytestmark = pytest.mark.django_db

HOUR = 3_600


def timed(**times: Any) -> dict[str, Any]:
    return {"stages": [{"who": {"users": ["moderator"]}}], **times}


def due(kind: str) -> int:
    """Has a timer's moment come; returns what the sweep does."""
    Timer.objects.filter(kind=kind, done_at=None).update(due_at=timezone.now())
    return timers_fire()


def notified(kind: str) -> list[str]:
    return sorted(Notification.objects.filter(kind=kind).values_list("user__username", flat=True))


def test_nothing_is_due_before_its_time(team: Team) -> None:
    ask(team, policy=timed(remind_after=HOUR, escalate_after=HOUR, escalate_to={"users": ["owner"]}, expires_after=60))
    assert Timer.objects.count() == 3
    assert timers_fire() == 0


def test_those_who_have_not_decided_are_reminded_again_and_again(team: Team) -> None:
    asked = ask(team, policy=timed(remind_after=HOUR))
    for number in (1, 2):
        assert (due("remind"), timers_fire()) == (1, 0)
        assert notified("approval.reminded") == ["moderator"] * number
    assert Timer.objects.get().due_at > timezone.now() + timedelta(minutes=59)
    decide(asked, team.moderator)
    assert due("remind") == 0
    assert told(team) == ["requested", "reminded", "reminded", "decided"]


def test_what_is_overdue_falls_to_others_too(team: Team) -> None:
    asked = ask(team, policy=timed(escalate_after=HOUR, escalate_to={"role": "owner"}))
    assert refused(decide, asked, team.owner)[0] == "approval.not_approver"
    assert due("escalate") == 1
    assert notified("approval.escalated") == ["owner"]
    assert decide(asked, team.owner).state == "approved"
    assert not Notification.objects.filter(must_act=True, settled_at=None).exists()
    assert told(team) == ["requested", "escalated", "decided"]


@pytest.mark.parametrize(("on_expiry", "state"), [("expire", "expired"), ("reject", "rejected")])
def test_a_request_ends_when_its_time_is_up(team: Team, on_expiry: str, state: str) -> None:
    asked = ask(team, policy=timed(expires_after=HOUR, on_expiry=on_expiry, remind_after=HOUR))
    Approval.objects.update(expires_at=timezone.now())
    assert due("expire") == 1
    assert stored(asked).state == state
    assert told(team) == ["requested", "expired"]
    assert not Timer.objects.filter(done_at=None).exists()
    entry = AuditEntry.objects.get(action="approval:expired")
    assert (entry.actor_name, entry.door, entry.details["state"]) == ("system", "system", state)


def test_it_ends_at_the_earlier_of_two_moments(team: Team) -> None:
    for minutes, earlier in ((30, 30), (90, 60)):
        at = timezone.now() + timedelta(minutes=minutes)
        approval = stored(ask(team, policy=timed(expires_after=HOUR), due_at=at.isoformat()))
        assert approval.expires_at is not None
        assert abs(approval.expires_at - timezone.now() - timedelta(minutes=earlier)) < timedelta(minutes=1)


def test_where_the_last_who_is_waited_for_goes_the_others_have_decided(team: Team) -> None:
    asked = ask(team, approvers=["owner", "moderator"], quorum="all")
    decide(asked, team.owner)
    assert seats_follow() == 0
    collaboration.project_member_remove(project=team.project, user=team.moderator, by=team.owner)
    assert seats_follow() == 1
    assert stored(asked).state == "approved"
    assert seats_follow() == 0
    assert told(team) == ["requested", "decided", "updated"]
