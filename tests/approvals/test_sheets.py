"""Sign-off sheets of requests: what is on them, who may read them, and how browsers get them."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse

from approvals import selectors, services, sheet
from approvals.models import Comment
from approvals.policy import DEFAULT
from bduf_realtime.accounts.models import User
from collaboration import services as collaboration
from collaboration.models import Document
from tests.approvals.asking import ask, decide, stored
from tests.approvals.test_sheet import HOSTILE, Tags
from tests.collaboration.conftest import Team
from tests.collaboration.writing import create
from tests.people import Rest

pytestmark = pytest.mark.django_db


def fetch(by: User, asked: Any, query: str = "", **headers: str) -> HttpResponse:
    return Rest(by).client.get(f"/api/v1/approvals/{asked.id}/sheet/{query}", headers=headers)


def edit(team: Team, document: Document, content: str) -> None:
    path = f"/api/v1/documents/{document.pk}/content/"
    assert Rest(team.owner).client.put(path, {"content": content}, format="json").status_code == 200


def test_a_sheet_says_who_approved_what_when_and_by_which_door(team: Team) -> None:
    asked = ask(team, about=create(team, content="The design."), title="Release 2", description="All of it.")
    decide(asked, team.moderator, comment="Well done.", door="mail")
    made = selectors.approval_sheet(stored(asked).pk, team.observer)
    facts = dict(made.facts)
    assert (made.title, made.outcome, made.description) == ("Release 2", "Approved by moderator.", "All of it.")
    assert (facts["Project"], facts["Session"], facts["State"]) == ("Orchestrator", "Kick-off", "approved")
    assert facts["Content (SHA-256)"] == asked.content_hash
    assert (facts["Document"] or "").startswith("Notes (")
    [vote] = made.votes
    assert [vote[0], vote[1], vote[2], vote[4], vote[5], vote[6]] == [
        *("1", "moderator", "approve", "link in a mail"),
        *(asked.content_hash, "yes"),
    ]
    [said] = made.said
    assert (said.heading.startswith("moderator, "), said.heading.endswith(", with their approval"), said.body) == (
        *(True, True),
        "Well done.",
    )
    assert made.policy[0].startswith("1 approval, from everybody who may write.")


def test_votes_on_what_a_document_was_are_marked_and_stay_on_the_sheet(team: Team) -> None:
    document = create(team, content="One.")
    asked = ask(team, about=document, approvers=["owner", "moderator"], quorum=2)
    decide(asked, team.moderator)
    edit(team, document, "Two.")
    waiting = selectors.approval_sheet(stored(asked).pk, team.owner)
    assert dict(waiting.facts)["Changed"]
    now = stored(asked)
    decide(asked, team.owner, content_hash=selectors.approval_detail(now.pk, team.owner).content_hash)
    votes = selectors.approval_sheet(now.pk, team.owner).votes
    assert [(vote[1], vote[6]) for vote in votes] == [("moderator", "no, stale"), ("owner", "yes")]
    assert votes[0][5] != votes[1][5]


def test_what_was_said_is_in_order_with_who_answered_and_who_resolved(team: Team) -> None:
    asked = ask(team)
    row = stored(asked)
    author = {"approval": row, "round": 1}
    first = Comment.objects.create(author="x", author_name="Ann", body="Why?", resolved_by="Bob", **author)
    Comment.objects.filter(pk=first.pk).update(resolved_at=first.at)
    Comment.objects.create(author="y", author_name="Bob", body="Because.", thread=first, **author)
    said = selectors.approval_sheet(row.pk, team.owner).said
    assert [each.body for each in said] == ["Why?", "Because."]
    assert said[0].heading.endswith("UTC (resolved by Bob)")
    assert said[1].heading.endswith("UTC, answering Ann")


def test_reasons_deadlines_and_stored_policies_are_on_it(team: Team) -> None:
    made = services.policy_create(project=team.project.pk, name="Releases", rules=DEFAULT, by=team.owner)
    asked = ask(team, policy=str(made.pk), due_at="2999-01-01T00:00:00Z")
    services.approval_bypass(approval=stored(asked).pk, by=team.owner, reason="The site is down.")
    facts = dict(selectors.approval_sheet(stored(asked).pk, team.owner).facts)
    assert (facts["Policy"], facts["Reason"]) == ("Releases, version 1", "The site is down.")
    assert (facts["Due at"], facts["State"]) == ("2999-01-01 00:00:00 UTC", "bypassed")
    assert facts["Document"] is facts["Version"] is None


def test_a_sheet_is_a_markdown_file_or_a_page_that_runs_nothing(team: Team) -> None:
    asked = ask(team, title="Release: 2/3")
    file = fetch(team.observer, asked)
    assert file["Content-Type"] == "text/markdown; charset=utf-8"
    assert file["Content-Disposition"] == 'attachment; filename="Release 2 3 sign-off.md"'
    assert file.content.decode().startswith("# Sign-off sheet: Release\\: 2/3\n")
    page = fetch(team.observer, asked, "?as=html", accept="text/html")
    assert (page["Content-Type"], page["Content-Security-Policy"]) == ("text/html; charset=utf-8", sheet.POLICY)
    assert (page["Cache-Control"], page["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert b"Sign-off sheet: Release: 2/3" in page.content


def test_a_sheet_is_for_those_who_may_read_the_request(team: Team) -> None:
    asked = ask(team)
    assert fetch(team.stranger, asked).json()["code"] == "approval.not_found"
    assert fetch(team.owner, asked, "?as=pdf").status_code == 400
    assert fetch(team.owner, asked, "?as=html&more=1").status_code == 400


@pytest.mark.parametrize("text", [HOSTILE[0], HOSTILE[1], HOSTILE[5]])
def test_hostile_names_stay_text_on_the_page(team: Team, text: str) -> None:
    calm = ask(team)
    decide(calm, team.moderator, comment="Fine")
    expected = Tags(fetch(team.owner, calm, "?as=html").content.decode()).tags
    User.objects.filter(pk=team.moderator.pk).update(name=text[:100])
    collaboration.project_update(project=team.project, name=text, by=team.owner)
    asked = ask(team, title=text, approvers=["moderator"])
    decide(asked, User.objects.get(pk=team.moderator.pk), comment=text)
    page = Tags(fetch(team.owner, asked, "?as=html").content.decode())
    assert page.tags == expected
    assert text in page.text
