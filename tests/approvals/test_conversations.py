"""What people say on requests, and what waits for it to be settled."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from approvals import selectors, services
from approvals.messages import ApprovalAnswer
from approvals.services import conversations
from bduf_realtime.accounts.models import User
from notifications.models import Notification
from tests.approvals.asking import ask, decide, refused, told
from tests.collaboration.conftest import Team
from tests.collaboration.writing import create, put

pytestmark = pytest.mark.django_db

ALL_RESOLVED = {"stages": [{"who": {"role": "moderator"}}], "resolve_comments": True}


def say(asked: ApprovalAnswer, by: User, body: str = "Why?", **given: Any) -> ApprovalAnswer:
    return services.approval_comment(approval=UUID(asked.id), body=body, by=by, **given)


def resolve(asked: ApprovalAnswer, by: User, comment: str, *, resolved: bool = True) -> ApprovalAnswer:
    return services.approval_resolve(approval=UUID(asked.id), comment=UUID(comment), resolved=resolved, by=by)


def test_whoever_may_read_may_say_something(team: Team) -> None:
    asked = ask(team)
    said = say(asked, team.observer).comment
    assert said is not None
    answered = say(asked, team.owner, "Because.", thread=UUID(said.id))
    assert answered.approval.open_threads == 1
    shown = selectors.approval_detail(UUID(asked.id), team.owner).comments
    assert [(c.author.name, c.body, c.thread) for c in shown] == [
        ("observer", "Why?", None),
        ("owner", "Because.", said.id),
    ]
    assert told(team) == ["requested", "commented", "commented"]
    assert refused(say, asked, team.stranger)[0] == "approval.not_found"
    assert refused(say, asked, team.owner, "  ")[1]["field"] == "body"


def test_those_in_a_conversation_hear_of_answers(team: Team) -> None:
    asked = ask(team)
    said = say(asked, team.observer).comment
    assert said is not None
    say(asked, team.moderator, "Hm.", thread=UUID(said.id))
    say(asked, team.owner, "Because.", thread=UUID(said.id))
    of = Notification.objects.filter(kind="approval.commented").order_by("created_at", "user__username")
    assert list(of.values_list("user__username", "title")) == [
        ("participant", "observer commented: Ship it"),
        ("observer", "moderator commented: Ship it"),
        ("participant", "moderator commented: Ship it"),
        ("moderator", "owner commented: Ship it"),
        ("observer", "owner commented: Ship it"),
        ("participant", "owner commented: Ship it"),
    ]


def test_one_answers_only_what_began_a_conversation_there(team: Team) -> None:
    asked, other = ask(team), ask(team)
    begun = say(asked, team.owner).comment
    assert begun is not None
    answer = say(asked, team.owner, thread=UUID(begun.id)).comment
    assert answer is not None
    for request, thread in ((asked, answer.id), (other, begun.id), (asked, str(uuid4()))):
        assert refused(say, request, team.owner, thread=UUID(thread))[1]["field"] == "thread"
        assert refused(resolve, request, team.owner, thread)[1]["field"] == "comment"


def test_open_conversations_keep_from_approval_where_the_policy_says_so(team: Team) -> None:
    asked = ask(team, policy=ALL_RESOLVED)
    begun = say(asked, team.observer).comment
    assert begun is not None
    voted = decide(asked, team.owner)
    assert (voted.state, voted.approval.explanation) == ("pending", "All have approved; 1 conversation is open.")
    assert refused(resolve, asked, team.observer, begun.id)[0] == "perm.denied"
    assert resolve(asked, team.participant, begun.id).state == "approved"


def test_votes_on_a_former_content_are_not_made_to_count_by_the_end_of_a_conversation(team: Team) -> None:
    document = create(team, content="One.")
    asked = ask(team, about=document, policy=ALL_RESOLVED)
    begun = say(asked, team.observer).comment
    assert begun is not None
    decide(asked, team.owner)
    put(document, "Two.", team.participant)
    assert resolve(asked, team.participant, begun.id).state == "pending"
    services.rounds_follow()
    shown = selectors.approval_detail(UUID(asked.id), team.owner)
    assert (shown.state, shown.round) == ("pending", 2)


def test_a_conversation_is_opened_again(team: Team) -> None:
    asked = ask(team)
    begun = say(asked, team.owner).comment
    assert begun is not None
    closed, opened = (resolve(asked, team.owner, begun.id, resolved=resolved) for resolved in (True, False))
    assert (closed.approval.open_threads, opened.approval.open_threads) == (0, 1)
    decide(asked, team.owner)
    say(asked, team.owner, "Well done.")  # also when it is over


def test_a_request_has_so_many_comments(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_COMMENTS", 1)
    speak = partial(say, ask(team), team.owner)
    speak()
    assert refused(speak)[0] == "quota.exceeded"
