"""Documents that change under requests: whose votes count, and on what one may decide."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from approvals import selectors
from approvals.messages import ApprovalAnswer, ApprovalDetail
from approvals.models import Vote
from approvals.services import rounds_follow
from collaboration import selectors as collaboration
from collaboration import services
from collaboration.models import Document, DocumentVersion, Session
from notifications.models import Notification
from tests.approvals.asking import ask, decide, refused, stored, told
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.writing import create, put

pytestmark = pytest.mark.django_db

TWO = {"stages": [{"who": {"users": ["owner", "moderator", "observer"]}, "need": 2}]}
KEEP = {**TWO, "on_change": "keep"}


@pytest.fixture
def document(team: Team) -> Document:
    return create(team, content="One.")


def detail(asked: ApprovalAnswer, team: Team) -> ApprovalDetail:
    return selectors.approval_detail(UUID(asked.id), team.owner)


def content_hash(document: Document) -> str:
    return collaboration.document_content(Document.objects.get(pk=document.pk)).content_hash


def changes(team: Team) -> list[tuple[str, bool]]:
    events = events_of(f"project:{team.project.pk}")
    return [(e["data"]["change"], e["data"]["stale"]) for e in events if e["type"] == "approval:updated"]


def test_another_content_dismisses_the_votes_on_the_former(team: Team, document: Document) -> None:
    asked = ask(team, about=document, policy=TWO)
    decide(asked, team.owner)
    assert rounds_follow() == 0
    put(document, "Two.", team.participant)
    assert rounds_follow() == 1
    assert rounds_follow() == 0
    shown = detail(asked, team)
    assert (shown.round, shown.stale, shown.stages[0].missing) == (2, True, 2)
    [vote] = shown.votes
    assert (vote.name, vote.stale, vote.stale_since) == ("owner", True, shown.changed_seq)
    assert "owner's approval is stale since event" in shown.explanation
    assert changes(team) == [("content", True)]
    changed = Notification.objects.get(kind="approval.changed")
    assert changed.user == team.owner


def test_the_next_vote_is_on_what_is_there_then(team: Team, document: Document) -> None:
    asked = ask(team, about=document, policy=TWO)
    decide(asked, team.owner)
    put(document, "Two.", team.participant)
    now = content_hash(document)
    code, details = refused(decide, asked, team.moderator)  # although nobody has noticed yet
    assert (code, details["content_hash"]) == ("approval.stale", now)
    shown = detail(asked, team)
    assert (shown.content_hash, shown.round, [vote.stale for vote in shown.votes]) == (now, 2, [True])
    voted = decide(asked, team.moderator, content_hash=now)
    assert (voted.approval.round, voted.content_hash, voted.approval.stale) == (2, now, False)
    assert {(v.name, v.stale) for v in voted.approval.votes} == {("owner", True), ("moderator", False)}
    assert DocumentVersion.objects.filter(document=document, pinned=True).count() == 2
    done = decide(asked, team.owner, content_hash=now)  # once more, on this
    assert done.state == "approved"
    assert list(Vote.objects.order_by("pk").values_list("seat_name", "round")) == [
        ("owner", 1),
        ("moderator", 2),
        ("owner", 2),
    ]


def test_who_is_asked_anew_is_told_so(team: Team, document: Document) -> None:
    asked = ask(team, about=document, policy=TWO)
    decide(asked, team.owner)
    put(document, "Two.", team.participant)
    rounds_follow()
    waiting = Notification.objects.filter(kind="approval.requested", settled_at=None)
    assert set(waiting.values_list("user__username", "key")) == {
        (name, f"approval:{asked.id}:2:0") for name in ("owner", "moderator", "observer")
    }


def test_while_nobody_has_voted_a_request_floats_with_its_document(team: Team, document: Document) -> None:
    asked = ask(team, about=document)
    for text in ("Two.", "Three.", "Four."):
        put(document, text, team.participant)
        rounds_follow()
    assert (stored(asked).round, changes(team)) == (1, [("content", True)])
    assert DocumentVersion.objects.count() == 1
    assert decide(asked, team.owner, content_hash=content_hash(document)).state == "approved"


def test_what_turns_back_is_what_was_asked_about(team: Team, document: Document) -> None:
    asked = ask(team, about=document)
    put(document, "Two.", team.participant)
    rounds_follow()
    put(document, "One.", team.participant)
    rounds_follow()
    assert changes(team) == [("content", True), ("content", False)]
    assert decide(asked, team.owner).state == "approved"


def test_votes_that_were_dismissed_stay_so(team: Team, document: Document) -> None:
    asked = ask(team, about=document, policy=TWO)
    decide(asked, team.owner)
    for text in ("Two.", "One."):
        put(document, text, team.participant)
        rounds_follow()
    shown = detail(asked, team)
    assert (shown.round, shown.stale, shown.content_hash) == (2, False, asked.content_hash)
    assert decide(asked, team.moderator).state == "pending"
    assert decide(asked, team.owner).state == "approved"


def test_a_change_brings_a_request_back_to_its_first_stage(team: Team, document: Document) -> None:
    stages = [{"who": {"users": [name]}} for name in ("owner", "moderator")]
    asked = ask(team, about=document, policy={"stages": stages})
    decide(asked, team.owner)
    put(document, "Two.", team.participant)
    now = content_hash(document)
    assert refused(decide, asked, team.moderator, content_hash=now)[0] == "approval.not_approver"
    assert decide(asked, team.owner, content_hash=now).approval.stage == 1
    assert decide(asked, team.moderator, content_hash=now).state == "approved"


def test_votes_that_are_kept_are_on_the_version_that_was_asked_about(team: Team, document: Document) -> None:
    asked = ask(team, about=document, policy=KEEP)
    decide(asked, team.owner)
    put(document, "Two.", team.participant)
    assert rounds_follow() == 0
    assert refused(decide, asked, team.moderator, content_hash=content_hash(document))[0] == "approval.stale"
    done = decide(asked, team.moderator)
    assert (done.state, done.approval.round, changes(team)) == ("approved", 1, [])


def test_an_older_version_is_what_is_asked_about_until_somebody_edits(team: Team, document: Document) -> None:
    version = services.version_create(document=document.pk, title="First", by=team.owner)
    put(document, "Two.", team.participant)
    subject = {"document": str(document.pk), "version": str(version.pk)}
    asked, other = (ask(team, subject=subject) for _ in range(2))
    assert rounds_follow() == 0
    assert decide(asked, team.moderator).state == "approved"
    put(document, "Three.", team.participant)
    assert refused(decide, other, team.moderator)[1]["content_hash"] == content_hash(document)


def test_who_edited_last_is_who_has_since(team: Team, document: Document) -> None:
    policy = {"stages": [{"who": {"role": "participant"}, "exclude": ["requester", "last_editor"]}]}
    asked, kept = (ask(team, about=document, policy={**policy, **more}) for more in ({}, {"on_change": "keep"}))
    put(document, "Two.", team.moderator)
    now = content_hash(document)
    assert refused(decide, asked, team.moderator, content_hash=now)[1] == {"reason": "last_editor"}
    assert decide(asked, team.owner, content_hash=now).state == "approved"
    assert refused(decide, kept, team.owner)[1] == {"reason": "last_editor"}
    assert decide(kept, team.moderator).state == "approved"


def test_who_only_kept_a_version_did_not_edit_it_and_who_wrote_it_did(team: Team, document: Document) -> None:
    put(document, "Two.", team.moderator)
    version = services.version_create(document=document.pk, title="Second", by=team.owner)
    put(document, "Three.", team.owner)
    subject = {"document": str(document.pk), "version": str(version.pk)}
    stage = {"who": {"role": "participant"}, "exclude": ["requester", "last_editor"]}
    for on_change in ("keep", "dismiss_votes"):
        asked = ask(team, subject=subject, policy={"stages": [stage], "on_change": on_change})
        assert refused(decide, asked, team.moderator)[1] == {"reason": "last_editor"}
        assert decide(asked, team.owner).state == "approved"


def test_typing_something_and_taking_it_back_makes_nobody_the_last_editor(team: Team, document: Document) -> None:
    put(document, "Two.", team.moderator)
    policy = {"stages": [{"who": {"role": "participant"}, "exclude": ["requester", "last_editor"]}]}
    asked = ask(team, about=document, policy=policy)
    for text in ("Three.", "Two."):
        put(document, text, team.participant)
    assert refused(decide, asked, team.moderator)[1] == {"reason": "last_editor"}
    assert rounds_follow() == 0
    assert refused(decide, asked, team.moderator)[1] == {"reason": "last_editor"}


def test_a_request_about_a_deleted_document_is_taken_back(team: Team, document: Document) -> None:
    asked = ask(team, about=document)
    services.document_delete(document=document.pk, by=team.owner)
    assert refused(decide, asked, team.owner)[0] == "doc.not_found"
    assert rounds_follow() == 1
    shown = detail(asked, team)
    assert (shown.state, shown.reason) == ("cancelled", "The document was deleted.")
    assert told(team)[-1] == "cancelled"


def test_pinned_versions_are_no_trouble_to_those_made_by_the_clock(team: Team, document: Document, tune: Any) -> None:
    ask(team, about=document)
    tune(document_versions=2)
    for number in range(5):
        put(document, f"{number}.", team.participant)
        Document.objects.update(version_due="2020-01-01T00:00Z")
        services.versions_keep_due()
    assert DocumentVersion.objects.filter(pinned=False).count() == 2
    assert DocumentVersion.objects.filter(pinned=True).count() == 1


def test_a_session_with_requests_is_kept(team: Team) -> None:
    ask(team, session=str(team.session.pk))
    services.session_end(session=team.session.pk, by=team.owner)
    Session.objects.update(ended_at="2020-01-01T00:00Z")
    assert services.sessions_expire(ended_for=1) == 0
    assert Session.objects.exists()
