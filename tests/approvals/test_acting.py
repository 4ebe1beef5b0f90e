"""What the rooms are told of requests: everything where everybody may see it, and nothing that is not theirs."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from approvals import services
from bduf_realtime.rooms import log
from collaboration import services as collaboration
from collaboration.models import Participant, Session
from notifications.models import Notification
from tests.approvals.asking import ask, decide
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.writing import create, put

pytestmark = pytest.mark.django_db

SECRET = "Merger"


def told(room: str) -> list[dict[str, Any]]:
    """What a room was told of requests."""
    return [event for event in events_of(room) if event["type"].startswith("approval:")]


def closed(team: Team, how: str) -> Session:
    """A session that is not for all of the project's members."""
    session = collaboration.session_create(
        project=team.project, by=team.owner, settings={"require_approval": how == "lobby"}
    )
    if how != "lobby":
        Participant.objects.create(session=session, user=team.observer, admission=how)
    else:
        Participant.objects.create(session=session, user=team.participant, admission="admitted")
    return session


def everything(team: Team, session: Session) -> str:
    """Has all happen to a request in a session that can be told of one; returns its id."""
    policy = {"stages": [{"who": {"users": ["owner"]}, "need": 1}, {"who": {"users": ["moderator"]}, "name": SECRET}]}
    fields = {"title": SECRET, "description": SECRET, "payload": {"for": SECRET}, "session": str(session.pk)}
    asked = ask(team, policy=policy, **fields)
    said = services.approval_comment(approval=UUID(asked.id), body=SECRET, by=team.owner)
    assert said.comment is not None
    comment = UUID(said.comment.id)
    services.approval_resolve(approval=UUID(asked.id), comment=comment, resolved=True, by=team.owner)
    decide(asked, team.owner, comment=SECRET)
    services.approval_cancel(approval=UUID(asked.id), reason=SECRET, by=team.participant)
    return asked.id


@pytest.mark.parametrize("how", ["lobby", "denied", "removed", "waiting"])
def test_of_a_session_that_is_not_for_all_members_the_project_hears_ids_and_states(team: Team, how: str) -> None:
    session = closed(team, how)
    asked = everything(team, session)
    project, inside = told(f"project:{team.project.pk}"), told(f"session:{session.pk}")
    assert [event["type"] for event in project] == [event["type"] for event in inside]
    assert SECRET not in json.dumps(project)
    assert json.dumps(inside).count(SECRET) > 10
    states = [(event["data"]["approval"]["id"], event["data"]["approval"]["state"]) for event in project]
    assert states == [(asked, "pending")] * 4 + [(asked, "cancelled")]
    assert all(event["data"]["approval"]["hidden"] for event in project)
    assert not any(event["data"]["approval"]["hidden"] for event in inside)


def test_of_a_session_that_is_for_all_members_the_project_hears_everything(team: Team) -> None:
    everything(team, team.session)
    project, inside = told(f"project:{team.project.pk}"), told(f"session:{team.session.pk}")
    assert [event["data"] for event in project] == [event["data"] for event in inside]


def test_who_voted_and_was_shown_out_hears_no_more_of_it(team: Team) -> None:
    document = create(team, content="One.")
    asked = ask(team, about=document, approvers=["owner", "moderator"], quorum=2)
    decide(asked, team.moderator)
    log.create(f"user:{team.moderator.pk}")
    collaboration.project_member_remove(project=team.project, user=team.moderator, by=team.owner)
    Notification.objects.all().delete()
    put(document, "Two.", team.participant)
    assert services.rounds_follow() == 1
    assert told(f"user:{team.moderator.pk}") == []
    assert not Notification.objects.filter(user=team.moderator).exists()
