"""What becomes of requests when whoever took part, or what they are about, is gone."""

from __future__ import annotations

from uuid import UUID

import pytest

from approvals import selectors, services
from approvals.models import Approval, DecisionLink, Delegation, Vote
from approvals.services.rules import rules_read
from collaboration import services as collaboration
from collaboration.models import Document, DocumentVersion
from tests.approvals.asking import ask, decide, refused, stored
from tests.collaboration.conftest import Team
from tests.collaboration.writing import create, put
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything(team: Team) -> Approval:
    """A request by the participant, by a stored policy, about a text that changed after the moderator's vote."""
    rules = rules_read({"stages": [{"who": {"role": "participant"}, "need": 3}]})
    policy = services.policy_create(project=team.project.pk, name="Three", rules=rules, by=team.owner)
    document = create(team, content="One.")
    for name in ("fourth", "fifth"):
        collaboration.project_member_set(project=team.project, user=person(name), role="participant", by=team.owner)
    asked = ask(team, about=document, policy=str(policy.pk))
    decide(asked, team.moderator)
    put(document, "Two.", team.owner)
    now = stored(asked).pk
    hash_ = selectors.approval_detail(now, team.owner).content_hash
    decide(asked, team.moderator, content_hash=hash_, comment="Fine.")
    services.approval_delegate(approval=now, to="observer", by=team.owner)
    services.approval_comment(approval=now, body="Why?", by=team.moderator)
    services.link_create(approval=stored(asked), user=team.owner)
    return stored(asked)


def test_votes_words_and_names_stay_when_accounts_go(team: Team, everything: Approval) -> None:
    for user in (team.participant, team.moderator, team.observer):
        user.delete()
    shown = selectors.approval_detail(everything.pk, team.owner)
    assert (shown.requested_by.name, [vote.name for vote in shown.votes]) == ("participant", ["moderator"])
    assert [comment.author.name for comment in shown.comments] == ["moderator"]
    assert (shown.state, shown.delegations, Vote.objects.count()) == ("pending", [], 2)
    assert "moderator" in str(selectors.approval_sheet(everything.pk, team.owner))
    decided = services.approval_decide(
        approval=everything.pk, decision="reject", content_hash=shown.content_hash, by=team.owner
    )
    assert decided.state == "rejected"


def test_who_is_asked_and_goes_takes_delegation_and_link_along(team: Team, everything: Approval) -> None:
    team.owner.delete()
    assert not Delegation.objects.exists()
    assert not DecisionLink.objects.exists()
    assert (
        refused(
            services.approval_decide,
            approval=everything.pk,
            decision="approve",
            content_hash=everything.content_hash,
            by=team.observer,
        )[0]
        == "approval.not_approver"
    )


def test_a_project_goes_with_its_requests_policies_and_pinned_versions(team: Team, everything: Approval) -> None:
    team.project.delete()
    assert not any(model.objects.exists() for model in (Approval, Vote, Document, DocumentVersion))


def test_a_deleted_project_is_no_trouble_to_the_clock(team: Team, everything: Approval) -> None:
    Approval.objects.update(edited_at=None)
    ids = [UUID(str(everything.pk))]
    team.project.delete()
    assert [refused(selectors.approval_known, pk)[0] for pk in ids] == ["approval.not_found"]
    assert services.rounds_follow() + services.timers_fire() + services.seats_follow() == 0


def test_a_policy_that_is_offered_no_more_decides_what_was_asked_by_it(team: Team, everything: Approval) -> None:
    version = everything.policy_version
    assert version is not None
    services.policy_archive(policy=version.policy_id, by=team.owner)
    assert refused(ask, team, policy=str(version.policy_id))[0] == "msg.bad_value"
    assert selectors.approval_detail(everything.pk, team.owner).policy.name == "Three"
