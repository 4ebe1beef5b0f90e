"""Requests over REST."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import Approval, Vote
from tests.approvals.asking import ask, decide
from tests.collaboration.conftest import Team
from tests.collaboration.writing import create, put
from tests.people import Rest, refusal

pytestmark = pytest.mark.django_db


def asking(team: Team, **fields: Any) -> dict[str, Any]:
    return {"project": str(team.project.pk), "title": "Ship it", **fields}


def test_a_request_is_made_decided_and_read(team: Team) -> None:
    document = create(team, content="One.")
    rest, owner = Rest(team.participant), Rest(team.owner)
    status, made = rest.post("approvals/", asking(team, subject={"document": str(document.pk)}))
    assert (status, made["state"], made["to_decide"]) == (201, "pending", False)
    assert owner.get(f"approvals/{made['id']}/")[1]["to_decide"]
    vote = {"decision": "approve", "content_hash": made["content_hash"], "comment": "Fine."}
    status, done = owner.post(f"approvals/{made['id']}/decide/", vote)
    assert (status, done["state"], done["votes"][0]["door"]) == (200, "approved", "rest")
    assert rest.get(f"approvals/{made['id']}/") == (200, done | {"to_decide": False})
    assert refusal(owner.post(f"approvals/{made['id']}/decide/", vote)) == (409, "approval.already_decided")


def test_everything_else_is_done_over_rest_too(team: Team) -> None:
    rest, owner = Rest(team.participant), Rest(team.owner)
    _, made = rest.post("approvals/", asking(team))
    path = f"approvals/{made['id']}/"
    _, said = rest.post(f"{path}comment/", {"body": "Please."})
    [comment] = said["comments"]
    assert rest.post(f"{path}resolve/", {"comment": comment["id"]})[1]["comments"][0]["resolved_by"] == "participant"
    _, delegated = owner.post(f"{path}delegate/", {"to": "observer"})
    assert delegated["delegations"][0]["to"]["name"] == "observer"
    assert rest.post(f"{path}cancel/", {})[1]["state"] == "cancelled"
    _, other = rest.post("approvals/", asking(team))
    assert owner.post(f"approvals/{other['id']}/bypass/", {"reason": "Fire."})[1]["state"] == "bypassed"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"decision": "approve"}, "msg.missing_field"),
        ({"decision": "maybe", "content_hash": "0" * 64}, "msg.bad_value"),
        ({"decision": "approve", "content_hash": "0"}, "msg.bad_value"),
        ({"decision": "approve", "content_hash": "0" * 64, "approval": "x"}, "msg.unknown_field"),
        ([], "msg.bad_value"),
    ],
)
def test_a_body_is_read_as_strictly_as_a_frame(team: Team, body: Any, code: str) -> None:
    assert refusal(Rest(team.owner).post(f"approvals/{ask(team).id}/decide/", body)) == (400, code)


def test_a_list_is_filtered(team: Team) -> None:
    document = create(team, content="x")
    mine, theirs = ask(team, about=document), ask(team, team.owner)
    done = ask(team)
    decide(done, team.owner)
    rest = Rest(team.participant)

    def listed(**query: Any) -> set[str]:
        status, page = rest.get("approvals/", **query)
        assert status == 200, page
        return {row["id"] for row in page["results"]}

    assert listed() == listed(project=str(team.project.pk)) == {mine.id, theirs.id, done.id}
    assert listed(document=str(document.pk)) == listed(session=str(team.session.pk)) == {mine.id}
    assert listed(state="approved") == {done.id}
    assert listed(mine="requested") == {mine.id, done.id}
    assert listed(mine="to_decide") == {theirs.id}
    assert len(listed(limit=1)) == 1
    assert refusal(rest.get("approvals/", colour="red")) == (400, "msg.unknown_field")
    assert refusal(rest.get("approvals/", mine="all")) == (400, "msg.bad_value")
    assert Rest(team.stranger).get("approvals/")[1]["count"] == 0


def test_the_hash_to_decide_on_is_that_of_the_document_now(team: Team) -> None:
    document = create(team, content="One.")
    asked, rest = ask(team, about=document), Rest(team.owner)
    put(document, "Two.", team.participant)
    _, shown = rest.get(f"approvals/{asked.id}/")
    assert (shown["stale"], shown["content_hash"] != asked.content_hash) == (True, True)
    vote = {"decision": "approve", "content_hash": asked.content_hash}
    status, refused = rest.post(f"approvals/{asked.id}/decide/", vote)
    assert (status, refused["details"]["content_hash"]) == (409, shown["content_hash"])
    vote["content_hash"] = shown["content_hash"]
    assert rest.post(f"approvals/{asked.id}/decide/", vote)[1]["state"] == "approved"


def test_a_call_that_is_sent_again_is_answered_as_the_first_time(team: Team) -> None:
    rest = Rest(team.owner)
    rest.client.credentials(**rest.client._credentials, HTTP_IDEMPOTENCY_KEY="once")
    first, again = (rest.post("approvals/", asking(team)) for _ in range(2))
    assert first == again
    assert Approval.objects.count() == 1
    asked = ask(team, approvers=["owner", "moderator"], quorum=2)
    vote = {"decision": "approve", "content_hash": asked.content_hash}
    first, again = (rest.post(f"approvals/{asked.id}/decide/", vote) for _ in range(2))
    assert refusal(first) == (409, "msg.id_conflict")  # another call's
    rest.client.credentials(**{**rest.client._credentials, "HTTP_IDEMPOTENCY_KEY": "vote"})
    first, again = (rest.post(f"approvals/{asked.id}/decide/", vote) for _ in range(2))
    assert first == again == (200, first[1])
    assert Vote.objects.count() == 1
