"""What the rooms are told of requests: everything where everybody may see it, and nothing that is not theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from approvals import selectors, services
from approvals.messages import ApprovalAnswer
from approvals.models import Vote
from bduf_realtime.accounts.models import User
from bduf_realtime.rooms import log
from bduf_realtime.rooms.models import Event, Room
from collaboration import services as collaboration
from collaboration.models import Membership, Participant, Session
from notifications.models import Notification
from tests.approvals.asking import ask, decide, stored
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


def written(action: Callable[[], ApprovalAnswer]) -> tuple[ApprovalAnswer, int, int]:
    """What an action is answered with, and the bytes of all events that it writes and of the largest on a request."""
    before = Event.objects.latest("pk").pk
    answer = action()
    events = Event.objects.filter(pk__gt=before)
    sizes = [
        (type_.startswith("approval:"), len(frame.encode())) for type_, frame in events.values_list("type", "frame")
    ]
    return answer, sum(size for _, size in sizes), max(size for of_approval, size in sizes if of_approval)


def test_what_a_thousand_are_asked_is_told_each_of_them_in_brief(team: Team) -> None:
    crowd = User.objects.bulk_create(User(username=f"one{n}", name=f"Approver number {n}") for n in range(1_000))
    Membership.objects.bulk_create(Membership(project=team.project, user=u, role="participant") for u in crowd)
    Room.objects.bulk_create(Room(name=f"user:{user.pk}") for user in crowd)
    rules = {"stages": [{"who": {"role": "participant"}, "need": "51%", "veto": False}]}
    fields = {"description": "d" * 20_000, "payload": {"p": "p" * 20_000}}
    asked, total, largest = written(lambda: ask(team, policy=rules, session=str(team.session.pk), **fields))
    assert (total < 2_500_000, largest < 8_192) == (True, True)  # a thousand notifications among it
    pattern = {"approval": stored(asked), "stage": 0, "round": 1, "decision": "approve", "comment": "Fine. " * 100}
    pattern |= {"content_hash": asked.content_hash, "door": "rest"}
    sat = [{"seat": str(u.pk), "seat_name": u.name, "voter": str(u.pk), "voter_name": u.name} for u in crowd[:39]]
    Vote.objects.bulk_create(Vote(**pattern, **seat) for seat in sat)
    voted, total, largest = written(lambda: decide(asked, crowd[39], comment="Fine. " * 100))
    assert (total < 2_000_000, largest < 8_192) == (True, True)
    said: dict[str, Any] = {"approval": UUID(asked.id), "body": "b" * 10_000, "by": crowd[50]}
    _, total, _ = written(lambda: services.approval_comment(**said))
    assert total < 2_000_000
    one, other = told(f"user:{crowd[60].pk}"), told(f"project:{team.project.pk}")
    assert [event["type"] for event in one] == [event["type"] for event in other]
    [brief, whole] = [events[-2]["data"]["approval"]["stages"][0] for events in (one, other)]
    assert (brief["waiting"], brief["approved"], len(whole["waiting"]) > 0) == ([], [], True)
    counts = {name: whole[name] for name in whole if name.endswith("_count")}
    assert counts == {"approved_count": 40, "against_count": 0, "abstained_count": 0, "waiting_count": 962}
    assert counts.items() <= brief.items()
    assert (voted.approval.large, voted.approval.vote_count, len(voted.approval.votes) < 20) == (True, 40, True)
    assert (len(one[-1]["data"]["comment"]["body"]), len(other[-1]["data"]["comment"]["body"])) == (100, 10_000)
    shown = selectors.approval_detail(UUID(asked.id), team.observer)
    assert (len(shown.stages[0].waiting), len(shown.votes), len(shown.stages[0].approved)) == (962, 40, 40)
